import Formats
import Foundation
import Logging
import NIOCore
import Secrets
import Settings
import TestKit
import Testing

@testable import EdgeCore

@Suite struct ConfigurationTests {
    func read(_ text: String) throws -> (GatewayConfiguration, [ConfigDiagnostic]) {
        let document = try JSONDocument(bytes: Array(text.utf8))
        return GatewayConfiguration.read(document, keys: nil, keyFile: KeyFile(besides: "/nowhere/config.json", credentialsDirectory: nil))
    }

    let servers = #""ws_servers":[{"host":"h","port":443}],"appKey":"k""#

    @Test func defaultsAreThoseOfTheOriginal() throws {
        let (configuration, diagnostics) = try read("{\(servers)}")
        #expect(diagnostics.isEmpty)
        #expect(configuration.resource == "/Thingworx/WS")
        #expect(configuration.httpServer.port == 8000 && configuration.httpServer.portsToTry == 10)
        #expect(configuration.httpServer.tls && configuration.httpServer.authenticate)
        #expect(configuration.connection.isEncrypted && configuration.connection.retries == -1)
        #expect(configuration.connection.pingRate == .seconds(55))
    }

    @Test("ems 66: what users write is accepted") func acceptsWhatUsersWrite() throws {
        let (configuration, diagnostics) = try read(
            #"""
            {"ws_servers":[{"host":"h","port":"8080"}], "appkey":"k",
             "http_server":{"ssl":"false","port":"8005"}, "ws_connection":{"encryption":"ssl ", "connect_retries":-1},
             "auto-bind":[{"name":"*SN1","port":"8002"}, {"name":"G","gateway":true}]}
            """#)
        #expect(configuration.servers.first?.port == 8080 && configuration.applicationKey?.reveal() == "k")
        #expect(!configuration.httpServer.tls && configuration.httpServer.port == 8005 && configuration.connection.isEncrypted)
        #expect(configuration.autoBind.map(\.name) == ["*SN1", "G"])
        #expect(configuration.autoBind[0].port == 8002 && configuration.autoBind[0].host == "localhost")
        #expect(configuration.autoBind[1].isGateway)
        #expect(diagnostics.allSatisfy { $0.severity == .warning })
        #expect(diagnostics.contains { $0.message == #"appkey: taken as "appKey", which is how this setting is spelled"# })
        #expect(diagnostics.contains { $0.message.hasPrefix("auto-bind: taken as \"auto_bind\"") })
    }

    @Test func allErrorsAreReportedWithTheirPlace() throws {
        let (_, diagnostics) = try read(
            """
            {
              "ws_servers": [{"host": "h", "port": 70000}],
              "appKey": "k",
              "http_server": {"ssl": "maybe", "prot": 8000},
              "logger": {"level": "LOUD"},
              "ws_connection": {"msg_timeout": true}
            }
            """)
        let lines = diagnostics.map(\.description)
        #expect(lines.contains("line 2, column 40: ws_servers[0].port: expected a whole number from 1 to 65535, found 70000"))
        #expect(lines.contains("line 4, column 26: http_server.ssl: expected true or false, found a string; the default is used"))
        #expect(lines.contains("line 4, column 43: http_server.prot: unknown setting, ignored; did you mean \"port\"?"))
        #expect(
            lines.contains(
                "line 5, column 23: logger.level: expected one of AUDIT, ERROR, WARN, INFO, DEBUG, TRACE, found a string; the default is used"
            ))
        #expect(lines.contains { $0.hasPrefix("line 6, column 36: ws_connection.msg_timeout: expected a whole number") })
        #expect(diagnostics.count { $0.severity == .problem } == 3 && diagnostics.count { $0.severity == .error } == 1)
    }

    @Test("ems 65: a duty cycle in its old place is used, unless the group is there") func oldDutyCycle() throws {
        let (old, warnings) = try read("{\(servers),\"ws_connection\":{\"duty_cycle\":40,\"connect_period\":9000}}")
        #expect(old.dutyCycle.percent == 40 && old.dutyCycle.period == .seconds(9) && old.dutyCycle.isOn)
        #expect(warnings.map(\.severity) == [.warning] && warnings[0].message.contains("belong into the group duty_cycle"))
        let (both, _) = try read("{\(servers),\"ws_connection\":{\"duty_cycle\":40},\"duty_cycle\":{\"duty_cycle\":70}}")
        #expect(both.dutyCycle.percent == 70 && both.dutyCycle.period == .seconds(60))
        for always in ["{\"duty_cycle\":0}", "{\"duty_cycle\":100}", "{\"duty_cycle\":50,\"connect_period\":0}"] {
            #expect(try !read("{\(servers),\"duty_cycle\":\(always)}").0.dutyCycle.isOn)
        }
    }

    /// Each value that cannot be used is named and replaced by its default; the start goes on.
    @Test(arguments: [
        ("http_server", "port", "70000"), ("http_server", "max_clients", "0"), ("http_server", "enable_csrf_tokens", "\"perhaps\""),
        ("http_server", "host", "5"),
        ("logger", "max_file_storage", "-1"), ("logger", "publish_level", "\"LOUDER\""), ("ws_connection", "message_chunk_size", "1"),
        ("ws_connection", "connect_retries", "-2"), ("ws_connection", "msg_timeout", "1.5"), ("duty_cycle", "duty_cycle", "101"),
        ("proxy", "port", "\"x\""),
        ("certificates", "validate", "[]"), ("certificates", "cert_chain", "{}"), ("offline_msg_store", "max_size", "\"big\""),
        ("file", "virtual_dirs", "{}"),
        ("fips", "enabled", "3"), ("failover", "return_interval", "0"),
    ])
    func valuesThatCannotBeUsed(group: String, key: String, value: String) throws {
        let (configuration, diagnostics) = try read("{\(servers),\"\(group)\":{\"\(key)\":\(value)}}")
        #expect(diagnostics.count == 1 && diagnostics[0].severity == .problem && diagnostics[0].location != nil, "\(diagnostics)")
        #expect(
            diagnostics.first?.message.hasPrefix("\(group).\(key): expected ") == true
                && diagnostics.first?.message.hasSuffix("; the default is used") == true)
        #expect(configuration == (try read("{\(servers)}")).0)
    }

    @Test func groupsOfTheWrongKindAreNamed() throws {
        for group in ["logger", "http_server", "ws_connection", "certificates", "proxy", "duty_cycle"] {
            let (configuration, diagnostics) = try read("{\(servers),\"\(group)\":[1]}")
            #expect(diagnostics.map(\.message) == ["\(group): expected an object, found an array; the default is used"])
            #expect(configuration == (try read("{\(servers)}")).0)
        }
    }

    @Test func settingsThatDoNotGoTogether() throws {
        #expect(try read("{\(servers),\"http_server\":{\"user\":\"a:b\"}}").1.first?.message.contains("never matches") == true)
        #expect(try read("{\(servers),\"certificates\":{\"fingerprint_allowlist\":[\"AB:CD\"]}}").0.certificates.fingerprints == ["AB:CD"])
        #expect(
            try read("{\(servers),\"certificates\":{\"client_cert\":\"/etc/hostname\"}}").1.contains { $0.message.contains("go together") })
        #expect(try read("{\(servers),\"http_server\":{\"use_default_certificate\":true}}").1.map(\.severity) == [.warning])
        #expect(try read("{\(servers),\"offline_msg_store\":{\"enabled\":true},\"tunnel\":{}}").1.map(\.severity) == [.warning])
    }

    @Test func missingServersAreAnErrorAMissingKeyIsNot() throws {
        #expect(try read("{}").1.filter { $0.severity == .error }.map(\.message).first?.hasPrefix("ws_servers: missing") == true)
        let (_, diagnostics) = try read(#"{"ws_servers":[{"host":"h"}]}"#)
        #expect(diagnostics.map(\.severity) == [.problem])
        let object = try read("{\(servers),\"auto_bind\":{\"name\":\"A\"}}")
        #expect(object.1.map(\.message) == ["auto_bind: must be an array of objects, found an object: nothing is bound"])
    }

    @Test func aSecretThatCannotBeReadIsNamed() throws {
        let (configuration, diagnostics) = try read(#"{"ws_servers":[{"host":"h"}],"appKey":"AES:Zm9v"}"#)
        #expect(configuration.applicationKey == nil)
        #expect(diagnostics.count == 1 && diagnostics[0].severity == .problem)
        #expect(diagnostics[0].message.hasPrefix("appKey: an AES: value of the original cannot be decrypted"))
    }
}

@Suite struct ConfigurationFileTests {
    let good = #"{"ws_servers":[{"host":"h","port":443}],"appKey":"clear-key"}"# + "\n"

    func load(_ directory: TemporaryDirectory) -> (ConfigurationFile.Loaded?, [String]) {
        var lines: [String] = []
        let file = ConfigurationFile(path: directory.path("config.json"))
        return (file.load { lines.append("\($0): \($1)") }, lines)
    }

    @Test func nothingThereNamesBothFiles() throws {
        let directory = try TemporaryDirectory()
        let (loaded, lines) = load(directory)
        #expect(loaded == nil)
        #expect(lines.last?.contains("config.json nor") == true && lines.last?.contains("config.json.booted") == true)
    }

    @Test func clearSecretsAreSealedAndTheBootedCopyHoldsNoClearOnes() throws {
        let directory = try TemporaryDirectory()
        try directory.write("config.json", good)
        let (loaded, _) = load(directory)
        let first = try #require(loaded)
        #expect(first.configuration.applicationKey?.reveal() == "clear-key")
        #expect(try !directory.read("config.json").contains("clear-key"))
        try ConfigurationFile(path: directory.path("config.json")).keepBooted(first)
        #expect(try directory.read("config.json.booted") == directory.read("config.json"))
        let second = try #require(load(directory).0)
        #expect(second.configuration.applicationKey?.reveal() == "clear-key")
    }

    @Test func aBrokenFileFallsBackAndStaysAsItIs() throws {
        let directory = try TemporaryDirectory()
        try directory.write("config.json", good)
        let file = ConfigurationFile(path: directory.path("config.json"))
        try file.keepBooted(try #require(load(directory).0))
        let broken = "{\n  \"ws_servers\": [,]\n}\n"
        try directory.write("config.json", broken)
        let (loaded, lines) = load(directory)
        #expect(loaded?.isFallback == true)
        #expect(lines.first?.contains("config.json: line 2, column 18: not valid JSON") == true)
        #expect(try directory.read("config.json") == broken)
    }

    @Test func aLostKeyFileIsNotReplacedInSilence() throws {
        let directory = try TemporaryDirectory()
        try directory.write("config.json", good)
        _ = load(directory)
        try FileManager.default.removeItem(atPath: directory.path("dp.dat"))
        let (loaded, _) = load(directory)
        #expect(loaded?.configuration.applicationKey == nil)
        #expect(loaded?.warnings.contains { $0.message.contains("dp.dat is missing") } == true)
        #expect(!FileManager.default.fileExists(atPath: directory.path("dp.dat")))
    }
}
