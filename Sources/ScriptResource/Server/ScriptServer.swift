import Formats
package import HTTPTransport
package import Logging
import LuaRuntime
import NetworkSupport
import NIOCore
import NIOHTTP1

/// The HTTP interface of a script resource (lsr.md §7).
package enum ScriptServer {
    /// - Throws: `ListenFailure`.
    package static func start(_ environment: ScriptEnvironment, logger: Logger) async throws -> HTTPServer {
        let settings = environment.configuration.server
        var configuration = HTTPServer.Configuration()
        configuration.host = settings.host
        configuration.port = settings.port
        configuration.maximumClients = settings.maximumClients
        configuration.readTimeout = settings.requestTimeout
        configuration.maximumBodySize = 16 << 20
        if settings.tls {
            guard let chain = settings.certificateChain, let key = settings.privateKey else {
                throw ListenFailure("script_resource_ssl is on and there is no certificate: set script_resource_certificate_chain and script_resource_private_key, or script_resource_ssl to false")
            }
            configuration.identity = try Identity(chain: chain, key: key, passphrase: settings.passphrase?.reveal())
        }
        let authentication = settings.authenticate
            ? BasicAuthentication(user: settings.user ?? ":", password: settings.password?.reveal() ?? "", realm: "luaScriptResource") : nil
        let loop = environment.loop
        return try await HTTPServer.start(configuration, on: loop, logger: logger) { http in
            if let refusal = authentication?.refusal(of: http.headers) { return loop.makeSucceededFuture(refusal) }
            let answer = loop.makePromise(of: HTTPResponse.self)
            // A script that never returns must not hold its callers for ever.
            let timeout = loop.scheduleTask(in: settings.requestTimeout) {
                answer.succeed(.error(.gatewayTimeout, "the script did not answer within \(settings.requestTimeout.nanoseconds / 1_000_000) ms"))
            }
            Task {
                answer.succeed(await respond(to: http, environment))
                timeout.cancel()
            }
            return answer.futureResult
        }
    }

    private static func respond(to http: HTTPRequest, _ environment: ScriptEnvironment) async -> HTTPResponse {
        var path = http.path[...]
        guard path.popFirst()?.lowercased() == "scripts" else { return .error(.notFound, "expected /scripts/…") }
        guard let first = path.popFirst() else { return list(environment) }
        if first.lowercased() == "thingworx" { return await thingRequest(http, path, environment) }
        guard let script = environment.script(first) else { return .error(.notFound, "there is no script \(first)") }
        if http.queryValue("status") != nil, http.method == .GET {
            return .json(ByteBuffer(string: entry(first, environment.scriptStates[first] ?? .loading).description))
        }
        var request = Script.CallbackRequest(method: http.method.rawValue, path: Array(path))
        request.headers = headers(http)
        request.query = query(http)
        request.body = Array(http.body.readableBytesView)
        return response(await script.callback(request))
    }

    /// `/scripts/Thingworx/[Things/]<Thing>/<Properties|Services>[/<name>]`
    private static func thingRequest(_ http: HTTPRequest, _ path: ArraySlice<String>, _ environment: ScriptEnvironment) async -> HTTPResponse {
        var path = path
        // The gateway names the collection; a Thing of that name is reached all the same.
        if path.count > 2, path.first?.lowercased() == "things", environment.thing(path[path.startIndex + 1]) != nil { path.removeFirst() }
        guard let name = path.popFirst(), let kind = path.popFirst() else {
            return .error(.notFound, "expected /scripts/Thingworx/<Thing>/<Properties|Services>/<name>")
        }
        guard let script = environment.thing(name) else { return .error(.notFound, "there is no Thing \(name)") }
        return response(await script.thingRequest(
            method: http.method.rawValue, kind: kind, name: path.joined(separator: "/"), headers: headers(http), query: query(http),
            body: Array(http.body.readableBytesView)))
    }

    private static func list(_ environment: ScriptEnvironment) -> HTTPResponse {
        let scripts = environment.scriptStates.sorted { $0.key < $1.key }.map { entry($0.key, $0.value) }
        return .json(ByteBuffer(string: JSONValue.array(scripts).description))
    }

    private static func entry(_ name: String, _ status: Script.Status) -> JSONValue {
        var entry: JSONObject = ["name": .string(name), "status": .string(status.description)]
        if case .failed(let message) = status { entry["message"] = .string(message) }
        return .object(entry)
    }

    private static func headers(_ http: HTTPRequest) -> LuaValue {
        var fields: [String: LuaValue] = [:]
        // Credentials are checked here and are none of a script's business.
        for header in http.headers where header.name.lowercased() != "authorization" { fields[header.name] = .text(header.value) }
        return .table(LuaTable(fields: fields))
    }

    private static func query(_ http: HTTPRequest) -> LuaValue {
        .table(LuaTable(fields: Dictionary(http.query.map { ($0.name, .text($0.value)) }, uniquingKeysWith: { $1 })))
    }

    private static func response(_ answer: Script.Answer) -> HTTPResponse {
        var headers = HTTPHeaders()
        for (name, value) in answer.headers where name.lowercased() != "content-length" { headers.add(name: name, value: value) }
        if !headers.contains(name: "Content-Type") {
            let isJSON = answer.body.first == UInt8(ascii: "{") || answer.body.first == UInt8(ascii: "[")
            headers.add(name: "Content-Type", value: isJSON ? "application/json" : "text/plain")
        }
        return HTTPResponse(HTTPResponseStatus(statusCode: answer.status), headers: headers, body: ByteBuffer(bytes: answer.body))
    }
}
