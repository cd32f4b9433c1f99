import Formats
import Foundation
import NIOHTTP1
import TestKit
import Testing

/// How tunnels end, and who may have them.
@Suite struct TunnelLifeTests {
    @Test("A gateway that is killed, and a platform that is: the next connection has another tunnel")
    func survivesWhatIsLost() async throws {
        let tunnels = try await TunnelChain()
        var gateway = try await tunnels.startGateway()
        let (tool, port) = try await tunnels.tunnel()
        // The first that comes says all it has to say before there is a tunnel.
        #expect(try await tunnels.use(port, "half", 10) == ["1 fine"])
        let holder = try TunnelChain.python(["tunnel_load.py", "hold", "\(port)", "1"], in: tunnels.chain)
        try await holder.line(containing: "holding")
        #expect(try await tunnels.open().count == 1)
        await gateway.end(SIGKILL)
        try await tool.line(containing: "the tunnel is over")
        try await tool.line(containing: "connection 2 is over")
        #expect(try await tunnels.open().isEmpty)
        _ = try await tunnels.use(port, "echo", 10)
        try await tool.line(containing: "no tunnel for a connection")

        gateway = try await tunnels.startGateway()
        #expect(try await tunnels.use(port, "echo", 50_000) == ["1 fine"])
        let mark = tool.mark
        await tunnels.platform.program.end(SIGKILL)
        try await tool.line(containing: "the tunnel is over", after: mark)
        try await gateway.line(containing: "was lost")
        let again = try await TestPlatform(chain: tunnels.chain, port: tunnels.platform.port)
        try await again.isBound(TunnelChain.thing)
        #expect(try await tunnels.use(port, "echo", 50_000) == ["1 fine"])
        let status = try await tunnels.chain.local(try await gateway.port()).call(.GET, "/")
        #expect(status["tunnels"]?["open"]?.array?.count == 1 && status["tunnels"]?["count"] == 2, "\(status)")
        await tool.end(SIGINT)
        #expect(await gateway.end() == 0)
        await holder.end(SIGKILL)
        await again.program.end()
    }

