import NIOCore
import NIOHTTP1

/// Bodies that go to a sink as they come.
extension HTTPServerHandler {
    static let mostUntaken = 1 << 20

    func readAgain(_ context: ChannelHandlerContext) {
        guard isReadWanted, pending.hasRoom, untaken < HTTPServerHandler.mostUntaken else { return }
        isReadWanted = false
        context.read()
    }

    func receive(_ exchange: Exchange, _ sink: any HTTPBodySink, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        state = .receiving(exchange, sink)
        startTimeout(live.readTimeout, context)
        tellToContinue(head)
    }

    func give(_ piece: ByteBuffer, to sink: any HTTPBodySink, _ context: ChannelHandlerContext) {
        // Slow is allowed, still is not.
        startTimeout(live.readTimeout, context)
        untaken += piece.readableBytes
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        sink.take(piece).hop(to: context.eventLoop).whenComplete { result in
            self.untaken -= piece.readableBytes
            if case .failure(let error) = result, case .receiving = self.state {
                self.refuse(loopBound.value, (error as? HTTPRefusal)?.response ?? .error(.internalServerError, "internal error"))
                sink.abandon()
            }
            self.readAgain(loopBound.value)
        }
    }
}
