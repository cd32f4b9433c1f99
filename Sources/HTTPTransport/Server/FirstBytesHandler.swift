import NIOCore

/// Tells that bytes came before any of them is a request: whoever sends a head bit by bit has no longer than others.
final class FirstBytesHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    /// Until that is removed, and this with it.
    var handler: HTTPServerHandler?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        handler?.bytesArrived(context)
        context.fireChannelRead(data)
    }
}
