import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

@Suite struct AuthenticationTests {
    private static let keys = """
        , {"name": "old", "key": "expired-key-93", "user": "edge", "expires": "2020-01-01T00:00:00Z"},
        {"name": "off", "key": "disabled-key-93", "user": "edge", "enabled": false},
        {"name": "far", "key": "elsewhere-key-93", "user": "edge", "allowed_addresses": ["10.0.0.0/8"]}
        """

    /// The gateway and REST callers learn no more than that they are refused; the platform's log says why.
    @Test(arguments: [
        ("unknown-key-93", "no such application key"), ("expired-key-93", "application key old has expired"),
        ("disabled-key-93", "application key off is disabled"), ("elsewhere-key-93", "application key far may not be used from 127.0.0.1"),
    ])
    func aKeyThatIsNotAccepted(key: String, cause: String) async throws {
        let chain = try Chain()
        try chain.writeModel(keys: AuthenticationTests.keys)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.writeGateway(platform: port, key: key)
        let gateway = try chain.startGateway()
        try await platform.line(containing: "refused: \(cause)")
        let line = try await gateway.line(containing: "refused the application key")
        #expect(line.hasPrefix("[ERROR]"))
        for word in ["expired at", "disabled", "no such", "127.0.0.1:0"] { #expect(!line.contains(word)) }
        let rest = try chain.platform(port, key: key)
        let (status, json) = try await rest.send(.GET, "/Thingworx/Things")
        #expect(status == 401 && json == ["status": 401, "message": "authentication failed"])
        // It tries again, at the pace of the cap, and says so no second time within a minute.
        _ = try await platform.line(after: platform.mark, within: 20, what: "a second try") {
            $0.contains("refused: \(cause)") && $0.contains("connection")
        }
        #expect(gateway.lines.count { $0.contains("refused the application key") } == 1)
        #expect(!(gateway.output + platform.output).contains(key))
        await gateway.end()
    }

    @Test func withoutAKeyThereIsNothing() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        let rest = try chain.platform(try await platform.port(), key: nil)
        #expect(try await rest.send(.GET, "/Thingworx/Things").status == 401)
        #expect(try await rest.send(.GET, "/Thingworx/Things/SystemRepository/Properties/name").status == 401)
    }

    @Test func aRequestHasThePermissionsOfItsKeysUser() async throws {
        let chain = try Chain()
        try chain.writeModel(
            things:
                #"[{"name": "T1", "properties": {"p": {"baseType": "NUMBER"}}}, {"name": "Secret", "properties": {"p": {"baseType": "NUMBER"}}}]"#
        )
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.writeGateway(platform: port)
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        try await gateway.line(containing: "authenticated")
        _ = try await local.call(.PUT, RestClient.thing("T1", "Properties", "p"), body: ["p": 4])
        #expect(try await local.property("T1", "p").int == 4)
        for (method, path) in [
            ("GET", "Properties/p"), ("PUT", "Properties/p"), ("POST", "Services/GetPropertyValues"), ("POST", "Events/Alarm"),
        ] {
            let (status, json) = try await local.send(
                .init(rawValue: method), "/Thingworx/Things/Secret/\(path)", body: method == "GET" ? nil : ["p": 1])
            #expect(status == 403 && json["error"]?.string?.hasPrefix("edge may not") == true, "\(method) \(path): \(status)")
        }
        #expect(try await local.send(.POST, "/Thingworx/Resources/EntityServices/Services/DeleteThing", body: ["name": "T1"]).status == 403)
        let (status, json) = try await local.send(.PUT, RestClient.thing("T1", "Properties", "p"), body: ["p": "many"])
        #expect(status == 400 && json["error"] == "p: expected NUMBER, found STRING")
        #expect(try await local.send(.GET, RestClient.thing("T1", "Properties", "q")).status == 404)
        #expect(try await local.send(.GET, "/Thingworx/Things").status == 404)
        #expect(try await local.send(.GET, "/Thingworx/Resources").status == 404)
        #expect(try await local.send(.DELETE, RestClient.thing("T1", "Services", "x")).status == 405)
    }
}

