import Foundation
import GRDB
import NIOCore
import NIOFoundationCompat
import ThingModel

/// Questions to the history: blocks of the database, and those values that are not in blocks yet.
enum HistoryReading {
    /// - Parameter tail: values of the series that are not in blocks.
    static func values(_ query: HistoryQuery, series: Int64, tail: [HistoryValue], _ db: Database) throws -> [TimedValue] {
        guard query.most > 0 else { return [] }
        let order = query.isOldestFirst ? "ORDER BY first" : "ORDER BY last DESC"
        let blocks = try Row.fetchCursor(
            db, sql: "SELECT first, last, data FROM block WHERE series = ? AND first <= ? AND last >= ? \(order)",
            arguments: [series, query.span.upperBound, query.span.lowerBound])
        // What came first within one millisecond stays before what came later.
        let isBefore = { (one: HistoryValue, other: HistoryValue) in query.isOldestFirst ? one.time < other.time : one.time > other.time }
        var found = tail.filter { query.span.contains($0.time) }
        if !query.isOldestFirst { found.reverse() }
        found = stableSorted(found, isBefore)
        while let row = try blocks.next() {
            let (first, last): (Int64, Int64) = (row[0], row[1])
            // Blocks may overlap where values came late: as long as one may hold something earlier in the order, it is looked at.
            if found.count >= query.most {
                let bound = found[query.most - 1].time
                if query.isOldestFirst ? first > bound : last < bound { break }
            }
            var values = HistoryBlock.values(ByteBuffer(data: row[2]), series: series).filter { query.span.contains($0.time) }
            if !query.isOldestFirst { values.reverse() }
            // Blocks are older than the tail, so that of equal times theirs came first.
            found = query.isOldestFirst ? merge(values, found, isBefore) : merge(found, values, isBefore)
            if found.count > query.most { found.removeLast(found.count - query.most) }
        }
        return found.prefix(query.most).map(\.timed)
    }

    static func chart(series: Int64, span: ClosedRange<Int64>, most: Int, tail: [HistoryValue], _ db: Database) throws -> [ChartPoint] {
        let tail = tail.filter { span.contains($0.time) }
        let bounds = try Row.fetchOne(
            db, sql: "SELECT (SELECT min(first) FROM block WHERE series = ?1), (SELECT max(last) FROM block WHERE series = ?1)",
            arguments: [series])
        let times = [bounds?[0] as Int64?, bounds?[1] as Int64?].compactMap { $0 } + tail.map(\.time)
        guard let first = times.min(), let last = times.max(), max(first, span.lowerBound) <= min(last, span.upperBound) else { return [] }
        // The points divide what there is, however wide the question was.
        let covered = max(first, span.lowerBound)...min(last, span.upperBound)
        var gathering = ChartGathering(span: covered, most: most)
        // Answered from the index alone: the values of a block are looked at only where it lies across two points.
        let rows = try Row.fetchCursor(
            db,
            sql: """
                SELECT first, last, numbers, minimum, maximum, sum, last_number, id FROM block INDEXED BY block_place
                WHERE series = ? AND first <= ? AND last >= ? ORDER BY first
                """, arguments: [series, covered.upperBound, covered.lowerBound])
        var crossing: [Int64] = []
        while let row = try rows.next() {
            let (first, last, numbers): (Int64, Int64, Int) = (row[0], row[1], row[2])
            if covered.contains(first), covered.contains(last), gathering.isOne(first, last) {
                guard numbers > 0 else { continue }
                gathering.add(first: first, last: last, count: numbers, minimum: row[3], maximum: row[4], sum: row[5], lastNumber: row[6])
            } else {
                crossing.append(row[7])
            }
        }
        let statement = try db.cachedStatement(sql: "SELECT data FROM block WHERE id = ?")
        for id in crossing {
            guard let data = try Data.fetchOne(statement, arguments: [id]) else { continue }
            ByteBuffer(data: data).forEachNumber { time, number in
                if covered.contains(time) {
                    gathering.add(first: time, last: time, count: 1, minimum: number, maximum: number, sum: number, lastNumber: number)
                }
            }
        }
        for value in tail { gathering.add(value) }
        return gathering.result().map { point in
            ChartPoint(
                time: point.time, count: point.count, minimum: point.minimum, maximum: point.maximum, sum: point.sum, last: point.last)
        }
    }

    private static func merge(
        _ one: [HistoryValue], _ other: [HistoryValue], _ isBefore: (HistoryValue, HistoryValue) -> Bool
    )
        -> [HistoryValue]
    {
        guard let last = one.last, let first = other.first else { return one.isEmpty ? other : one }
        if !isBefore(first, last) { return one + other }
        return stableSorted(one + other, isBefore)
    }

    private static func stableSorted(_ values: [HistoryValue], _ isBefore: (HistoryValue, HistoryValue) -> Bool) -> [HistoryValue] {
        values.enumerated().sorted { one, other in
            isBefore(one.element, other.element) || (!isBefore(other.element, one.element) && one.offset < other.offset)
        }.map(\.element)
    }
}
