import CFaultControl
import EdgeREST
import Formats
import Foundation
import NIOPosix
import TestKit
import Testing

/// Transfers onto a disk that says no: at the edge, and at the platform.
@Suite(.serialized) struct FileDiskTests {
    private let key = "disk-test-key-52"

    private struct Pair {
        let directory: TemporaryDirectory
        let platform: Program
        let gateway: Program
        let rest: RestClient
        let faults: FaultControl
    }

    private func start() async throws -> Pair {
        let directory = try TemporaryDirectory()
        for name in ["store/in", "store/files/SystemRepository", "etc"] {
            try FileManager.default.createDirectory(atPath: directory.path(name), withIntermediateDirectories: true)
        }
        try directory.write(
            "platform.json",
            """
            {"users": [{"name": "a", "groups": ["Administrators"]}], "application_keys": [{"name": "k", "key": "\(key)", "user": "a"}],
             "things": [{"name": "T", "template": "RemoteThingWithFileTransfer"}]}
            """)
        let faults = try FaultControl(in: directory)
        let platform = try Program(
            "\(FaultControl.productDirectory)/thingplatform",
            ["--config", directory.path("platform.json"), "--port", "0", "--model", "file", "--files", directory.path("store/files")],
            in: directory.path,
            environment: faults.environment)
        let port = try await platform.port()
        try directory.write(
            "etc/config.json",
            """
            {"ws_servers": [{"host": "127.0.0.1", "port": \(port)}], "appKey": "\(key)", "logger": {"level": "INFO"},
             "http_server": {"host": "127.0.0.1", "port": 0, "ssl": false, "authenticate": false},
             "ws_connection": {"encryption": "none", "max_connect_delay": 0}, "auto_bind": [{"name": "T"}],
             "file": {"virtual_dirs": [{"in": "\(directory.path("store/in"))"}], "staging_dir": "\(directory.path("store/staging"))"}}
            """)
        let gateway = try Program("\(FaultControl.productDirectory)/wsems", [], in: directory.path, environment: faults.environment)
        try await platform.line(containing: "T is bound to connection")
        let rest = try RestClient(url: "http://127.0.0.1:\(port)", key: key, on: MultiThreadedEventLoopGroup.singleton.next())
        return Pair(directory: directory, platform: platform, gateway: gateway, rest: rest, faults: faults)
    }

    private func copy(
        _ pair: Pair, _ source: (String, String, String), _ target: (String, String)
    ) async throws -> (
        status: Int, json: JSONValue
    ) {
        try await pair.rest.send(
            .POST, "/Thingworx/Subsystems/FileTransferSubsystem/Services/Copy",
            body: [
                "sourceRepo": .string(source.0), "sourcePath": .string(source.1), "sourceFile": .string(source.2),
                "targetRepo": .string(target.0),
                "targetPath": .string(target.1),
            ])
    }

    @Test(arguments: [ENOSPC, EIO], ["in", "out"]) func halfAFileIsNoFile(code: Int32, direction: String) async throws {
        let pair = try await start()
        let bytes = Data((0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let (source, target, result) =
            direction == "in"
            ? (("SystemRepository", "/", "a"), ("T", "/in"), "store/in/a")
            : (("T", "/in", "a"), ("SystemRepository", "/"), "store/files/SystemRepository/a")
        try bytes.write(to: URL(fileURLWithPath: pair.directory.path(direction == "in" ? "store/files/SystemRepository/a" : "store/in/a")))
        var control = fault_control()
        // A block that could not be written for another reason than a full disk is sent again, until it can.
        (control.write_failures, control.code) = (code == ENOSPC ? 4 : 1, UInt32(code))
        pair.faults.set(control)
        var failed = 0
        for _ in 0..<5 where failed == 0 {
            let answer = try await copy(pair, source, target)
            if answer.status != 200 {
                failed = answer.status
                #expect(answer.json["message"]?.string?.contains(String(cString: strerror(code))) == true, "\(answer)")
            }
        }
        #expect(failed >= 400)
        pair.faults.set(fault_control())
        // Nothing is left in the way, and the disk is asked again.
        #expect(try await copy(pair, source, target).status == 200)
        #expect(FileManager.default.contents(atPath: pair.directory.path(result)) == bytes)
        #expect(try FileManager.default.contentsOfDirectory(atPath: pair.directory.path("store/staging")).isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: pair.directory.path("store/files/.staging/SystemRepository")).isEmpty)
    }

    /// What cannot be synced is not put in its place.
    @Test func aFailingSyncIsAFailingTransfer() async throws {
        let pair = try await start()
        try Data(count: 300_000).write(to: URL(fileURLWithPath: pair.directory.path("store/files/SystemRepository/a")))
        var control = fault_control()
        (control.sync_failures, control.code) = (1, UInt32(EIO))
        pair.faults.set(control)
        #expect(try await copy(pair, ("SystemRepository", "/", "a"), ("T", "/in")).status >= 400)
        #expect(!FileManager.default.fileExists(atPath: pair.directory.path("store/in/a")))
        pair.faults.set(fault_control())
        #expect(try await copy(pair, ("SystemRepository", "/", "a"), ("T", "/in")).status == 200)
    }

    /// Writes that the system cuts short lose nothing.
    @Test func shortWritesAreGoneOnWith() async throws {
        let pair = try await start()
        let bytes = Data((0..<500_000).map { UInt8(truncatingIfNeeded: $0 &* 17) })
        try bytes.write(to: URL(fileURLWithPath: pair.directory.path("store/files/SystemRepository/a")))
        var control = fault_control()
        control.short_writes = 2
        pair.faults.set(control)
        #expect(try await copy(pair, ("SystemRepository", "/", "a"), ("T", "/in")).status == 200)
        #expect(FileManager.default.contents(atPath: pair.directory.path("store/in/a")) == bytes)
    }
}
