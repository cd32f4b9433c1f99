import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOPosix
import TestKit
import Testing

/// The gateway's way to its platform: losing it, doing without it, other ways.
@Suite struct GatewayConnectionTests {
    /// Seconds between two lines of a log, by their time stamps.
    private func seconds(from first: String, to second: String) throws -> Double {
        let form = DateFormatter()
        form.locale = Locale(identifier: "en_US_POSIX")
        form.timeZone = TimeZone(identifier: "UTC")
        form.dateFormat = "yyyy-MM-dd HH:mm:ss,SSS"
        func time(_ line: String) throws -> Date {
            let start = try #require(line.firstIndex(of: "]"))
            return try #require(form.date(from: String(line[line.index(start, offsetBy: 2)...].prefix(23))))
        }
        return try time(second).timeIntervalSince(try time(first))
    }

    @Test("ems 44: a platform that does not answer pings is left") func noPong() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        try chain.writeGateway(
            platform: try await platform.port(), autoBind: #"[{"name": "T1"}]"#,
            more: """
                , "ws_connection": {"encryption": "none", "max_connect_delay": 0, "connect_retry_interval": 100, "ping_rate": 200, "pingpong_timeout": 300}
                """)
        let gateway = try chain.startGateway()
        try await platform.line(containing: "T1 is bound")
        platform.signal(SIGSTOP)
        try await gateway.line(containing: "no pong within 300 ms")
        platform.signal(SIGCONT)
        try await platform.line(containing: "T1 is bound to connection 2")
        #expect(await gateway.end() == 0)
    }

    @Test("ems 45: the attempts are counted, and the end has a status of its own") func retries() async throws {
        let free = try ReservedPort()
        let chain = try Chain()
        try chain.writeGateway(
            platform: free.port,
            more: """
                , "ws_connection": {"encryption": "none", "max_connect_delay": 0, "connect_retry_interval": 50, "connect_retries": 2}
                """)
        let gateway = try chain.startGateway()
        #expect(await gateway.exitStatus() == 4)
        #expect(gateway.lines.count { $0.contains("connecting to ws://") } == 3)
        #expect(gateway.output.contains("`connect_retries` are used up"))
    }

    @Test("ems 46: of two servers the first alone, unless failover is on; then the first again when it is back") func failover()
        async throws
    {
        let first = try ReservedPort()
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let second = try chain.startPlatform()
        let servers =
            "\"ws_servers\": [{\"host\": \"127.0.0.1\", \"port\": \(first.port)}, {\"host\": \"127.0.0.1\", \"port\": \(try await second.port())}]"
        try chain.writeGateway(platform: 1, autoBind: #"[{"name": "T1"}]"#, more: ", \(servers)")
        let alone = try chain.startGateway()
        try await alone.line(containing: "only the first of 2 servers is used; failover.enabled would use them in order")
        for _ in 0..<2 { try await alone.line(containing: "connection refused", after: alone.mark) }
        #expect(await alone.end() == 0)
        #expect(second.lines.allSatisfy { !$0.contains("authenticated") })

        try chain.writeGateway(
            platform: 1, autoBind: #"[{"name": "T1"}]"#, more: ", \(servers), \"failover\": {\"enabled\": true, \"return_interval\": 1000}")
        let gateway = try chain.startGateway()
        try await second.line(containing: "T1 is bound to connection 1")
        // The better one appears, and is returned to.
        let other = try Chain()
        try other.writeModel(things: #"[{"name": "T1"}]"#)
        first.release(0)
        let better = try other.startPlatform(port: first.port)
        try await better.line(containing: "T1 is bound")
        try await second.line(containing: "T1 is not connected any more")
        // And left again when it dies.
        await better.end(SIGKILL)
        try await second.line(containing: "T1 is bound to connection 2")
        #expect(await gateway.end() == 0)
    }

    @Test("ems 47: the first connection waits a random time") func connectDelay() async throws {
        let delays = try await withThrowingTaskGroup(of: Double.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let chain = try Chain()
                    try chain.writeGateway(
                        platform: 1,
                        more: #", "ws_connection": {"encryption": "none", "max_connect_delay": 1000}, "logger": {"level": "INFO"}"#)
                    let gateway = try chain.startGateway()
                    let started = try await gateway.line(containing: "started with")
                    let connecting = try await gateway.line(containing: "connecting to")
                    await gateway.end()
                    return try seconds(from: started, to: connecting)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(delays.allSatisfy { $0 < 1.5 } && delays.max()! - delays.min()! > 0.02, "\(delays)")
    }

    @Test("ems 48: connected for a part of the time") func dutyCycle() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        try chain.writeGateway(
            platform: try await platform.port(), autoBind: #"[{"name": "T1"}]"#,
            more: """
                , "duty_cycle": {"connect_period": 4000, "duty_cycle": 20, "delay_duty_cycle": 0}
                """)
        let gateway = try chain.startGateway()
        let online = try await gateway.line(containing: "and authenticated")
        let left = try await gateway.line(containing: "leaving the network for 3200 ms")
        try await platform.line(containing: "T1 is not connected any more")
        let back = try await gateway.line(after: gateway.mark, what: "back") { $0.contains("and authenticated") }
        try await platform.line(containing: "T1 is bound to connection 2")
        let (on, off) = (try seconds(from: online, to: left), try seconds(from: left, to: back))
        #expect(on > 0.75 && on < 3 && off > 3.15 && off < 30, "\(on) \(off)")
        #expect(await gateway.end() == 0)
    }

    @Test("ems 48: while it is off, requests are refused and told why") func offTheNetwork() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        try chain.writeGateway(
            platform: try await platform.port(),
            more: #", "duty_cycle": {"connect_period": 200000, "duty_cycle": 1, "delay_duty_cycle": 0}"#)
        let gateway = try chain.startGateway()
        try await gateway.line(containing: "leaving the network for 198000 ms")
        let (status, json) = try await chain.local(try await gateway.port()).send(.GET, "/Thingworx/Things/T1/Properties/p")
        #expect(status == 503 && json["error"]?.string?.contains("off the network as duty_cycle wants it") == true)
        #expect(await gateway.end() == 0)
    }

    @Test("connect_on_demand: a request in the off phase connects") func onDemand() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1", "properties": {"p": {"baseType": "NUMBER"}}}]"#)
        let platform = try chain.startPlatform()
        try chain.writeGateway(
            platform: try await platform.port(),
            more: """
                , "duty_cycle": {"connect_period": 100000, "duty_cycle": 1, "delay_duty_cycle": 0},
                "ws_connection": {"encryption": "none", "max_connect_delay": 0, "connect_on_demand": true, "message_idle_time": 2000}
                """)
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        try await gateway.line(containing: "leaving the network for 99000 ms")
        let mark = gateway.mark
        // Some at once, however long a busy machine takes for them: one connection serves them all.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<5 {
                group.addTask { _ = try await local.call(.PUT, "/Thingworx/Things/T1/Properties/p", body: ["p": .int(number)]) }
            }
            try await group.waitForAll()
        }
        try await gateway.line(containing: "leaving the network for", after: mark)
        #expect(gateway.lines.count { $0.contains("and authenticated") } == 2)
        // A platform that is away: the answer comes, and says so.
        await platform.end()
        let (status, json) = try await local.send(.GET, "/Thingworx/Things/T1/Properties/p")
        #expect(status == 503 && json["error"]?.string?.contains("connection refused") == true, "\(status) \(json)")
        #expect(await gateway.end() == 0)
    }

    @Test("ems 58: through a proxy, again after a drop", arguments: ["none", "basic", "digest"])
    func proxy(scheme: String) async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        let proxy = try startProxy(scheme, chain)
        try chain.writeGateway(
            platform: port, autoBind: #"[{"name": "T1"}]"#,
            more: """
                , "proxy": {"host": "127.0.0.1", "port": \(try await proxy.port()), "user": "edge", "password": "proxy-secret-81"}
                """)
        let gateway = try chain.startGateway()
        try await platform.line(containing: "T1 is bound")
        try await proxy.line(containing: "let through CONNECT 127.0.0.1:\(port)")
        let mark = proxy.mark
        await platform.end(SIGKILL)
        let again = try chain.startPlatform(port: port)
        try await again.line(containing: "T1 is bound")
        #expect(proxy.lines.dropFirst(mark).allSatisfy { !$0.hasPrefix("refused") })
        #expect(await gateway.end() == 0)
        #expect(try !gateway.output.contains("proxy-secret-81") && !chain.directory.read("etc/config.json").contains("proxy-secret-81"))
    }

    @Test(arguments: [
        ("ntlm", "", "asks for NTLM, and only Basic and Digest are offered here"),
        ("basic", "", "asks for a user: set proxy.user and proxy.password"),
        ("digest", #", "user": "edge", "password": "wrong""#, "refuses user and password of `proxy`"),
    ])
    func aProxyThatRefusesIsExplained(scheme: String, credentials: String, text: String) async throws {
        let chain = try Chain()
        let proxy = try startProxy(scheme, chain)
        let user = scheme == "ntlm" ? #", "user": "edge", "password": "p""# : credentials
        try chain.writeGateway(platform: 1, more: ", \"proxy\": {\"host\": \"127.0.0.1\", \"port\": \(try await proxy.port())\(user)}")
        let gateway = try chain.startGateway()
        try await gateway.line(containing: text)
        #expect(await gateway.end() == 0)
        await proxy.end()
    }

    private func startProxy(_ scheme: String, _ chain: Chain) throws -> Program {
        let script = Bundle.module.path(forResource: "proxy", ofType: "py", inDirectory: "Fixtures")!
        return try Program("/usr/bin/python3", [script, scheme], in: chain.directory.path)
    }

    @Test("ems 59, 60: a platform with TLS: trusted, not trusted, and not the one that is meant") func platformWithTLS() async throws {
        let certificates = try TestCertificates()
        let selfSigned = try certificates.issue("localhost", names: ["localhost"], selfSigned: true)
        let chain = try Chain()
        func start(_ files: TestCertificates.Files) async throws -> (Program, Int) {
            try chain.writeModel(
                things: #"[{"name": "T1"}]"#,
                server: #", "host": "127.0.0.1", "certificate": "\#(files.certificate)", "private_key": "\#(files.key)""#)
            let platform = try chain.startPlatform()
            return (platform, try await platform.port())
        }
        func gateway(_ port: Int, _ settings: String) throws -> Program {
            try chain.writeGateway(
                platform: port,
                more: """
                    , "ws_servers": [{"host": "localhost", "port": \(port)}], "certificates": {\(settings)},
                    "ws_connection": {"encryption": "ssl ", "max_connect_delay": 0, "connect_retry_interval": 100}
                    """)
            return try chain.startGateway()
        }
        let (trusted, port) = try await start(certificates.server)
        let authority = "\"cert_chain\": \"\(certificates.authority)\""
        for (settings, text) in [
            ("", "no trusted authority vouches for the certificate of localhost"),
            (
                "\(authority), \"validation_criteria\": {\"Cert_Common_Name\": \"other\"}",
                "the common name in the certificate of localhost is \"localhost\""
            ),
            ("\(authority), \"validation_criteria\": {\"CA_Cert_Common_Name\": \"Test-CA\"}", "and authenticated"),
            ("\"validate\": false", "and authenticated"),
        ] {
            let program = try gateway(port, settings)
            try await program.line(containing: text)
            #expect(await program.end() == 0)
        }
        await trusted.end()
        let (lonely, lonelyPort) = try await start(selfSigned)
        for (settings, text) in [
            ("", "is self-signed"), ("\"allow_self_signed\": true", "and authenticated"),
            ("\"cert_chain\": [\"\(selfSigned.certificate)\"]", "and authenticated"),
        ] {
            let program = try gateway(lonelyPort, settings)
            try await program.line(containing: text)
            #expect(await program.end() == 0)
        }
        await lonely.end()
    }

    @Test("a redirect is followed where the key may go") func redirects() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let redirecting = try await HTTPServer.start(HTTPServer.Configuration(), on: loop, logger: .init(label: "r")) { request in
            let location =
                request.path == ["Thingworx", "WS"]
                ? "ws://127.0.0.1:\(port)/Thingworx/WS" : request.path == ["loop"] ? "/loop" : "gopher://x"
            return loop.makeSucceededFuture(HTTPResponse(.permanentRedirect, headers: ["Location": location]))
        }
        for (resource, text) in [
            ("/Thingworx/WS", "and authenticated"), ("/loop", "the sixth redirect in a row"), ("/x", "which is no URL of a platform"),
        ] {
            try chain.writeGateway(platform: redirecting.port, more: ", \"resource\": \"\(resource)\"")
            let gateway = try chain.startGateway()
            try await gateway.line(containing: text)
            #expect(await gateway.end() == 0)
        }
        await redirecting.stop()
    }

    @Test("ems 67: nothing secret at TRACE with verbose, and every request with its number, status and time") func verbose() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1", "properties": {"p": {"baseType": "NUMBER"}}}]"#)
        let platform = try chain.startPlatform()
        try chain.writeGateway(
            platform: try await platform.port(),
            more: """
                , "ws_connection": {"encryption": "none", "max_connect_delay": 0, "verbose": true}
                """)
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        try await gateway.line(containing: "and authenticated")
        _ = try await local.call(.PUT, "/Thingworx/Things/T1/Properties/p", body: ["p": 4.5])
        let line = try await gateway.line(containing: "put T1 Properties/p: success (2.00) after ")
        #expect(line.contains("to the platform #") && line.hasPrefix("[TRACE]"))
        #expect(gateway.output.contains("put T1 Properties/p [{\"p\":4.5}]"))
        _ = try await local.send(
            .POST, RestClient.thing("T1", "Services", "Login"),
            body: [
                "password": "hidden-1", "nested": "{\"appKey\": \"hidden-2\", \"plain\": \"seen-3\"}", "user": "seen-4",
            ])
        try await gateway.line(containing: "post T1 Services/Login: ")
        #expect(gateway.output.contains("seen-3") && gateway.output.contains("seen-4"))
        for secret in ["hidden-1", "hidden-2", Chain.edgeKey] { #expect(!gateway.output.contains(secret)) }
        #expect(await gateway.end() == 0)
    }
}