@Suite struct SecretHandlingTests {
    @Test("ems 6, 7: -encrypt prints three lines, and the value works", arguments: [["-encrypt", "abc-secret"], ["-encrypt", "-"]])
    func encryptPrintsThreeLines(arguments: [String]) async throws {
        let chain = try Chain()
        let program = try Program(Chain.binary("wsems"), arguments, in: chain.directory.path, input: "abc-secret\n")
        #expect(await program.exitStatus() == 0)
        #expect(program.lines.count == 3)
        let value = program.lines[2]
        // What the two kinds of published installer scripts take: line 3, and the fourth token when all is split at blanks.
        #expect(program.output.split(separator: /[ \n]/, omittingEmptySubsequences: false)[3] == value)
        #expect(!value.contains("abc-secret"))

        // The value works as `appKey`.
        try chain.writeModel(keys: #", {"name": "x", "key": "abc-secret", "user": "edge"}"#)
        let platform = try chain.startPlatform()
        try chain.writeGateway(platform: try await platform.port(), key: value)
        let gateway = try chain.startGateway()
        try await gateway.line(containing: "and authenticated")
    }

    @Test("ems 2, 8: clear secrets are encrypted in place at the first start") func clearSecretsAreEncryptedInPlaceAtFirstStart()
        async throws
    {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        try chain.writeGateway(
            platform: try await platform.port(), autoBind: #"[{"name": "T1", "user": "u", "password": "auto-password-66"}]"#)
        let before = try chain.directory.read("etc/config.json")
        let first = try chain.startGateway()
        try await first.line(containing: "and authenticated")
        await first.end()
        let after = try chain.directory.read("etc/config.json")
        #expect(!after.contains(Chain.edgeKey) && !after.contains("auto-password-66"))
        #expect(after.components(separatedBy: "\n").count == before.components(separatedBy: "\n").count)
        #expect(try chain.directory.read("etc/config.json.booted") == after)
        let mode = try FileManager.default.attributesOfItem(atPath: chain.directory.path("etc/dp.dat"))[.posixPermissions] as? Int
        #expect(mode == 0o600)
        let second = try chain.startGateway()
        try await second.line(containing: "and authenticated")
        await second.end()
        #expect(try chain.directory.read("etc/config.json") == after)

        // A new key: everything is encrypted anew and works.
        let rotation = try Program(Chain.binary("edgectl"), ["secrets", "rotate"], in: chain.directory.path)
        #expect(await rotation.exitStatus() == 0, "\(rotation.output)")
        #expect(try chain.directory.read("etc/config.json") != after)
        let third = try chain.startGateway()
        try await third.line(containing: "and authenticated")
        await third.end()
    }

    @Test("ems 9: a value of the original is explained") func aValueOfTheOriginalIsExplained() async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1, key: "AES:Zm9vYmFyYmF6")
        let gateway = try chain.startGateway()
        let line = try await gateway.line(containing: "appKey: an AES: value of the original cannot be decrypted")
        #expect(line.hasPrefix("[ERROR]") && line.contains("wsems -encrypt -"))
        // It is up all the same.
        #expect(try await chain.local(try await gateway.port()).property("LocalEms", "isConnected") == false)
        #expect(await gateway.end() == 0)
        #expect(!gateway.output.contains("connecting to"))
    }

    /// All output of a run at TRACE, of all three programs, with everything that can fail failing.
    @Test func noSecretIsEverPrinted() async throws {
        let chain = try Chain()
        let secrets = ["device-secret-71", "http-secret-72", "lua-secret-73", Chain.edgeKey, Chain.adminKey, "wrong-secret-74"]
        try chain.writeModel(things: #"[{"name": "T1"}, {"name": "T2"}]"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.directory.write(
            "etc/config.json",
            """
            {"ws_servers": [{"host": "127.0.0.1", "port": \(port)}], "appKey": "\(Chain.edgeKey)", "logger": {"level": "TRACE"},
             "http_server": {"host": "127.0.0.1", "port": 0, "ssl": false, "authenticate": true, "user": "lsr", "password": "http-secret-72"},
             "ws_connection": {"encryption": "none", "max_connect_delay": 0, "verbose": true},
             "auto_bind": [{"name": "T2", "port": 1, "user": "u", "password": "device-secret-71", "protocl": "http"}]}
            """)
        let gateway = try chain.startGateway()
        let gatewayPort = try await gateway.port()
        try chain.writeTemplate("plain", "properties.p = { baseType = 'NUMBER', value = 1, scanRate = 1000 }")
        try chain.writeScripts(
            gateway: gatewayPort,
            """
            scripts.rap_server_authenticate = true
            scripts.rap_userid = "lsr"
            scripts.rap_password = "http-secret-72"
            scripts.script_resource_authenticate = true
            scripts.script_resource_userid = "ems"
            scripts.script_resource_password = "lua-secret-73"
            scripts.T1 = { file = "thing.lua", template = "plain", keepAliveRate = 1000 }
            """)
        let scripts = try chain.startScripts()
        try await platform.line(containing: "T1 is bound")
        // With credentials on both ways the platform still reaches the Lua Thing.
        let admin = try chain.platform(port)
        #expect(try await admin.invoke("T1", "GetRemoteMetadata")["name"] == "T1")
        _ = try await admin.send(.POST, RestClient.thing("T2", "Services", "Fail"), body: ["x": 1])
        for path in ["/scripts", "/Thingworx/Things/LocalEms/Properties/isConnected"] {
            let target = try chain.local(path == "/scripts" ? try await scripts.port() : gatewayPort)
            #expect(try await target.send(.GET, path, headers: ["Authorization": "Basic d3Jvbmctc2VjcmV0LTc0OndyZQ=="]).status == 401)
        }
        _ = try await chain.platform(port, key: "wrong-secret-74").send(.GET, "/Thingworx/Things?appKey=wrong-secret-74")
        for program in [scripts, gateway, platform] { await program.end() }
        for secret in secrets {
            for program in [scripts, gateway, platform] {
                #expect(!program.output.contains(secret), "\(program.name) printed \(secret)")
                #expect(!program.output.contains(Data(secret.utf8).base64EncodedString().prefix(20)))
            }
        }
    }

    @Test func aSystemdCredentialServesAsKey() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        try chain.writeGateway(platform: try await platform.port())
        try chain.directory.write("credentials/dp.dat", String(repeating: "k", count: 32))
        let environment = ["CREDENTIALS_DIRECTORY": chain.directory.path("credentials")]
        let first = try chain.startGateway(environment: environment)
        try await first.line(containing: "and authenticated")
        await first.end()
        #expect(!FileManager.default.fileExists(atPath: chain.directory.path("etc/dp.dat")))
        // Without the credential the key's place is named, and no new key is made.
        let second = try chain.startGateway()
        try await second.line(containing: "dp.dat is missing")
        await second.end()
        #expect(!FileManager.default.fileExists(atPath: chain.directory.path("etc/dp.dat")))
    }
}
