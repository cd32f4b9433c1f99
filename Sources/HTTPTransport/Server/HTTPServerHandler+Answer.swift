import Formats
import NIOCore
import NIOHTTP1

/// How the end of an answer is told.
struct HTTPAnswerFraming {
    /// The connection ends with the answer.
    var close: Bool
    var withBody = true
    /// Chunks are new in HTTP/1.1: before, the end of the connection ends a body that is made while it is sent.
    var mayChunk = true
}

/// Writing answers: short ones in one piece, long ones for as long as the client takes them.
extension HTTPServerHandler {
    func write(_ response: HTTPResponse, to exchange: Exchange, _ context: ChannelHandlerContext) {
        releaseBody()
        if let since = exchange.since { configuration.meter?.ended(Int(response.status.code), after: .now() - since) }
        var response = response
        guard case .answering(let keepAlive) = state else {
            // The client has gone meanwhile.
            response.feed?.end()
            return
        }
        var framing = HTTPAnswerFraming(close: !keepAlive || quiescing.isStopping)
        framing.withBody = exchange.request.method != .HEAD
        framing.mayChunk = exchange.version.minor > 0 || exchange.version.major > 1
        if !framing.mayChunk { response.gather() }
        if response.rest != nil, !framing.mayChunk { framing.close = true }
        guard framing.withBody, response.size > HTTPServerHandler.countedFrom else { return send(response, framing, context) }
        guard configuration.answers.take(response.size) else {
            return send(
                .error(.serviceUnavailable, "answers that others have not taken yet take all the memory that there is for them"), framing,
                context)
        }
        answerBytes = response.size
        send(response, framing, context)
    }

    /// Answers of fewer bytes are not counted: what the system keeps for the connection is more.
    private static let countedFrom = 65_536
    /// A body of so many bytes leaves with its head in one piece; a longer one is not copied.
    private static let joinedBody = 4096

    func releaseAnswer() {
        guard answerBytes > 0 else { return }
        configuration.answers.give(answerBytes)
        answerBytes = 0
    }

    func write(_ bytes: ByteBuffer) { output?.write(NIOAny(bytes), promise: nil) }

    func send(_ response: HTTPResponse, _ framing: HTTPAnswerFraming, _ context: ChannelHandlerContext) {
        // Whoever does not read what was asked for does not hold memory for long.
        startTimeout(live.readTimeout, context)
        var response = response
        if configuration.tellsTime {
            response.headers.replaceOrAdd(name: "Date", value: UTCTime(milliseconds: WallClock.milliseconds()).imfFixdate)
        }
        var bytes = response.head(close: framing.close, mayChunk: framing.mayChunk, allocator: context.channel.allocator)
        guard framing.withBody, response.status.mayHaveResponseBody else {
            response.feed?.end()
            write(bytes)
            return finish(close: framing.close, context)
        }
        if let feed = response.feed {
            write(bytes)
            output?.flush()
            var framing = framing
            if let length = feed.length {
                // Its length is told: no chunks, and no end of the connection.
                (framing.mayChunk, remaining) = (false, length)
            } else {
                framing.close = true
            }
            state = .following(feed, framing)
            stopTimeout()
            return follow(context)
        }
        if let rest = response.rest {
            write(bytes)
            writePiece(response.body, framing)
            state = .streaming(rest, framing)
            return continueStream(context)
        }
        if response.body.readableBytes <= HTTPServerHandler.joinedBody {
            bytes.writeImmutableBuffer(response.body)
            write(bytes)
        } else {
            write(bytes)
            write(response.body)
        }
        finish(close: framing.close, context)
    }

    private func writePiece(_ piece: ByteBuffer, _ framing: HTTPAnswerFraming) {
        // An empty one would end the body.
        guard piece.readableBytes > 0 else { return }
        guard framing.mayChunk else { return write(piece) }
        write(ByteBuffer(string: "\(String(piece.readableBytes, radix: 16))\r\n"))
        write(piece)
        write(ByteBuffer(string: "\r\n"))
    }

    /// Pieces for as long as the client takes them.
    private func continueStream(_ context: ChannelHandlerContext) {
        // A flush may make the channel writable and so come back here: the state tells what is left to do.
        while case .streaming(let next, let framing) = state, context.channel.isWritable {
            guard let piece = next() else {
                if framing.mayChunk { write(ByteBuffer(string: "0\r\n\r\n")) }
                return finish(close: framing.close, context)
            }
            writePiece(piece, framing)
            output?.flush()
        }
    }

    /// The next piece of a feed, as soon as the client has taken those before.
    private func follow(_ context: ChannelHandlerContext) {
        guard case .following(let feed, _) = state, !isPieceAwaited else { return }
        guard context.channel.isWritable else { return startTimeout(live.readTimeout, context) }
        isPieceAwaited = true
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        feed.next().hop(to: context.eventLoop).whenComplete { result in
            self.isPieceAwaited = false
            guard case .following(let feed, let framing) = self.state else { return }
            guard case .success(let piece?) = result else {
                if framing.mayChunk { self.write(ByteBuffer(string: "0\r\n\r\n")) }
                feed.end()
                // The client is to see that it does not have all.
                if feed.length != nil, self.remaining != 0 { return loopBound.value.close(promise: nil) }
                return self.finish(close: framing.close, loopBound.value)
            }
            self.remaining -= piece.readableBytes
            self.writePiece(piece, framing)
            self.output?.flush()
            self.follow(loopBound.value)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            switch state {
            case .following:
                stopTimeout()
                follow(context)
            case .streaming:
                startTimeout(live.readTimeout, context)
                continueStream(context)
            case .idle: startTimeout(configuration.idleTimeout, context)
            default: break
            }
        }
        context.fireChannelWritabilityChanged()
    }

    private func finish(close: Bool, _ context: ChannelHandlerContext) {
        if case .discarding = state {} else { state = .idle }
        if close {
            let done = context.eventLoop.makePromise(of: Void.self)
            let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
            done.futureResult.whenSuccess {
                loopBound.value.channel.close(mode: .output, promise: nil)
                self.startTimeout(.seconds(1), loopBound.value)
            }
            output?.writeAndFlush(NIOAny(ByteBuffer()), promise: done)
            return
        }
        if answerBytes > 0 {
            // It counts until the client has taken it.
            let (done, bytes) = (context.eventLoop.makePromise(of: Void.self), answerBytes)
            answerBytes = 0
            done.futureResult.whenComplete { [answers = configuration.answers] _ in answers.give(bytes) }
            output?.writeAndFlush(NIOAny(ByteBuffer()), promise: done)
        } else {
            output?.flush()
        }
        startIdling(context)
        resume(context)
    }
}
