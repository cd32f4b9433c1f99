import NIOCore

/// How long a client may take for each thing.
extension HTTPServerHandler {
    func startTimeout(_ amount: TimeAmount, _ context: ChannelHandlerContext) {
        deadline = context.eventLoop.now + amount
        scheduleTimeout(context)
    }

    /// From now on the next request is awaited.
    func startIdling(_ context: ChannelHandlerContext) {
        idleSince = context.eventLoop.now
        if context.channel.isWritable { startTimeout(configuration.idleTimeout, context) }
    }

    func stopTimeout() { deadline = .distantFuture }

    private func scheduleTimeout(_ context: ChannelHandlerContext) {
        guard timer.needs(deadline) else { return }
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer.schedule(deadline, on: context.eventLoop) { [weak self] in self?.timerFired(loopBound.value) }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer.fired()
        guard context.eventLoop.now >= deadline else { return deadline == .distantFuture ? () : scheduleTimeout(context) }
        switch state {
        case .reading: refuse(context, .error(.requestTimeout, "the request's body did not arrive in time"))
        case .receiving(_, let sink):
            // It is not the client's fault where the sink is slow.
            guard untaken == 0 else { return startTimeout(live.readTimeout, context) }
            sink.abandon()
            refuse(context, .error(.requestTimeout, "the request's body did not arrive in time"))
        case .idle where hasHeadBegun: refuse(context, .error(.requestTimeout, "the request's head did not arrive in time"))
        default: context.close(promise: nil)
        }
    }
}
