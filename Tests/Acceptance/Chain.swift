import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOHTTP1
import NIOPosix
import TestKit

/// A platform, a gateway and a script resource of one test, as processes on ports of their own.
final class Chain: Sendable {
    static let adminKey = "admin-key-7f3e9b2a5c"
    static let edgeKey = "edge-key-0c4d8e1f6a"

    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        try FileManager.default.createDirectory(atPath: directory.path("etc"), withIntermediateDirectories: true)
    }

    /// The programs beside the tests, or those of the directory that `EDGE_BIN` names: optimised ones.
    static func binary(_ name: String) -> String {
        if let directory = ProcessInfo.processInfo.environment["EDGE_BIN"] { return "\(directory)/\(name)" }
        return Bundle.module.bundleURL.deletingLastPathComponent().appendingPathComponent(name).path
    }

    // MARK: Platform

    /// - Parameter things: JSON of the model's things; the edge's user may do everything with names that begin with `T` or `Gate`.
    func writeModel(things: String = "[]", keys: String = "", server: String = "") throws {
        try directory.write(
            "platform.json",
            """
            {
              "server": {"log_level": "TRACE"\(server)},
              "users": [{"name": "Administrator", "groups": ["Administrators"]}, {"name": "edge", "groups": ["Edge"]}],
              "application_keys": [
                {"name": "admin", "key": "\(Chain.adminKey)", "user": "Administrator"},
                {"name": "edge", "key": "\(Chain.edgeKey)", "user": "edge"}\(keys)
              ],
              "permissions": [{"group": "Edge", "things": ["T*", "Gate*", "SystemRepository"], "allow": ["bind", "read", "write", "invoke", "fire"]}],
              "things": \(things)
            }
            """)
    }

    /// - Parameter journal: whether every value goes to `journal.jsonl` too.
    func startPlatform(port: Int = 0, journal: Bool = false) throws -> Program {
        let more = journal ? ["--journal", directory.path("journal.jsonl")] : []
        return try Program(
            Chain.binary("thingplatform"), ["--config", directory.path("platform.json"), "--port", "\(port)", "--model", "file"] + more,
            in: directory.path)
    }

    /// What the platform has taken so far, oldest first.
    func journal() throws -> [JSONValue] {
        try directory.read("journal.jsonl").split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }

    // MARK: Gateway

    func writeGateway(platform: Int, key: String = Chain.edgeKey, autoBind: String = "[]", httpPort: Int = 0, more: String = "") throws {
        try directory.write(
            "etc/config.json",
            """
            {
              "ws_servers": [{"host": "127.0.0.1", "port": \(platform)}],
              "appKey": "\(key)",
              "logger": {"level": "TRACE"},
              "http_server": {"host": "127.0.0.1", "port": \(httpPort), "ssl": false, "authenticate": false, "ports_to_try": 0},
              "ws_connection": {"encryption": "none", "max_connect_delay": 0, "connect_retry_interval": 100},
              "auto_bind": \(autoBind)\(more)
            }
            """)
    }

    func startGateway(_ arguments: [String] = [], environment: [String: String] = [:]) throws -> Program {
        try Program(Chain.binary("wsems"), arguments, in: directory.path, environment: environment)
    }

    /// Changes the port of the local server, for a restart where devices find it again.
    func fixGatewayPort(_ port: Int) throws {
        let text = try directory.read("etc/config.json").replacingOccurrences(of: "\"port\": 0", with: "\"port\": \(port)")
        try directory.write("etc/config.json", text)
    }

    // MARK: Script resource

    func writeScripts(gateway: Int, port: Int = 0, _ entries: String) throws {
        try directory.write(
            "etc/config.lua",
            """
            scripts.log_level = "TRACE"
            scripts.rap_host = "127.0.0.1"
            scripts.rap_port = "\(gateway)"
            scripts.rap_ssl = false
            scripts.rap_server_authenticate = "false"
            scripts.script_resource_host = "127.0.0.1"
            scripts.script_resource_port = \(port)
            scripts.script_resource_ssl = false
            scripts.script_resource_authenticate = false
            \(entries)
            """)
    }

    func writeTemplate(_ name: String, _ text: String) throws {
        try directory.write("etc/custom/templates/\(name).lua", "module(\"templates.\(name)\", thingworx.template.extend)\n" + text)
    }

    func startScripts() throws -> Program { try Program(Chain.binary("luaScriptResource"), [], in: directory.path) }

    // MARK: REST

    func platform(_ port: Int, key: String? = Chain.adminKey) throws -> RestClient {
        try RestClient(url: "http://127.0.0.1:\(port)", key: key, on: MultiThreadedEventLoopGroup.singleton.next())
    }

    func local(_ port: Int) throws -> RestClient { try platform(port, key: nil) }
}

extension RestClient {
    func property(_ thing: String, _ name: String) async throws -> JSONValue {
        try await call(.GET, RestClient.thing(thing, "Properties", name))["rows"]?[0]?[name] ?? .null
    }

    /// Of a Thing of a script resource, asked directly.
    func property(thing: String, _ name: String) async throws -> JSONValue {
        try await call(.GET, "/scripts/Thingworx/\(thing)/Properties/\(name)")["rows"]?[0]?[name] ?? .null
    }

    func invoke(_ thing: String, _ service: String, _ parameters: JSONValue = [:]) async throws -> JSONValue {
        try await call(.POST, RestClient.thing(thing, "Services", service), body: parameters)
    }
}
