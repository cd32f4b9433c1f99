package import AlwaysOnSession
package import Formats
import NIOConcurrencyHelpers
import NIOCore
package import NIOHTTP1
import NIOWebSocket
import NetworkSupport

/// Turns an HTTP connection that asks for it into an AlwaysOn connection.
package struct AlwaysOnUpgrader: Sendable {
    /// Path of the upgrade request, compared without regard to case.
    package var path = "/Thingworx/WS"
    package var session = PlatformConnection.Session.Configuration()
    /// Used for frames that are sent to an edge that does not say what it takes.
    package var defaultFrameSize = 8192
    /// Whether permessage-deflate is agreed to where an edge offers it. A connection takes some 10 KiB for what an edge sends that
    /// lets the server choose its window, 40 KiB for others; what is sent is compressed by one for all.
    package var compression = true
    private static let clientWindowBits = 11
    /// Whether a request with these headers may become a connection: web pages' may be unwanted.
    package var mayUpgrade: @Sendable (HTTPHeaders) -> Bool = { _ in true }
    /// What all connections hold together for messages that are not complete, and of what their peers have not taken.
    package var incomplete = ByteBudget(most: 64 << 20)
    package var backlog = ByteBudget(most: 64 << 20)
    /// Room for connections that have not authenticated; each takes `StrangerGuard.size`.
    package var strangers = ByteBudget(most: 64 << 20)

    package init() {}

    /// - Parameter makeID: session ids, unique among open connections; called on the channel's event loop.
    package func makeUpgrader(
        makeID: @escaping @Sendable () -> UInt32, onEvent: @escaping @Sendable (PlatformConnection, PlatformConnection.Event) -> Void
    ) -> any HTTPServerProtocolUpgrader & Sendable {
        let path = self.path.lowercased()
        var session = self.session
        session.limits.incomplete = incomplete
        let defaultFrameSize = self.defaultFrameSize
        let agree = { @Sendable [compression] (head: HTTPRequestHead) in
            compression ? DeflateParameters.accepting(head.headers, clientWindowBits: AlwaysOnUpgrader.clientWindowBits) : nil
        }
        let shared = SharedDeflater()
        let (mayUpgrade, backlog, strangers) = (mayUpgrade, backlog, strangers)
        return NIOWebSocketServerUpgrader(
            maxFrameSize: session.limits.maximumMessageSize,
            shouldUpgrade: { channel, head in
                let asked = head.uri.split(separator: "?", maxSplits: 1).first.map { $0.lowercased() }
                // NIO looks at Upgrade alone (RFC 6455 §4.2.1).
                guard asked == path, head.headers.connectionAsksForUpgrade, mayUpgrade(head.headers) else {
                    return channel.eventLoop.makeSucceededFuture(nil)
                }
                var answer = agree(head).map { [(DeflateParameters.header, $0.answer)] } ?? []
                if LongChunks.size(in: head.headers) != nil { answer.append(LongChunks.offer) }
                return channel.eventLoop.makeSucceededFuture(HTTPHeaders(answer))
            },
            upgradePipelineHandler: { [session] channel, head in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    let decoder = try pipeline.handler(type: ByteToMessageHandler<WebSocketFrameDecoder>.self)
                    let stranger = try StrangerGuard(strangers, channel)
                    try pipeline.addHandler(stranger, position: .before(decoder))
                    try channel.syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: 16_384, high: 32_768))
                    // An edge resets the connection on a frame that is longer than it announced.
                    var announced = head.headers.first(name: "Max-Frame-Size").flatMap { Int($0) } ?? defaultFrameSize
                    let compression = agree(head)?.parameters
                    var session = session
                    session.limits.isCompressed = compression != nil
                    if let size = LongChunks.size(in: head.headers) { (session.limits.chunkSize, announced) = (size, size) }
                    try pipeline.addHandlers([
                        WebSocketMessageHandler(
                            role: .server, maximumFrameSize: min(max(announced, 128), 1 << 20),
                            maximumMessageSize: session.limits.maximumMessageSize, compression: compression,
                            shared: compression.flatMap { shared.deflater(on: channel.eventLoop, $0) },
                            incomplete: session.limits.incomplete),
                        PlatformConnection(
                            id: makeID(), channel: channel, session: session, stranger: stranger, backlog: Backlog(backlog),
                            onEvent: onEvent),
                    ])
                }
            })
    }
}

/// One compressor for all connections of a loop. Each message is compressed by itself, which any peer can read, whatever it keeps.
private final class SharedDeflater: @unchecked Sendable {
    private let state = NIOLockedValueBox<(loop: (any EventLoop)?, deflater: Deflater?)>((nil, nil))
    /// A window that every peer reads that did not ask for a smaller one.
    private static let windowBits = 13

    /// nil where the connection needs one of its own.
    func deflater(on loop: any EventLoop, _ parameters: DeflateParameters) -> Deflater? {
        guard parameters.serverMaxWindowBits >= SharedDeflater.windowBits else { return nil }
        return state.withLockedValue { state in
            if state.loop == nil { state = (loop, Deflater(windowBits: SharedDeflater.windowBits, takesOverContext: false)) }
            return state.loop === loop ? state.deflater : nil
        }
    }
}
