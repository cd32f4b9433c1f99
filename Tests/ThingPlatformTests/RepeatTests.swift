import AlwaysOn
import Logging
import NIOCore
import NIOPosix
import TestKit
import Testing

import ThingModel
@testable import ThingPlatform

/// Requests that say who they are are worked on once.
@Suite struct RepeatTests {
    private static let model: PlatformModel = {
        var model = PlatformModel()
        model.put(User(name: "root"))
        var group = Group(name: Principal.administrators)
        group.members = [.init(name: "root", isGroup: false)]
        model.put(group)
        var thing = Thing(name: "T", template: "RemoteThing")
        thing.own.properties["n"] = PropertyDefinition(baseType: .number)
        model.put(thing)
        return model
    }()

    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let root = Principal(user: "root", groups: ["Administrators"])

    private func platform(_ journal: ValueJournal? = nil) throws -> Platform {
        try Platform(
            store: ForgetfulStore(), seed: RepeatTests.model, journal: journal,
            logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }, on: loop)
    }

    private func push(_ rows: [(String, Double, Int64)], _ headers: [Request.HeaderField], as name: String = "T") throws -> Request {
        var values = Infotable(
            DataShape([.init("name", .string), .init("value", .variant), .init("time", .datetime), .init("quality", .string)]))
        for row in rows { values.append([.string(row.0), .number(row.1), .datetime(row.2), .string("GOOD")]) }
        return Request(
            .post, name, .service, "UpdateSubscribedPropertyValues", headers: headers,
            content: try EncodedInfotable(Infotable("values", .infotable(values))))
    }

    private func send(_ request: Request, to platform: Platform) async throws -> Response {
        try await loop.flatSubmit { platform.assumeIsolated { $0.perform(request, as: root, edge: 1) } }.get()
    }

    private func value(_ platform: Platform) async throws -> Double? {
        try await loop.submit { platform.assumeIsolated { $0.model.values["T", "n"]?.value.doubleValue } }.get()
    }

    private func put(_ number: Double, _ headers: [Request.HeaderField]) throws -> Request {
        Request(.put, "T", .property, "n", headers: headers, content: try EncodedInfotable(Infotable("n", .number(number))))
    }

    @Test func aRepeatedWriteIsAnsweredAndNotMade() async throws {
        let platform = try platform()
        let id = MessageIdentity(epoch: 5, number: 1).field
        #expect(try await send(try put(1, [id]), to: platform).status == .success)
        #expect(try await send(try put(2, []), to: platform).status == .success)
        #expect(try await send(try put(1, [id]), to: platform).status == .success)
        #expect(try await value(platform) == 2)
        // The same number of another epoch, or for another name, is another request.
        #expect(try await send(try put(3, [MessageIdentity(epoch: 6, number: 1).field]), to: platform).status == .success)
        #expect(try await value(platform) == 3)
    }

    @Test func partsOfAJoinedPushThatCameBeforeAreLeftOut() async throws {
        let directory = try TemporaryDirectory()
        let journal = directory.path("journal")
        let platform = try platform(try ValueJournal(journal))
        func id(_ number: UInt64) -> MessageIdentity { MessageIdentity(epoch: 9, number: number) }
        #expect(try await send(try push([("n", 1, 10), ("n", 2, 20)], [id(1).field]), to: platform).status == .success)
        let fields = MessageIdentity.fields(of: [.init(id(1), rows: 2), .init(id(2), rows: 1), .init(id(3), rows: 2)])
        let joined = try push([("n", 1, 10), ("n", 2, 20), ("n", 3, 30), ("n", 4, 40), ("n", 5, 50)], fields)
        #expect(try await send(joined, to: platform).status == .success)
        #expect(try await send(joined, to: platform).status == .success)
        #expect(
            try directory.read("journal").split(separator: "\n").map { String($0.suffix(10)) }
                == (1...5).map { "\"value\":\($0)}" }.map { String($0.suffix(10)) })
        // A platform that starts with that journal knows them all.
        let again = try self.platform(try ValueJournal(journal))
        #expect(try await send(joined, to: again).status == .success)
        #expect(try await value(again) == nil)
    }

    @Test func rowsThatAreNotSpokenOfAreRefused() async throws {
        let platform = try platform()
        let fields = MessageIdentity.fields(of: [.init(.init(epoch: 1, number: 1), rows: 2), .init(.init(epoch: 1, number: 2), rows: 9)])
        #expect(try await send(try push([("n", 1, 10), ("n", 2, 20)], fields), to: platform).status == .badRequest)
        #expect(try await value(platform) == nil)
    }

    @Test func whatWasRefusedInPartIsRefusedAgainAndNotTakenTwice() async throws {
        let directory = try TemporaryDirectory()
        let platform = try platform(try ValueJournal(directory.path("journal")))
        let request = try push([("n", 1, 10), ("none", 2, 20)], [MessageIdentity(epoch: 1, number: 1).field])
        #expect(try await send(request, to: platform).status == .badRequest)
        #expect(try await send(request, to: platform).status == .badRequest)
        #expect(try directory.read("journal").split(separator: "\n").count == 1)
        // One of which nothing was taken is looked at anew.
        let unknown = try push([("later", 2, 20)], [MessageIdentity(epoch: 1, number: 2).field])
        #expect(try await send(unknown, to: platform).status == .badRequest)
        try await loop.submit {
            platform.assumeIsolated { platform in
                guard var thing = platform.model[thing: "T"] else { return }
                thing.own.properties["later"] = PropertyDefinition(baseType: .number)
                platform.model.put(thing)
            }
        }.get()
        #expect(try await send(unknown, to: platform).status == .success)
    }

    @Test func whatComesLateDoesNotReplaceWhatIsNewer() async throws {
        let platform = try platform()
        let late = Request.HeaderField(name: MessageIdentity.timeHeader, value: "100")
        #expect(try await send(try push([("n", 2, 200)], [MessageIdentity(epoch: 1, number: 2).field]), to: platform).status == .success)
        #expect(
            try await send(try push([("n", 1, 100)], [MessageIdentity(epoch: 1, number: 1).field, late]), to: platform).status == .success)
        #expect(try await value(platform) == 2)
        #expect(try await send(try put(0, [MessageIdentity(epoch: 1, number: 3).field, late]), to: platform).status == .success)
        #expect(try await value(platform) == 2)
    }

    @Test func aLineThatWasCutOffIsNoLine() async throws {
        let directory = try TemporaryDirectory()
        try directory.write(
            "journal", "{\"thing\":\"T\",\"property\":\"n\",\"time\":1,\"id\":\"B.1\",\"value\":1}\n{\"thing\":\"T\",\"prop")
        let platform = try platform(try ValueJournal(directory.path("journal")))
        #expect(try await send(try put(2, [MessageIdentity(epoch: 1, number: 1).field]), to: platform).status == .success)
        #expect(try await value(platform) == nil)
        #expect(try await send(try put(3, [MessageIdentity(epoch: 1, number: 2).field]), to: platform).status == .success)
        #expect(try directory.read("journal").split(separator: "\n").count == 2)
    }
}
