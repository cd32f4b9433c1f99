import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1
import NIOPosix
import TestKit

/// A platform of one test, with a client that shows all of an answer.
final class TestPlatform: Sendable {
    let chain: Chain
    let program: Program
    let port: Int
    private let client: HTTPClient
    static let loop = MultiThreadedEventLoopGroup.singleton.next()

    struct Answer {
        var status: Int
        var headers: HTTPHeaders
        var text: String
        var json: JSONValue

        /// Done, and nothing to say.
        var isDone: Bool { status == 200 && text.isEmpty }
        var rows: [JSONValue] { json["rows"]?.array ?? [] }
        /// A single result.
        var result: JSONValue { rows.first?["result"] ?? .null }
    }

    /// - Parameters:
    ///   - more: further members of the model file's lists.
    ///   - data: whether model and history are in a file.
    init(
        things: String = "[]", keys: String = "", server: String = "", data: Bool = false, chain given: Chain? = nil, port wanted: Int = 0
    )
        async throws
    {
        chain = try given ?? Chain()
        if given == nil { try chain.writeModel(things: things, keys: keys, server: server) }
        let model = data ? ["--data", chain.directory.path("p.db")] : ["--model", "file"]
        program = try Program(
            Chain.binary("thingplatform"), ["--config", chain.directory.path("platform.json"), "--port", "\(wanted)"] + model,
            in: chain.directory.path)
        port = try await program.port()
        client = try HTTPClient(HTTPClient.Configuration(), on: TestPlatform.loop)
    }

    func send(
        _ method: HTTPMethod, _ path: String, _ body: String? = nil, key: String? = Chain.adminKey, headers: HTTPHeaders = [:],
        type: String? = "application/json"
    )
        async throws -> Answer
    {
        var all = headers
        if let key { all.add(name: "appKey", value: key) }
        if let type, method != .GET { all.add(name: "Content-Type", value: type) }
        guard let (origin, _) = HTTPOrigin.parse("http://127.0.0.1:\(port)") else { throw Program.Failure(description: "no origin") }
        let call = HTTPCall(method, origin, path, headers: all, body: body.map { ByteBuffer(string: $0) }, timeout: .seconds(60))
        let response = try await TestPlatform.loop.flatSubmit { self.client.execute(call) }.get()
        let text = String(buffer: response.body)
        return Answer(
            status: Int(response.status.code), headers: response.headers, text: text, json: (try? JSONValue(parsing: text)) ?? .null)
    }

    func get(_ path: String, key: String? = Chain.adminKey, headers: HTTPHeaders = [:]) async throws -> Answer {
        try await send(.GET, "/Thingworx/" + path, key: key, headers: headers)
    }

    func put(_ path: String, _ body: JSONValue, key: String? = Chain.adminKey) async throws -> Answer {
        try await send(.PUT, "/Thingworx/" + path, body.description, key: key)
    }

    func post(_ path: String, _ body: JSONValue? = nil, key: String? = Chain.adminKey) async throws -> Answer {
        try await send(.POST, "/Thingworx/" + path, body?.description, key: key)
    }

    func call(_ service: String, on thing: String, _ body: JSONValue? = nil, key: String? = Chain.adminKey) async throws -> Answer {
        try await post("Things/\(PercentEncoding.encode(thing))/Services/\(service)", body, key: key)
    }

    func entityService(_ service: String, _ body: JSONValue, key: String? = Chain.adminKey) async throws -> Answer {
        try await post("Resources/EntityServices/Services/\(service)", body, key: key)
    }

    func makeThing(_ name: String, _ template: String = "GenericThing") async throws {
        let answer = try await entityService("CreateThing", ["name": .string(name), "thingTemplateName": .string(template)])
        guard answer.isDone else { throw Program.Failure(description: "\(name): \(answer.status) \(answer.text)") }
    }

    /// Starts again on what this one left.
    func restarted() async throws -> TestPlatform { try await TestPlatform(data: true, chain: chain, port: port) }
}
