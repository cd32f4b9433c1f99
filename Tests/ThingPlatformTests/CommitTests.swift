import AlwaysOn
import Logging
import NIOCore
import NIOPosix
import TestKit
import Testing
import ThingModel

@testable import ThingPlatform

/// What is answered is kept: a store that refuses for a while loses nothing and lets nobody believe otherwise.
@Suite struct CommitTests {
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let store = ForgetfulStore()
    private let root = Principal(user: "root", groups: [Principal.administrators])

    private func platform() throws -> Platform {
        var model = PlatformModel()
        model.put(User(name: "root"))
        var thing = Thing(name: "T", template: "RemoteThing")
        var property = PropertyDefinition(baseType: .number)
        (property.isPersistent, property.isLogged) = (true, true)
        thing.own.properties["n"] = property
        model.put(thing)
        return try Platform(store: store, seed: model, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }, on: loop)
    }

    private func push(_ number: Double, _ id: UInt64, to platform: Platform) async throws -> Response {
        var values = Infotable(
            DataShape([.init("name", .string), .init("value", .variant), .init("time", .datetime), .init("quality", .string)]))
        values.append([.string("n"), .number(number), .datetime(Int64(number)), .string("GOOD")])
        let request = Request(
            .post, "T", .service, "UpdateSubscribedPropertyValues", headers: [MessageIdentity(epoch: 7, number: id).field],
            content: try EncodedInfotable(Infotable("values", .infotable(values))))
        return try await loop.flatSubmit { platform.assumeIsolated { $0.perform(request, as: root, edge: 1) } }.get()
    }

    @Test func whatWasRefusedIsKeptWithTheNext() async throws {
        let platform = try platform()
        #expect(try await push(1, 1, to: platform).status == .success)
        store.fail(next: .max)
        #expect(try await push(2, 2, to: platform).status == .serviceUnavailable)
        // The edge sends it again: it is not worked on twice, and it is answered well once it is there.
        #expect(try await push(2, 2, to: platform).status == .serviceUnavailable)
        store.fail(next: 0)
        #expect(try await push(2, 2, to: platform).status == .success)
        #expect(try await push(3, 3, to: platform).status == .success)
        let history = store.batches.flatMap(\.history)
        #expect(history.map { $0.value.value } == [.number(1), .number(2), .number(3)])
        #expect(store.batches.last?.seen["T"]?.contains("1-3") == true)
    }

    @Test func aBatchIsOneOfItsKind() {
        var queue = CommitQueue()
        queue.batch.values[PropertyRef(thing: "A", property: "p")] = .some(TimedValue(value: .number(1), time: 1))
        queue.batch.values[PropertyRef(thing: "B", property: "p")] = .some(TimedValue(value: .number(1), time: 1))
        queue.batch.seen["A"] = ""
        let first = queue.committed(on: loop)
        let next = queue.next(on: loop)
        let another = queue.next(on: loop)?.0
        #expect(next?.0.values.count == 2 && another?.values.count == nil, "one at a time")
        // While it is written A goes; it is refused: what was said of A later holds.
        queue.batch.forget("A")
        let second = queue.committed(on: loop)
        queue.finished(ForgetfulStore.Refusal())
        let again = queue.next(on: loop)
        #expect(again?.0.values.count == 1 && again?.0.forgottenThings == ["A"] && again?.0.seen.isEmpty == true)
        next?.1.fail(ForgetfulStore.Refusal())
        again?.1.succeed()
        queue.finished(nil)
        let last = queue.next(on: loop)?.0
        #expect(queue.batch.isEmpty && last?.values.count == nil)
        _ = (first, second)
    }
}
