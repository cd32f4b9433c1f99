import CFaultControl
import EdgeREST
import Formats
import Foundation
import NIOPosix
import TestKit
import Testing

/// A platform whose disk says no for a while.
@Suite(.serialized) struct PlatformDiskTests {
    private let key = "disk-test-key-51"

    private func start(_ directory: TemporaryDirectory, _ faults: FaultControl) throws -> Program {
        try Program(
            "\(FaultControl.productDirectory)/thingplatform",
            ["--config", directory.path("platform.json"), "--port", "0", "--data", directory.path("store/p.db")], in: directory.path,
            environment: faults.environment)
    }

    @Test(arguments: [ENOSPC, EIO]) func whatIsAnsweredIsKept(code: Int32) async throws {
        let directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: directory.path("store"), withIntermediateDirectories: true)
        try directory.write(
            "platform.json",
            """
            {"users": [{"name": "a", "groups": ["Administrators"]}], "application_keys": [{"name": "k", "key": "\(key)", "user": "a"}],
             "things": [{"name": "T", "template": "GenericThing",
                         "properties": {"n": {"baseType": "NUMBER", "logged": true, "persistent": true}}}]}
            """)
        let faults = try FaultControl(in: directory)
        var program = try start(directory, faults)
        var rest = try RestClient(
            url: "http://127.0.0.1:\(try await program.port())", key: key, on: MultiThreadedEventLoopGroup.singleton.next())
        func put(_ number: Int) async throws -> Int {
            try await rest.send(.PUT, "/Thingworx/Things/T/Properties/n", body: ["n": .int(number)]).status
        }
        #expect(try await put(1) == 200)
        var control = fault_control()
        (control.write_failures, control.sync_failures, control.code) = (1, 1, UInt32(code))
        faults.set(control)
        #expect(try await put(2) == 503)
        try await program.line(containing: "not kept, tried again in a second")
        // Reading goes on.
        #expect(try await rest.send(.GET, "/Thingworx/Things/T/Properties/n").status == 200)
        faults.set(fault_control())
        var status = 503
        while status == 503 { status = try await put(3) }
        #expect(status == 200)
        await program.end(SIGKILL)
        program = try start(directory, faults)
        rest = try RestClient(
            url: "http://127.0.0.1:\(try await program.port())", key: key, on: MultiThreadedEventLoopGroup.singleton.next())
        #expect(try await rest.call(.GET, "/Thingworx/Things/T/Properties/n")["rows"]?[0]?["n"]?.int == 3)
        let history = try await rest.call(
            .POST, "/Thingworx/Things/T/Services/QueryNumberPropertyHistory", body: ["propertyName": "n", "oldestFirst": true])
        // What was refused was tried again, and is there before what came later.
        #expect(history["rows"]?.array?.compactMap { $0["value"]?.int } == [1, 2, 3])
        #expect(await program.end() == 0)
    }
}
