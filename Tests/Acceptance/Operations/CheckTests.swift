import Formats
import Foundation
import HTTPTransport
import Logging
import NIOCore
import NIOPosix
import TestKit
import Testing

/// `edgectl check` against set-ups that are broken in one way each: that way is named, with what to do, and nothing else is an error.
@Suite struct CheckTests {
    struct Finding {
        let area: String
        let severity: String
        let text: String
        let remedy: String
    }

    /// A site whose parts can be broken.
    private struct Site {
        let chain: Chain
        let platform: Program?
        let port: Int

        /// - Parameter things: those of the model.
        static func make(server: String = "", runsPlatform: Bool = true) async throws -> Site {
            let chain = try Chain()
            try chain.writeModel(things: #"[{"name": "T1"}, {"name": "Other"}]"#, server: server)
            let platform = runsPlatform ? try chain.startPlatform() : nil
            return Site(chain: chain, platform: platform, port: try await platform?.port() ?? 1)
        }

        /// A configuration in which all is well but for what `more` says over again.
        func write(
            host: String = "127.0.0.1", port: Int? = nil, key: String = Chain.edgeKey, connection: String = #""encryption": "none""#,
            autoBind: String = #"[{"name": "T1"}]"#, more: String = ""
        ) throws {
            try chain.directory.write(
                "etc/config.json",
                """
                {"ws_servers": [{"host": "\(host)", "port": \(port ?? self.port)}], "appKey": "\(key)",
                 "http_server": {"host": "127.0.0.1", "port": 59999, "ssl": false, "authenticate": false},
                 "ws_connection": {\(connection)}, "auto_bind": \(autoBind)\(more)}
                """)
        }

        func check(_ arguments: [String] = []) async throws -> (status: Int32, findings: [Finding], seconds: Double) {
            let began = ContinuousClock.now
            let program = try Program(Chain.binary("edgectl"), ["check", "--json"] + arguments, in: chain.directory.path)
            let status = await program.exitStatus()
            let json = try JSONValue(parsing: program.output)
            #expect(!program.output.contains(Chain.edgeKey))
            let findings = (json["findings"]?.array ?? []).map {
                Finding(
                    area: $0["area"]?.string ?? "", severity: $0["severity"]?.string ?? "", text: $0["text"]?.string ?? "",
                    remedy: $0["remedy"]?.string ?? "")
            }
            return (status, findings, Double((ContinuousClock.now - began).components.seconds))
        }

        /// The only error is of that area, and says that.
        func expectError(
            _ area: String, _ text: String, _ arguments: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
        ) async throws {
            let (status, findings, seconds) = try await check(arguments)
            #expect(seconds < 20, sourceLocation: sourceLocation)
            let errors = findings.filter { $0.severity == "error" }
            #expect(status == 2, sourceLocation: sourceLocation)
            #expect(
                errors.count == 1 && errors.first?.area == area && errors.first?.text.contains(text) == true, "\(errors)",
                sourceLocation: sourceLocation)
            #expect(errors.allSatisfy { !$0.remedy.isEmpty }, sourceLocation: sourceLocation)
        }

