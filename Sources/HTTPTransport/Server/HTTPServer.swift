package import Formats
package import Logging
package import NIOCore
package import NIOHTTP1
import NIOConcurrencyHelpers
import NIOPosix
import NIOSSL
package import NetworkSupport

/// An HTTP/1.1 server for small services: every request is read whole, within limits, and answered by one function.
package final class HTTPServer: Sendable {
    package struct Configuration: Sendable {
        package var host = "127.0.0.1"
        /// 0: any free port.
        package var port = 0
        /// So many ports after `port` are tried when one is taken.
        package var portsToTry = 0
        /// nil: no TLS.
        package var identity: Identity?
        /// Connections served at once. One more takes the place of the one that has been without a whole request for
        /// longest; where all are at work it is answered 503.
        package var maximumClients = 256
        /// How long a connection may be idle, or take to send a request, before its place goes to one for which there is none.
        package var idlePatience: TimeAmount = .seconds(1)
        package var requestPatience: TimeAmount = .seconds(5)
        /// Bytes of a request's body; more is answered 413.
        package var maximumBodySize = 1_048_576
        /// Bytes of all bodies that are being read or answered; a request for which there is no room is answered 503.
        package var bodies = ByteBudget(most: 64 << 20)
        /// Bytes of all longer answers that clients have not taken yet; one for which there is no room becomes 503.
        package var answers = ByteBudget(most: 64 << 20)
        /// From a request's first byte to the end of its head, and from there to the end of its body; later is answered 408.
        package var readTimeout: TimeAmount = .seconds(20)
        /// A connection without a request is closed after this time.
        package var idleTimeout: TimeAmount = .seconds(75)
        /// Names besides its own and `host` by which clients reach the server, and origins whose pages may send requests.
        package var allowedHosts: [String] = []
        package var allowedOrigins: [String] = []
        /// Whether answers carry the time (RFC 9110 §6.6.1): devices without a clock go by it, and tools compare clocks.
        package var tellsTime = false
        /// Counts requests and their answers; those whose head is refused at once, and so is no request yet, are in it with a time of zero.
        package var meter: RequestMeter?
        /// Protocols that a connection may switch to.
        package var upgraders: [any HTTPServerProtocolUpgrader & Sendable] = []

        /// What pages of other sites are judged by.
        package var site: SiteRules { SiteRules(hosts: allowedHosts + [host], origins: allowedOrigins, isTLS: identity != nil) }

        package init() {}
    }

    /// Called on the connection's event loop. A future that fails is answered 500.
    package typealias Responder = @Sendable (HTTPRequest) -> EventLoopFuture<HTTPResponse>

    /// Judges a request by its head, before its body is read: whoever may not send it does not make the server keep one.
    package enum Verdict: Sendable {
        /// What was found out is the request's `admitted`.
        case admitted((any Sendable)?)
        /// Its body goes to a sink as it comes, however long it is.
        case streamed(any HTTPBodySink)
        case refused(HTTPResponse)
    }
    package typealias Admission = @Sendable (HTTPRequest) -> Verdict

    package let address: SocketAddress
    private let channel: any Channel
    private let quiescing: ServerQuiescing
    private let live: NIOLockedValueBox<Live>

    /// What may change while the server runs; each connection takes it as it is when it opens.
    struct Live: Sendable {
        var tls: NIOSSLContext?
        var maximumClients: Int
        var readTimeout: TimeAmount
        var site: SiteRules
    }

    private init(channel: any Channel, quiescing: ServerQuiescing, live: NIOLockedValueBox<Live>) {
        self.channel = channel
        address = channel.localAddress!
        self.quiescing = quiescing
        self.live = live
    }

    /// New limits and certificate, for connections from now on. Whether there is TLS at all does not change.
    /// - Throws: `ListenFailure`; everything is as it was then.
    package func update(_ configuration: Configuration) throws {
        let tls = try configuration.identity.map { try HTTPServer.context($0) }
        live.withLockedValue { live in
            live.maximumClients = configuration.maximumClients
            live.readTimeout = configuration.readTimeout
            live.site = configuration.site
            if let tls, live.tls != nil { live.tls = tls }
        }
    }

    /// Connections that are open now.
    package var clientCount: Int { quiescing.count }

    private static func context(_ identity: Identity) throws -> NIOSSLContext {
        do {
            return try NIOSSLContext(configuration: identity.serverConfiguration())
        } catch {
            throw ListenFailure("the TLS settings of the HTTP server cannot be used: \(error)")
        }
    }

    package var port: Int { address.port ?? 0 }

    /// - Throws: `ListenFailure` when no port could be opened.
    package static func start(
        _ configuration: Configuration, on group: any EventLoopGroup, logger: Logger,
        admission: @escaping Admission = { _ in .admitted(nil) },
        responder: @escaping Responder
    ) async throws -> HTTPServer {
        let live = NIOLockedValueBox(
            Live(
                tls: try configuration.identity.map { try context($0) }, maximumClients: configuration.maximumClients,
                readTimeout: configuration.readTimeout, site: configuration.site))
        let quiescing = ServerQuiescing()
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let live = live.withLockedValue { $0 }
                    if let tls = live.tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    let handler = HTTPServerHandler(
                        configuration: configuration, live: live, quiescing: quiescing, channel: channel, logger: logger,
                        admission: admission, responder: responder)
                    try add(handler, to: channel)
                }
            }
        var port = configuration.port
        while true {
            do {
                let channel = try await bootstrap.bind(host: configuration.host, port: port).get()
                return HTTPServer(channel: channel, quiescing: quiescing, live: live)
            } catch {
                let isTaken = (error as? IOError)?.errnoCode == EADDRINUSE
                guard isTaken, configuration.port != 0, port < configuration.port + configuration.portsToTry, port < 65535 else {
                    throw ListenFailure(configuration, lastPort: port, isTaken: isTaken, error: error)
                }
                port += 1
            }
        }
    }

    /// Serves one connection on any channel, without TLS: for tests of what bytes do to it.
    package static func serve(
        _ channel: any Channel, _ configuration: Configuration, logger: Logger, admission: @escaping Admission,
        responder: @escaping Responder
    ) throws {
        let live = Live(
            tls: nil, maximumClients: configuration.maximumClients, readTimeout: configuration.readTimeout, site: configuration.site)
        try add(
            HTTPServerHandler(
                configuration: configuration, live: live, quiescing: ServerQuiescing(), channel: channel, logger: logger,
                admission: admission, responder: responder),
            to: channel)
    }

    private static func add(_ handler: HTTPServerHandler, to channel: any Channel) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(handler.firstBytes)
        let upgraders = handler.configuration.upgraders
        let upgrade: NIOHTTPServerUpgradeSendableConfiguration? =
            upgraders.isEmpty ? nil : (upgraders: upgraders, completionHandler: { @Sendable context in handler.upgraded(context) })
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false, withServerUpgrade: upgrade, withErrorHandling: false, withOutboundHeaderValidation: false)
        try pipeline.addHandler(handler)
    }

    /// Stops accepting, lets running requests end, closes what is idle.
    package func stop() async {
        try? await channel.close()
        await quiescing.stop(within: .seconds(5), on: channel.eventLoop)
    }
}

/// A server that could not open its port: what to do about it.
package struct ListenFailure: Error, CustomStringConvertible, Sendable {
    package let description: String

    package init(_ description: String) { self.description = description }

    init(_ configuration: HTTPServer.Configuration, lastPort: Int, isTaken: Bool, error: any Error) {
        let ports = lastPort == configuration.port ? "port \(lastPort)" : "ports \(configuration.port) to \(lastPort)"
        if isTaken {
            description = "\(ports) on \(configuration.host) in use: stop the program that holds it, or configure another port"
        } else {
            description = "cannot listen on \(configuration.host) \(ports): \(NetworkErrorText.describe(error))"
        }
    }
}
