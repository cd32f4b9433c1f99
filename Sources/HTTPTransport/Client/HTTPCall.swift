package import NIOCore
package import NIOHTTP1
import NetworkSupport

/// Scheme, host and port of a server.
package struct HTTPOrigin: Sendable, Hashable, CustomStringConvertible {
    package var isTLS: Bool
    package var host: String
    package var port: Int

    package init(isTLS: Bool, host: String, port: Int) {
        self.isTLS = isTLS
        self.host = host
        self.port = port
    }

    /// The origin of an `http(s)` URL, and its path with the query; nil for anything else.
    package static func parse(_ text: String) -> (origin: HTTPOrigin, path: String)? {
        guard let url = NetworkURL(text), url.scheme == "http" || url.scheme == "https" else { return nil }
        let isTLS = url.scheme == "https"
        return (HTTPOrigin(isTLS: isTLS, host: url.host, port: url.port ?? (isTLS ? 443 : 80)), url.path)
    }

    package var description: String { "\(isTLS ? "https" : "http")://\(hostHeader)" }

    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
    }
}

/// A request to another server.
package struct HTTPCall: Sendable {
    package var method: HTTPMethod
    package var origin: HTTPOrigin
    /// Path and query as they go on the wire.
    package var target: String
    package var headers: HTTPHeaders
    package var body: ByteBuffer?
    package var timeout: TimeAmount

    package init(
        _ method: HTTPMethod, _ origin: HTTPOrigin, _ target: String, headers: HTTPHeaders = [:], body: ByteBuffer? = nil,
        timeout: TimeAmount
    ) {
        self.method = method
        self.origin = origin
        self.target = target
        self.headers = headers
        self.body = body
        self.timeout = timeout
    }
}

extension HTTPCall {
    func adding(csrfToken: String?) -> HTTPCall {
        guard let csrfToken else { return self }
        var call = self
        call.headers.replaceOrAdd(name: HTTPClient.csrfHeader, value: csrfToken)
        return call
    }
}

/// A call that brought no answer.
package enum HTTPCallFailure: Error, Sendable, CustomStringConvertible {
    /// Nobody listens there, or the name does not resolve.
    case unreachable(HTTPOrigin, String)
    case timeout(HTTPOrigin)
    /// The connection ended before the answer did.
    case closed(HTTPOrigin)
    case tooLarge(HTTPOrigin, Int)
    case overloaded(HTTPOrigin, Int)

    package var description: String {
        switch self {
        case .unreachable(let origin, let cause): "\(origin) cannot be reached (\(cause))"
        case .timeout(let origin): "\(origin) did not answer in time"
        case .closed(let origin): "\(origin) closed the connection before it answered"
        case .tooLarge(let origin, let limit): "\(origin) answered more than \(limit) bytes"
        case .overloaded(let origin, let waiting): "\(waiting) requests wait for \(origin) already"
        }
    }
}
