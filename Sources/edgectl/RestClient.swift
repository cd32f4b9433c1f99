import ArgumentParser
import Formats
import Glibc
import HTTPTransport
import NIOCore
import NIOHTTP1
import NIOPosix
import Secrets

/// How a command reaches a platform or a gateway.
struct Connection: ParsableArguments {
    @Option(help: "The platform or gateway.")
    var url = "http://127.0.0.1:8080"

    @Option(help: "File that holds the application key; not needed at a gateway. $THINGWORX_APP_KEY works as well.")
    var keyFile: String?

    func client() throws -> RestClient {
        var key = getenv("THINGWORX_APP_KEY").map { String(cString: $0) }
        if let keyFile {
            let text = String(decoding: try AtomicFile.read(keyFile, limit: 1 << 16), as: UTF8.self)
            key = text.split(whereSeparator: \.isWhitespace).first.map(String.init)
        }
        return try RestClient(url: url, key: key)
    }
}

struct RestClient: Sendable {
    private let origin: HTTPOrigin
    private let key: String?
    private let client: HTTPClient

    init(url: String, key: String?) throws {
        let isTLS = url.hasPrefix("https://")
        guard isTLS || url.hasPrefix("http://") else { throw ValidationError("expected a URL that begins with http:// or https://, found \(url)") }
        let place = url.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "/" }
        let parts = place.split(separator: ":")
        guard let host = parts.first, let port = parts.count > 1 ? Int(parts[1]) : (isTLS ? 443 : 80) else {
            throw ValidationError("expected http://host:port, found \(url)")
        }
        origin = HTTPOrigin(isTLS: isTLS, host: String(host), port: port)
        self.key = key
        client = try HTTPClient(on: MultiThreadedEventLoopGroup.singleton.next())
    }

    /// - Returns: the answer's JSON.
    /// - Throws: `RestError` for any status but 200.
    func call(_ method: HTTPMethod, _ path: String, body: JSONValue? = nil) async throws -> JSONValue {
        var headers: HTTPHeaders = ["Accept": "application/json"]
        if let key { headers.add(name: "appKey", value: key) }
        if body != nil { headers.add(name: "Content-Type", value: "application/json") }
        let call = HTTPCall(method, origin, path, headers: headers, body: body.map { ByteBuffer(string: $0.description) }, timeout: .seconds(60))
        let response = try await client.loop.flatSubmit { client.execute(call) }.get()
        let json = response.body.readableBytes > 0 ? try? JSONValue(parsing: response.body) : .object(JSONObject())
        guard response.status == .ok else {
            throw RestError(description: "\(method) \(path): \(response.status.code) \(json?["error"]?.string ?? response.status.reasonPhrase)")
        }
        guard let json else { throw RestError(description: "\(method) \(path): the answer is no JSON") }
        return json
    }

    static func thing(_ name: String, _ kind: String, _ item: String = "") -> String {
        "/Thingworx/Things/\(PercentEncoding.encode(name))/\(kind)" + (item.isEmpty ? "" : "/\(PercentEncoding.encode(item))")
    }
}

struct RestError: Error, CustomStringConvertible { let description: String }
