import Formats
import Foundation
import TestKit
import Testing

/// Tunnels from a user through platform and gateway to a server (alwayson.md §9, ems.md §7.2).
@Suite struct TunnelTests {
    @Test(
        "ems 56, 57: at a platform of others: bytes come back through a second WebSocket; one more than max_concurrent, and what is bad, is refused"
    )
    func atAPlatformOfOthers() async throws {
        let chain = try Chain()
        let platform = try TunnelChain.python(["tunnel_peer.py", "platform", Chain.edgeKey], in: chain)
        try chain.writeGateway(
            platform: try await platform.port(), autoBind: #"[{"name": "T1"}]"#, more: #", "tunnel": {"max_concurrent": 1}"#)
        let gateway = try chain.startGateway()
        #expect(await platform.exitStatus() == 0, "\(platform.output)\n\(gateway.output.suffix(3000))")
        #expect(
            platform.lines.dropFirst() == [
                "echoed through a second WebSocket", "the second was refused", "bad requests were refused", "completed",
                "bad messages ended their tunnels", "a target that never reads is not written to without end",
            ])
        #expect(!gateway.output.contains(Chain.edgeKey))
        #expect(await gateway.end() == 0)
    }

    @Test func severalConnectionsThereAndBackAndTheirEnds() async throws {
        let tunnels = try await TunnelChain()
        let gateway = try await tunnels.startGateway()
        let added = try tunnels.edgectl([
            "tunnels", "add", TunnelChain.thing, "load", "127.0.0.1:\(tunnels.target)", "--description", "test",
        ])
        #expect(await added.exitStatus() == 0)
        let (tool, port) = try await tunnels.tunnel("load")
        #expect(try await tunnels.use(port, "echo", 400_000, connections: 6) == ["6 fine"])
        #expect(try await tunnels.use(port, "half", 300_000, connections: 3) == ["3 fine"])
        #expect(try await tunnels.use(port, "get", 300_000, connections: 3) == ["3 fine"])
        #expect(try await tunnels.use(port, "reset", 0, connections: 2) == ["2 ConnectionResetError"])
        let open = try await tunnels.open()
        let row = try #require(open.first)
        #expect(
            open.count == 1 && row["tunnelName"] == "load" && row["state"] == "ACTIVE" && row["user"] == "Administrator"
                && row["connections"] == 14)
        #expect(row["bytesTransferred"]?.int ?? 0 > 6 * 800_000)
        let id = try #require(row["tunnelId"]?.string)
        #expect(try await tunnels.subsystem("GetActiveTunnel", ["tid": .string(id)]).rows.count == 1)