    @Test("Each of these ends a tunnel at both ends: unbinding, deleting, a key switched off, a right taken, a gateway that stops")
    func orderlyEnds() async throws {
        let tunnels = try await TunnelChain(keys: #", {"name": "tech", "key": "tech-key-1111", "user": "edge"}"#)
        var gateway = try await tunnels.startGateway()
        let allow = { (isAllowed: Bool) in
            try await tunnels.platform.send(
                .POST, "/Thingworx/Things/TTunnels/Services/\(isAllowed ? "Add" : "Delete")RunTimePermission",
                #"{"principal": "edge", "principalType": "User", "resource": "*", "type": "Tunnel", "allow": true}"#)
        }
        func withTunnel(_ reason: String, _ end: () async throws -> Void) async throws {
            #expect(try await allow(true).status == 200)
            let (tool, port) = try await tunnels.tunnel(key: "tech-key-1111")
            #expect(try await tunnels.use(port, "echo", 1000) == ["1 fine"], "before \(reason)")
            let holder = try TunnelChain.python(["tunnel_load.py", "hold", "\(port)", "1"], in: tunnels.chain)
            try await holder.line(containing: "holding")
            let mark = gateway.mark
            try await end()
            let line = try await tool.line(containing: "the tunnel is over")
            #expect(line.contains(reason), "\(line)")
            #expect(try await gateway.line(containing: " ends for edge", after: mark).contains("[AUDIT]"))
            try await tunnels.untilNone()
            await holder.end(SIGKILL)
            await tool.end(SIGINT)
        }
        try await withTunnel("may not open tunnels to TTunnels any more") { _ = try await allow(false) }
        try await withTunnel("the application key is not valid any more") {
            try await tunnels.platform.send(.PUT, "/Thingworx/ApplicationKeys/tech", #"{"enabled": false}"#)
        }
        try await tunnels.platform.send(.PUT, "/Thingworx/ApplicationKeys/tech", #"{"enabled": true}"#)
        try await withTunnel("tunnels are switched off") {
            let config = try tunnels.chain.directory.read("etc/config.json").replacingOccurrences(
                of: #""tunnel": {}"#, with: #""tunnel": {"enabled": false}"#)
            try tunnels.chain.directory.write("etc/config.json", config)
            gateway.signal(SIGHUP)
        }
        await gateway.end()
        gateway = try await tunnels.startGateway()
        try await withTunnel("was deleted") { _ = try await tunnels.platform.send(.DELETE, "/Thingworx/Things/TTunnels", nil) }
        try await tunnels.platform.send(.PUT, "/Thingworx/Things", #"{"name": "TTunnels", "thingTemplate": "RemoteThingWithTunnels"}"#)
        try await tunnels.platform.isBound(TunnelChain.thing)
        try await withTunnel("the gateway stops") { await gateway.end() }
    }

    @Test func whoMay() async throws {
        let tunnels = try await TunnelChain(keys: #", {"name": "tech", "key": "tech-key-1111", "user": "edge"}"#)
        let gateway = try await tunnels.startGateway()
        let tech = "tech-key-1111"
        let target = JSONValue.int(tunnels.target)
        func start(_ parameters: JSONObject, key: String = tech) async throws -> TestPlatform.Answer {
            try await tunnels.subsystem("StartTunnel", parameters, key: key)
        }
        func permit(_ resource: String) async throws {
            let text = #"{"principal": "edge", "principalType": "User", "resource": "\#(resource)", "type": "Tunnel", "allow": true}"#
            #expect(try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/AddRunTimePermission", text).status == 200)
        }
        for name in ["load", "other"] {
            let added = try await tunnels.platform.send(
                .POST, "/Thingworx/Things/TTunnels/Services/AddTunnel",
                #"{"name": "\#(name)", "host": "127.0.0.1", "port": \#(tunnels.target)}"#)
            #expect(added.isDone, "\(added.text)")
        }
        #expect(try await start(["thing": "TTunnels", "tunnel": "load"]).status == 403)
        try await permit("load")
        #expect(try await start(["thing": "TTunnels", "tunnel": "other"]).status == 403)
        #expect(
            try await start(["thing": "TTunnels", "host": "127.0.0.1", "port": target]).status == 403, "the right to one is not one to all")
        let opened = try await start(["thing": "TTunnels", "tunnel": "load", "timeout": 30])
        let id = try #require(opened.rows.first?["tunnelId"]?.string, "\(opened.text)")
        #expect(opened.rows.first?["state"] == "STARTING" && opened.rows.first?["isComplete"] == false)
        // A table of whoever asks, and his alone.
        let mine = try await start(["thing": "TTunnels", "tunnel": "load"], key: Chain.adminKey)
        #expect(try await tunnels.subsystem("GetActiveTunnels", key: tech).rows.count == 1)
        #expect(try await tunnels.open().count == 2)
        let foreign = try #require(mine.rows.first?["tunnelId"]?.string)
        #expect(try await tunnels.subsystem("CancelTunnel", ["tid": .string(foreign)], key: tech).status == 404)

        // Ends that are not opened.
        func end(_ path: String, key: String?, _ more: HTTPHeaders = [:]) async throws -> Int {
            var headers: HTTPHeaders = [
                "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            ]
            headers.add(contentsOf: more)
            return try await tunnels.platform.send(.GET, "/Thingworx/\(path)", key: key, headers: headers).status
        }
        let binary: HTTPHeaders = ["X-Tunnel-Encoding": "binary"]
        #expect(try await end("WSTunnelClient/\(id)", key: "wrong", binary) == 401)
        #expect(try await end("WSTunnelClient/\(id)", key: nil, binary) == 401)
        #expect(try await end("WSTunnelClient/\(foreign)", key: tech, binary) == 404, "another's")
        #expect(try await end("WSTunnelClient/none", key: tech, binary) == 404)
        #expect(try await end("WSTunnelClient/\(id)", key: tech) == 400, "without the encoding")
        #expect(try await end("WSTunnelServer/none", key: Chain.edgeKey) == 404)
        #expect(try await end("WSTunnelServer/\(id)", key: Chain.adminKey) == 404, "whoever does not stand for the Thing")
        #expect(try await end("WSTunnelServer/\(id)", key: Chain.edgeKey) == 409, "a second socket for one tunnel")
        #expect(try await end("WSTunnelClient/\(id)", key: tech, ["X-Tunnel-Encoding": "binary", "Origin": "http://evil.example"]) == 403)

        // What is not there, or not so.
        for (parameters, status) in [
            (["thing": "none", "tunnel": "load"], 404), (["thing": "TTunnels", "tunnel": "none"], 404),
            (["thing": "TPlain", "host": "127.0.0.1", "port": target], 400),
            (["thing": "TTunnels"], 400), (["thing": "TTunnels", "host": "a b", "port": 22], 400),
            (["thing": "TTunnels", "port": 99999], 400),
            (["tunnel": "load"], 404),
        ] as [(JSONObject, Int)] {
            let answer = try await start(parameters, key: Chain.adminKey)
            #expect(answer.status == status, "\(parameters): \(answer.status) \(answer.text)")
        }
        let refused = try await start(["thing": "TTunnels", "host": "10.255.255.1", "port": 22], key: Chain.adminKey)
        #expect(refused.status == 403 && refused.text.contains("tunnel.allow"), "\(refused.text)")
        for body in [
            #"{"name": "load", "port": 1}"#, #"{"name": "x", "port": 0}"#, #"{"name": "x", "host": "a/b", "port": 1}"#, #"{"port": 1}"#,
            #"{"name": "x"}"#,
        ] {
            #expect(try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/AddTunnel", body).status >= 400, "\(body)")
        }
        let names = try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/GetTunnelNames", "{}")
        #expect(names.rows.map { $0["name"] } == ["load", "other"])
        #expect(try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/RemoveTunnel", #"{"name": "other"}"#).isDone)
        #expect(
            try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/GetTunnel", #"{"name": "other"}"#).status == 404)
        #expect(
            try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/GetTunnels", "{}").rows.first?["port"] == target)
        let status = try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/GetTunnelStatus", #"{"name": "load"}"#)
        #expect(status.rows.first?["enabled"] == true && status.rows.first?["status"] == "READY")
        let document = try await tunnels.platform.send(.GET, "/Thingworx/Things/TTunnels")
        #expect(document.json["tunnels"]?["load"]?["port"] == target)
        // What only an edge says.
        #expect(
            try await tunnels.platform.send(
                .POST, "/Thingworx/Things/TTunnels/Services/TunnelCommandFromEdge", #"{"tid": "\#(id)", "command": "DISCONNECT"}"#
            ).status == 403)
        await gateway.end()
    }

    @Test("The gateway bounds connections in a tunnel and bytes a second, and knows its own list of targets alone")
    func whatTheGatewayAllows() async throws {
        let tunnels = try await TunnelChain()
        let rate = 500_000
        let gateway = try await tunnels.startGateway(
            #""max_connections": 2, "max_rate": \#(rate), "allow": ["127.0.0.1:\#(tunnels.target)", "nonsense"]"#)
        try await gateway.line(containing: #""nonsense": expected host:port"#)
        let (tool, port) = try await tunnels.tunnel()
        let began = ContinuousClock.now
        #expect(try await tunnels.use(port, "get", 800_000) == ["1 fine"])
        // A tenth of a second's worth may come at once.
        #expect(ContinuousClock.now - began > .seconds(800_000 / Double(rate) - 0.2))
        let holder = try TunnelChain.python(["tunnel_load.py", "hold", "\(port)", "2"], in: tunnels.chain)
        try await holder.line(containing: "holding")
        #expect(try await tunnels.use(port, "echo", 10) == ["1 ConnectionResetError"])
        try await tool.line(containing: "2 connections are open already")
        await holder.end(SIGKILL)
        let other = try await tunnels.subsystem("StartTunnel", ["thing": "TTunnels", "host": "127.0.0.1", "port": 1])
        #expect(other.status == 403 && other.text.contains("tunnel.allow"), "\(other.text)")
        await tool.end(SIGINT)
        await gateway.end()
    }

    @Test("A user's end that says what it may not ends its tunnel, and nothing else")
    func hostileUsers() async throws {
        let tunnels = try await TunnelChain()
        let gateway = try await tunnels.startGateway()
        let (tool, port) = try await tunnels.tunnel()
        #expect(try await tunnels.use(port, "echo", 1000) == ["1 fine"])
        func frame(_ bytes: [UInt8]) -> [UInt8] { HostilePeer.frame(2, bytes) }
        let sayings: [[UInt8]] = [
            frame([]), frame([1, 0, 0, 0, 7]), frame([3, 0, 0, 0, 1, 65]), frame([200, 0, 0, 0, 1]),
            HostilePeer.frame(1, Array("text".utf8)),
            frame([3, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 70_000)),
            frame([1, 0, 0, 0, 1]) + (0..<3).flatMap { _ in frame([3, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 40_000)) },
            (1...300).flatMap { frame([1, 0, 0, 0, 0] + [UInt8]()).dropLast(2) + [UInt8($0 >> 8), UInt8($0 & 0xFF)] },
        ]
        for saying in sayings {
            let started = try await tunnels.subsystem(
                "StartTunnel", ["thing": "TTunnels", "host": "127.0.0.1", "port": .int(tunnels.target)])
            let id = try #require(started.rows.first?["tunnelId"]?.string, "\(started.text)")
            let peer = try HostilePeer(port: tunnels.platform.port)
            peer.write(
                text: "GET /Thingworx/WSTunnelClient/\(id) HTTP/1.1\r\nHost: 127.0.0.1:\(tunnels.platform.port)\r\n"
                    + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    + "X-Tunnel-Encoding: binary\r\nappKey: \(Chain.adminKey)\r\n\r\n")
            #expect(peer.readHead().hasPrefix("HTTP/1.1 101"))
            peer.write(saying)
            try await gateway.line(containing: "tunnel \(id) of TTunnels to 127.0.0.1:\(tunnels.target) ends")
        }
        // The tunnel beside them never noticed.
        #expect(try await tunnels.use(port, "echo", 100_000) == ["1 fine"])
        #expect(try await tunnels.open().count == 1 && !tool.output.contains("is over:  the"))
        await tool.end(SIGINT)
        await gateway.end()
    }

    @Test("A connection that takes nothing costs its window, and holds up neither others nor the main connection")
    func aConnectionThatTakesNothing() async throws {
        let tunnels = try await TunnelChain()
        let gateway = try await tunnels.startGateway()
        let (tool, port) = try await tunnels.tunnel()
        #expect(try await tunnels.use(port, "echo", 200_000) == ["1 fine"])
        let programs = [tool, gateway, tunnels.platform.program]
        let before = try programs.map { try $0.kibibytes("VmRSS") }
        let holder = try TunnelChain.python(["tunnel_load.py", "hold", "\(port)", "8"], in: tunnels.chain)
        try await holder.line(containing: "holding")
        #expect(try await tunnels.use(port, "echo", 300_000, connections: 2) == ["2 fine"])
        #expect(try await tunnels.use(port, "get", 300_000, connections: 2) == ["2 fine"])
        #expect(try await tunnels.platform.send(.POST, "/Thingworx/Things/TTunnels/Services/GetTunnelNames", "{}").status == 200)
        for (program, kilobytes) in zip(programs, before) {
            // Eight windows and what the system's end of each gives at once; debug programs keep more than they use.
            let now = try program.kibibytes("VmRSS")
            #expect(now - kilobytes < 8 * 1024, "\(program.name) grew from \(kilobytes) to \(now) KiB")
        }
        await holder.end(SIGKILL)
        await tool.end(SIGINT)
        await gateway.end()
    }
}
