import EdgeREST
import Formats
import Foundation
import HTTPTransport
import Logging
import NIOCore
import NIOPosix
import TestKit
import Testing

/// Requests from local programs to the platform, and from the platform to devices.
@Suite struct RoutingTests {
    private func device(_ answer: @escaping @Sendable (HTTPRequest) -> EventLoopFuture<HTTPResponse>) async throws -> HTTPServer {
        try await HTTPServer.start(
            HTTPServer.Configuration(), on: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "device") { _ in SwiftLogNoOpLogHandler() },
            responder: answer)
    }

    @Test("ems 16, 17, 18, 19, 20, 21, 22: properties, services and events by way of the gateway; without a platform 503")
    func localRequests() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1", "properties": {"speed": {"baseType": "NUMBER", "value": 1}}}, {"name": "T2"}]"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let host = try await device { request in
            let sum = ((try? JSONValue(parsing: request.body))?["a"]?.int ?? 0) + 40
            return loop.makeSucceededFuture(.json(ByteBuffer(string: "{\"result\":\(sum)}")))
        }
        try chain.writeGateway(platform: port, autoBind: "[{\"name\": \"T2\", \"host\": \"127.0.0.1\", \"port\": \(host.port)}]")
        let gateway = try chain.startGateway()
        let url = "http://127.0.0.1:\(try await gateway.port())/Thingworx/Things"
        try await platform.line(containing: "T2 is bound")

        let connected = try await Curl("\(url)/LocalEms/Properties/isConnected")
        #expect(connected.status == 200 && connected.body.hasPrefix("{\"rows\":[{\"isConnected\":true}],\"dataShape\":"))
        let name = try await Curl("\(url)/SystemRepository/Properties/name")
        #expect(name.status == 200 && name.body.hasPrefix("{\"rows\":[{\"name\":\"SystemRepository\"}]"))
        #expect(
            try await Curl("-X", "PUT", "-H", "Content-Type: application/json", "-d", "{\"speed\": 21.5}", "\(url)/T1/Properties/speed")
                .status == 200)
        #expect(try await chain.platform(port).property("T1", "speed").double == 21.5)
        let sum = try await Curl("-H", "Content-Type: application/json", "-d", "{\"a\": 2}", "\(url)/T2/Services/Add")
        #expect(sum.status == 200 && sum.body.hasPrefix("{\"rows\":[{\"result\":42}]"), "\(sum.body)")
        #expect(
            try await Curl("-H", "Content-Type: application/json", "-d", "{\"temperature\": 99}", "\(url)/T1/Events/Overheated").status
                == 200)
        try await platform.line(containing: "event T1/Overheated")

        await platform.end(SIGKILL)
        try await gateway.line(containing: "was lost")
        let offline = try await Curl("\(url)/LocalEms/Properties/isConnected")
        #expect(offline.status == 200 && offline.body.hasPrefix("{\"rows\":[{\"isConnected\":false}]"))
        let refused = try await Curl("\(url)/SystemRepository/Properties/name")
        #expect(refused.status == 503 && (try? JSONValue(parsing: refused.body))?["code"]?.int == 503)
        #expect(await gateway.end() == 0)
        await host.stop()
    }

    @Test("ems 36, 37: a silent device, and one that wants a user and a token") func devices() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}, {"name": "T2"}, {"name": "T3"}]"#)
        let platform = try chain.startPlatform()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let silent = try await device { _ in loop.makePromise(of: HTTPResponse.self).futureResult }
        let basic = BasicAuthentication(user: "u", password: "device-pass-61", realm: "r")
        let guarded = try await device { request in
            if let refusal = basic.refusal(of: request.headers) { return loop.makeSucceededFuture(refusal) }
            guard request.headers.first(name: "x-csrf-token") == "token-7" else {
                return loop.makeSucceededFuture(HTTPResponse(.unauthorized, headers: ["x-csrf-token": "token-7"]))
            }
            return loop.makeSucceededFuture(.json(ByteBuffer(string: "{\"result\":\"\(request.headers.first(name: "Accept") ?? "")\"}")))
        }
        try chain.writeGateway(
            platform: try await platform.port(),
            autoBind: """
                [{"name": "T1", "host": "127.0.0.1", "port": \(silent.port), "timeout": 300},
                 {"name": "T2", "host": "127.0.0.1", "port": \(guarded.port), "user": "u", "password": "device-pass-61"},
                 {"name": "T3", "host": "127.0.0.1", "port": 1}]
                """)
        let gateway = try chain.startGateway()
        for name in ["T1", "T2", "T3"] { try await platform.line(containing: "\(name) is bound") }
        let admin = try chain.platform(try await platform.port())
        #expect(try await admin.send(.POST, RestClient.thing("T1", "Services", "Run"), body: [:]).status == 504)
        #expect(try await admin.invoke("T2", "Run")["rows"]?[0]?["result"] == "application/json")
        #expect(try await admin.send(.POST, RestClient.thing("T3", "Services", "Run"), body: [:]).status == 503)
        #expect(await gateway.end() == 0)
        await silent.stop()
        await guarded.stop()
    }

    @Test("ems 4, 34: a configuration at another place, and auto_bind that is no list") func otherPlaces() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        try chain.writeGateway(platform: try await platform.port(), autoBind: #"{"name": "T1"}"#)
        try FileManager.default.moveItem(atPath: chain.directory.path("etc"), toPath: chain.directory.path("elsewhere"))
        let gateway = try chain.startGateway(["-cfg", "elsewhere/config.json"])
        let line = try await gateway.line(containing: "auto_bind: must be an array of objects, found an object: nothing is bound")
        #expect(line.hasPrefix("[ERROR]"))
        try await gateway.line(containing: "and authenticated")
        #expect(try chain.directory.read("elsewhere/config.json.booted") == chain.directory.read("elsewhere/config.json"))
        #expect(await gateway.end() == 0)
    }
}
