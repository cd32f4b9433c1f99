import AlwaysOn
import Formats
import NIOConcurrencyHelpers
import TestKit
import Testing

/// Copies with edges that behave as SDK clients do (alwayson.md §8).
@Suite struct SDKTransferTests {
    private func platform() async throws -> TestPlatform { try await TestPlatform(things: FileChain.model) }

    /// An edge that has bound the Thing, and its files.
    private func boundEdge(_ platform: TestPlatform) async throws -> (SDKFiles, StandInEdge) {
        let files = SDKFiles()
        let edge = try StandInEdge(port: platform.port, special: files.answer)
        edge.bind(FileChain.thing)
        try await platform.isBound(FileChain.thing)
        return (files, edge)
    }

    private func upload(_ bytes: [UInt8], _ path: String, _ platform: TestPlatform) async throws {
        let answer = try await platform.call(
            "SaveBinary", on: "SystemRepository", ["path": .string(path), "content": .string(Base64.encode(bytes))])
        #expect(answer.isDone)
    }

    @Test("Both ways, whole blocks and half ones, empty files too")
    func bothWays() async throws {
        let platform = try await platform()
        let (files, _) = try await boundEdge(platform)
        for size in [0, 1, 999, 1000, 1001, 5000, 20_007] { try await bothWays(size, files, platform) }
    }

