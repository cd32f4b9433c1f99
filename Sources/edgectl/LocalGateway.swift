import ArgumentParser
import EdgeCore
import EdgeREST
import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1

/// A gateway that runs, or should run, with a configuration that is at hand: reached by its own server, with its own credentials.
struct LocalGateway: Sendable {
    private let server: GatewayConfiguration.HTTPServer
    private let timeout: TimeAmount

    /// - Parameter timeout: of each request.
    init(_ configuration: GatewayConfiguration, timeout: TimeAmount = .seconds(60)) {
        server = configuration.httpServer
        self.timeout = timeout
    }

    /// Where it listens, seen from this machine.
    var host: String { ["0.0.0.0", "::", "localhost"].contains(server.host) ? "127.0.0.1" : server.host }
    var port: Int { server.port }
    var url: String { "\(server.tls ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(server.port)" }

    /// - Throws: `RestError`, or what is wrong with its certificate's file.
    func client() throws -> RestClient {
        var client = HTTPClient.Configuration()
        client.returnsCSRFTokens = true
        // Its own certificate, from its own configuration: whatever name it bears.
        client.tls.roots = server.tls ? [server.certificate] : []
        client.tls.checkHostname = false
        client.tls.allowSelfSigned = true
        return try RestClient(url: url, key: nil, tls: client, timeout: timeout, on: Connection.loop)
    }

    private var headers: HTTPHeaders {
        guard server.authenticate, let user = server.user, let password = server.password else { return [:] }
        let (name, value) = BasicAuthentication.header(user: user, password: password.reveal())
        return [name: value]
    }

    /// Status and JSON of what is at a path.
    func get(_ path: String) async throws -> (status: Int, json: JSONValue) { try await client().send(.GET, path, headers: headers) }

    /// A page as it is.
    func fetch(_ path: String) async throws -> HTTPResponse {
        var headers = headers
        headers.add(name: "Accept", value: "*/*")
        return try await client().fetch(path, headers: headers)
    }

    /// - Returns: the result of a service of LocalEms.
    /// - Throws: `RestError` with what the gateway says.
    func invoke(_ service: String, _ parameters: JSONValue = [:]) async throws -> JSONValue {
        let (status, json) = try await client().send(
            .POST, RestClient.thing("LocalEms", "Services", service), body: parameters, headers: headers)
        guard status == 200 else { throw RestError("the gateway answered \(status): \(json["error"]?.string ?? "")") }
        return json
    }
}
