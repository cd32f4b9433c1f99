import AlwaysOn
package import AlwaysOnSession
import NetworkSupport
package import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NIOWebSocket

/// Opens connections to a platform: TCP, TLS, WebSocket upgrade.
package enum EdgeConnector {
    private enum Upgrade: Sendable {
        case done(EdgeConnection)
        case refused(EventLoopFuture<HTTPResponseStatus>)
    }

    /// - Returns: the connection, whose session has sent AUTH with the application key. Fails with `ConnectFailure`.
    package static func connect(
        to endpoint: PlatformEndpoint, applicationKey: String, session: EdgeConnection.Session.Configuration, on loop: any EventLoop,
        onEvent: @escaping @Sendable (EdgeConnection, EdgeConnection.Event) -> Void
    ) -> EventLoopFuture<EdgeConnection> {
        let tls: NIOSSLContext?
        do {
            tls = try endpoint.tls.map { try NIOSSLContext(configuration: $0) }
        } catch {
            return loop.makeFailedFuture(ConnectFailure("the TLS settings cannot be used: \(error)"))
        }
        let deadline = loop.now + endpoint.connectTimeout
        let upgraded = ClientBootstrap(group: loop)
            .connectTimeout(endpoint.connectTimeout)
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let name = endpoint.isIPAddress ? nil : endpoint.host
                        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try channel.pipeline.syncOperations.addHandler(FirstErrorHandler())
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .flatMap { channel -> EventLoopFuture<EdgeConnection> in
                let timeout = loop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
                let connection = upgrade(channel, endpoint, applicationKey: applicationKey) { isCompressed in
                    var session = session
                    session.limits.isCompressed = isCompressed
                    return EdgeConnection(session: session, auth: Auth(applicationKey: applicationKey), onEvent: onEvent)
                }
                // When TLS fails, what the upgrade sees is only that its channel went away.
                let firstError = try? channel.pipeline.syncOperations.handler(type: FirstErrorHandler.self)
                let result = connection.flatMapErrorThrowing { throw firstError?.error ?? $0 }
                result.whenComplete { result in
                    timeout.cancel()
                    if case .failure = result { channel.close(promise: nil) }
                }
                return result
            }
        return upgraded.flatMapErrorThrowing { throw explain($0, endpoint) }
    }

    private static func upgrade(
        _ channel: any Channel, _ endpoint: PlatformEndpoint, applicationKey: String, _ makeConnection: @escaping @Sendable (_ isCompressed: Bool) -> EdgeConnection
    ) -> EventLoopFuture<EdgeConnection> {
        let maximumMessageSize = 16 * 1_048_576
        let upgrader = NIOTypedWebSocketClientUpgrader<Upgrade>(maxFrameSize: maximumMessageSize, enableAutomaticErrorHandling: true) { channel, answer in
            channel.eventLoop.makeCompletedFuture {
                let compression = try DeflateParameters.answered(answer.headers, isOffered: endpoint.compression)
                let connection = makeConnection(compression != nil)
                try channel.pipeline.syncOperations.addHandlers([
                    WebSocketMessageHandler(
                        role: .client, maximumFrameSize: endpoint.maximumFrameSize, maximumMessageSize: maximumMessageSize,
                        compression: compression),
                    connection,
                ])
                return .done(connection)
            }
        }
        var headers = HTTPHeaders([
            ("Host", endpoint.hostHeader), ("appKey", applicationKey), ("Max-Frame-Size", String(endpoint.maximumFrameSize)),
            ("User-Agent", endpoint.userAgent),
        ])
        if endpoint.compression { headers.add(name: DeflateParameters.header, value: DeflateParameters.extensionName) }
        headers.add(name: "Content-Length", value: "0")
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: endpoint.path, headers: headers)
        let configuration = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<Upgrade>(upgradeRequestHead: head, upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let promise = channel.eventLoop.makePromise(of: HTTPResponseStatus.self)
                    try channel.pipeline.syncOperations.addHandler(RefusedUpgradeHandler(promise: promise))
                    return .refused(promise.futureResult)
                }
            })
        do {
            return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: configuration)
                .flatMap { (result: Upgrade) -> EventLoopFuture<EdgeConnection> in
                    switch result {
                    case .done(let connection):
                        connection.start()
                        return channel.eventLoop.makeSucceededFuture(connection)
                    case .refused(let status):
                        return status.flatMapThrowing { status in
                            throw ConnectFailure("\(endpoint.url) answered \(status.code) \(status.reasonPhrase) to the WebSocket upgrade: check `resource` and that a ThingWorx platform listens there")
                        }
                    }
                }
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    private static func explain(_ error: any Error, _ endpoint: PlatformEndpoint) -> ConnectFailure {
        if let failure = error as? ConnectFailure { return failure }
        let cause = NetworkErrorText.describe(error)
        let hint = switch error {
        case _ where NetworkErrorText.isUnresolved(error): "`ws_servers` and DNS"
        case is NIOConnectionError, ChannelError.connectTimeout: "`ws_servers`, that the platform runs, and firewalls between"
        case _ where endpoint.tls != nil: "`ws_connection.encryption` and `certificates`"
        default: "`ws_connection.encryption`, and that a ThingWorx platform listens there"
        }
        return ConnectFailure("no connection to \(endpoint.url): \(cause). Check \(hint)")
    }
}

extension PlatformEndpoint {
    var isIPAddress: Bool { (try? SocketAddress(ipAddress: host, port: port)) != nil }

    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (tls == nil ? 80 : 443) ? name : "\(name):\(port)"
    }
}

/// Reads the status of an answer that is no upgrade.
private final class RefusedUpgradeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var promise: EventLoopPromise<HTTPResponseStatus>?

    init(promise: EventLoopPromise<HTTPResponseStatus>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        promise?.succeed(head.status)
        promise = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise?.fail(ConnectFailure("the connection was closed during the WebSocket upgrade"))
        promise = nil
        context.fireChannelInactive()
    }
}

/// Remembers the first error of a channel that is being opened. Used on its event loop alone.
private final class FirstErrorHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = NIOAny

    private(set) var error: (any Error)?

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = self.error ?? error
        context.fireErrorCaught(error)
    }
}
