import EdgeREST
import Formats
import Foundation
import HTTPTransport
import Logging
import NIOCore
import NIOPosix
import TestKit
import Testing

@Suite struct BindingTests {
    /// A device host that answers every request with `{"rows":[…]}` of what it was asked.
    func device(
        _ answer: @escaping @Sendable (HTTPRequest) -> HTTPResponse = { _ in .json(ByteBuffer(string: "{}")) }
    ) async throws -> HTTPServer {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await HTTPServer.start(
            HTTPServer.Configuration(), on: loop, logger: Logger(label: "device") { _ in SwiftLogNoOpLogHandler() }
        ) {
            loop.makeSucceededFuture(answer($0))
        }
    }

    @Test("ems 32, 33, 35, 38: configured Things, gateways and identifiers") func configuredThingsGatewaysAndIdentifiers() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}, {"name": "T2", "identifier": "SN-2"}, {"name": "Other"}]"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        let host = try await device { request in
            .json(
                ByteBuffer(
                    string:
                        "{\"result\":\"\(request.method) /\(request.path.joined(separator: "/")) \(String(buffer: request.body).replacing("\"", with: "'"))\"}"
                ))
        }
        try chain.writeGateway(
            platform: port,
            autoBind: """
                [{"name": "T1", "host": "127.0.0.1", "port": \(host.port), "path": "/base/"}, {"name": "*SN-2", "port": "\(host.port)", "host": "127.0.0.1"},
                 {"name": "Other"}, {"name": "Gate7", "gateway": true}]
                """)
        let gateway = try chain.startGateway()
        for name in ["T1", "T2", "Gate7"] { try await platform.line(containing: "\(name) is bound") }
        try await gateway.line(containing: "refused to bind Other")
        let admin = try chain.platform(port)
        let t1 = try await admin.invoke("T1", "Run", ["speed": 5, "name": "x"])["rows"]?[0]?["result"]
        #expect(t1 == "POST /base/Things/T1/Services/Run {'speed':5,'name':'x'}")
        #expect(try await admin.invoke("T2", "Run")["rows"]?[0]?["result"]?.string?.hasPrefix("POST /Things/*SN-2/Services/Run") == true)
        // The gateway answers for itself, and its Thing lives as long as it is bound.
        #expect(
            try await admin.invoke("Gate7", "GetEdgeThings")["rows"]?.array?.compactMap { $0["name"]?.string } == ["*SN-2", "Other", "T1"])
        #expect(try await admin.property("Gate7", "isConnected") == true)
        await gateway.end()
        for name in ["T1", "T2", "Gate7"] { try await platform.line(containing: "\(name) is not connected") }
        #expect(try await admin.send(.GET, RestClient.thing("Gate7", "Properties", "isConnected")).status == 404)
        await host.stop()
    }

    @Test("ems 39, 41, 42: devices register, leave and are remembered") func devicesRegisterLeaveAndAreRemembered() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}, {"name": "T2"}]"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.writeGateway(platform: port)
        let host = try await device()
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        // As an LSR of the original writes it: the port is a string.
        let registration: JSONValue = [
            "name": "T1", "host": "127.0.0.1", "port": .string("\(host.port)"), "path": "/scripts/Thingworx", "proto": "http",
            "timeout": 15000,
            "keepalive": 60000,
        ]
        _ = try await local.invoke("LocalEms", "AddEdgeThing", registration)
        try await platform.line(containing: "T1 is bound")
        #expect(try await local.invoke("LocalEms", "HasEdgeThing", ["name": "T1"])["rows"]?[0]?["result"] == true)
        #expect(try await local.invoke("LocalEms", "HasEdgeThing", ["name": "T9"])["rows"]?[0]?["result"] == false)
        _ = try await local.invoke("LocalEms", "RemoveEdgeThing", ["name": "T1"])
        try await platform.line(containing: "T1 is not connected")
        #expect(
            try await local.send(.POST, RestClient.thing("LocalEms", "Services", "RemoveEdgeThing"), body: ["name": "T1"]).status == 404)
        let (status, json) = try await local.send(.POST, RestClient.thing("LocalEms", "Services", "AddEdgeThing"), body: ["host": "h"])
        #expect(status == 400 && json["error"] == "AddEdgeThing: expected a string \"name\"")

        // Persistent: bound again after a SIGKILL without a new call.
        _ = try await local.invoke(
            "LocalEms", "AddEdgeThing",
            [
                "name": "T2", "host": "127.0.0.1", "port": .int(host.port), "persist": true, "user": "u", "password": "device-password-55",
            ])
        try await platform.line(containing: "T2 is bound")
        #expect(try !chain.directory.read("etc/config.json.things").contains("device-password"))
        await gateway.end(SIGKILL)
        let mark = platform.mark
        let again = try chain.startGateway()
        try await platform.line(containing: "T2 is bound", after: mark - 1)
        #expect(!(again.output + gateway.output).contains("device-password"))
        await host.stop()
    }

    @Test func registeredWhileOfflineIsBoundOnConnection() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let first = try chain.startPlatform()
        let port = try await first.port()
        await first.end()
        try chain.writeGateway(platform: port)
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        try await gateway.line(containing: "no connection to")
        _ = try await local.invoke("LocalEms", "AddEdgeThing", ["name": "T1", "keepalive": -1])
        let platform = try chain.startPlatform(port: port)
        try await platform.line(containing: "T1 is bound")
    }

    @Test func aThingThatIsCreatedLaterIsBoundAtOnce() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.writeGateway(platform: port, autoBind: #"[{"name": "Tnew"}, {"name": "*T-id"}]"#)
        let gateway = try chain.startGateway()
        for name in ["Tnew", "*T-id"] { try await platform.line(containing: "\(name), which no Thing is called") }
        let admin = try chain.platform(port)
        _ = try await admin.invokeEntityService("CreateThing", ["name": "Tnew", "thingTemplateName": "RemoteThing"])
        try await platform.line(containing: "Tnew is bound")
        _ = try await admin.invokeEntityService(
            "CreateThing", ["name": "Tsecond", "thingTemplateName": "RemoteThing", "identifier": "T-id"])
        try await platform.line(containing: "Tsecond is bound")
        #expect(await gateway.end() == 0)
    }

    @Test func aSecondGatewayTakesOver() async throws {
        let one = try Chain()
        try one.writeModel(things: #"[{"name": "T1"}]"#, server: #", "bind_protection": "last-in-wins""#)
        let platform = try one.startPlatform()
        let port = try await platform.port()
        let host = try await device { _ in .json(ByteBuffer(string: "{\"result\":2}")) }
        try one.writeGateway(platform: port, autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": 1}]"#)
        let first = try one.startGateway()
        try await platform.line(containing: "T1 is bound to connection 1")
        let two = try Chain()
        try two.writeGateway(platform: port, autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": \#(host.port)}]"#)
        let second = try two.startGateway()
        try await platform.line(containing: "took it over from connection 1")
        // Requests go over the connection that bound it, and the first one's end changes nothing.
        let admin = try one.platform(port)
        #expect(try await admin.invoke("T1", "Run")["rows"]?[0]?["result"]?.int == 2)
        await first.end()
        try await platform.line(containing: "connection 1 closed")
        #expect(try await admin.property("T1", "isConnected") == true)
        #expect(await second.end() == 0)
        await host.stop()
    }

    /// The first keeps its Thing for as long as it lives; the second has it at once when it does not.
    @Test func theFirstGatewayKeepsItsThing() async throws {
        let one = try Chain()
        try one.writeModel(things: #"[{"name": "T1"}]"#, server: #", "bind_probe": 1000"#)
        let platform = try one.startPlatform()
        let port = try await platform.port()
        let host = try await device { _ in .json(ByteBuffer(string: "{\"result\":1}")) }
        try one.writeGateway(platform: port, autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": \#(host.port)}]"#)
        let first = try one.startGateway()
        try await platform.line(containing: "T1 is bound to connection 1")
        let two = try Chain()
        let other = try await device { _ in .json(ByteBuffer(string: "{\"result\":2}")) }
        try two.writeGateway(platform: port, autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": \#(other.port)}]"#)
        let second = try two.startGateway()
        try await platform.line(containing: "T1 of another connection")
        let admin = try one.platform(port)
        #expect(try await admin.invoke("T1", "Run")["rows"]?[0]?["result"]?.int == 1)
        // One that stands still answers nothing: its connection is let go when another one asks for the Thing again.
        try await first.halt()
        await second.end()
        let third = try two.startGateway()
        try await platform.line(containing: "T1 is bound to connection 3")
        #expect(try await admin.invoke("T1", "Run")["rows"]?[0]?["result"]?.int == 2)
        first.signal(SIGCONT)
        await first.end()
        await third.end()
        await host.stop()
        await other.stop()
    }

    @Test func aThousandThings() async throws {
        let chain = try Chain()
        let count = 1000
        let model = try Program(
            Chain.binary("edgectl"), ["load", "--model", "--count", "\(count)", "--log-level", "INFO"], in: chain.directory.path)
        #expect(await model.exitStatus() == 0)
        try chain.directory.write("platform.json", model.output)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.writeGateway(platform: port, key: "load-test")
        let gateway = try chain.startGateway()
        let load = try Program(
            Chain.binary("edgectl"),
            [
                "load", "--count", "\(count)", "--url", "http://127.0.0.1:\(port)", "--gateway",
                "http://127.0.0.1:\(try await gateway.port())",
            ],
            in: chain.directory.path, environment: ["THINGWORX_APP_KEY": "load-test"])
        #expect(await load.exitStatus() == 0, "\(load.output)")
        #expect(load.output.contains("\"things\":\(count)"))
    }
}

extension RestClient {
    func invokeEntityService(_ name: String, _ parameters: JSONValue) async throws -> JSONValue {
        try await call(.POST, "/Thingworx/Resources/EntityServices/Services/\(name)", body: parameters)
    }
}
