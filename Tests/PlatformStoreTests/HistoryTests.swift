import AlwaysOn
import NIOCore
import TestKit
import Testing
import ThingModel

@testable import PlatformStore

/// The history against a plain list of values.
@Suite struct HistoryTests {
    private let loop = DatabaseTests.loop

    struct Random {
        var state: UInt64
        mutating func next(_ below: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % below
        }
    }

    private static func value(_ random: inout Random) -> Value {
        switch random.next(8) {
        case 0: .string(String(repeating: "x", count: random.next(40)))
        case 1: .boolean(random.next(2) == 0)
        case 2: .integer(Int32(random.next(1000) - 500))
        default: .number(Double(random.next(100_000)) / 7)
        }
    }

    /// Random values, late ones among them, with blocks made at other moments, purges and restarts.
    @Test(arguments: 1...6) func asAPlainListWouldHaveIt(seed: Int) async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("p.db")
        var limits = PlatformDatabase.Limits()
        limits.mostInTail = 300
        var database = try PlatformDatabase(path: path, limits: limits)
        var random = Random(state: UInt64(seed))
        let properties = (0..<5).map { PropertyRef(thing: "T\($0 % 2)", property: "p\($0)") }
        var known: [PropertyRef: [TimedValue]] = [:]
        var time: Int64 = 1_000_000
        for round in 0..<60 {
            var batch = StoreBatch()
            for _ in 0..<random.next(120) {
                let property = properties[random.next(properties.count)]
                time += Int64(random.next(20))
                let isLate = random.next(10) == 0
                let value = TimedValue(
                    value: HistoryTests.value(&random), time: isLate ? time - Int64(random.next(50_000)) : time,
                    quality: random.next(9) == 0 ? "BAD" : "GOOD")
                batch.history.append((property, value))
                known[property, default: []].append(value)
            }
            try await database.commit(batch, on: loop).get()
            if round % 17 == 16 {
                let span = (time - 30_000)...(time - 29_000)
                let property = properties[random.next(properties.count)]
                try await database.purge(thing: property.thing, property: property.property, span: span, on: loop).get()
                known[property]?.removeAll { span.contains($0.time) }
            }
            if round % 23 == 22 {
                database.close()
                database = try PlatformDatabase(path: path, limits: limits)
            }
        }
        for property in properties {
            // Of equal times the one that came later is later.
            let all = (known[property] ?? []).enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(
                \.element)
            for (from, to, most) in [(Int64.min, Int64.max, 100_000), (time - 20_000, time - 5_000, 1000), (time - 100_000, time, 7)] {
                let expected = all.filter { (from...to).contains($0.time) }
                var query = HistoryQuery(property, span: from...to, most: most)
                query.isOldestFirst = true
                #expect(try await database.history(query, on: loop).get().map(\.time) == expected.prefix(most).map(\.time))
                query.isOldestFirst = false
                let newest = try await database.history(query, on: loop).get()
                #expect(newest.map(\.time) == expected.reversed().prefix(most).map(\.time))
                if most > 1000 { #expect(Set(newest.map { "\($0)" }) == Set(expected.map { "\($0)" })) }
                let chart = try await database.chart(property, span: from...to, most: 50, on: loop).get()
                let numbers = expected.compactMap { HistoryValue(series: 0, time: $0.time, value: $0.value, quality: "").number }
                #expect(chart.count <= 50 && chart.reduce(0) { $0 + $1.count } == numbers.count)
                #expect(chart.map(\.minimum).min() == numbers.min() && chart.map(\.maximum).max() == numbers.max())
                #expect(abs(chart.reduce(0) { $0 + $1.sum } - numbers.reduce(0, +)) < 1e-3)
            }
        }
    }

    @Test func oldValuesGoWhereThereIsNoRoom() async throws {
        let directory = try TemporaryDirectory()
        var limits = PlatformDatabase.Limits()
        (limits.mostBytes, limits.mostEvents) = (1 << 20, 100)
        let database = try PlatformDatabase(path: directory.path("p.db"), limits: limits)
        let property = PropertyRef(thing: "T", property: "p")
        for round in 0..<40 {
            try await DatabaseTests.commit(database) { batch in
                batch.history = (0..<2000).map {
                    (property, TimedValue(value: .string("a value of some length \(round) \($0)"), time: Int64(round * 2000 + $0)))
                }
                batch.events = (0..<10).map { EventRecord(time: Int64($0), source: "T", name: "e", data: "{}") }
            }
        }
        for _ in 0..<20 { try await database.expire(now: 80_000, on: loop).get() }
        let left = try await database.history(HistoryQuery(property, most: 1_000_000), on: loop).get()
        #expect(left.count > 1000 && left.count < 60_000)
        #expect(left.first?.time == 79_999, "the newest stay")
        #expect(try await database.events(source: nil, most: 1000, on: loop).get().count == 100)
        // By age.
        try await database.expire(now: 79_000 + limits.keepHistory, on: loop).get()
        #expect((try await database.history(HistoryQuery(property, most: 1_000_000), on: loop).get().last?.time ?? 0) > 77_000)
    }

    @Test func valuesOfAllKindsAsBytes() {
        var random = Random(state: 99)
        for _ in 0..<200 {
            let values = (0..<random.next(50)).map { _ in
                HistoryValue(
                    series: Int64(random.next(9)), time: Int64(random.next(1 << 30)) * Int64(random.next(1 << 30)),
                    value: HistoryTests.value(&random), quality: random.next(3) == 0 ? "UNKNOWN" : "GOOD")
            }
            var bytes = ByteBuffer()
            bytes.write(values)
            var copy = bytes
            #expect(copy.readHistory().map { "\($0)" } == values.map { "\($0)" })
            // Bytes that were cut off or changed end the reading and nothing else.
            var damaged = bytes
            if damaged.readableBytes > 2 { damaged.setInteger(UInt8(random.next(256)), at: random.next(damaged.readableBytes)) }
            _ = damaged.readHistory()
        }
        for number in [Int64.min, -1, 0, 1, 63, 64, .max] {
            var bytes = ByteBuffer()
            bytes.writeVariable(number)
            #expect(bytes.readVariable() == number)
        }
    }
}
