import AlwaysOnSession
package import NIOCore
package import NIOHTTP1
import NIOWebSocket
import NetworkSupport

/// Opens WebSockets to a platform: TCP, by way of the proxy, TLS, upgrade.
package enum WebSocketConnector {
    /// What is said to the other end, and what becomes of the channel where it agrees.
    package struct Upgrade<Result: Sendable>: Sendable {
        let headers: HTTPHeaders
        let maximumFrameSize: Int
        let accept: @Sendable (any Channel, HTTPResponseHead) throws -> Result

        /// - Parameters:
        ///   - headers: besides those of every upgrade.
        ///   - maximumFrameSize: longest frame that may come.
        ///   - accept: puts what follows into the pipeline; called on the channel's loop.
        package init(
            headers: HTTPHeaders, maximumFrameSize: Int, accept: @escaping @Sendable (any Channel, HTTPResponseHead) throws -> Result
        ) {
            (self.headers, self.maximumFrameSize, self.accept) = (headers, maximumFrameSize, accept)
        }
    }

    package enum Outcome<Result: Sendable>: Sendable {
        case upgraded(Result)
        /// The answer is no upgrade: a redirect, or an error. The channel is closed.
        case refused(HTTPResponseHead)
    }

    private enum Answer<Result: Sendable>: Sendable {
        case upgraded(Result)
        case other(EventLoopFuture<HTTPResponseHead>)
    }

    /// - Parameter deadline: for everything together.
    /// - Returns: fails with `ConnectFailure`.
    package static func open<Result>(
        _ upgrade: Upgrade<Result>, to endpoint: PlatformEndpoint, deadline: NIODeadline, on loop: any EventLoop
    ) -> EventLoopFuture<Outcome<Result>> {
        let limit = deadline - loop.now
        return Dialer(proxy: endpoint.proxy)
            .connect(host: endpoint.host, port: endpoint.port, tls: endpoint.tls, timeout: limit, on: loop)
            .flatMap { channel -> EventLoopFuture<Outcome<Result>> in
                let timeout = loop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
                let result = perform(upgrade, channel, endpoint)
                // A channel that is closed in the middle of the upgrade, between two handlers, tells nobody of its end.
                let decided = loop.makePromise(of: Outcome<Result>.self)
                result.cascade(to: decided)
                channel.closeFuture.whenComplete { _ in
                    loop.execute { decided.fail(ConnectFailure("\(endpoint.url) closed the connection during the WebSocket upgrade")) }
                }
                decided.futureResult.whenComplete { result in
                    timeout.cancel()
                    if case .success(.upgraded) = result { return }
                    channel.close(promise: nil)
                }
                return decided.futureResult
            }
            .flatMapErrorThrowing { error in
                guard loop.now >= deadline, !(error is DialFailure) else { throw explain(error, endpoint) }
                throw ConnectFailure(
                    "no connection to \(endpoint.url): no answer to the WebSocket upgrade within \(limit.nanoseconds / 1_000_000) ms. Check that a ThingWorx platform listens there, and `ws_connection.encryption`"
                )
            }
    }

    private static func perform<Result>(
        _ upgrade: Upgrade<Result>, _ channel: any Channel, _ endpoint: PlatformEndpoint
    )
        -> EventLoopFuture<Outcome<Result>>
    {
        let upgrader = NIOTypedWebSocketClientUpgrader<Answer<Result>>(
            maxFrameSize: upgrade.maximumFrameSize, enableAutomaticErrorHandling: true
        ) { channel, answer in
            channel.eventLoop.makeCompletedFuture { .upgraded(try upgrade.accept(channel, answer)) }
        }
        var headers = HTTPHeaders([("Host", endpoint.hostHeader), ("User-Agent", endpoint.userAgent)])
        headers.add(contentsOf: upgrade.headers)
        headers.add(name: "Content-Length", value: "0")
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: endpoint.path, headers: headers)
        var configuration = NIOUpgradableHTTPClientPipelineConfiguration(
            upgradeConfiguration: NIOTypedHTTPClientUpgradeConfiguration<Answer<Result>>(upgradeRequestHead: head, upgraders: [upgrader]) {
                channel in
                channel.eventLoop.makeCompletedFuture {
                    let promise = channel.eventLoop.makePromise(of: HTTPResponseHead.self)
                    try channel.pipeline.syncOperations.addHandler(RefusedUpgradeHandler(promise: promise))
                    return .other(promise.futureResult)
                }
            })
        // What the other end says right after its agreement belongs to the WebSocket.
        configuration.leftOverBytesStrategy = .forwardBytes
        do {
            return try channel.pipeline.syncOperations.configureUpgradableHTTPClientPipeline(configuration: configuration)
                .flatMap { (answer: Answer<Result>) -> EventLoopFuture<Outcome<Result>> in
                    switch answer {
                    case .upgraded(let result): channel.eventLoop.makeSucceededFuture(.upgraded(result))
                    case .other(let head): head.map { .refused($0) }
                    }
                }
        } catch {
            return channel.eventLoop.makeFailedFuture(error)
        }
    }

    private static func explain(_ error: any Error, _ endpoint: PlatformEndpoint) -> ConnectFailure {
        if let failure = error as? ConnectFailure { return failure }
        let hint =
            switch (error as? DialFailure)?.stage {
            case .name: "`ws_servers` and DNS"
            case .connect, .timeout: "`ws_servers`, that the platform runs, and firewalls between"
            case .proxy: "the settings of `proxy`"
            case .tls: "`ws_connection.encryption` and `certificates`"
            case nil where endpoint.tls == nil: "`ws_connection.encryption`, and that a ThingWorx platform listens there"
            case nil: "`ws_connection.encryption` and `certificates`"
            }
        return ConnectFailure(
            "no connection to \(endpoint.url): \((error as? DialFailure)?.description ?? NetworkErrorText.describe(error)). Check \(hint)")
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
