import Formats
import Foundation
import TestKit
import Testing

/// config.lua as users of the original have it (lua-library.md §11).
@Suite(.serialized) struct LuaConfigurationTests {
    @Test("lsr 69: max_clients, and entries before settings") func maximumClients() async throws {
        try await LuaHost.run(
            things: ["T": "properties.p = { baseType = 'NUMBER', value = 1 }"],
            config: """
                scripts.First = { file = "first.lua", ["scanrate"] = "70" }
                scripts.max_clients = 2
                scripts.script_resource_request_timeout = 1000
                scripts.script_resource_use_default_certificate = "false"
                scripts.rap_timeout = "10000"
                """
        ) { host async throws in
            let first = try RawConnection(
                port: host.port, "POST /scripts/T/Services/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
            let second = try RawConnection(
                port: host.port, "POST /scripts/T/Services/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n")
            // The test's own connection may be one of the two.
            let third = try RawConnection(port: host.port, "GET /scripts/T/Properties/p HTTP/1.1\r\nHost: localhost\r\n\r\n")
            let answer = third.readToEnd()
            #expect(answer.contains("503") && !answer.contains("\"p\""), "\(answer)")
            _ = (first, second)
        }
    }

    @Test("lsr 70: a configuration with its placeholders left in") func placeholders() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/config.lua",
            """
            scripts.log_level = "WARN"
            scripts.log_audit_target = "file://"
            scripts.log_publish_directory = "/_tw_logs/"
            scripts.rap_host = "EMS IP Address"
            scripts.rap_port = "EMS Port"
            scripts.rap_ssl = true
            scripts.rap_cert_file = "/path/to/ca/cert/file"
            scripts.rap_userid = "EMS User"
            scripts.rap_password = "AES:EncryptedPassword"
            scripts.script_resource_host = "localhost"
            scripts.script_resource_port = "8001"
            scripts.script_resource_ssl = true
            scripts.script_resource_certificate_chain = "/path/to/lsr/certificate/file"
            scripts.script_resource_private_key = "/path/to/lsr/private/key"
            scripts.script_resource_passphrase = "AES:EncryptedPassphrase"
            scripts.script_resource_authenticate = true
            scripts.script_resource_userid = "User ID"
            scripts.script_resource_password = "AES:EncryptedPassword"
            scripts.PropertiesExample = { file = "thing.lua", template = "example" }
            """)
        try chain.directory.write(
            "etc/config.lua.p_data", "scripts = {\n  PropertiesExample = { max_run_time = 20, file = \"thing.lua\" }\n}\n")
        let scripts = try chain.startScripts()
        #expect(await scripts.exitStatus() == 1)
        for text in [
            "config.lua:4:", "config.lua:5: scripts.rap_port", "config.lua:7:", "config.lua:9:", "config.lua:13:", "config.lua:14:",
            "config.lua:15:", "config.lua:18:",
        ] {
            #expect(scripts.output.contains(text), "\(text) in \(scripts.output)")
        }
        #expect(!scripts.output.contains("stack traceback") && !scripts.output.contains("Fatal"))
    }

    @Test func theOriginalsPersistedDataDoesNoHarm() async throws {
        let chain = try Chain()
        try chain.writeScripts(gateway: 1, "scripts.S = { file = 's.lua' }")
        try chain.directory.write(
            "etc/custom/scripts/s.lua",
            "p_data.persist = { 'n' } p_data.n = (p_data.n or 0) + 1 tw_utils.psleep(1) log.info('s', 'n is %d', p_data.n)")
        try chain.directory.write("etc/config.lua.p_data", "scripts = {\n  S = { max_run_time = 20, file = \"s.lua\" }\n}\n")
        let scripts = try chain.startScripts()
        try await scripts.line(containing: "n is 1")
        #expect(await scripts.end() == 0)
        #expect(!scripts.output.contains("[ERROR]"), "\(scripts.output)")
        #expect(try JSONValue(parsing: try chain.directory.read("etc/config.lua.p_data"))["S"]?["n"]?.int == 1)
        // What was there is still to be had.
        #expect(try chain.directory.read("etc/config.lua.p_data.original").contains("max_run_time"))
    }

    @Test func aCertificateThatTheProgramMakes() async throws {
        let chain = try Chain()
        try chain.writeScripts(gateway: 1, "scripts.script_resource_ssl = true\nscripts.script_resource_use_default_certificate = true")
        let path = chain.directory.path("etc/config.lua.certificate.pem")
        var made: String?
        for _ in 1...2 {
            let scripts = try chain.startScripts()
            let port = try await scripts.port()
            try await scripts.line(containing: "the certificate is one that the program made for itself")
            let trusting = try await Curl("--cacert", path, "https://127.0.0.1:\(port)/scripts")
            #expect(trusting.status == 200)
            await #expect(throws: Program.Failure.self) { try await Curl("https://127.0.0.1:\(port)/scripts") }
            #expect(await scripts.end() == 0)
            // It is the same after a restart.
            let present = try String(contentsOfFile: path, encoding: .utf8)
            #expect(made == nil || made == present)
            made = present
        }
        #expect(
            try FileManager.default.attributesOfItem(atPath: chain.directory.path("etc/config.lua.key.pem"))[.posixPermissions] as? Int
                == 0o600)
    }

    @Test func whatCheckFinds() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/shapes/mine.lua", "module('shapes.mine', thingworx.shape.extend)\nproperties.twice = { baseType = 'STRING' }")
        try chain.directory.write(
            "etc/custom/handlers/half.lua", "module('handlers.half', thingworx.handler.extend)\nfunction read() return 200 end")
        try chain.directory.write("etc/custom/scripts/old.lua", "-- ps_utils is no use here\nps_utils.psleep(1) local s = 'ps_dir'")
        try chain.directory.write(
            "etc/custom/templates/odd.lua",
            """
            require "mine"
            module ("templates.odd", thingworx.template.extend)
            properties.odd = { baseType = "STRINGG" }
            properties.half = { baseType = "NUMBER", handler = "half" }
            properties.twice = { baseType = "NUMBER" }
            properties.lost = { baseType = "NUMBER", handler = "nowhere", key = "x" }
            properties.asked = { baseType = "NUMBER", handler = "script", key = "Old/x" }
            properties.unasked = { baseType = "NUMBER", handler = "script", key = "Gone/x" }
            properties.keyed = { baseType = "NUMBER", key = "Old/x" }
            properties.Both = { baseType = "NUMBER" }
            services.Both = function() return 200 end
            serviceDefinitions.Missing(output { baseType = "NUMBER" })
            serviceDefinitions.Both()
            services.Undefined = function()
              return 200
            end
            function getProperty() end
            mykey = 5
            local ps = ps_mutex
            """)
        try chain.writeScripts(
            gateway: 1, "scripts.T = { file = 'thing.lua', template = 'odd', mykey = 1 }\nscripts.Old = { file = 'old.lua' }")
        let check = try Program(Chain.binary("luaScriptResource"), ["-check"], in: chain.directory.path)
        #expect(await check.exitStatus() == 0)
        for text in [
            "odd.lua:3: properties.odd: baseType: STRINGG is not known", "odd.lua:6: properties.lost: the handler nowhere is neither",
            "odd.lua:8: properties.unasked: the handler Gone is neither", "odd.lua:9: properties.keyed: it has a key and no handler",
            "odd.lua:4: properties.half: the handler half has no function write", "properties.twice: the shape mine",
            "odd.lua:10: properties.Both: a service has this name too", "odd.lua:12: serviceDefinitions.Missing: there is no service",
            "odd.lua:14: services.Undefined: no serviceDefinitions.Undefined",
            "odd.lua:17: getProperty: takes the place", "mykey: the setting of this name",
            "odd.lua:19: ps_mutex: deprecated, it is tw_mutex now", "old.lua:2: ps_utils: deprecated, it is tw_utils now",
        ] { #expect(check.output.contains(text), "\(text) in\n\(check.output)") }
        #expect(!check.output.contains("properties.asked") && !check.output.contains("ps_dir") && !check.output.contains("old.lua:1"))
        #expect(check.output.contains("etc/config.lua: usable"))
    }
}
