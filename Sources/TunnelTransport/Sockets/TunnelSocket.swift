package import AlwaysOnSession
package import AlwaysOnTransport
package import NIOCore
import NIOHTTP1
import NetworkSupport

/// Who has a tunnel's WebSocket.
package protocol TunnelSocketOwner: AnyObject {
    func received(_ message: WebSocketMessage, from socket: TunnelSocket)
    /// All that came with one read has been handed over.
    func readComplete(_ socket: TunnelSocket)
    func becameWritable(_ socket: TunnelSocket)
    /// The last call.
    func closed(_ socket: TunnelSocket, _ reason: String)
}

/// A WebSocket that carries a tunnel, at either end and between them. It reads when it is told to, and lets go of its owner once it is
/// closed.
///
/// Confined to its channel's event loop.
package final class TunnelSocket: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = WebSocketMessage
    package typealias OutboundOut = WebSocketMessage

    /// Bytes that wait in this process before more is asked for: what is further on waits in the system.
    private static let mark = ChannelOptions.Types.WriteBufferWaterMark(low: 65_536, high: 131_072)
    /// Unsent bytes in the system beyond which it takes no more, so that what is new does not wait behind megabytes.
    private static let unsent = 131_072
    /// Several messages come with one call where there are as many.
    private static let longestRead = 262_144
    private static let notSentLowWater = ChannelOptions.Types.SocketOption(level: .tcp, name: .init(rawValue: 25))
    /// What may come before somebody wants it: one read.
    private static let mostEarly = 262_144

    private let channel: any Channel
    private var owner: (any TunnelSocketOwner)?
    private var context: ChannelHandlerContext?
    /// Called once a server's upgrade is through: what is written before goes astray.
    package var whenUpgraded: ((TunnelSocket) -> Void)?
    private var wantsMore = false
    private var isReading = false
    private var isClosed = false
    private var closeText: String?
    /// Whether the other end has closed in order: nothing that it sent is missing.
    package private(set) var wasClosedInOrder = false
    private var early: [WebSocketMessage] = []
    private var earlyBytes = 0
    private var life: RepeatedTask?
    private var lastHeard: NIODeadline

    package init(_ channel: any Channel) {
        self.channel = channel
        lastHeard = channel.eventLoop.now
    }

    package var loop: any EventLoop { channel.eventLoop }
    package var isWritable: Bool { channel.isWritable }
    /// When it is closed, whoever has it.
    package var whenClosed: EventLoopFuture<Void> { channel.closeFuture }
    package var remoteAddress: SocketAddress? { channel.remoteAddress }
    /// Bytes that the peer has not taken.
    package var waiting: Int { (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    /// Hands over what has come already, and all that comes.
    package func start(_ owner: any TunnelSocketOwner) {
        loop.preconditionInEventLoop()
        guard !isClosed else { return owner.closed(self, closeText ?? "closed by the other end") }
        self.owner = owner
        let messages = early
        (early, earlyBytes) = ([], 0)
        for message in messages { owner.received(message, from: self) }
        if !messages.isEmpty { owner.readComplete(self) }
    }

    /// Reads on, and goes on reading until it is paused.
    package func resume() {
        wantsMore = true
        if !isReading, !isClosed { context?.read() }
    }

    package func pause() { wantsMore = false }

    package func write(_ message: WebSocketMessage) { context?.write(wrapOutboundOut(message), promise: nil) }

    package func flush() { context?.flush() }

    /// What was written goes out first.
    package func close(_ reason: CloseReason) {
        guard !isClosed, let context else { return }
        closeText = closeText ?? reason.text
        // The answer to it has to be read.
        resume()
        context.writeAndFlush(wrapOutboundOut(.close(code: reason.code.rawValue, reason: reason.text)), promise: nil)
    }

    /// Asks the peer for signs of life; without one for three times as long it is let go.
    package func keepAlive(every interval: TimeAmount) {
        let bound = NIOLoopBound(self, eventLoop: loop)
        life = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let socket = bound.value
            guard socket.loop.now - socket.lastHeard < interval * 3 else {
                socket.closeText = socket.closeText ?? "no sign of life for \((interval * 3).nanoseconds / 1_000_000_000) s"
                return socket.channel.close(promise: nil)
            }
            socket.write(.ping(ByteBuffer()))
            socket.flush()
        }
    }

    // MARK: Channel

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        let options = context.channel.syncOptions
        try? options?.setOption(.autoRead, value: false)
        try? options?.setOption(.writeBufferWaterMark, value: TunnelSocket.mark)
        try? options?.setOption(.maxMessagesPerRead, value: 1)
        try? options?.setOption(
            .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 2048, initial: 4096, maximum: TunnelSocket.longestRead))
        try? options?.setOption(TunnelSocket.notSentLowWater, value: TunnelSocket.unsent)
    }

    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastHeard = loop.now
        isReading = true
        let message = unwrapInboundIn(data)
        switch message {
        case .ping, .pong: return
        case .close(let code, let reason):
            wasClosedInOrder = code == CloseReason.Code.normal.rawValue
            closeText = closeText ?? (reason.isEmpty ? "closed by the other end (status \(code))" : reason)
            return
        case .binary, .text: break
        }
        if let owner { return owner.received(message, from: self) }
        earlyBytes += message.size
        early.append(message)
        if earlyBytes > TunnelSocket.mostEarly {
            closeText = "more than \(TunnelSocket.mostEarly) bytes before the tunnel was open"
            channel.close(promise: nil)
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        lastHeard = loop.now
        owner?.readComplete(self)
        if wantsMore, !isClosed { context.read() }
        context.fireChannelReadComplete()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case HTTPServerUpgradeEvents.upgradeComplete = event, let then = whenUpgraded {
            whenUpgraded = nil
            then(self)
        }
        context.fireUserInboundEventTriggered(event)
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { owner?.becameWritable(self) }
        context.fireChannelWritabilityChanged()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let reason = error as? CloseReason { return close(reason) }
        closeText = closeText ?? NetworkErrorText.describe(error)
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        isClosed = true
        life?.cancel()
        early = []
        let last = owner
        owner = nil
        last?.closed(self, closeText ?? "the other end closed the connection")
        context.fireChannelInactive()
    }
}

extension WebSocketMessage {
    fileprivate var size: Int {
        switch self {
        case .binary(let bytes), .text(let bytes), .ping(let bytes), .pong(let bytes): bytes.readableBytes
        case .close: 0
        }
    }
}
