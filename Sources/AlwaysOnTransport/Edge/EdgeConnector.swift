import AlwaysOn
package import AlwaysOnSession
package import NIOCore
import NIOHTTP1
import NetworkSupport

/// Opens connections to a platform: TCP, TLS, WebSocket upgrade, AUTH.
package enum EdgeConnector {
    /// - Returns: the connection, whose session has sent AUTH with the application key. Fails with `ConnectFailure`.
    package static func connect(
        to endpoint: PlatformEndpoint, applicationKey: String, session: EdgeConnection.Session.Configuration, on loop: any EventLoop,
        onEvent: @escaping @Sendable (EdgeConnection, EdgeConnection.Event) -> Void
    ) -> EventLoopFuture<EdgeConnection> {
        attempt(
            endpoint, applicationKey: applicationKey, session: session, deadline: loop.now + endpoint.connectTimeout, hops: 5, on: loop,
            onEvent: onEvent)
    }

    private static func attempt(
        _ endpoint: PlatformEndpoint, applicationKey: String, session: EdgeConnection.Session.Configuration, deadline: NIODeadline,
        hops: Int,
        on loop: any EventLoop, onEvent: @escaping @Sendable (EdgeConnection, EdgeConnection.Event) -> Void
    ) -> EventLoopFuture<EdgeConnection> {
        let opened = WebSocketConnector.open(
            upgrade(to: endpoint, applicationKey: applicationKey, session: session, onEvent: onEvent), to: endpoint, deadline: deadline,
            on: loop)
        return opened.flatMap { outcome in
            switch outcome {
            case .upgraded(let connection):
                guard connection.start() else {
                    return loop.makeFailedFuture(ConnectFailure("\(endpoint.url) closed the connection after the WebSocket upgrade"))
                }
                return loop.makeSucceededFuture(connection)
            case .refused(let head):
                do throws(ConnectFailure) {
                    let next = try redirect(of: head, from: endpoint, hops: hops)
                    return attempt(
                        next, applicationKey: applicationKey, session: session, deadline: deadline, hops: hops - 1, on: loop,
                        onEvent: onEvent)
                } catch {
                    return loop.makeFailedFuture(error)
                }
            }
        }
    }

    /// Where an answer that is no upgrade points to.
    /// - Throws: `ConnectFailure` when it points nowhere, or where the key must not go (ems.md §4.5).
    private static func redirect(
        of head: HTTPResponseHead, from endpoint: PlatformEndpoint, hops: Int
    ) throws(ConnectFailure)
        -> PlatformEndpoint
    {
        guard [301, 302, 303, 307, 308].contains(head.status.code), let location = head.headers.first(name: "Location") else {
            throw ConnectFailure(
                "\(endpoint.url) answered \(head.status.code) \(head.status.reasonPhrase) to the WebSocket upgrade: check `resource` and that a ThingWorx platform listens there"
            )
        }
        guard hops > 0 else { throw ConnectFailure("\(endpoint.url) redirects to \(location), the sixth redirect in a row") }
        guard let next = endpoint.redirected(to: location) else {
            throw ConnectFailure("\(endpoint.url) redirects to \(location), which is no URL of a platform")
        }
        if endpoint.tls != nil, next.tls == nil {
            throw ConnectFailure("\(endpoint.url) redirects to \(location), without encryption: not followed")
        }
        if next.host != endpoint.host, !endpoint.followsToOtherHosts {
            throw ConnectFailure(
                "\(endpoint.url) redirects to another host, \(location): not followed while `certificates.validate` is off")
        }
        return next
    }

    private static func upgrade(
        to endpoint: PlatformEndpoint, applicationKey: String, session: EdgeConnection.Session.Configuration,
        onEvent: @escaping @Sendable (EdgeConnection, EdgeConnection.Event) -> Void
    ) -> WebSocketConnector.Upgrade<EdgeConnection> {
        let limits = session.limits
        // Whoever chose other sizes has his reasons.
        let standard = SessionLimits().chunkSize
        let offersLongChunks = limits.chunkSize == standard && endpoint.maximumFrameSize == standard
        var headers = HTTPHeaders([("appKey", applicationKey), ("Max-Frame-Size", String(endpoint.maximumFrameSize))])
        if endpoint.compression { headers.add(name: DeflateParameters.header, value: DeflateParameters.offer) }
        if offersLongChunks { headers.add(contentsOf: HTTPHeaders([LongChunks.offer])) }
        return WebSocketConnector.Upgrade(headers: headers, maximumFrameSize: limits.maximumMessageSize) { channel, answer in
            let compression = try DeflateParameters.answered(answer.headers, isOffered: endpoint.compression)
            let chunkSize = offersLongChunks ? LongChunks.size(in: answer.headers) : nil
            var session = session
            session.limits.isCompressed = compression != nil
            if let chunkSize { session.limits.chunkSize = chunkSize }
            let connection = EdgeConnection(
                session: session, auth: Auth(applicationKey: applicationKey), endpoint: endpoint, onEvent: onEvent)
            try channel.pipeline.syncOperations.addHandlers([
                WebSocketMessageHandler(
                    role: .client, maximumFrameSize: chunkSize ?? endpoint.maximumFrameSize, maximumMessageSize: limits.maximumMessageSize,
                    compression: compression),
                connection,
            ])
            return connection
        }
    }
}
