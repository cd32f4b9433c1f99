import ChaosModel
import MessageStore
import NIOCore
import Secrets
import TestKit
import Testing

/// A store on a model disk with a clock of its own.
struct StoreBench {
    let disk = ModelFiles(seed: 1)
    let clock = ModelClock()
    var limits = StoreLimits()
    var ring: KeyRing?

    func open(isReading: Bool = false) throws -> SegmentLog {
        try SegmentLog(files: disk, clock: clock, ring: ring, limits: limits, isReading: isReading)
    }

    func message(_ key: String, _ number: Int, size: Int = 50) -> NewMessage {
        var payload = ByteBuffer(string: "\(number):")
        payload.writeRepeatingByte(UInt8(ascii: "x"), count: size)
        return NewMessage(key: key, label: 3, payload: payload, time: clock.now)
    }

    func fill(_ log: SegmentLog, _ count: Int, key: String = "T") throws {
        for number in 0..<count { _ = try log.append([message(key, number)])[0].get() }
    }

    static func numbers(_ log: SegmentLog) -> [Int] {
        all(log).compactMap { Int(String(buffer: $0.payload).prefix { $0 != ":" }) }
    }

    static func all(_ log: SegmentLog) -> [StoredMessage] {
        var messages: [StoredMessage] = []
        var cursor = SegmentLog.Cursor()
        var after: UInt64 = 0
        while true {
            let found = log.read(from: cursor, bytes: 3000, isWanted: { $1 > after })
            messages += found.messages
            after = messages.last?.place.sequence ?? 0
            cursor = found.cursor
            if found.isAtEnd { return messages }
        }
    }
}

@Suite struct SegmentLogTests {
    @Test func keepsOrderContentTimeAndLabel() throws {
        var bench = StoreBench()
        bench.limits.maximumSize = 1 << 20
        let log = try bench.open()
        try bench.fill(log, 1000)
        log.close()
        let again = try bench.open()
        #expect(again.messages == 1000)
        let all = StoreBench.all(again)
        #expect(StoreBench.numbers(again) == Array(0..<1000))
        #expect(all.allSatisfy { $0.label == 3 && $0.key == "T" && $0.time == bench.clock.now && $0.isOfThisBoot })
    }

    @Test func removalsOutlastAKill() throws {
        var bench = StoreBench()
        bench.limits.maximumSize = 1 << 20
        let log = try bench.open()
        try bench.fill(log, 2000)
        let all = StoreBench.all(log)
        log.remove(all.filter { $0.place.sequence % 3 != 0 })
        bench.disk.restart(after: .kill)
        let again = try bench.open()
        #expect(StoreBench.all(again).map(\.place.sequence) == all.map(\.place.sequence).filter { $0 % 3 == 0 })
    }

    @Test func refusesWhatDoesNotFitAndGivesSpaceBack() throws {
        let bench = StoreBench()
        let log = try bench.open()
        var stored = 0
        while case .success = log.append([bench.message("T", stored)])[0] { stored += 1 }
        guard case .failure(let failure) = log.append([bench.message("T", stored)])[0] else { return }
        #expect(failure.kind == .full && failure.description.contains("65535"))
        guard case .failure(let tooLarge) = log.append([bench.message("T", 0, size: 70_000)])[0] else { return }
        #expect(tooLarge.kind == .tooLarge)
        #expect(StoreBench.numbers(log) == Array(0..<stored))
        // Round after round, as on a line that comes and goes.
        for _ in 0..<50 {
            log.remove(Array(StoreBench.all(log).prefix(300)))
            for number in 0..<300 { _ = try log.append([bench.message("T", number)])[0].get() }
        }
        #expect(bench.disk.totalSize < 3 * 65_535)
        log.remove(StoreBench.all(log))
        log.close()
        #expect(bench.disk.totalSize == 0)
    }

