import CFaultControl
import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOPosix
import TestKit

/// A platform, a proxy and a gateway as processes, which can be killed and started again at the same places.
final class ChaosSite {
    static let key = "edge-key-of-the-chaos-3b7a"
    static let admin = "admin-key-of-the-chaos-91c"
    static let things = ["T1", "T2", "T3"]

    let directory: TemporaryDirectory
    let faults: FaultControl
    private(set) var platform: Program
    private(set) var gateway: Program
    private(set) var proxy: FaultyProxy
    private let platformPort: Int
    let gatewayPort: Int
    private let client: RestClient

    /// The programs beside the tests, or those of the directory that `EDGE_BIN` names.
    static func binary(_ name: String) -> String {
        if let directory = ProcessInfo.processInfo.environment["EDGE_BIN"] { return "\(directory)/\(name)" }
        return "\(FaultControl.productDirectory)/\(name)"
    }

    init(store: String) async throws {
        directory = try TemporaryDirectory()
        faults = try FaultControl(in: directory)
        try ChaosSite.writeModel(in: directory, key: ChaosSite.key)
        platform = try ChaosSite.startPlatform(in: directory, port: 0)
        platformPort = try await platform.port()
        proxy = try await FaultyProxy(to: platformPort)
        try directory.write(
            "etc/config.json",
            """
            {"ws_servers": [{"host": "127.0.0.1", "port": \(proxy.port)}], "appKey": "\(ChaosSite.key)", "logger": {"level": "INFO"},
             "http_server": {"host": "127.0.0.1", "port": 0, "ssl": false, "authenticate": false, "ports_to_try": 0},
             "ws_connection": {"encryption": "none", "max_connect_delay": 0, "connect_retry_interval": 50, "msg_timeout": 700, "connect_timeout": 700,
                               "ping_rate": 400, "pingpong_timeout": 300},
             "offline_msg_store": {"enabled": true, "directory": "\(directory.path("store"))", "max_size": 4000000\(store)},
             "auto_bind": [{"name": "T1", "host": "127.0.0.1", "port": 1}, {"name": "T2", "host": "127.0.0.1", "port": 1}]}
            """)
        gateway = try ChaosSite.startGateway(in: directory, faults)
        gatewayPort = try await gateway.port()
        let text = try directory.read("etc/config.json").replacingOccurrences(of: "\"port\": 0,", with: "\"port\": \(gatewayPort),")
        try directory.write("etc/config.json", text)
        client = try RestClient(url: "http://127.0.0.1:\(gatewayPort)", key: nil, on: MultiThreadedEventLoopGroup.singleton.next())
    }

    private static func writeModel(in directory: TemporaryDirectory, key: String) throws {
        let list = things.map { "{\"name\": \"\($0)\", \"properties\": {\"n\": {\"baseType\": \"INTEGER\"}}}" }.joined(separator: ", ")
        try directory.write(
            "platform.json",
            """
            {"users": [{"name": "Administrator", "groups": ["Administrators"]}, {"name": "edge"}], "server": {"log_level": "INFO"},
             "application_keys": [{"name": "edge", "key": "\(key)", "user": "edge"}, {"name": "admin", "key": "\(admin)", "user": "Administrator"}],
             "permissions": [{"user": "edge", "things": ["*"], "allow": ["bind", "read", "write", "invoke", "fire"]}], "things": [\(list)]}
            """)
    }

    private static func startPlatform(in directory: TemporaryDirectory, port: Int) throws -> Program {
        try Program(
            binary("thingplatform"),
            [
                "--config", directory.path("platform.json"), "--port", "\(port)", "--journal", directory.path("journal.jsonl"), "--model",
                "file",
            ],
            in: directory.path)
    }

    private static func startGateway(in directory: TemporaryDirectory, _ faults: FaultControl) throws -> Program {
        try Program(binary("wsems"), [], in: directory.path, environment: faults.environment)
    }

    // MARK: Faults

    func endPlatform(_ signal: Int32) async { await platform.end(signal) }

    func restartPlatform(key: String = ChaosSite.key) async throws {
        await platform.end(SIGKILL)
        try ChaosSite.writeModel(in: directory, key: key)
        platform = try ChaosSite.startPlatform(in: directory, port: platformPort)
        _ = try await platform.port()
    }

    func endGateway(_ signal: Int32) async { await gateway.end(signal) }

    func restartGateway() async throws {
        await gateway.end(SIGKILL)
        gateway = try ChaosSite.startGateway(in: directory, faults)
        _ = try await gateway.port()
    }

    // MARK: What is to be seen

    /// Values that the platform took, by Thing, oldest first.
    func journal() throws -> [String: [Int]] {
        var values: [String: [Int]] = [:]
        for line in try directory.read("journal.jsonl").split(separator: "\n") {
            guard let json = try? JSONValue(parsing: String(line)), let thing = json["thing"]?.string, let value = json["value"]?.int else {
                continue
            }
            values[thing, default: []].append(value)
        }
        return values
    }

    func status() async throws -> JSONValue {
        try await client.send(.GET, "/").json
    }

    /// Open files and resident bytes of a program.
    static func usage(of program: Program) -> (files: Int, resident: Int) {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(program.pid)/fd").count) ?? 0
        let pages =
            (try? String(contentsOfFile: "/proc/\(program.pid)/statm", encoding: .utf8))?.split(separator: " ").dropFirst().first.flatMap {
                Int($0)
            } ?? 0
        return (files, pages * 4096)
    }

    func stop() async {
        await gateway.end()
        await platform.end()
        await proxy.stop()
    }
}