        func end() async { if let platform { #expect(await platform.end() == 0) } }
    }

    @Test func aSiteThatIsWell() async throws {
        let site = try await Site.make()
        try site.write()
        let (status, findings, _) = try await site.check()
        // The gateway does not run: that much is to be said.
        #expect(status == 1, "\(findings)")
        for (area, text) in [
            ("WebSocket", "agrees to the upgrade"), ("key", "accepted"), ("bind", "binds the 1 Things"), ("clock", "less than a minute"),
            ("network", "reached 127.0.0.1"),
        ] {
            #expect(findings.contains { $0.area == area && $0.severity == "ok" && $0.text.contains(text) }, "\(area): \(findings)")
        }
        #expect(findings.filter { $0.severity == "warning" }.map(\.area) == ["gateway"])
        await site.end()
    }

    @Test("1: no JSON") func syntax() async throws {
        let site = try await Site.make(runsPlatform: false)
        try site.chain.directory.write("etc/config.json", "{\"ws_servers\": [,]}")
        try await site.expectError("configuration", "line 1, column 17")
    }

    @Test("2: a name that does not resolve") func name() async throws {
        let site = try await Site.make(runsPlatform: false)
        try site.write(host: "no-such-host.invalid", port: 443)
        try await site.expectError("DNS", "no-such-host.invalid does not resolve")
    }

    @Test("3: nobody listens") func refused() async throws {
        let site = try await Site.make(runsPlatform: false)
        try site.write(port: 1)
        try await site.expectError("network", "connection refused")
    }

    @Test("4: a platform that says nothing") func silent() async throws {
        let site = try await Site.make(runsPlatform: false)
        let port = try ReservedPort()
        port.listenSilently()
        try site.write(port: port.port)
        try await site.expectError("WebSocket", "no answer")
        try site.write(port: port.port, connection: #""encryption": "ssl""#)
        try await site.expectError("TLS", "no end of the TLS handshake")
    }

    @Test("5, 6, 7: a certificate of an unknown authority, for another host, that has ended") func certificates() async throws {
        let authority = try TestCertificates()
        for (files, trusted, text) in [
            (authority.server, false, "no trusted authority"),
            (try authority.issue("other.example", names: ["other.example"]), true, "is for another host"),
            (try authority.issue("localhost", names: ["localhost"], days: -3...(-1)), true, "ended on"),
        ] {
            let site = try await Site.make(server: #", "certificate": "\#(files.certificate)", "private_key": "\#(files.key)""#)
            try site.write(
                host: "localhost", connection: #""encryption": "ssl""#,
                more: trusted ? #", "certificates": {"cert_chain": ["\#(authority.authority)"]}"# : "")
            try await site.expectError("TLS", text)
            await site.end()
        }
    }

    @Test("with TLS that is well, its version and the certificate's names and end are told") func certificateThatIsWell() async throws {
        let authority = try TestCertificates()
        let files = authority.server
        let site = try await Site.make(server: #", "certificate": "\#(files.certificate)", "private_key": "\#(files.key)""#)
        try site.write(
            host: "localhost", connection: #""encryption": "ssl""#,
            more: #", "certificates": {"cert_chain": ["\#(authority.authority)"], "expiry_warning_days": 1}"#)
        let (_, findings, _) = try await site.check()
        #expect(findings.contains { $0.area == "TLS" && $0.severity == "ok" && $0.text.hasPrefix("TLS 1.3 with localhost") }, "\(findings)")
        #expect(
            findings.contains { $0.area == "certificates" && $0.text.contains("CN=localhost") && $0.text.contains("ends in") },
            "\(findings)")
        await site.end()
    }

    @Test("8: a platform without TLS, spoken to with it") func noTLS() async throws {
        let site = try await Site.make()
        try site.write(connection: #""encryption": "ssl""#)
        try await site.expectError("TLS", "does not speak TLS")
        await site.end()
    }

    @Test("9: a key that is not accepted") func key() async throws {
        let site = try await Site.make()
        try site.write(key: "no-such-key-8732")
        try await site.expectError("key", "refuses the application key")
        await site.end()
    }

    @Test("10: a Thing that may not be bound") func bind() async throws {
        let site = try await Site.make()
        try site.write(autoBind: #"[{"name": "T1"}, {"name": "Other"}]"#)
        try await site.expectError("bind", "refuses to bind Other")
        await site.end()
    }

    @Test("11: a path where no platform is") func resource() async throws {
        let site = try await Site.make()
        try site.write(more: #", "resource": "/elsewhere/WS""#)
        try await site.expectError("WebSocket", "404")
        await site.end()
    }

    @Test("12: a key file that others can read") func keyFile() async throws {
        let site = try await Site.make()
        try site.write()
        let seal = try Program(
            Chain.binary("edgectl"), ["encrypt", "--config", "etc/config.json"], in: site.chain.directory.path, input: "something\n")
        #expect(await seal.exitStatus() == 0, "\(seal.output)")
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: site.chain.directory.path("etc/dp.dat"))
        try await site.expectError("key file", "mode 644")
        await site.end()
    }

    @Test("13: a port that another program has") func port() async throws {
        let site = try await Site.make()
        let taken = try ReservedPort()
        taken.listenSilently()
        try site.write(more: #", "http_server": {"host": "127.0.0.1", "port": \#(taken.port), "ssl": false, "authenticate": false}"#)
        let (status, findings, _) = try await site.check()
        #expect(status == 2)
        #expect(findings.contains { $0.severity == "error" && $0.area == "port" && $0.text.contains("is taken") }, "\(findings)")
        // One that answers, and is no gateway.
        try site.write(more: #", "http_server": {"host": "127.0.0.1", "port": \#(site.port), "ssl": false, "authenticate": false}"#)
        try await site.expectError("port", "taken by another program")
        await site.end()
    }

    @Test("14, 15: directories that cannot be written") func directories() async throws {
        let site = try await Site.make()
        try site.chain.directory.write("file", "")
        let path = site.chain.directory.path("file")
        try site.write(more: #", "logger": {"publish_directory": "\#(path)"}"#)
        try await site.expectError("log directory", "is no directory")
        try site.write(more: #", "offline_msg_store": {"enabled": true, "directory": "\#(path)/store"}"#)
        try await site.expectError("store", "Not a directory")
        await site.end()
    }

    @Test("16: a proxy that is not there") func proxy() async throws {
        let site = try await Site.make()
        try site.write(more: #", "proxy": {"host": "127.0.0.1", "port": 1}"#)
        try await site.expectError("proxy", "connection refused")
        await site.end()
    }

    @Test("17: a clock that is wrong") func clock() async throws {
        let platform = try await HTTPServer.start(.init(), on: MultiThreadedEventLoopGroup.singleton.next(), logger: Logger(label: "test"))
        { http in
            let answer = HTTPResponse(.ok, headers: ["Date": "Fri, 01 May 2020 12:30:00 GMT"])
            return MultiThreadedEventLoopGroup.singleton.next().makeSucceededFuture(answer)
        }
        let site = try await Site.make(runsPlatform: false)
        try site.write(port: platform.port)
        let (_, findings, _) = try await site.check()
        #expect(
            findings.contains { $0.area == "clock" && $0.severity == "error" && $0.text.contains("ahead of the platform's") }, "\(findings)"
        )
        await platform.stop()
    }

    @Test("18: a Lua host whose password the gateway refuses, and one whose script has a mistake") func lua() async throws {
        let site = try await Site.make()
        try site.write(
            more:
                #", "logger": {"level": "INFO"}, "http_server": {"host": "127.0.0.1", "port": 0, "ssl": false, "authenticate": true, "user": "me", "password": "pass-word-31"}"#
        )
        let gateway = try Program(Chain.binary("wsems"), [], in: site.chain.directory.path)
        let port = try await gateway.port()
        try site.chain.writeScripts(
            gateway: port, "scripts.rap_server_authenticate = true scripts.rap_userid = 'me' scripts.rap_password = 'wrong'")
        try await site.expectError("lua to gateway", "refuses rap_userid and rap_password")
        try site.chain.directory.write("etc/custom/scripts/s.lua", "local = 1")
        try site.chain.writeScripts(
            gateway: port,
            "scripts.rap_server_authenticate = true scripts.rap_userid = 'me' scripts.rap_password = 'pass-word-31' scripts.S = { file = 's.lua' }"
        )
        try await site.expectError("lua", "s.lua:1")
        #expect(await gateway.end() == 0)
        await site.end()
    }

    @Test("a chain that runs is looked at without being disturbed, with versions and Things") func aRunningChain() async throws {
        let site = try await Site.make()
        let reserved = try ReservedPort()
        try site.write(
            autoBind: #"[{"name": "T1"}, {"name": "Other"}]"#,
            more:
                #", "http_server": {"host": "127.0.0.1", "port": \#(reserved.port), "ssl": false, "authenticate": true, "user": "me", "password": "pass-word-31"}"#
        )
        reserved.release(0)
        let gateway = try Program(Chain.binary("wsems"), [], in: site.chain.directory.path)
        try await site.platform?.line(containing: "T1 is bound to")
        try await gateway.line(containing: "refused to bind Other")
        let (status, findings, _) = try await site.check()
        #expect(status == 2)
        #expect(findings.contains { $0.area == "gateway" && $0.severity == "ok" && $0.text.contains("version") }, "\(findings)")
        #expect(findings.filter { $0.severity == "error" }.map(\.area) == ["bind"], "\(findings)")
        // A second connection, and no second binding.
        #expect(site.platform?.output.components(separatedBy: "T1 is bound to").count == 2)
        #expect(await gateway.end() == 0)
        await site.end()
    }
}