    @Test func dropsTheOldestWhereThatIsWanted() throws {
        var bench = StoreBench()
        bench.limits.whenFull = .dropOldest
        let log = try bench.open()
        try bench.fill(log, 3000)
        let numbers = StoreBench.numbers(log)
        #expect(numbers.last == 2999 && numbers == Array((3000 - numbers.count)..<3000))
        #expect(log.dropped == 3000 - numbers.count)
        #expect(log.takeGone() == ["T": log.dropped])
    }

    /// One message of a Thing that never comes back must not keep the files of all the others.
    @Test func oneThatStaysDoesNotKeepTheRest() throws {
        let bench = StoreBench()
        let log = try bench.open()
        for round in 0..<200 {
            if round % 10 == 0 { _ = try log.append([bench.message("Away", round)])[0].get() }
            for number in 0..<100 { _ = try log.append([bench.message("T", number)])[0].get() }
            log.remove(StoreBench.all(log).filter { $0.key == "T" })
        }
        #expect(log.messages == 20)
        #expect(bench.disk.totalSize < 2 * log.bytes + 4 * 16_384)
        #expect(StoreBench.numbers(log) == Array(stride(from: 0, to: 200, by: 10)))
    }

    // MARK: Time

    @Test func ageIsThatOfTheClockThatOnlyGoesOn() throws {
        var bench = StoreBench()
        bench.limits.maximumAge = 60_000
        let log = try bench.open()
        try bench.fill(log, 3)
        #expect(log.expire() == 60_000)
        // The wall clock is set forward by a year.
        bench.clock.now.wall += 31_536_000_000
        bench.clock.now.uptime += 59_000
        #expect(log.expire() == 1000 && log.messages == 3)
        bench.clock.now.uptime += 1000
        #expect(log.expire() == nil && log.messages == 0 && log.expired == 3)
        #expect(log.takeGone() == ["T": 3])
    }

    @Test func ageOfAnEarlierStartIsThatOfTheWallClock() throws {
        var bench = StoreBench()
        bench.limits.maximumAge = 60_000
        try bench.fill(try bench.open(), 3)
        bench.clock.boot = Array(repeating: 9, count: 16)
        bench.clock.now.uptime = 5
        bench.clock.now.wall += 30_000
        let log = try bench.open()
        #expect(log.expire() == 30_000)
        // Set back to before they were stored: not older than new.
        bench.clock.now.wall -= 90_000
        #expect(log.expire() == 60_000)
        bench.clock.now.wall += 200_000
        #expect(log.expire() == nil && log.messages == 0)
    }

    // MARK: Damage

    /// Any byte of any file: what is not touched is there, and what is lost is said.
    @Test(arguments: [false, true]) func damageCostsWhatIsDamaged(isClosed: Bool) throws {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<60 {
            var bench = StoreBench()
            bench.limits.maximumSize = 1 << 18
            let log = try bench.open()
            try bench.fill(log, 400)
            if isClosed { log.close() }
            let name = try #require(try bench.disk.names().sorted().first)
            let offset = Int(random.next() % UInt64(bench.disk.size(of: name)))
            bench.disk.damage(name, at: offset, to: bench.disk.bytes(of: name)[offset] ^ UInt8(1 << (random.next() % 8)))
            let again = try bench.open()
            let numbers = StoreBench.numbers(again)
            let isWholeFile = !isClosed && offset < 64
            #expect(zip(numbers, numbers.dropFirst()).allSatisfy { $0 < $1 })
            #expect(isWholeFile || numbers.count >= 399, "offset \(offset) of \(name) cost \(400 - numbers.count)")
            #expect(again.messages == numbers.count)
            let reports = again.takeReports()
            #expect(numbers.count == 400 || !reports.isEmpty)
            // It was mended: the next start finds nothing any more, and what is stored goes on.
            _ = try again.append([bench.message("T", 400)])[0].get()
            again.close()
            let third = try bench.open()
            #expect(StoreBench.numbers(third) == numbers + [400])
            #expect(third.takeReports().isEmpty)
        }
    }

