import EdgeREST
import Foundation
import TestKit
import Testing

/// What the programs say and return when they cannot start as they were told to.
@Suite struct StartTests {
    @Test("ems 1: without any configuration") func withoutAnyConfiguration() async throws {
        let chain = try Chain()
        let gateway = try chain.startGateway()
        #expect(await gateway.exitStatus() == 1)
        #expect(gateway.output.contains("cannot read etc/config.json: No such file or directory"))
        #expect(gateway.output.contains("neither etc/config.json nor etc/config.json.booted can be used"))
        let scripts = try chain.startScripts()
        #expect(await scripts.exitStatus() == 1)
        #expect(scripts.output.contains("etc/config.lua"))
        let platform = try chain.startPlatform()
        #expect(await platform.exitStatus() == 1)
        #expect(platform.output.contains("platform.json"))
    }

    @Test(arguments: [
        ("{\n  \"appKey\": \"k\",\n}", "etc/config.json: line 3, column 1: not valid JSON: a comma before '}' is not allowed"),
        ("[]", "etc/config.json: line 1, column 1: expected an object, found an array"),
        (
            #"{"ws_servers": [{"host": "h", "port": "x"}], "appKey": "k"}"#,
            "etc/config.json: line 1, column 39: ws_servers[0].port: expected a whole number from 1 to 65535, found a string"
        ),
    ])
    func aWrongConfigurationIsNamedAndLeftAlone(text: String, message: String) async throws {
        let chain = try Chain()
        try chain.directory.write("etc/config.json", text)
        for arguments in [[], ["-check"]] as [[String]] {
            let gateway = try chain.startGateway(arguments)
            #expect(await gateway.exitStatus() == 1)
            #expect(gateway.output.contains(message), "\(gateway.output)")
        }
        #expect(try chain.directory.read("etc/config.json") == text)
        #expect(try FileManager.default.contentsOfDirectory(atPath: chain.directory.path("etc")) == ["config.json"])
    }

    @Test("ems 3: a broken file runs on the copy that booted") func aBrokenFileRunsOnTheCopyThatBooted() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        try chain.writeGateway(platform: try await platform.port())
        let first = try chain.startGateway()
        try await first.line(containing: "and authenticated")
        await first.end()
        try chain.directory.write("etc/config.json", "{ oops")
        let second = try chain.startGateway()
        try await second.line(containing: "running with etc/config.json.booted")
        try await second.line(containing: "and authenticated")
        await second.end()
        #expect(try chain.directory.read("etc/config.json") == "{ oops")
    }

    @Test("ems 5: command lines") func commandLines() async throws {
        let chain = try Chain()
        for (name, arguments, status, text) in [
            ("wsems", ["-version"], 0, "0.1.0"), ("luaScriptResource", ["-version"], 0, "0.1.0"),
            ("thingplatform", ["--version"], 0, "0.1.0"),
            ("wsems", ["-foo"], 2, "Unknown option '-foo'"), ("wsems", ["-help"], 0, "-cfg"),
            ("edgectl", ["secrets", "rotate"], 1, "nothing was changed"),
        ] as [(String, [String], Int32, String)] {
            let program = try Program(Chain.binary(name), arguments, in: chain.directory.path)
            #expect(await program.exitStatus() == status, "\(name) \(arguments)")
            #expect(program.output.contains(text), "\(name) \(arguments): \(program.output)")
        }
    }

    @Test func takenPortsAndUnreachableHosts() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        let second = try chain.startPlatform(port: port)
        #expect(await second.exitStatus() == 1)
        #expect(second.output.contains("port \(port) on 127.0.0.1 in use"))

        try chain.directory.write(
            "etc/config.json",
            """
            {"ws_servers": [{"host": "no-such-host.invalid", "port": 1}], "appKey": "k", "logger": {"level": "INFO"},
             "http_server": {"host": "127.0.0.1", "port": \(port), "ssl": false, "authenticate": false, "ports_to_try": 0},
             "ws_connection": {"encryption": "none", "max_connect_delay": 0, "connect_retry_interval": 50, "connect_retries": 2}}
            """)
        let gateway = try chain.startGateway()
        #expect(await gateway.exitStatus() == 4)
        #expect(gateway.output.contains("no local REST server: port \(port) on 127.0.0.1 in use"))
        #expect(gateway.lines.count { $0.contains("no-such-host.invalid does not resolve") } == 3)
        #expect(gateway.output.contains("`connect_retries` are used up"))
    }

    @Test("ems 62: FIPS mode is refused") func fipsIsRefused() async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1, more: #", "fips": {"enabled": true}"#)
        let gateway = try chain.startGateway()
        #expect(await gateway.exitStatus() == 3)
        #expect(gateway.output.contains("no FIPS module"))
    }
}
