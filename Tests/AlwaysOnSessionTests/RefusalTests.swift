import AlwaysOn
import NIOCore
import Testing

@testable import AlwaysOnSession

@Suite struct RefusalTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func isSaidOnceASecondWithWhatCameBetween() {
        var log = RefusalLog()
        #expect(log.take(now: start) == nil && log.nextDeadline == .distantFuture)
        log.note("one")
        #expect(log.take(now: start) == "one")
        for index in 0..<1000 { log.note("later \(index)") }
        #expect(log.take(now: start + .milliseconds(999)) == nil)
        #expect(log.nextDeadline == start + .seconds(1))
        #expect(log.take(now: start + .seconds(1)) == "later 0, and 999 more of this or another kind")
        #expect(log.take(now: start + .seconds(5)) == nil)
        log.note("two")
        #expect(log.take(now: start + .seconds(5)) == "two")
    }

    /// Each kind of refusal has its counter and its line.
    @Test func everyRefusalIsCountedAndSaid() {
        var session = EdgeSession<Int>(configuration: .init())
        _ = session.connected(Auth(applicationKey: "k"), now: start)
        _ = session.received(
            Message(header: Header(code: 0x40, requestID: 1, sessionID: 7), body: .response(Response(.success))).encoded(), now: start)
        #expect(session.isOnline)
        var now = start
        func line() -> String {
            now = now + .seconds(2)
            return session.takeRefusal(now: now) ?? ""
        }
        _ = session.received(
            Message(header: Header(code: 0x40, requestID: 99, sessionID: 7), body: .response(Response(.success))).encoded(), now: now)
        #expect(session.counters.unmatchedResponses == 1 && line().contains("response 99"))
        _ = session.received(ByteBuffer(bytes: [1, 2, 0, 0, 0, 5]), now: now)
        #expect(session.counters.unreadable == 1 && line().contains("could not be read"))
        let header = Header(code: 0x02, requestID: 8, sessionID: 7)
        let chunk = Chunk(
            header: header, number: 1, count: 65535, size: 65535, entity: .init(type: .thing, name: "T"), data: ByteBuffer(bytes: [1]))
        _ = session.received(chunk.encoded(), now: now)
        #expect(session.counters.droppedChunkSets == 1 && line().contains("chunks of message 8"))
    }
}
