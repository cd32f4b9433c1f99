package import AlwaysOnSession
import AlwaysOnTransport
package import FileTransfer
import MessageStore
package import TunnelTransport

/// How a gateway is, for its status page.
package struct GatewayStatus: Sendable {
    package struct Binding: Sendable {
        package var name: String
        package var state: Registry.Binding
        /// Who answers for it.
        package var host: String
    }

    /// What is stored until the platform can be reached.
    package struct Store: Sendable, Equatable {
        package var messages = 0
        package var bytes = 0
        package var maximumBytes = 0
        /// Set aside after the platform refused them.
        package var refused = 0
        package var delivered = 0
        package var expired = 0
        package var dropped = 0
        package var damaged = 0
        /// There was no room, or the disk said no.
        package var notStored = 0
        /// Things whose requests wait for a binding, or after a refusal.
        package var waiting: [String] = []
        package var lastRefusal: String?
    }

    /// Files of bound Things.
    package struct Files: Sendable {
        package var active: [TransferStart]
        package var counters: FileCounters
    }

    package struct Tunnels: Sendable {
        package var open: [EdgeTunnels.Info]
        /// All that there were.
        package var count: Int
    }

    package var isConnected: Bool
    package var platform: String
    /// nil: none is open.
    package var store: Store?
    /// nil: there are no virtual directories.
    package var files: Files?
    package var tunnels: Tunnels
    package var bindings: [Binding]
    package var counters: SessionCounters
    package var warnings: [String]
}

extension Gateway {
    package var status: GatewayStatus {
        var counters = SessionCounters()
        if case .open(let connection) = link { counters = connection.counters }
        return GatewayStatus(
            isConnected: isConnected, platform: endpoint.url, store: storeStatus,
            files: files.map { .init(active: $0.active, counters: $0.counters) },
            tunnels: .init(open: tunnels.all, count: tunnels.countSoFar), bindings: registry.bindings, counters: counters,
            warnings: SecurityWarnings.of(configuration))
    }
}

extension Gateway {
    var storeStatus: GatewayStatus.Store? {
        guard let outbox else { return nil }
        let waiting = outbox.stores.waiting.status
        return GatewayStatus.Store(
            messages: waiting.messages, bytes: waiting.bytes, maximumBytes: configuration.offlineStore.maximumSize,
            refused: outbox.stores.refused.status.messages,
            delivered: outbox.delivery.delivered, expired: waiting.expired, dropped: waiting.dropped, damaged: waiting.damaged,
            notStored: waiting.refused,
            waiting: outbox.delivery.waiting, lastRefusal: outbox.delivery.lastRefusal)
    }
}

/// One line for each setting that gives up some security (ems.md §1.4).
package enum SecurityWarnings {
    package static func of(_ configuration: GatewayConfiguration) -> [String] {
        let server = configuration.httpServer
        let certificates = configuration.certificates
        var warnings: [String] = []
        func add(_ applies: Bool, _ text: String) { if applies { warnings.append(text) } }
        add(
            !configuration.connection.isEncrypted,
            "ws_connection.encryption is none: the application key and all data cross the network readable")
        add(!server.tls, "http_server.ssl is off: local requests are not encrypted")
        add(
            !server.authenticate && isLoopback(server.host),
            "http_server.authenticate is off: every local program may send requests as this gateway")
        add(
            !server.authenticate && !isLoopback(server.host),
            """
            http_server.authenticate is off and http_server.host is \(server.host): everyone who reaches this address may send requests as this gateway
            """)
        add(!certificates.validate, "certificates.validate is off: any server can pose as the platform, and any host as a device")
        add(certificates.allowSelfSigned, "certificates.allow_self_signed is on: a certificate may be its own authority")
        add(
            certificates.disableHostnameValidation,
            "certificates.disable_hostname_validation is on: a certificate for another host is accepted")
        add(certificates.allowCommonName, "certificates.allow_common_name is on: a host may be named in its certificate's subject alone")
        add(
            server.authenticate && (server.user == nil || server.password == nil),
            """
            http_server.authenticate is on without user and password: every local request is answered 401
            """)
        add(
            server.allowedHosts.contains("*"),
            "http_server.allowed_hosts is *: pages of any web site whose name points here may send requests")
        return warnings
    }

    package static func isLoopback(_ host: String) -> Bool { host.lowercased() == "localhost" || host.hasPrefix("127.") || host == "::1" }
}
