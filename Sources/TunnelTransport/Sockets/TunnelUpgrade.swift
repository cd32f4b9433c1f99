package import AlwaysOnTransport
package import NIOCore
package import NIOHTTP1
import Tunnels

/// How the WebSockets of tunnels are opened (alwayson.md §9).
package enum TunnelUpgrade {
    private static let encodingHeader = "X-Tunnel-Encoding"
    private static let encoding = "binary"
    package static let edgePath = "/Thingworx/WSTunnelServer"
    /// Where users open their end, which is ours.
    package static let userPath = "/Thingworx/WSTunnelClient"

    /// Whether an upgrade offers, or its answer agrees to, messages that carry several connections.
    package static func carriesMany(_ headers: HTTPHeaders) -> Bool {
        headers.first(name: encodingHeader)?.lowercased() == encoding
    }

    package static var agreement: HTTPHeaders { [encodingHeader: encoding] }

    /// Opens one end at a platform.
    ///
    /// - Parameters:
    ///   - endpoint: the connection's for which the tunnel was asked; `path` leads to the tunnel.
    ///   - headers: who it is that comes.
    ///   - chunk: raw bytes of one text message.
    /// - Returns: the socket, which does not read yet, and whether it carries several connections. Fails with `ConnectFailure`.
    package static func open(
        _ endpoint: PlatformEndpoint, headers: HTTPHeaders, chunk: Int, on loop: any EventLoop
    ) -> EventLoopFuture<(socket: TunnelSocket, carriesMany: Bool)> {
        var all = headers
        all.add(contentsOf: agreement)
        all.add(name: "Max-Frame-Size", value: String((chunk + 2) / 3 * 4))
        let longest = max(TextPayload.longestMessage(chunk: chunk), TunnelFrame.maximumSize)
        let upgrade = WebSocketConnector.Upgrade(headers: all, maximumFrameSize: longest) { channel, answer in
            (socket: try add(to: channel, role: .client, longest: longest, stalls: false), carriesMany: carriesMany(answer.headers))
        }
        return WebSocketConnector.open(upgrade, to: endpoint, deadline: loop.now + endpoint.connectTimeout, on: loop).flatMapThrowing {
            outcome in
            switch outcome {
            case .upgraded(let socket): return socket
            case .refused(let head):
                throw ConnectFailure("\(endpoint.url) answered \(head.status.code) \(head.status.reasonPhrase) to the tunnel's WebSocket")
            }
        }
    }

    /// Makes an upgraded channel a tunnel's.
    ///
    /// - Parameters:
    ///   - longest: message that may come.
    ///   - frame: longest frame that the peer takes; nil: as long as the message.
    ///   - stalls: whether a peer that takes nothing for long is let go.
    package static func add(
        to channel: any Channel, role: WebSocketMessageHandler.Role, longest: Int, frame: Int? = nil, stalls: Bool
    ) throws -> TunnelSocket {
        var manners = WebSocketMessageHandler.Manners()
        manners.readsAlways = true
        manners.stall = stalls ? .minutes(2) : nil
        manners.farewell = .seconds(10)
        let socket = TunnelSocket(channel)
        try channel.pipeline.syncOperations.addHandlers([
            WebSocketMessageHandler(
                role: role, maximumFrameSize: frame ?? longest, maximumMessageSize: longest, compression: nil, manners: manners), socket,
        ])
        return socket
    }
}
