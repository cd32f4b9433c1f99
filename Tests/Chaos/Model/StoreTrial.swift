internal import MessageStore
import NIOCore
package import Secrets
import TestKit

/// A store used at random on a model disk, ended at random, and compared with what it promised.
package struct StoreTrial {
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    package struct Outcome {
        package var crashes = 0
        package var acknowledged = 0
        package var redelivered = 0
    }

    /// What is known of a message: its value counts up for each key.
    private enum Fate {
        case stored
        case removed
        /// Its append was under way when everything ended, or could not be undone: it may be there.
        case open
        case refused
    }

    private let seed: UInt64
    private let ring: KeyRing?
    private var generator: SeededGenerator
    private let disk: ModelFiles
    private let clock = ModelClock()
    private var limits = StoreLimits()
    private var fates: [String: [Fate]] = [:]
    private var outcome = Outcome()
    /// What the store had to say since the last end.
    private var reports: [StoreReport] = []

    package init(seed: UInt64, ring: KeyRing?) {
        self.seed = seed
        self.ring = ring
        generator = SeededGenerator(seed: seed ^ 0xABCD)
        disk = ModelFiles(seed: seed)
        limits.maximumSize = 40_000 + generator.below(200_000)
        disk.failures = generator.chance(2) ? 0 : 30
    }

    /// - Throws: `Failure` that names the seed.
    package static func run(seed: UInt64, crashes: Int, ring: KeyRing?) throws -> Outcome {
        var trial = StoreTrial(seed: seed, ring: ring)
        for _ in 0..<crashes { try trial.life() }
        return trial.outcome
    }

    private func failure(_ text: String) -> Failure { Failure(description: "seed \(seed), after \(outcome.crashes) crashes: \(text)") }

    private mutating func life() throws {
        var salts = SeededGenerator(seed: generator.next())
        // An end while it opens is one more.
        disk.operationsLeft = generator.chance(4) ? generator.below(6) : 1 + generator.below(60)
        let log: SegmentLog
        do {
            log = try SegmentLog(
                files: disk, clock: clock, ring: ring, limits: limits,
                random: { (0..<16).map { _ in UInt8(truncatingIfNeeded: salts.next()) } })
        } catch {
            guard disk.hasEnded else { throw failure("it does not open: \(error)") }
            return end()
        }
        if !disk.hasEnded { try compare(log) }
        reports = log.takeReports()
        while !disk.hasEnded {
            switch generator.below(10) {
            case 0..<6: append(to: log)
            case 6..<9: remove(from: log)
            default:
                if generator.chance(5) {
                    log.close()
                    if !disk.hasEnded { break }
                } else {
                    _ = log.read(from: .init(), bytes: 1000, isWanted: { _, _ in true })
                }
            }
        }
        reports += log.takeReports()
        end()
    }

    private mutating func end() {
        outcome.crashes += 1
        disk.restart(after: generator.chance(3) ? .kill : .power)
    }

    private mutating func append(to log: SegmentLog) {
        var new: [(key: String, value: Int)] = []
        var messages: [NewMessage] = []
        for _ in 0...generator.below(8) {
            let key = "K\(generator.below(4))"
            let value = fates[key, default: []].count
            fates[key, default: []].append(.open)
            new.append((key, value))
            var payload = ByteBuffer(integer: value)
            payload.writeRepeatingByte(UInt8(truncatingIfNeeded: value), count: generator.below(generator.chance(10) ? 4000 : 60))
            messages.append(NewMessage(key: key, payload: payload, time: clock.now))
        }
        for ((key, value), result) in zip(new, log.append(messages)) {
            switch result {
            case .success:
                fates[key]![value] = .stored
                outcome.acknowledged += 1
            case .failure(let error):
                // Whoever is told no may try again; where the disk does not even take that back it may be there all the same.
                if !disk.hasEnded { fates[key]![value] = error.kind == .full ? .refused : .open }
            }
        }
    }

    /// As a delivery does: the oldest of each key first.
    private mutating func remove(from log: SegmentLog) {
        let found = log.read(from: .init(), bytes: 200 + generator.below(3000), isWanted: { _, _ in true }).messages
        guard !disk.hasEnded else { return }
        let done = Array(found.prefix(generator.below(found.count + 1)))
        log.remove(done)
        for message in done {
            guard let value = message.payload.getInteger(at: message.payload.readerIndex, as: Int.self) else { continue }
            fates[message.key]![value] = .removed
        }
    }

    private mutating func compare(_ log: SegmentLog) throws {
        defer { reports = [] }
        reports += log.takeReports()
        var there: [String: [Int]] = [:]
        var cursor = SegmentLog.Cursor()
        while true {
            let found = log.read(from: cursor, bytes: 5000, isWanted: { _, _ in true })
            for message in found.messages {
                guard let value = message.payload.getInteger(at: message.payload.readerIndex, as: Int.self) else {
                    throw failure("an empty payload")
                }
                there[message.key, default: []].append(value)
            }
            cursor = found.cursor
            if found.isAtEnd { break }
        }
        for (key, values) in there {
            guard zip(values, values.dropFirst()).allSatisfy({ $0 < $1 }) else {
                throw failure("\(key) is out of order or doubled: \(values)")
            }
            guard let known = fates[key], values.allSatisfy({ known.indices.contains($0) }) else {
                throw failure("\(key) holds what was never stored")
            }
        }
        for (key, known) in fates {
            let values = Set(there[key] ?? [])
            for (value, fate) in known.enumerated() {
                switch fate {
                case .stored: guard values.contains(value) else { throw failure("\(key) lost \(value); \(reports)") }
                case .refused: guard !values.contains(value) else { throw failure("\(key) has \(value), which was refused") }
                // What was removed may come and go with power cuts: it has been delivered.
                case .removed: if values.contains(value) { outcome.redelivered += 1 }
                case .open: fates[key]![value] = values.contains(value) ? .stored : .refused
                }
            }
        }
        guard log.counts == there.mapValues(\.count) else {
            throw failure("counts \(log.counts) differ from what is there \(there.mapValues(\.count))")
        }
        guard log.messages == there.values.reduce(0, { $0 + $1.count }) else { throw failure("the number of messages is wrong") }
        guard disk.failures > 0 || disk.totalSize <= 3 * log.bytes + 6 * 16_384 + 40_000 else {
            throw failure("\(disk.totalSize) bytes on disk for \(log.bytes)")
        }
    }
}
