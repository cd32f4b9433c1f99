import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// A platform, a gateway that has bound Things to which tunnels lead, and a server that they lead to.
final class TunnelChain: Sendable {
    static let thing = "TTunnels"
    static let model = #"[{"name": "TTunnels", "template": "RemoteThingWithTunnels"}, {"name": "TPlain", "template": "RemoteThing"}]"#

    let platform: TestPlatform
    let chain: Chain
    let server: Program
    let target: Int

    /// - Parameters:
    ///   - tunnel: members of the gateway's group `tunnel`.
    ///   - keys: further application keys of the model file.
    init(keys: String = "", server more: String = "") async throws {
        platform = try await TestPlatform(things: TunnelChain.model, keys: keys, server: more)
        chain = platform.chain
        server = try TunnelChain.python(["tunnel_load.py", "serve"], in: chain)
        target = try await server.port()
    }

    static func python(_ arguments: [String], in chain: Chain) throws -> Program {
        let script = Bundle.module.path(forResource: arguments[0], ofType: nil, inDirectory: "Fixtures")!
        return try Program("/usr/bin/python3", [script] + arguments.dropFirst(), in: chain.directory.path)
    }

    func startGateway(_ tunnel: String = "", platform port: Int? = nil) async throws -> Program {
        try chain.writeGateway(
            platform: port ?? platform.port, autoBind: #"[{"name": "TTunnels"}, {"name": "TPlain"}]"#, more: #", "tunnel": {\#(tunnel)}"#)
        let gateway = try chain.startGateway()
        try await platform.isBound(TunnelChain.thing)
        return gateway
    }

    // MARK: People

    func edgectl(_ arguments: [String], key: String = Chain.adminKey, port: Int? = nil, input: String? = nil) throws -> Program {
        try Program(
            Chain.binary("edgectl"), arguments + ["--url", "http://127.0.0.1:\(port ?? platform.port)"], in: chain.directory.path,
            input: input,
            environment: ["THINGWORX_APP_KEY": key])
    }

    /// A listening `edgectl tunnel`, and its port.
    func tunnel(_ target: String? = nil, key: String = Chain.adminKey, port: Int? = nil, _ more: String...) async throws -> (Program, Int) {
        let program = try edgectl(["tunnel", TunnelChain.thing, target ?? "127.0.0.1:\(self.target)"] + more, key: key, port: port)
        let line = try await program.line(containing: "listening on ")
        let number = line.split(separator: " ")[2].split(separator: ":").last.flatMap { Int($0) }
        return (program, try #require(number))
    }

    /// Uses a port.
    /// - Returns: what became of the connections, how many of each.
    func use(_ port: Int, _ mode: String, _ bytes: Int, connections: Int = 1) async throws -> [String] {
        let program = try TunnelChain.python(["tunnel_load.py", "run", "\(port)", mode, "\(bytes)", "\(connections)"], in: chain)
        _ = await program.exitStatus()
        return program.lines
    }

    func subsystem(_ service: String, _ parameters: JSONObject = [:], key: String = Chain.adminKey) async throws -> TestPlatform.Answer {
        try await platform.send(
            .POST, "/Thingworx/Subsystems/TunnelSubsystem/Services/\(service)", JSONValue.object(parameters).description, key: key)
    }

    func open() async throws -> [JSONValue] { try await subsystem("GetActiveTunnels").rows }

    /// Waits until no tunnel is open.
    func untilNone() async throws {
        for _ in 0..<300 {
            if try await open().isEmpty { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("tunnels are left: \(try await open())")
    }
}