        let ended = try tunnels.edgectl(["tunnels", "end", id])
        #expect(await ended.exitStatus() == 0)
        try await tool.line(containing: "the tunnel is over: ended by edgectl")
        let line = try await gateway.line(containing: "tunnel \(id) of TTunnels to 127.0.0.1:\(tunnels.target) ends")
        #expect(line.contains("[AUDIT]") && line.contains("for Administrator") && line.contains("14 connections"))
        #expect(try await tunnels.open().isEmpty)
        #expect(try await tunnels.subsystem("GetActiveTunnel", ["tid": .string(id)]).status == 404)
        let events = try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/QueryEvents", "{}").rows
        let event = try #require(events.first { $0["name"] == "TunnelSession" })
        #expect(event["data"]?["state"] == "CANCELLED" && event["data"]?["tunnelId"] == .string(id), "\(event)")
        // Both sides have counted the same.
        for (member, words) in [("bytesReceived", "bytes from it"), ("bytesSent", "to it")] {
            let count = try #require(event["data"]?[member]?.int)
            #expect(line.contains("\(count) \(words)"), "\(member) \(count): \(line)")
        }
        // The next connection has another tunnel.
        #expect(try await tunnels.use(port, "echo", 1000) == ["1 fine"])
        #expect(await tool.end(SIGINT) == 0)
        try await tunnels.untilNone()
        try await gateway.line(containing: "ended by the user")
    }

    @Test("An edge that knows one connection in a tunnel has a WebSocket for each")
    func anSDKEdge() async throws {
        let tunnels = try await TunnelChain()
        let edge = try TunnelChain.python(
            ["tunnel_peer.py", "edge", "\(tunnels.platform.port)", Chain.edgeKey, TunnelChain.thing], in: tunnels.chain)
        try await tunnels.platform.isBound(TunnelChain.thing)
        let (tool, port) = try await tunnels.tunnel()
        #expect(try await tunnels.use(port, "echo", 200_000) == ["1 fine"])
        #expect(try await tunnels.use(port, "echo", 100_000, connections: 4) == ["4 fine"])
        #expect(try await tunnels.use(port, "get", 200_000, connections: 2) == ["2 fine"])
        let row = try #require(try await tunnels.open().first)
        #expect(row["connections"] == 7 && row["bytesTransferred"]?.int ?? 0 > 1_600_000, "\(row)")
        // Who asks for more than a window and never reads keeps nobody else waiting.
        let holder = try TunnelChain.python(["tunnel_load.py", "hold", "\(port)", "2"], in: tunnels.chain)
        try await holder.line(containing: "holding")
        #expect(try await tunnels.use(port, "echo", 100_000) == ["1 fine"])
        await holder.end(SIGKILL)
        await tool.end(SIGINT)
        try await tunnels.untilNone()
        for line in edge.lines where line.hasPrefix("tunnel ") && !line.hasPrefix("tunnel over") {
            try await edge.line(containing: "tunnel over \(line.split(separator: " ")[1])")
        }
        #expect(!edge.output.contains("Error"), "\(edge.output)")
    }

    @Test func standardInputAndOutput() async throws {
        let tunnels = try await TunnelChain()
        let gateway = try await tunnels.startGateway()
        let tool = try tunnels.edgectl(["tunnel", "--stdio", TunnelChain.thing, "127.0.0.1:\(tunnels.target)"], input: "hwhat is said")
        #expect(await tool.exitStatus() == 0)
        #expect(tool.output == "9e6042496805ab30d9c6b7d154fe0aa0c62daad703f03029f0693f309782070e")
        let broken = try tunnels.edgectl(["tunnel", "--stdio", TunnelChain.thing, "127.0.0.1:1"], input: "x")
        #expect(await broken.exitStatus() != 0)
        #expect(broken.output.contains("127.0.0.1:1 cannot be reached"))
        let unknown = try tunnels.edgectl(["tunnel", "--stdio", TunnelChain.thing, "no-such"], input: "x")
        #expect(await unknown.exitStatus() != 0)
        #expect(unknown.output.contains("has no tunnel no-such"))
        #expect(await gateway.end() == 0)
    }

    @Test("Both WebSockets go through the proxy and TLS, and edgectl trusts the authority that it is told of")
    func throughProxyAndTLS() async throws {
        let certificates = try TestCertificates()
        let chain = try Chain()
        let files = certificates.server
        try chain.writeModel(
            things: TunnelChain.model,
            server: #", "host": "127.0.0.1", "certificate": "\#(files.certificate)", "private_key": "\#(files.key)""#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        let proxy = try TunnelChain.python(["proxy.py", "digest"], in: chain)
        let server = try TunnelChain.python(["tunnel_load.py", "serve"], in: chain)
        let target = try await server.port()
        try chain.writeGateway(
            platform: port, autoBind: #"[{"name": "TTunnels"}]"#,
            more: """
                , "ws_servers": [{"host": "localhost", "port": \(port)}], "certificates": {"cert_chain": "\(certificates.authority)"},
                "ws_connection": {"encryption": "ssl", "max_connect_delay": 0, "connect_retry_interval": 100},
                "proxy": {"host": "127.0.0.1", "port": \(try await proxy.port()), "user": "edge", "password": "proxy-secret-81"}
                """)
        let gateway = try chain.startGateway()
        try await platform.line(containing: "TTunnels is bound")
        let mark = proxy.mark
        func edgectl(_ more: [String]) throws -> Program {
            try Program(
                Chain.binary("edgectl"), ["tunnel", TunnelChain.thing, "127.0.0.1:\(target)", "--url", "https://localhost:\(port)"] + more,
                in: chain.directory.path, environment: ["THINGWORX_APP_KEY": Chain.adminKey])
        }
        let tool = try edgectl(["--ca", certificates.authority])
        let line = try await tool.line(containing: "listening on ")
        let local = try #require(line.split(separator: " ")[2].split(separator: ":").last)
        let load = try TunnelChain.python(["tunnel_load.py", "run", "\(local)", "echo", "300000", "3"], in: chain)
        #expect(await load.exitStatus() == 0 && load.lines == ["3 fine"], "\(load.output)")
        try await proxy.line(containing: "let through CONNECT localhost:\(port)", after: mark)
        await tool.end(SIGINT)
        let distrustful = try edgectl(["--stdio"])
        #expect(await distrustful.exitStatus() != 0)
        #expect(distrustful.output.contains("no trusted authority"), "\(distrustful.output)")
        await gateway.end()
        await platform.end()
    }
}
