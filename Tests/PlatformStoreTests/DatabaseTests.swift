import AlwaysOn
import Formats
import Foundation
import GRDB
import NIOCore
import NIOPosix
import TestKit
import Testing
import ThingModel

@testable import PlatformStore

/// What is given to the database is there, also for the next program.
@Suite struct DatabaseTests {
    static let loop = MultiThreadedEventLoopGroup.singleton.next()

    static func commit(_ database: PlatformDatabase, _ change: (inout StoreBatch) -> Void) async throws {
        var batch = StoreBatch()
        change(&batch)
        try await database.commit(batch, on: loop).get()
    }

    @Test func everythingOutlastsTheProgram() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("p.db")
        let property = PropertyRef(thing: "T", property: "p")
        let table = Infotable("x", .location(Location(latitude: 1, longitude: 2)))
        do {
            let database = try PlatformDatabase(path: path)
            #expect(try database.load().isNew)
            try await DatabaseTests.commit(database) { batch in
                batch.entities = [
                    .init(collection: "Things", name: "T'; DROP TABLE entity; --", document: "{\"a\":1}"),
                    .init(collection: "Users", name: "u", document: "{}"),
                ]
                batch.values[property] = .some(TimedValue(value: .infotable(table), time: 5, quality: "BAD"))
                batch.seen["T"] = "[]"
                batch.events = [EventRecord(time: 1, source: "T", name: "Alarm", data: "{}")]
            }
            try await DatabaseTests.commit(database) { batch in
                batch.entities = [.init(collection: "Users", name: "u", document: nil)]
                batch.history = (0..<10).map { (property, TimedValue(value: .integer(Int32($0)), time: Int64($0))) }
            }
            database.close()
        }
        let database = try PlatformDatabase(path: path)
        let model = try database.load()
        #expect(!model.isNew && model.entities == [.init(collection: "Things", name: "T'; DROP TABLE entity; --", document: "{\"a\":1}")])
        #expect(model.values.count == 1 && model.values[0].value == TimedValue(value: .infotable(table), time: 5, quality: "BAD"))
        #expect(model.seen.map(\.thing) == ["T"])
        #expect(
            try await database.events(source: "T", most: 10, on: DatabaseTests.loop).get() == [
                EventRecord(time: 1, source: "T", name: "Alarm", data: "{}")
            ])
        #expect(try await database.events(source: "Other", most: 10, on: DatabaseTests.loop).get().isEmpty)
        let values = try await database.history(HistoryQuery(property, most: 100), on: DatabaseTests.loop).get()
        #expect(values.map(\.time) == (0..<10).reversed().map { Int64($0) })
        // A Thing that is gone takes its values along.
        try await DatabaseTests.commit(database) { $0.forgottenThings = ["T"] }
        #expect(try database.load().values.isEmpty)
        let copy = directory.path("copy.db")
        try await database.backup(to: copy, on: DatabaseTests.loop).get()
        await #expect(throws: StoreFailure.self) { try await database.backup(to: copy, on: DatabaseTests.loop).get() }
        let second = try PlatformDatabase(path: copy)
        #expect(try second.load().entities == model.entities)
        #expect(try await second.history(HistoryQuery(property, most: 3), on: DatabaseTests.loop).get().count == 3)
    }

    @Test func oneProgramHasIt() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path("p.db")
        let first = try PlatformDatabase(path: path)
        withExtendedLifetime(first) {
            let error = #expect(throws: StoreFailure.self) { try PlatformDatabase(path: path) }
            #expect(error?.description.contains("in use by another program") == true)
        }
        first.close()
        #expect(throws: Never.self) { try PlatformDatabase(path: path) }
        #expect(throws: StoreFailure.self) { try PlatformDatabase(path: directory.path("missing/p.db")) }
    }

    @Test func whatIsNoDatabaseIsNamed() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write("p.db", String(repeating: "this is no database ", count: 100))
        let error = #expect(throws: StoreFailure.self) { try PlatformDatabase(path: path) }
        #expect(error?.description.contains(path) == true && error?.description.contains("not a database") == true)
    }

    /// A database of an earlier version is taken on: each step from the one before.
    @Test func eachMigrationFollowsTheOneBefore() async throws {
        let names = Migrations.all.migrations
        #expect(names == ["1 model", "2 history"])
        for name in names {
            let directory = try TemporaryDirectory()
            let path = directory.path("p.db")
            do {
                let queue = try DatabaseQueue(path: path)
                try Migrations.all.migrate(queue, upTo: name)
                try await queue.write { try $0.execute(sql: "INSERT INTO entity VALUES ('Things', 'T', '{}')") }
                try queue.close()
            }
            let database = try PlatformDatabase(path: path)
            #expect(try database.load().entities.map(\.name) == ["T"])
            let property = PropertyRef(thing: "T", property: "p")
            try await DatabaseTests.commit(database) { $0.history = [(property, TimedValue(value: .number(1), time: 1))] }
            #expect(try await database.history(HistoryQuery(property, most: 1), on: DatabaseTests.loop).get().count == 1)
        }
    }
}
