package import NIOCore
package import NIOSSL

/// Where a platform is and how to speak to it.
package struct PlatformEndpoint: Sendable {
    package var host: String
    package var port: Int
    /// Path of the upgrade request.
    package var path = "/Thingworx/WS"
    /// nil: no TLS.
    package var tls: TLSConfiguration?
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

    package var url: String { "\(tls == nil ? "ws" : "wss")://\(host):\(port)\(path)" }
}

/// Why a connection did not come about: one sentence that says what to do.
package struct ConnectFailure: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) { self.description = description }
}
