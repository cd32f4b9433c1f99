import AlwaysOnSession
import Formats
import NIOCore

/// Stands in front of a connection until it has authenticated: a stranger may send so many bytes and no more, whatever
/// they are, so that it neither fills memory nor keeps anybody busy.
final class StrangerGuard: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// Bytes that AUTH and what belongs to it may take.
    static let most = 16_384
    /// What a connection takes while it stands for nobody: its own, what it sent, and answers to that which it does not read.
    static let size = 32_768

    private var left = StrangerGuard.most
    private let strangers: ByteBudget
    private var isCounted = true

    /// - Throws: `CloseReason` when there are too many strangers already; the channel is closed then.
    init(_ strangers: ByteBudget, _ channel: any Channel) throws {
        guard strangers.take(StrangerGuard.size) else {
            channel.close(promise: nil)
            throw CloseReason(.policyViolation, "too many connections have not authenticated yet")
        }
        self.strangers = strangers
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard left >= 0 else { return }
        left -= unwrapInboundIn(data).readableBytes
        guard left >= 0 else {
            return context.fireErrorCaught(CloseReason(.policyViolation, "more than \(StrangerGuard.most) bytes before AUTH"))
        }
        context.fireChannelRead(data)
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        guard isCounted else { return }
        isCounted = false
        strangers.give(StrangerGuard.size)
    }
}
