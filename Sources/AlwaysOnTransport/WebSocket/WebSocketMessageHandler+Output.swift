package import NIOCore
import NIOWebSocket

/// What goes out: messages to frames.
extension WebSocketMessageHandler {
    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !closing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .binary(let data): writeMessage(context, .binary, data, promise)
        case .text(let data): writeMessage(context, .text, data, promise)
        case .ping(let data): writeFrame(context, .ping, data, promise: promise)
        case .pong(let data): writeFrame(context, .pong, data, promise: promise)
        case .close(let code, let reason):
            closing = true
            var data = ByteBuffer(integer: code)
            data.writeString(String(decoding: reason.utf8.prefix(120), as: UTF8.self))
            let written = promise ?? context.eventLoop.makePromise()
            writeFrame(context, .connectionClose, data, promise: written)
            let channel = context.channel
            written.futureResult.whenSuccess {
                channel.eventLoop.scheduleTask(in: WebSocketMessageHandler.closeTimeout) { channel.close(promise: nil) }
            }
            context.eventLoop.scheduleTask(in: manners.farewell) { channel.close(promise: nil) }
        }
    }

    /// Messages that are written while one round of events is handled leave together: each takes a share of a system call.
    package func flush(context: ChannelHandlerContext) {
        guard !isFlushPending else { return }
        isFlushPending = true
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (handler, context) = loopBound.value
            handler.isFlushPending = false
            context.flush()
        }
    }

    private func writeMessage(
        _ context: ChannelHandlerContext, _ opcode: WebSocketOpcode, _ data: ByteBuffer, _ promise: EventLoopPromise<Void>?
    ) {
        var rest = deflater?.compress(data, allocator: context.channel.allocator) ?? data
        var opcode = opcode
        while rest.readableBytes > maximumFrameSize {
            writeFrame(context, opcode, rest.readSlice(length: maximumFrameSize) ?? ByteBuffer(), fin: false, promise: nil)
            opcode = .continuation
        }
        writeFrame(context, opcode, rest, promise: promise)
    }

    func writeFrame(
        _ context: ChannelHandlerContext, _ opcode: WebSocketOpcode, _ data: ByteBuffer, fin: Bool = true, promise: EventLoopPromise<Void>?
    ) {
        let mask = role == .client ? masks.next() : nil
        let startsCompressed = deflater != nil && (opcode == .binary || opcode == .text)
        let (first, second) = FrameBytes.encode(
            opcode, data, fin: fin, rsv1: startsCompressed, mask: mask, allocator: context.channel.allocator)
        let output = output ?? context
        guard let second else { return output.write(wrapOutboundOut(first), promise: promise) }
        output.write(wrapOutboundOut(first), promise: nil)
        output.write(wrapOutboundOut(second), promise: promise)
    }
}
