import Glibc
package import NIOCore
package import NIOPosix
import NetworkSupport

/// The side of a connection that is no WebSocket.
package protocol TunnelLocal: AnyObject {
    /// Reads once.
    func read()
    func write(_ bytes: ByteBuffer)
    func flush()
    /// Nothing more is written; what comes is read on.
    func endWriting()
    /// In order: what was written goes out first.
    func close()
    /// So that whoever is there sees that it broke.
    func abort()
}

/// Who has it.
package protocol TunnelLocalOwner: AnyObject {
    /// It stands, as was asked for.
    func connected(_ id: UInt32, _ local: any TunnelLocal)
    /// It could not be made.
    func refused(_ id: UInt32, _ reason: String)
    func read(_ bytes: ByteBuffer, from id: UInt32)
    /// It sends nothing more.
    func ended(_ id: UInt32)
    func taken(_ bytes: Int, by id: UInt32)
    /// It broke, or closed before it had taken everything.
    func failed(_ id: UInt32, _ reason: String)
}

/// A TCP connection of this machine, or of its network, that a tunnel carries.
///
/// Confined to its channel's event loop.
package final class LocalConnection: ChannelInboundHandler, TunnelLocal, @unchecked Sendable {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// What the system may hold of it. At the end of a connection all of that comes at once, whoever wants it.
    package static let systemBuffer = 131_072
    /// With the heads of message and frame it fits into 64 KiB, and is not twice that in a buffer.
    private static let readSize = 65_536 - 32
    private static let abortAtClose = linger(l_onoff: 1, l_linger: 0)
    /// How long what was written last may take to go out.
    private static let farewell = TimeAmount.seconds(30)

    private var id: UInt32 = 0
    private let channel: any Channel
    private weak var owner: (any TunnelLocalOwner)?
    private var context: ChannelHandlerContext?
    private var isOver = false
    private var hasEnded = false
    /// What came before somebody wanted it: a peer that has closed is read out at once, whoever asks.
    private var early = ByteBuffer()
    private var owesEnd = false
    private var outputIsClosed = false
    /// Bytes that the system has not taken.
    private var unwritten = 0
    /// Bytes that came from it, and that it was given.
    package private(set) var bytesRead = 0
    package private(set) var bytesWritten = 0

    /// To be added to the channel before it stands: nothing that comes gets lost then.
    package init(_ channel: any Channel) { self.channel = channel }

    package var loop: any EventLoop { channel.eventLoop }

    /// Gives it to a tunnel.
    /// - Parameter owner: kept alive by whoever keeps the tunnel.
    /// - Returns: whether it still is one.
    package func attach(_ id: UInt32, to owner: any TunnelLocalOwner) -> Bool {
        guard !isOver else { return false }
        (self.id, self.owner) = (id, owner)
        return true
    }

    /// Options that go with it, set before it stands.
    package static func prepare(_ bootstrap: ClientBootstrap) -> ClientBootstrap {
        bootstrap.channelOption(.autoRead, value: false).channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1).channelOption(.socketOption(.so_rcvbuf), value: systemBuffer)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readSize)).channelOption(
                .maxMessagesPerRead, value: 1)
    }

    package static func prepare(_ bootstrap: NIOPipeBootstrap) -> NIOPipeBootstrap {
        bootstrap.channelOption(.autoRead, value: false).channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readSize)).channelOption(
                .maxMessagesPerRead, value: 1)
    }

    package static func prepare(_ bootstrap: ServerBootstrap) -> ServerBootstrap {
        bootstrap.serverChannelOption(.socketOption(.so_rcvbuf), value: systemBuffer).serverChannelOption(
            .socketOption(.so_reuseaddr), value: 1
        )
        .childChannelOption(.autoRead, value: false).childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: readSize))
        .childChannelOption(.maxMessagesPerRead, value: 1)
    }

    package func read() {
        guard !isOver else { return }
        guard early.readableBytes > 0 || owesEnd else {
            context?.read()
            return
        }
        // Not from within what the tunnel is just doing.
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.execute { bound.value.handOverEarly() }
    }

    private func handOverEarly() {
        guard let owner, !isOver else { return }
        let bytes = early
        early = ByteBuffer()
        if bytes.readableBytes > 0 { owner.read(bytes, from: id) }
        if owesEnd {
            owesEnd = false
            owner.ended(id)
        }
    }

    package func write(_ bytes: ByteBuffer) {
        guard let context, !isOver else { return }
        let count = bytes.readableBytes
        bytesWritten += count
        unwritten += count
        let promise = context.eventLoop.makePromise(of: Void.self)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        promise.futureResult.whenSuccess {
            let connection = bound.value
            connection.unwritten -= count
            connection.owner?.taken(count, by: connection.id)
        }
        context.write(wrapOutboundOut(bytes), promise: promise)
    }

    package func flush() { context?.flush() }

    package func endWriting() {
        guard let context, !isOver else { return }
        outputIsClosed = true
        // Behind what was written.
        context.flush()
        context.close(mode: .output, promise: nil)
    }

    package func close() {
        guard let context, !isOver else { return }
        isOver = true
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).whenComplete { _ in channel.close(promise: nil) }
        context.eventLoop.scheduleTask(in: LocalConnection.farewell) { channel.close(promise: nil) }
    }

    package func abort() {
        guard !isOver else { return }
        isOver = true
        _ = (channel as? any SocketOptionProvider)?.setSoLinger(LocalConnection.abortAtClose)
        channel.close(promise: nil)
    }

    // MARK: Channel

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isOver else { return }
        let bytes = unwrapInboundIn(data)
        bytesRead += bytes.readableBytes
        guard let owner else {
            early.writeImmutableBuffer(bytes)
            return
        }
        owner.read(bytes, from: id)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        guard !isOver, !hasEnded else { return }
        hasEnded = true
        guard let owner else {
            owesEnd = true
            return
        }
        owner.ended(id)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if hasEnded, outputIsClosed, unwritten == 0 { isOver = true } else { fail(NetworkErrorText.describe(error)) }
    }

    /// With nothing to write any more, the end of what comes is the end of the channel, and nothing else tells of it.
    private func endBoth() {
        guard !isOver else { return }
        isOver = true
        guard !hasEnded else { return }
        hasEnded = true
        owner?.ended(id)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if outputIsClosed, unwritten == 0 { endBoth() } else { fail("the connection was closed") }
        context.fireChannelInactive()
    }

    private func fail(_ reason: String) {
        guard !isOver else { return }
        isOver = true
        channel.close(promise: nil)
        owner?.failed(id, reason)
    }
}
