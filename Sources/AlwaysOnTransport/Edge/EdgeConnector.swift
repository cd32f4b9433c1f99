import AlwaysOn
package import AlwaysOnSession
import NetworkSupport
package import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Opens connections to a platform: TCP, TLS, WebSocket upgrade.
package enum EdgeConnector {
    private enum Upgrade: Sendable {
        case done(EdgeConnection)
        case refused(HTTPResponseHead)
    }

    private enum Answer: Sendable {
        case upgraded(EdgeConnection)
        case other(EventLoopFuture<HTTPResponseHead>)
    }

    /// - Returns: the connection, whose session has sent AUTH with the application key. Fails with `ConnectFailure`.
    package static func connect(
        to endpoint: PlatformEndpoint, applicationKey: String, session: EdgeConnection.Session.Configuration, on loop: any EventLoop,
        onEvent: @escaping @Sendable (EdgeConnection, EdgeConnection.Event) -> Void
    ) -> EventLoopFuture<EdgeConnection> {
        attempt(endpoint, applicationKey: applicationKey, session: session, deadline: loop.now + endpoint.connectTimeout, hops: 5, on: loop, onEvent: onEvent)
    }

    private static func attempt(
        _ endpoint: PlatformEndpoint, applicationKey: String, session: EdgeConnection.Session.Configuration, deadline: NIODeadline, hops: Int,
        on loop: any EventLoop, onEvent: @escaping @Sendable (EdgeConnection, EdgeConnection.Event) -> Void
    ) -> EventLoopFuture<EdgeConnection> {
        let opened = Dialer(proxy: endpoint.proxy)
            .connect(host: endpoint.host, port: endpoint.port, tls: endpoint.tls, timeout: deadline - loop.now, on: loop)
            .flatMap { channel -> EventLoopFuture<Upgrade> in
                let timeout = loop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
                let result = upgrade(channel, endpoint, applicationKey: applicationKey, session.limits) { isCompressed, chunkSize in
                    var session = session
                    session.limits.isCompressed = isCompressed
                    if let chunkSize { session.limits.chunkSize = chunkSize }
                    return EdgeConnection(session: session, auth: Auth(applicationKey: applicationKey), onEvent: onEvent)
                }
                // A channel that is closed in the middle of the upgrade, between two handlers, tells nobody of its end.
                let decided = loop.makePromise(of: Upgrade.self)
                result.cascade(to: decided)
                channel.closeFuture.whenComplete { _ in
                    loop.execute { decided.fail(ConnectFailure("\(endpoint.url) closed the connection during the WebSocket upgrade")) }
                }
                decided.futureResult.whenComplete { result in
                    timeout.cancel()
                    if case .success(.done) = result { return }
                    channel.close(promise: nil)
                }
                return decided.futureResult
            }
        return opened.flatMapErrorThrowing { throw explain($0, endpoint) }.flatMap { upgrade in
            switch upgrade {
            case .done(let connection):
                guard connection.start() else {
                    return loop.makeFailedFuture(ConnectFailure("\(endpoint.url) closed the connection after the WebSocket upgrade"))
                }
                return loop.makeSucceededFuture(connection)
            case .refused(let head):
                do throws(ConnectFailure) {
                    let next = try redirect(of: head, from: endpoint, hops: hops)
                    return attempt(next, applicationKey: applicationKey, session: session, deadline: deadline, hops: hops - 1, on: loop, onEvent: onEvent)
                } catch {
                    return loop.makeFailedFuture(error)
                }
            }
        }
    }

    /// Where an answer that is no upgrade points to.
    /// - Throws: `ConnectFailure` when it points nowhere, or where the key must not go (ems.md §4.5).
    private static func redirect(of head: HTTPResponseHead, from endpoint: PlatformEndpoint, hops: Int) throws(ConnectFailure) -> PlatformEndpoint {
        guard [301, 302, 303, 307, 308].contains(head.status.code), let location = head.headers.first(name: "Location") else {
            throw ConnectFailure("\(endpoint.url) answered \(head.status.code) \(head.status.reasonPhrase) to the WebSocket upgrade: check `resource` and that a ThingWorx platform listens there")
        }
        guard hops > 0 else { throw ConnectFailure("\(endpoint.url) redirects to \(location), the sixth redirect in a row") }
        guard let next = endpoint.redirected(to: location) else { throw ConnectFailure("\(endpoint.url) redirects to \(location), which is no URL of a platform") }
        if endpoint.tls != nil, next.tls == nil { throw ConnectFailure("\(endpoint.url) redirects to \(location), without encryption: not followed") }
        if next.host != endpoint.host, !endpoint.followsToOtherHosts {
            throw ConnectFailure("\(endpoint.url) redirects to another host, \(location): not followed while `certificates.validate` is off")
        }
        return next
    }

    private static func upgrade(
        _ channel: any Channel, _ endpoint: PlatformEndpoint, applicationKey: String, _ limits: SessionLimits,
        _ makeConnection: @escaping @Sendable (_ isCompressed: Bool, _ chunkSize: Int?) -> EdgeConnection
    ) -> EventLoopFuture<Upgrade> {
        let maximumMessageSize = limits.maximumMessageSize
        // Whoever chose other sizes has his reasons.
        let standard = SessionLimits().chunkSize
        let offersLongChunks = limits.chunkSize == standard && endpoint.maximumFrameSize == standard
        let upgrader = NIOTypedWebSocketClientUpgrader<Answer>(maxFrameSize: maximumMessageSize, enableAutomaticErrorHandling: true) { channel, answer in
            channel.eventLoop.makeCompletedFuture {
                let compression = try DeflateParameters.answered(answer.headers, isOffered: endpoint.compression)
                let chunkSize = offersLongChunks ? LongChunks.size(in: answer.headers) : nil
                let connection = makeConnection(compression != nil, chunkSize)
                try channel.pipeline.syncOperations.addHandlers([
                    WebSocketMessageHandler(
                        role: .client, maximumFrameSize: chunkSize ?? endpoint.maximumFrameSize, maximumMessageSize: maximumMessageSize,
                        compression: compression),
                    connection,
                ])
                return .upgraded(connection)
            }
        }
        var headers = HTTPHeaders([
            ("Host", endpoint.hostHeader), ("appKey", applicationKey), ("Max-Frame-Size", String(endpoint.maximumFrameSize)),
            ("User-Agent", endpoint.userAgent),
        ])
        if endpoint.compression { headers.add(name: DeflateParameters.header, value: DeflateParameters.offer) }
        if offersLongChunks { headers.add(contentsOf: HTTPHeaders([LongChunks.offer])) }
        headers.add(name: "Content-Length", value: "0")
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: endpoint.path, headers: headers)
        let configuration = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<Answer>(upgradeRequestHead: head, upgraders: [upgrader]) { channel in
                channel.eventLoop.makeCompletedFuture {
                    let promise = channel.eventLoop.makePromise(of: HTTPResponseHead.self)
                    try channel.pipeline.syncOperations.addHandler(RefusedUpgradeHandler(promise: promise))
                    return .other(promise.futureResult)
                }
            })
        do {
            return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: configuration)
                .flatMap { (answer: Answer) -> EventLoopFuture<Upgrade> in
                    switch answer {
                    case .upgraded(let connection): channel.eventLoop.makeSucceededFuture(.done(connection))
                    case .other(let head): head.map { .refused($0) }
                    }
                }
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    private static func explain(_ error: any Error, _ endpoint: PlatformEndpoint) -> ConnectFailure {
        if let failure = error as? ConnectFailure { return failure }
        let hint = switch (error as? DialFailure)?.stage {
        case .name: "`ws_servers` and DNS"
        case .connect, .timeout: "`ws_servers`, that the platform runs, and firewalls between"
        case .proxy: "the settings of `proxy`"
        case .tls: "`ws_connection.encryption` and `certificates`"
        case nil where endpoint.tls == nil: "`ws_connection.encryption`, and that a ThingWorx platform listens there"
        case nil: "`ws_connection.encryption` and `certificates`"
        }
        return ConnectFailure("no connection to \(endpoint.url): \((error as? DialFailure)?.description ?? NetworkErrorText.describe(error)). Check \(hint)")
    }
}

extension PlatformEndpoint {
    var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (tls == nil ? 80 : 443) ? name : "\(name):\(port)"
    }
}

/// Reads the head of an answer that is no upgrade.
private final class RefusedUpgradeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var promise: EventLoopPromise<HTTPResponseHead>?

    init(promise: EventLoopPromise<HTTPResponseHead>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        promise?.succeed(head)
        promise = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        promise?.fail(ConnectFailure("the connection was closed during the WebSocket upgrade"))
        promise = nil
        context.fireChannelInactive()
    }
}
