import AlwaysOn
import Foundation
import GRDB
import NIOCore
import NIOFoundationCompat
import ThingModel

/// The history in its tables `series`, `tail` and `block`. Confined to the writer's queue.
final class HistoryTables: @unchecked Sendable {
    private var series: [PropertyRef: Int64] = [:]
    private var lastSeries: Int64 = 0
    private var lastBatch: Int64 = 0
    private(set) var tail = Tail()

    /// Values that are kept outside blocks: some 100 bytes of memory each.
    private let mostInTail: Int
    /// Values of one series that make a block at once.
    private static let blockFrom = 512
    /// A block of fewer values takes up the next ones.
    private static let mergedBelow = 256
    /// Series that are moved into blocks between two batches.
    private static let sealedAtOnce = 256

    init(mostInTail: Int) { self.mostInTail = mostInTail }

    /// Reads what is not in blocks yet.
    func load(_ db: Database) throws {
        (series, tail, lastSeries) = ([:], Tail(), 0)
        var sealed: [Int64: Int64] = [:]
        let rows = try Row.fetchCursor(db, sql: "SELECT id, thing, property, sealed FROM series")
        while let row = try rows.next() {
            let id: Int64 = row[0]
            series[PropertyRef(thing: row[1], property: row[2])] = id
            sealed[id] = row[3]
            lastSeries = max(lastSeries, id)
        }
        lastBatch =
            try Int64.fetchOne(db, sql: "SELECT max((SELECT ifnull(max(batch), 0) FROM tail), (SELECT ifnull(max(sealed), 0) FROM series))")
            ?? 0
        let batches = try Row.fetchCursor(db, sql: "SELECT batch, data FROM tail ORDER BY batch")
        while let row = try batches.next() {
            let batch: Int64 = row[0]
            var data = ByteBuffer(data: row[1])
            for value in data.readHistory() where sealed[value.series].map({ $0 < batch }) ?? false { tail.append(value, batch: batch) }
        }
    }

    func id(of property: PropertyRef) -> Int64? { series[property] }

    func ids(ofThing thing: String, property: String?) -> [Int64] {
        series.filter { $0.key.thing == thing && (property == nil || $0.key.property == property) }.map(\.value)
    }

    // MARK: Writing

    /// Puts values into the tail on disk.
    /// - Returns: what `committed` is to be called with once that is certain.
    func append(_ entries: [(property: PropertyRef, value: TimedValue)], _ db: Database) throws -> [HistoryValue] {
        var values: [HistoryValue] = []
        values.reserveCapacity(entries.count)
        for (property, value) in entries {
            values.append(HistoryValue(series: try makeID(of: property, db), time: value.time, value: value.value, quality: value.quality))
        }
        var data = ByteBuffer()
        data.reserveCapacity(values.count * 16)
        data.write(values)
        lastBatch += 1
        try db.cachedStatement(sql: "INSERT INTO tail (batch, data) VALUES (?, ?)").execute(arguments: [lastBatch, Data(buffer: data)])
        return values
    }

    func committed(_ values: [HistoryValue]) { for value in values { tail.append(value, batch: lastBatch) } }

    private func makeID(of property: PropertyRef, _ db: Database) throws -> Int64 {
        if let id = series[property] { return id }
        lastSeries += 1
        try db.cachedStatement(sql: "INSERT INTO series (id, thing, property, sealed) VALUES (?, ?, ?, 0)")
            .execute(arguments: [lastSeries, property.thing, property.property])
        series[property] = lastSeries
        return lastSeries
    }

    /// Moves values into blocks where there are enough of them, a bounded part at a time.
    /// - Parameter changed: series that have got values.
    func seal(changed: Set<Int64>, _ db: Database) throws {
        for id in changed where tail.series[id].map({ $0.values.count >= HistoryTables.blockFrom }) ?? false { try seal(id, db) }
        var left = HistoryTables.sealedAtOnce
        while tail.count > mostInTail, left > 0, let id = tail.oldest() {
            try seal(id, db)
            left -= 1
        }
        try dropBatches(db)
    }

    func isWorthSealing(_ changed: Set<Int64>) -> Bool {
        tail.count > mostInTail || changed.contains { (tail.series[$0]?.values.count ?? 0) >= HistoryTables.blockFrom }
    }

    func seal(_ id: Int64, _ db: Database) throws {
        var values = tail.take(id)
        guard !values.isEmpty else { return }
        values.sort { $0.time < $1.time }
        let last = try Row.fetchOne(
            db, sql: "SELECT id, last, count, data FROM block WHERE series = ? ORDER BY first DESC LIMIT 1", arguments: [id])
        if let last, last[2] < HistoryTables.mergedBelow, last[1] <= values[0].time {
            values = HistoryBlock.values(ByteBuffer(data: last[3]), series: id) + values
            try db.cachedStatement(sql: "DELETE FROM block WHERE id = ?").execute(arguments: [last[0] as Int64])
        }
        for start in stride(from: 0, to: values.count, by: HistoryBlock.most) {
            try insert(HistoryBlock(Array(values[start..<min(start + HistoryBlock.most, values.count)])), db)
        }
        try db.cachedStatement(sql: "UPDATE series SET sealed = ? WHERE id = ?").execute(arguments: [lastBatch, id])
    }

    private func insert(_ block: HistoryBlock, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO block (series, first, last, count, numbers, minimum, maximum, sum, last_number, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            block.series, block.first, block.last, block.count, block.numbers, block.minimum, block.maximum, block.sum, block.lastNumber,
            Data(buffer: block.data),
        ])
    }

    /// Batches that are in blocks as a whole.
    private func dropBatches(_ db: Database) throws {
        let first = tail.firstNeededBatch() ?? lastBatch + 1
        try db.cachedStatement(sql: "DELETE FROM tail WHERE batch < ?").execute(arguments: [first])
    }

    // MARK: Removing

    /// Removes the values of a series between two times, both ends within.
    func purge(_ id: Int64, span: ClosedRange<Int64>, _ db: Database) throws {
        try seal(id, db)
        try dropBatches(db)
        let rows = try Row.fetchAll(
            db, sql: "SELECT id, first, last FROM block WHERE series = ? AND first <= ? AND last >= ?",
            arguments: [id, span.upperBound, span.lowerBound])
        for row in rows {
            let block: Int64 = row[0]
            if !(span.contains(row[1]) && span.contains(row[2])) {
                let data = try Data.fetchOne(db, sql: "SELECT data FROM block WHERE id = ?", arguments: [block]) ?? Data()
                let kept = HistoryBlock.values(ByteBuffer(data: data), series: id).filter { !span.contains($0.time) }
                if !kept.isEmpty { try insert(HistoryBlock(kept), db) }
            }
            try db.execute(sql: "DELETE FROM block WHERE id = ?", arguments: [block])
        }
    }

    /// Removes blocks that end before a time, the oldest ones, so many at most.
    func expire(before time: Int64, most: Int, _ db: Database) throws {
        try db.execute(
            sql: "DELETE FROM block WHERE id IN (SELECT id FROM block WHERE last < ? ORDER BY last LIMIT ?)", arguments: [time, most])
    }

    /// Moves everything into blocks: what is old there can be found.
    func sealAll(_ db: Database) throws {
        while let id = tail.oldest() { try seal(id, db) }
        try dropBatches(db)
    }
}
