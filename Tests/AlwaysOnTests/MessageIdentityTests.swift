import AlwaysOn
import TestKit
import Testing

@Suite struct MessageIdentityTests {
    @Test func textOfOne() {
        let identity = MessageIdentity(epoch: 0xAB, number: 7)
        #expect(identity.text == "Cr.7")
        #expect(MessageIdentity(identity.text) == identity)
        #expect(MessageIdentity.parts(in: [identity.field]) == [.init(identity, rows: nil)])
    }

    @Test func equalNeighboursAreCounted() {
        let parts = (1...500).map { MessageIdentity.Part(MessageIdentity(epoch: 1, number: UInt64($0)), rows: $0 < 400 ? 3 : 4) }
        #expect(MessageIdentity.fields(of: parts).map(\.value) == ["B.1:3*399,4*101"])
    }

    @Test(arguments: 1...300) func anyPartsComeBack(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var identity = MessageIdentity(epoch: random.next() >> 4, number: random.next() % 1000)
        let parts = (0..<Int(random.next() % 400)).map { _ -> MessageIdentity.Part in
            switch random.next() % 10 {
            case 0: identity = MessageIdentity(epoch: random.next() >> 4, number: random.next() % 1_000_000)
            case 1: identity.number += 5
            default: identity.number += 1
            }
            return .init(identity, rows: Int(random.next() % 3))
        }
        let fields = MessageIdentity.fields(of: parts)
        #expect(fields.allSatisfy { $0.value.utf8.count < 128 })
        #expect(MessageIdentity.parts(in: fields) == parts)
    }

    @Test(arguments: [
        "", ".", "ä.1", "1.", ".1", "12345678901.1", "1.2:", "1.2:a", "1.2:1*0", "1.2:1*-1", "1.2:1*99999999", "1.2:-4", "1.2:1**2",
        "1.2:99999999999999999999", "1.18446744073709551616", "1.+1", "1.1.1",
    ])
    func nonsenseNamesNothing(text: String) {
        #expect(MessageIdentity.parts(in: [.init(name: MessageIdentity.header, value: text)]).isEmpty)
    }

    @Test(arguments: 1...100) func seenNumbersAreRemembered(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var seen = SeenNumbers()
        var known: Set<UInt64> = []
        for _ in 0..<300 {
            let number = random.next() % 80
            #expect(seen.contains(number) == known.contains(number))
            seen.insert(number)
            known.insert(number)
        }
    }

    /// However many gaps there are, what is remembered stays small, and the newest is right.
    @Test func gapsAreForgotten() {
        var seen = SeenNumbers()
        for number in stride(from: UInt64(0), to: 10_000, by: 2) { seen.insert(number) }
        #expect(!seen.contains(9_997) && seen.contains(9_998) && !seen.contains(9_999))
        #expect(MemoryLayout.size(ofValue: seen) <= 8)
        #expect(seen.contains(1), "the oldest gaps count as seen")
    }
}
