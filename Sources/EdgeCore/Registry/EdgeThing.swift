package import NIOCore
package import Secrets

/// A Thing that is bound through the gateway, and where the program is that stands for it (ems.md §2.11, §5.2).
package struct EdgeThing: Sendable, Equatable {
    /// The Thing's name, or `*` and its identifier.
    package var name: String
    package var host = "localhost"
    package var port = 8001
    /// Put in front of the path of the platform's requests.
    package var path = "/"
    package var timeout = TimeAmount.milliseconds(30_000)
    package var isTLS = false
    package var user: String?
    package var password: Secret?
    /// Requests to it are answered by the gateway itself.
    package var isGateway = false
    /// How often the device host is checked; nil: never.
    package var keepAlive: TimeAmount?
    /// Whether the registration outlives the gateway's process.
    package var persist = false
    /// Whether the device host has files of its own and answers for them.
    package var servesFiles = false

    package init(name: String) { self.name = name }

    package var deviceHost: DeviceHost { DeviceHost(host: host, port: port, isTLS: isTLS) }
}

/// Where one or many Things are served.
package struct DeviceHost: Sendable, Hashable, CustomStringConvertible {
    package var host: String
    package var port: Int
    package var isTLS: Bool

    package init(host: String, port: Int, isTLS: Bool) {
        self.host = host
        self.port = port
        self.isTLS = isTLS
    }

    package var description: String { "\(host):\(port)" }
}
