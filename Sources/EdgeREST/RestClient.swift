package import Formats
package import HTTPTransport
package import NIOCore
package import NIOHTTP1

/// A client of the REST interface of a platform or gateway, for tools and tests.
package struct RestClient: Sendable {
    private let origin: HTTPOrigin
    private let key: String?
    private let client: HTTPClient
    private let timeout: TimeAmount

    /// - Parameters:
    ///   - url: `http://host:port` or `https://host:port`.
    ///   - timeout: of each request.
    /// - Throws: `RestError`.
    package init(
        url: String, key: String?, tls: HTTPClient.Configuration = HTTPClient.Configuration(), timeout: TimeAmount = .seconds(60),
        on loop: any EventLoop
    ) throws {
        guard let (origin, _) = HTTPOrigin.parse(url) else {
            throw RestError("expected http://host:port or https://host:port, found \(url)")
        }
        self.origin = origin
        self.key = key
        self.timeout = timeout
        client = try HTTPClient(tls, on: loop)
    }

    /// - Returns: status and JSON of the answer, whatever they are; null where the answer is no JSON.
    /// - Throws: `HTTPCallFailure`.
    package func send(
        _ method: HTTPMethod, _ path: String, body: JSONValue? = nil, headers extra: HTTPHeaders = [:]
    ) async throws -> (status: Int, json: JSONValue) {
        var headers: HTTPHeaders = ["Accept": "application/json"]
        headers.add(contentsOf: extra)
        if let key { headers.add(name: "appKey", value: key) }
        if body != nil || method != .GET { headers.add(name: "Content-Type", value: "application/json") }
        let call = HTTPCall(
            method, origin, path, headers: headers, body: body.map { ByteBuffer(string: $0.description) }, timeout: timeout)
        let response = try await client.loop.flatSubmit { client.execute(call) }.get()
        return (Int(response.status.code), (try? JSONValue(parsing: response.body)) ?? .null)
    }

    /// A part of a file, or whatever is at a path, as it comes.
    /// - Throws: `HTTPCallFailure`.
    package func fetch(_ path: String, headers extra: HTTPHeaders = [:]) async throws -> HTTPResponse {
        var headers = extra
        if let key { headers.add(name: "appKey", value: key) }
        let call = HTTPCall(.GET, origin, path, headers: headers, timeout: timeout)
        return try await client.loop.flatSubmit { client.execute(call) }.get()
    }

    /// - Returns: the answer's JSON.
    /// - Throws: `RestError` for any status but 200 and 202 (stored for later), `HTTPCallFailure`.
    package func call(_ method: HTTPMethod, _ path: String, body: JSONValue? = nil) async throws -> JSONValue {
        let (status, json) = try await send(method, path, body: body)
        guard status == 200 || status == 202 else {
            throw RestError("\(method) \(path): \(status) \((json["message"] ?? json["error"])?.string ?? "")")
        }
        return json
    }

    /// `/Thingworx/Things/<name>/<kind>[/<item>]`
    package static func thing(_ name: String, _ kind: String, _ item: String = "") -> String {
        "/Thingworx/Things/\(PercentEncoding.encode(name))/\(kind)" + (item.isEmpty ? "" : "/\(PercentEncoding.encode(item))")
    }
}

package struct RestError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
