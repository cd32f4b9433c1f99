package import NetworkSupport
package import NIOCore

/// Where a platform is and how to speak to it.
package struct PlatformEndpoint: Sendable {
    package var host: String
    package var port: Int
    /// Path of the upgrade request.
    package var path = "/Thingworx/WS"
    /// nil: no TLS.
    package var tls: TLSClient?
    package var proxy: ProxySettings?
    /// Whether a redirect may name another host; only where certificates are checked is that one known to be meant.
    package var followsToOtherHosts = true
    package var userAgent = "wsems"
    /// For TCP, TLS and upgrade together.
    package var connectTimeout: TimeAmount = .seconds(10)
    /// Longer messages go in continuation frames of this many bytes; announced to the platform.
    package var maximumFrameSize = 8192
    /// Offers permessage-deflate. Where the platform agrees, the connection takes about 105 KiB more.
    package var compression = true

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// The endpoint that a redirect names, `ws(s)://`, `http(s)://` or a path.
    func redirected(to location: String) -> PlatformEndpoint? {
        var next = self
        if location.hasPrefix("/") {
            next.path = location
            return next
        }
        guard let url = NetworkURL(location), ["ws", "http", "wss", "https"].contains(url.scheme) else { return nil }
        let isSecure = url.scheme == "wss" || url.scheme == "https"
        next.host = url.host
        next.port = url.port ?? (isSecure ? 443 : 80)
        next.path = url.path
        // Whoever redirects to TLS names a host whose certificate can be checked; away from TLS nothing is checked.
        if isSecure != (tls != nil) { next.tls = isSecure ? (try? TLSClient()) : nil }
        return next
    }

    package var url: String { "\(tls == nil ? "ws" : "wss")://\(host):\(port)\(path)" }
}

/// Why a connection did not come about: one sentence that says what to do.
package struct ConnectFailure: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) { self.description = description }
}
