import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOPosix
import TestKit
import Testing

/// The services of LocalEms that look after the program.
@Suite struct LocalEmsTests {
    private func configuration(_ chain: Chain) throws -> JSONValue { try JSONValue(parsing: try chain.directory.read("etc/config.json")) }

    @Test("ems 64: the configuration is changed and replaced, checked before it is written") func configurationServices() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        try chain.writeGateway(platform: try await platform.port(), autoBind: #"[{"name": "T9", "user": "u", "password": "secret-41"}]"#)
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        try await gateway.line(containing: "and authenticated")

        func inForce() async throws -> JSONValue { try await local.invoke("LocalEms", "GetConfiguration")["rows"]?[0]?["result"] ?? .null }
        let shown = try await inForce()
        #expect(shown["appKey"] == "***" && shown["auto_bind"]?[0]?["password"] == "***" && shown["http_server"]?["max_clients"]?.int == 15)
        let before = try chain.directory.read("etc/config.json")

        // Merged: objects member by member, the rest of the file as it was.
        _ = try await local.invoke(
            "LocalEms", "UpdateConfiguration", ["config": #"{"logger": {"publish_level": "INFO"}, "resource": "/Thingworx/WS"}"#])
        let merged = try configuration(chain)
        #expect(merged["logger"]?["level"] == "TRACE" && merged["logger"]?["publish_level"] == "INFO")
        #expect(merged["appKey"]?.string?.hasPrefix("AGC1:") == true)
        #expect(try chain.directory.read("etc/config.json.previous") == before)
        #expect(try await inForce()["logger"]?["publish_level"] == "logger:level")

        let after = try chain.directory.read("etc/config.json")
        for (wrong, text) in [
            ("{", "not valid JSON"), ("[1]", "expected a JSON object"), (#"{"ws_servers": []}"#, "ws_servers"),
            (#"{"http_server": {"port": 99999}}"#, "http_server.port"),
            (#"{"appKey": ""}"#, "appKey"),
        ] {
            let (status, json) = try await local.send(
                .POST, RestClient.thing("LocalEms", "Services", "UpdateConfiguration"), body: ["config": .string(wrong)])
            #expect(status == 400 && json["error"]?.string?.contains(text) == true, "\(wrong): \(status) \(json)")
        }
        #expect(try chain.directory.read("etc/config.json") == after)

        // What was shown can be written back: masks stand for the secrets that are there. As an object too.
        var whole = try #require(shown.object)
        whole["logger"] = ["level": "DEBUG"]
        _ = try await local.invoke("LocalEms", "ReplaceConfiguration", .object(whole))
        let replaced = try configuration(chain)
        #expect(replaced["appKey"] == merged["appKey"] && replaced["auto_bind"]?[0]?["password"] == merged["auto_bind"]?[0]?["password"])
        #expect(replaced["logger"] == ["level": "DEBUG"])
        #expect(await gateway.end() == 0)
        let again = try chain.startGateway()
        try await again.line(containing: "and authenticated")
        #expect(await again.end() == 0)
        #expect(!gateway.output.contains("secret-41") && !gateway.output.contains(Chain.edgeKey))
    }

    @Test("ems 63: Restart, where it is allowed, keeps the process") func restart() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.writeGateway(platform: port, autoBind: #"[{"name": "T1"}, {"name": "Gate1", "gateway": true}]"#)
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        let (status, json) = try await local.send(.POST, RestClient.thing("LocalEms", "Services", "Restart"), body: [:])
        #expect(status == 403 && json["error"]?.string?.contains("set `restart` in the configuration to \"local\" or \"any\"") == true)
        // The platform may.
        try await platform.line(containing: "Gate1 is bound")
        var mark = gateway.mark
        _ = try await chain.platform(port).invoke("Gate1", "Restart")
        try await gateway.line(containing: "started with", after: mark)
        try await platform.line(containing: "T1 is bound to connection 2")
        // And so may others, when the file says so; the answer is there before the end.
        mark = gateway.mark
        try chain.directory.write(
            "etc/config.json", try chain.directory.read("etc/config.json").replacing("\"appKey\"", with: "\"restart\": \"any\", \"appKey\"")
        )
        _ = try await chain.platform(port).invoke("Gate1", "Restart")
        let line = try await gateway.line(after: mark, what: "the next run") { $0.contains("listening on") }
        let next = try #require(Int(line.split(separator: ":").last ?? ""))
        try await gateway.line(containing: "and authenticated", after: mark)
        mark = gateway.mark
        #expect(try await chain.local(next).send(.POST, RestClient.thing("LocalEms", "Services", "Restart"), body: [:]).status == 200)
        try await gateway.line(containing: "started with", after: mark)
        #expect(await gateway.end() == 0)
    }

    @Test("ems 61: the log in memory, in files and as services") func logs() async throws {
        let chain = try Chain()
        try chain.writeGateway(
            platform: 1,
            more:
                #", "logger": {"level": "INFO", "publish_directory": "logs", "max_file_storage": 2000000, "audit_target": "file://audit.log"}"#
        )
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        try await gateway.line(containing: "Trying again")
        let all = try await local.invoke("LocalEms", "GetLogData", ["maxItems": 500])["rows"]?.array ?? []
        #expect(
            all.contains { $0["message"]?.string?.contains("version 0.1.0") == true && $0["level"] == "INFO" && $0["module"] == "wsems" })
        let time = try #require(all.last?["timestamp"]?.int)
        #expect(abs(Double(time) / 1000 - Date().timeIntervalSince1970) < 60)
        #expect(try await local.invoke("LocalEms", "GetLogData", ["maxItems": 2])["rows"]?.array?.count == 2)
        #expect(try await local.invoke("LocalEms", "GetLogData", ["endDate": .int(time / 1000 - 3600)])["rows"]?.array?.isEmpty == true)
        #expect(
            try await local.send(.POST, RestClient.thing("LocalEms", "Services", "GetLogData"), body: ["maxItems": "many"]).status == 400)

        #expect(
            try await local.send(
                .POST, RestClient.thing("LocalEms", "Services", "StartFileLogging"), body: ["level": "LOUD", "directory": "x"]
            ).status == 400)
        _ = try await local.invoke("LocalEms", "StartFileLogging", ["level": "TRACE", "directory": .string(chain.directory.path("more"))])
        #expect(try await local.send(.GET, "/Thingworx/Things/T1/Properties/p").status == 503)
        _ = try await local.invoke("LocalEms", "StopFileLogging", ["delete": false])
        let more = try chain.directory.read("more/ems_log_0.log")
        #expect(more.contains("logging to files in ") && more.contains("logging to files ends"))
        _ = try await local.invoke("LocalEms", "StartFileLogging", ["level": "INFO", "directory": .string(chain.directory.path("more"))])
        _ = try await local.invoke("LocalEms", "StopFileLogging", ["delete": true])
        #expect(try FileManager.default.contentsOfDirectory(atPath: chain.directory.path("more")).isEmpty)
        #expect(await gateway.end() == 0)
        // Audit events are in their own file too; what went before the service is in the log's.
        #expect(try chain.directory.read("audit.log").contains("[AUDIT]") && (try chain.directory.read("audit.log").contains("stopped")))
        #expect(try chain.directory.read("logs/ems_log_0.log").contains("listening on"))
    }

    @Test func auditEventsAreSentToAWebAddress() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (events, continuation) = AsyncStream.makeStream(of: String.self)
        let taker = try await HTTPServer.start(HTTPServer.Configuration(), on: loop, logger: .init(label: "audit")) { request in
            continuation.yield(String(buffer: request.body))
            return loop.makeSucceededFuture(HTTPResponse(.noContent))
        }
        let chain = try Chain()
        try chain.writeGateway(
            platform: 1, more: #", "logger": {"level": "INFO", "audit_target": "http://127.0.0.1:\#(taker.port)/events"}"#)
        let gateway = try chain.startGateway()
        let first = try JSONValue(parsing: await events.first { $0.contains("started") } ?? "null")
        #expect(first["level"] == "AUDIT" && first["message"]?.string?.hasPrefix("started with") == true && first["timestamp"]?.int != nil)
        #expect(await gateway.end() == 0)
        await taker.stop()
    }

    @Test func testPort() async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1)
        let gateway = try chain.startGateway()
        let port = try await gateway.port()
        let local = try chain.local(port)
        let free = try ReservedPort()
        #expect(try await local.invoke("LocalEms", "TestPort", ["host": "127.0.0.1", "port": .int(port)])["rows"]?[0]?["result"] == true)
        #expect(
            try await local.invoke("LocalEms", "TestPort", ["host": "127.0.0.1", "port": .string("\(free.port)")])["rows"]?[0]?["result"]
                == false)
        #expect(
            try await local.send(.POST, RestClient.thing("LocalEms", "Services", "TestPort"), body: ["host": "127.0.0.1"]).status == 400)
        #expect(await gateway.end() == 0)
    }

    @Test("reload by SIGHUP and by a service") func reload() async throws {
        let chain = try Chain()
        try chain.writeModel(
            things: #"[{"name": "T1"}, {"name": "T2"}]"#, keys: #", {"name": "other", "key": "other-key-55", "user": "edge"}"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.writeGateway(platform: port, autoBind: #"[{"name": "T1"}]"#)
        let gateway = try chain.startGateway()
        let localPort = try await gateway.port()
        try await platform.line(containing: "T1 is bound to connection 1")

        try chain.writeGateway(
            platform: port, autoBind: #"[{"name": "T2"}]"#,
            more: """
                , "http_server": {"host": "127.0.0.1", "port": 1234, "ssl": false, "authenticate": true, "user": "me", "password": "new-pass-42", "enable_csrf_tokens": false}
                """)
        gateway.signal(SIGHUP)
        let line = try await gateway.line(containing: "the configuration was read again")
        for setting in ["http_server.authenticate", "http_server.user", "http_server.password", "auto_bind"] {
            #expect(line.contains(setting))
        }
        #expect(line.hasSuffix("after a restart: http_server.port, http_server.ports_to_try"))
        try await platform.line(containing: "T1 is not connected any more")
        try await platform.line(containing: "T2 is bound to connection 1")
        let url = "http://127.0.0.1:\(localPort)/Thingworx/Things/LocalEms"
        #expect(try await Curl("\(url)/Properties/isConnected").status == 401)
        #expect(try await Curl("-u", "me:new-pass-42", "\(url)/Properties/isConnected").status == 200)

        // A file that cannot be used changes nothing, and says why.
        try chain.directory.write("etc/config.json", "{\"appKey\": 1")
        let refused = try await Curl(
            "-u", "me:new-pass-42", "-X", "POST", "-H", "Content-Type: application/json", "\(url)/Services/ReloadConfiguration")
        #expect(refused.status == 400 && refused.body.contains("not valid JSON"))

        // Another key connects anew.
        try chain.writeGateway(platform: port, key: "other-key-55", autoBind: #"[{"name": "T2"}]"#)
        #expect(
            try await Curl(
                "-u", "me:new-pass-42", "-X", "POST", "-H", "Content-Type: application/json", "\(url)/Services/ReloadConfiguration"
            ).body.contains("appKey"))
        try await platform.line(containing: "authenticated with key other as edge")
        try await platform.line(containing: "T2 is bound to connection 2")
        #expect(try await Curl("\(url)/Properties/isConnected").status == 200)
        #expect(await gateway.end() == 0)
        #expect(!gateway.output.contains("other-key-55") && !gateway.output.contains("new-pass-42"))
    }
}