    @Test func aShortenedFileCostsItsEnd() throws {
        var bench = StoreBench()
        bench.limits.maximumSize = 1 << 18
        for cut in [1, 20, 76, 77, 200, 5000] {
            let bench = bench
            let log = try bench.open()
            try bench.fill(log, 80)
            log.close()
            let name = try #require(try bench.disk.names().first { $0.hasSuffix(".seg") })
            bench.disk.shorten(name, to: bench.disk.size(of: name) - cut)
            let again = try bench.open()
            let numbers = StoreBench.numbers(again)
            #expect(numbers == Array(0..<numbers.count) && numbers.count >= 80 - cut / 80 - 2)
            again.remove(StoreBench.all(again))
            again.close()
        }
    }

    @Test func saysHowManyADamagedPlaceHeld() throws {
        var bench = StoreBench()
        bench.limits.maximumSize = 1 << 18
        let log = try bench.open()
        try bench.fill(log, 100)
        log.close()
        let name = try #require(try bench.disk.names().first)
        for offset in 1000..<2000 { bench.disk.damage(name, at: offset, to: 0) }
        let again = try bench.open()
        let left = StoreBench.numbers(again).count
        let lost = again.takeReports().compactMap { if case .damaged(let messages, _, _) = $0 { messages } else { nil } }.reduce(0, +)
        #expect(left == 100 - lost)
        #expect((8...13).contains(lost))
        #expect(try bench.disk.names().contains { $0.hasPrefix("damaged-2023") })
    }

    @Test func anotherVersionIsKeptAside() throws {
        let bench = StoreBench()
        let log = try bench.open()
        try bench.fill(log, 5)
        let name = try #require(try bench.disk.names().first)
        bench.disk.damage(name, at: 11, to: 9)
        let again = try bench.open()
        #expect(again.messages == 0)
        #expect(again.takeReports().contains { if case .foreign(let file) = $0 { file.hasPrefix("version-") } else { false } })
    }

    /// A payload cannot pass for a message of its own where the one around it is damaged.
    @Test func aMessageInAPayloadIsNone() throws {
        let bench = StoreBench()
        let log = try bench.open()
        try bench.fill(log, 1)
        let name = try #require(try bench.disk.names().first)
        let inner = Array(bench.disk.bytes(of: name)[64...])
        let other = StoreBench()
        let second = try other.open()
        _ = try second.append([NewMessage(key: "T", payload: ByteBuffer(bytes: inner), time: other.clock.now)])[0].get()
        other.disk.damage(try #require(try other.disk.names().first), at: 70, to: 0xFF)
        let again = try other.open()
        #expect(StoreBench.all(again).isEmpty)
    }

    // MARK: Sealing

    @Test func sealedMessagesOpenWithTheirKeyAlone() throws {
        let directory = try TemporaryDirectory()
        var bench = StoreBench()
        bench.ring = try KeyFile(besides: "\(directory.path)/a.json", credentialsDirectory: nil).loadOrCreate()
        let log = try bench.open()
        _ = try log.append([NewMessage(key: "T", payload: ByteBuffer(string: "a secret recipe"), time: bench.clock.now)])[0].get()
        log.close()
        let name = try #require(try bench.disk.names().first)
        #expect(!String(decoding: bench.disk.bytes(of: name), as: UTF8.self).contains("recipe"))
        #expect(StoreBench.all(try bench.open()).map { String(buffer: $0.payload) } == ["a secret recipe"])
        bench.ring = nil
        let without = try bench.open()
        #expect(StoreBench.all(without).isEmpty && without.messages == 0)
        #expect(
            without.takeReports().contains { if case .unopened(messages: 1, let file) = $0 { file.hasPrefix("unopened-") } else { false } })
    }

    @Test func aLookFromOutsideChangesNothing() throws {
        var bench = StoreBench()
        bench.limits.maximumSize = 1 << 18
        let log = try bench.open()
        try bench.fill(log, 100)
        log.remove(Array(StoreBench.all(log).prefix(10)))
        let before = try bench.disk.names().sorted().map { bench.disk.bytes(of: $0) }
        let look = try bench.open(isReading: true)
        #expect(StoreBench.numbers(look) == Array(10..<100))
        #expect(try bench.disk.names().sorted().map { bench.disk.bytes(of: $0) } == before)
    }
}