    private func bothWays(_ size: Int, _ files: SDKFiles, _ platform: TestPlatform) async throws {
        let bytes = FileChain.bytes(size)
        try await upload(bytes, "/a", platform)
        let there = try await platform.copy(from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/b"))
        #expect(there.rows.first?["state"] == "VALIDATED", "\(there.text)")
        #expect(FileChain.isSame(files["/in/b"], bytes))
        let back = try await platform.copy(from: (FileChain.thing, "/in/b"), to: ("SystemRepository", "/c"))
        #expect(back.rows.first?["state"] == "VALIDATED", "\(back.text)")
        #expect(try await platform.files("GetFileChecksum", ["path": "/c"]).result.string == FileChain.md5(bytes))
        let state = files.state.withLockedValue { $0 }
        #expect(state.wrongTypes.isEmpty && state.transfers.isEmpty && state.files.count == 1, "\(state.wrongTypes) \(state.files.keys)")
        #expect(!state.asked.contains { ["MakeDirectory", "CreateDirectory", "GetFileListing", "RenameFile"].contains($0) })
    }

    @Test(
        "A lost connection in the middle: it goes on at the size of the part, which such an edge writes behind", arguments: ["to", "from"])
    func goesOn(_ direction: String) async throws {
        let platform = try await platform()
        let files = SDKFiles()
        let bytes = FileChain.bytes(30_500)
        let edges = NIOLockedValueBox<[StandInEdge]>([])
        files.state.withLockedValue { state in
            state.onBlock = { number in
                // Its answer gets lost as well.
                if number == 12 { edges.withLockedValue { $0.last }?.hangUp() }
            }
        }
        func connect() throws {
            let edge = try StandInEdge(port: platform.port, special: files.answer)
            edges.withLockedValue { $0.append(edge) }
            edge.bind(FileChain.thing)
        }
        try connect()
        try await platform.isBound(FileChain.thing)
        let thing = (FileChain.thing, "/in/b")
        if direction == "to" { try await upload(bytes, "/a", platform) } else { files["/in/b"] = bytes }
        let answer =
            direction == "to"
            ? try await platform.copy(from: ("SystemRepository", "/a"), to: thing, ["async": true])
            : try await platform.copy(from: thing, to: ("SystemRepository", "/c"), ["async": true])
        let id = try #require(answer.rows.first?["transferId"]?.string, "\(answer.text)")
        try await platform.program.line(containing: "transfer \(id) is interrupted and goes on later")
        files.forget()
        try connect()
        let job = try await platform.ended(id)
        #expect(job["state"] == "VALIDATED", "\(job)")
        #expect(job["startPosition"]?.int ?? 0 >= 11_000, "it does not begin anew: \(job)")
        if direction == "to" {
            #expect(FileChain.isSame(files["/in/b"], bytes))
        } else {
            #expect(try await platform.files("GetFileChecksum", ["path": "/c"]).result.string == FileChain.md5(bytes))
        }
        #expect(files.state.withLockedValue { $0.files.count } == 1)
    }

    @Test("Both ends fire FileTransfer when it ends, well or not")
    func events() async throws {
        let platform = try await platform()
        let files = SDKFiles()
        let edge = try StandInEdge(port: platform.port) { request in
            request.name.hasPrefix("On") ? Response(.success) : files.answer(request)
        }
        edge.bind(FileChain.thing)
        try await platform.isBound(FileChain.thing)
        for (source, service) in [(FileChain.thing, "OnMine"), ("SystemRepository", "OnOther")] {
            let subscription: JSONValue = ["thingName": .string(source), "eventName": "FileTransfer", "serviceName": .string(service)]
            #expect(try await platform.call("AddDynamicSubscription", on: FileChain.thing, subscription).isDone)
        }
        try await upload([1, 2], "/a", platform)
        #expect(try await platform.copy(from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/b")).status == 200)
        for service in ["OnMine", "OnOther"] { await edge.wasAsked("POST \(service)") }
        #expect(try await platform.copy(from: (FileChain.thing, "/none"), to: ("SystemRepository", "/a")).status == 412)
        for service in ["OnMine", "OnOther"] { await edge.wasAsked("POST \(service)", times: 2) }
    }

    @Test("A queueable copy waits until the Thing is there; one that is not is refused")
    func waits() async throws {
        let platform = try await platform()
        try await upload([1, 2, 3], "/a", platform)
        let refused = try await platform.copy(from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/b"), ["async": true])
        #expect(refused.status == 503)
        let answer = try await platform.copy(
            from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/b"), ["async": true, "queueable": true])
        let id = try #require(answer.rows.first?["transferId"]?.string)
        #expect(answer.rows.first?["state"] == "QUEUED")
        let again = try await platform.copy(
            from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/b"), ["async": true, "queueable": true])
        #expect(again.status == 412, "a second one to the same file")
        let subsystem = "Subsystems/FileTransferSubsystem/Services/"
        #expect(
            try await platform.post(subsystem + "GetQueuedTransferJobsByThing", ["thingName": .string(FileChain.thing)]).rows.count == 1)
        #expect(try await platform.post(subsystem + "GetQueuedTransferJobCount").result == 1)
        let files = SDKFiles()
        let edge = try StandInEdge(port: platform.port, special: files.answer)
        edge.bind(FileChain.thing)
        #expect(try await platform.ended(id)["state"] == "VALIDATED")
        #expect(files["/in/b"] == [1, 2, 3])
        #expect(try await platform.post(subsystem + "GetQueuedTransferJobCount").result == 0)
    }

    @Test("With the shape EdgeControlled a copy waits until the edge asks for it")
    func edgeControlled() async throws {
        let platform = try await platform()
        let shaped = try await platform.entityService(
            "AddShapeToThing", ["name": .string(FileChain.thing), "thingShapeName": "EdgeControlled"])
        #expect(shaped.isDone, "\(shaped.text)")
        let (files, edge) = try await boundEdge(platform)
        try await upload([1], "/a", platform)
        let answer = try await platform.copy(
            from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/b"), ["async": true, "queueable": true])
        let id = try #require(answer.rows.first?["transferId"]?.string)
        #expect(answer.rows.first?["state"] == "QUEUED")
        let released = try await edge.invoke(FileChain.thing, "DequeueEgress", Infotable("maxCount", .integer(5)))
        #expect(released?.content?.decoded().first("result")?.doubleValue == 1)
        #expect(try await platform.ended(id)["state"] == "VALIDATED")
    }

    @Test("A cancelled one tells the edge, and leaves nothing there")
    func cancelled() async throws {
        let platform = try await platform()
        let (files, edge) = try await boundEdge(platform)
        try await upload(FileChain.bytes(500_000), "/a", platform)
        let answer = try await platform.copy(from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/b"), ["async": true])
        let id = try #require(answer.rows.first?["transferId"]?.string)
        await edge.wasAsked("POST WriteToBinaryFile", times: 3)
        let cancel = try await platform.post(
            "Subsystems/FileTransferSubsystem/Services/CancelTransfer", ["transferId": .string(id), "reason": "no more"])
        #expect(cancel.isDone)
        let job = try await platform.ended(id)
        #expect(job["state"] == "CANCELLED" && job["message"] == "no more")
        await edge.wasAsked("POST CancelFileTransfer")
        #expect(files.state.withLockedValue { $0.files.isEmpty && $0.transfers.isEmpty })
    }

    @Test("A timeout in milliseconds, as SDK clients send it, ends a transfer")
    func timesOut() async throws {
        let platform = try await platform()
        let (files, edge) = try await boundEdge(platform)
        try await upload(FileChain.bytes(50_000), "/a", platform)
        edge.fallSilent()
        let answer = try await platform.copy(
            from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/b"), ["async": true, "timeout": 1000])
        let id = try #require(answer.rows.first?["transferId"]?.string)
        #expect(try await platform.ended(id)["state"] == "TIMEDOUT")
    }
}
