import AlwaysOn
import Foundation
import GRDB
package import NIOCore
import NIOFoundationCompat
package import ThingModel

/// A platform's model and history in SQLite: in a file, or in memory.
package final class PlatformDatabase: ModelStore {
    package struct Limits: Sendable {
        /// Values older than this go; milliseconds.
        package var keepHistory: Int64 = 90 * 86_400_000
        /// Bytes that the database may take before the oldest values go.
        package var mostBytes: Int64 = 8 << 30
        /// Events that are kept.
        package var mostEvents = 100_000
        /// Values that are not in blocks yet.
        package var mostInTail = 131_072

        package init() {}
    }

    private let writer: any DatabaseWriter
    private let history: HistoryTables
    private let limits: Limits
    private let lock: DatabaseLock?
    /// nil: in memory.
    package let path: String?

    /// - Parameter path: nil: in memory, and gone with the program.
    /// - Throws: `StoreFailure`.
    package init(path: String?, limits: Limits = Limits()) throws {
        self.path = path
        self.limits = limits
        lock = try path.map { try DatabaseLock($0) }
        var configuration = Configuration()
        configuration.label = "store"
        configuration.maximumReaderCount = 2
        // Another program that reads the file for a moment does not make a batch fail.
        configuration.busyMode = .timeout(10)
        configuration.prepareDatabase { db in
            // A commit is on the disk when it returns: what was answered is there after a power cut too.
            try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA journal_size_limit = 67108864")
        }
        do {
            if let path {
                umask(0o077)
                writer = try DatabasePool(path: path, configuration: configuration)
            } else {
                writer = try DatabaseQueue(configuration: configuration)
            }
            history = HistoryTables(mostInTail: limits.mostInTail)
            try Migrations.all.migrate(writer)
            try writer.write { [history] db in try history.load(db) }
        } catch {
            throw StoreFailure("the database \(path ?? "in memory") cannot be opened", error)
        }
    }

    // MARK: Model

    package func load() throws -> StoredModel {
        do {
            return try writer.read { db in
                var model = StoredModel()
                for row in try Row.fetchAll(db, sql: "SELECT collection, name, document FROM entity") {
                    model.entities.append(EntityWrite(collection: row[0], name: row[1], document: row[2]))
                }
                let rows = try Row.fetchCursor(db, sql: "SELECT thing, property, time, quality, value FROM value")
                while let row = try rows.next() {
                    var data = ByteBuffer(data: row[4])
                    guard let value = data.readWireValue() else { continue }
                    model.values.append(
                        (PropertyRef(thing: row[0], property: row[1]), TimedValue(value: value, time: row[2], quality: row[3])))
                }
                for row in try Row.fetchAll(db, sql: "SELECT thing, text FROM seen") { model.seen.append((row[0], row[1])) }
                model.isNew = model.entities.isEmpty
                return model
            }
        } catch {
            throw StoreFailure("the database \(path ?? "in memory") cannot be read", error)
        }
    }

    package func commit(_ batch: StoreBatch, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        writer.asyncWriteWithoutTransaction { [history] db in
            var values: [HistoryValue] = []
            do {
                try db.inTransaction(.immediate) {
                    try PlatformDatabase.write(batch, db)
                    if !batch.history.isEmpty { values = try history.append(batch.history, db) }
                    return .commit
                }
                history.committed(values)
                promise.succeed()
            } catch {
                // Ids that were given meanwhile are not there either.
                try? history.load(db)
                return promise.fail(StoreFailure("the database cannot be written", error))
            }
            PlatformDatabase.seal(Set(values.map(\.series)), history, db)
        }
        return promise.futureResult
    }

    private static func write(_ batch: StoreBatch, _ db: Database) throws {
        for entity in batch.entities {
            if let document = entity.document {
                try db.cachedStatement(sql: "INSERT OR REPLACE INTO entity (collection, name, document) VALUES (?, ?, ?)")
                    .execute(arguments: [entity.collection, entity.name, document])
            } else {
                try db.cachedStatement(sql: "DELETE FROM entity WHERE collection = ? AND name = ?").execute(arguments: [
                    entity.collection, entity.name,
                ])
            }
        }
        for thing in batch.forgottenThings {
            try db.cachedStatement(sql: "DELETE FROM value WHERE thing = ?").execute(arguments: [thing])
            try db.cachedStatement(sql: "DELETE FROM seen WHERE thing = ?").execute(arguments: [thing])
        }
        for (property, value) in batch.values {
            guard let value else {
                try db.cachedStatement(sql: "DELETE FROM value WHERE thing = ? AND property = ?").execute(arguments: [
                    property.thing, property.property,
                ])
                continue
            }
            var data = ByteBuffer()
            guard data.writeWireValue(value.value) else { continue }
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO value (thing, property, time, quality, value) VALUES (?, ?, ?, ?, ?)")
                .execute(arguments: [property.thing, property.property, value.time, value.quality, Data(buffer: data)])
        }
        for (thing, text) in batch.seen {
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO seen (thing, text) VALUES (?, ?)").execute(arguments: [thing, text])
        }
        for event in batch.events {
            try db.cachedStatement(sql: "INSERT INTO event (time, source, name, data) VALUES (?, ?, ?, ?)")
                .execute(arguments: [event.time, event.source, event.name, event.data])
        }
    }

    private static func seal(_ changed: Set<Int64>, _ history: HistoryTables, _ db: Database) {
        guard history.isWorthSealing(changed) else { return }
        do {
            try db.inTransaction(.immediate) {
                try history.seal(changed: changed, db)
                return .commit
            }
        } catch {
            // On disk everything is as it was: read it again.
            try? history.load(db)
        }
    }

    // MARK: History

    package func history(_ query: HistoryQuery, on loop: any EventLoop) -> EventLoopFuture<[TimedValue]> {
        read(query.property, on: loop, none: []) { series, tail, db in try HistoryReading.values(query, series: series, tail: tail, db) }
    }

    package func chart(
        _ property: PropertyRef, span: ClosedRange<Int64>, most: Int, on loop: any EventLoop
    ) -> EventLoopFuture<
        [ChartPoint]
    > {
        read(property, on: loop, none: []) { series, tail, db in
            try HistoryReading.chart(series: series, span: span, most: most, tail: tail, db)
        }
    }

    /// The tail and the blocks as they are at one moment; the blocks are read beside further commits.
    private func read<Result: Sendable>(
        _ property: PropertyRef, on loop: any EventLoop, none: Result,
        _ body: @escaping @Sendable (Int64, [HistoryValue], Database) throws -> Result
    ) -> EventLoopFuture<Result> {
        let promise = loop.makePromise(of: Result.self)
        writer.asyncWriteWithoutTransaction { [history, writer] _ in
            guard let series = history.id(of: property) else { return promise.succeed(none) }
            let tail = history.tail.series[series]?.values ?? []
            writer.spawnConcurrentRead { db in
                do { promise.succeed(try body(series, tail, try db.get())) } catch {
                    promise.fail(StoreFailure("the history cannot be read", error))
                }
            }
        }
        return promise.futureResult
    }

    package func purge(thing: String, property: String?, span: ClosedRange<Int64>, on loop: any EventLoop) -> EventLoopFuture<Void> {
        write(on: loop) { history, db in
            for id in history.ids(ofThing: thing, property: property) { try history.purge(id, span: span, db) }
        }
    }

    /// Removes what is older, or more, than is kept.
    /// - Parameter now: milliseconds since 1970 UTC.
    package func expire(now: Int64, on loop: any EventLoop) -> EventLoopFuture<Void> {
        write(on: loop) { [limits] history, db in
            try db.execute(sql: "DELETE FROM event WHERE number <= (SELECT max(number) FROM event) - ?", arguments: [limits.mostEvents])
            try history.expire(before: now - limits.keepHistory, most: PlatformDatabase.expiredAtOnce, db)
            let bytes = try PlatformDatabase.bytes(db)
            guard bytes > limits.mostBytes else { return }
            try history.sealAll(db)
            // As large a part of the blocks as is too much.
            let blocks = try Int64.fetchOne(db, sql: "SELECT count(*) FROM block") ?? 0
            let share = Double(bytes - limits.mostBytes) / Double(bytes)
            let surplus = Int(clamping: Int64((Double(blocks) * share).rounded(.up)))
            try history.expire(before: .max, most: min(surplus, PlatformDatabase.expiredAtOnce), db)
        }
    }

    private static let expiredAtOnce = 2_000

    private static func bytes(_ db: Database) throws -> Int64 {
        try Int64.fetchOne(
            db,
            sql: "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()")
            ?? 0
    }

    private func write(
        on loop: any EventLoop, _ body: @escaping @Sendable (HistoryTables, Database) throws -> Void
    ) -> EventLoopFuture<
        Void
    > {
        let promise = loop.makePromise(of: Void.self)
        writer.asyncWriteWithoutTransaction { [history] db in
            do {
                try db.inTransaction(.immediate) {
                    try body(history, db)
                    return .commit
                }
                promise.succeed()
            } catch {
                try? history.load(db)
                promise.fail(StoreFailure("the history cannot be changed", error))
            }
        }
        return promise.futureResult
    }

    // MARK: Events, backup

    package func events(source: String?, most: Int, on loop: any EventLoop) -> EventLoopFuture<[EventRecord]> {
        let promise = loop.makePromise(of: [EventRecord].self)
        writer.asyncRead { db in
            do {
                let rows = try Row.fetchAll(
                    try db.get(),
                    sql: "SELECT time, source, name, data FROM event WHERE ?1 IS NULL OR source = ?1 ORDER BY number DESC LIMIT ?2",
                    arguments: [source, most])
                promise.succeed(rows.map { EventRecord(time: $0[0], source: $0[1], name: $0[2], data: $0[3]) })
            } catch { promise.fail(StoreFailure("the events cannot be read", error)) }
        }
        return promise.futureResult
    }

    package func backup(to path: String, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        // Outside a transaction, which the copy begins itself.
        writer.asyncUnsafeRead { db in
            do {
                // Into a file of another name first: one of the right name is whole.
                let part = path + ".part"
                unlink(part)
                try db.get().execute(sql: "VACUUM INTO ?", arguments: [part])
                guard link(part, path) == 0 else {
                    let code = errno
                    unlink(part)
                    throw StoreFailure("\(path): \(String(cString: strerror(code)))")
                }
                unlink(part)
                promise.succeed()
            } catch { promise.fail(error is StoreFailure ? error : StoreFailure("the backup \(path) cannot be written", error)) }
        }
        return promise.futureResult
    }

    package func close() {
        try? writer.close()
        lock?.release()
    }
}

/// What a database says is wrong, for a person.
package struct StoreFailure: Error, CustomStringConvertible, Sendable {
    package let description: String

    init(_ text: String, _ error: (any Error)? = nil) {
        let cause = (error as? DatabaseError).map { $0.message ?? "\($0.resultCode)" } ?? error.map { "\($0)" }
        description = cause.map { "\(text): \($0)" } ?? text
    }
}
