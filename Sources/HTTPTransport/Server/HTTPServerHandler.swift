import Logging
import NetworkSupport
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// One connection: reads a request whole, has it answered, and so on until either side closes.
///
/// What a client sends before it has its answer is kept until then, up to a bound, after which nothing more is read. (NIO's
/// own pipelining handler stops reading for each request, which costs two system calls.)
final class HTTPServerHandler: ChannelDuplexHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case idle
        case reading(HTTPRequestHead, ByteBuffer)
        /// The rest of a refused request is read and thrown away until the connection closes.
        case discarding
        case answering(keepAlive: Bool)
        case streaming(@Sendable () -> ByteBuffer?, close: Bool)
        case upgraded
    }

    private let configuration: HTTPServer.Configuration
    private let live: HTTPServer.Live
    private let quiescing: ServerQuiescing
    private let logger: Logger
    private let responder: HTTPServer.Responder
    private var state = State.idle
    private var timer = LazyTimer()
    private var deadline = NIODeadline.distantFuture
    private var isOverLimit = false
    /// Parts of requests that came while another was being answered.
    private var pending = CircularBuffer<HTTPServerRequestPart>()
    private static let maximumPending = 64
    private var isReadWanted = false
    private var isMalformed = false
    private var remoteAddress: SocketAddress?
    /// Where answers enter the pipeline: behind NIO's encoder, which is there for upgrades alone.
    private var output: ChannelHandlerContext?

    init(configuration: HTTPServer.Configuration, live: HTTPServer.Live, quiescing: ServerQuiescing, logger: Logger, responder: @escaping HTTPServer.Responder) {
        self.configuration = configuration
        self.live = live
        self.quiescing = quiescing
        self.logger = logger
        self.responder = responder
    }

    // MARK: Connection

    func handlerAdded(context: ChannelHandlerContext) {
        remoteAddress = context.channel.remoteAddress
        output = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
        isOverLimit = quiescing.opened(context.channel) > live.maximumClients
        startTimeout(configuration.idleTimeout, context)
    }

    func handlerRemoved(context: ChannelHandlerContext) { output = nil }

    func channelInactive(context: ChannelHandlerContext) {
        timer.cancel()
        quiescing.closed(context.channel)
        context.fireChannelInactive()
    }

    /// The connection switched to another protocol: it no longer counts as a client here.
    func upgraded(_ context: ChannelHandlerContext) {
        timer.cancel()
        state = .upgraded
        quiescing.closed(context.channel)
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ServerQuiescing.StopEvent:
            if case .idle = state { context.close(promise: nil) }
        case ChannelEvent.inputClosed:
            switch state {
            case .answering, .streaming: return
            default: context.close(promise: nil)
            }
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if error is HTTPParserError, case .idle = state {
            logger.debug("\(remoteAddress?.text ?? "a client"): malformed request (\(error))")
            refuse(context, .error(.badRequest, "malformed HTTP request"))
        } else if error is HTTPParserError, case .reading = state {
            refuse(context, .error(.badRequest, "malformed HTTP request"))
        } else if error is HTTPParserError, isBusy {
            // What came before it is answered first.
            isMalformed = true
        } else if error is NIOWebSocketUpgradeError {
            // The request goes on as one that asked for no upgrade.
            logger.debug("\(remoteAddress?.text ?? "a client"): no WebSocket here")
        } else {
            logger.debug("\(remoteAddress?.text ?? "a client"): \(NetworkErrorText.describe(error))")
            context.close(promise: nil)
        }
    }

    // MARK: Requests

    private var isBusy: Bool {
        switch state {
        case .answering, .streaming: true
        default: false
        }
    }

    func read(context: ChannelHandlerContext) {
        if pending.count < HTTPServerHandler.maximumPending { context.read() } else { isReadWanted = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isBusy { pending.append(unwrapInboundIn(data)) } else { receive(unwrapInboundIn(data), context) }
    }

    /// The answer is on its way: on with what came meanwhile.
    private func resume(_ context: ChannelHandlerContext) {
        while !isBusy, let part = pending.popFirst() { receive(part, context) }
        if isReadWanted, pending.count < HTTPServerHandler.maximumPending {
            isReadWanted = false
            context.read()
        }
        if isMalformed, case .idle = state { refuse(context, .error(.badRequest, "malformed HTTP request")) }
    }

    private func receive(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (part, state) {
        case (.head(let head), .idle): begin(head, context)
        case (.body(var part), .reading(let head, var body)):
            guard body.readableBytes + part.readableBytes <= configuration.maximumBodySize else { return refuseTooLarge(context) }
            state = .idle
            if body.readableBytes == 0 { body = part } else { body.writeBuffer(&part) }
            state = .reading(head, body)
        case (.end, .reading(let head, let body)): answer(head, body, context)
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        if isOverLimit { return refuse(context, .error(.serviceUnavailable, "more than \(live.maximumClients) clients are connected")) }
        // Two ways to tell where a body ends are one too many: the next server on the way may pick the other.
        if head.headers.contains(name: "Transfer-Encoding"), head.headers.contains(name: "Content-Length") {
            return refuse(context, .error(.badRequest, "both Transfer-Encoding and Content-Length are given"))
        }
        if let length = head.headers.first(name: "Content-Length").flatMap({ Int($0) }), length > configuration.maximumBodySize {
            return refuseTooLarge(context)
        }
        state = .reading(head, ByteBuffer())
        startTimeout(live.readTimeout, context)
        if head.headers[canonicalForm: "Expect"].contains(where: { $0.lowercased() == "100-continue" }) {
            write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
            output?.flush()
        }
    }

    private func answer(_ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
        stopTimeout()
        guard let request = HTTPRequest(head: head, body: body, remoteAddress: remoteAddress) else {
            return refuse(context, .error(.badRequest, "expected a path that begins with / as request target"))
        }
        state = .answering(keepAlive: head.isKeepAlive)
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        responder(request).hop(to: context.eventLoop).whenComplete { result in
            switch result {
            case .success(var response):
                // Chunks are new in 1.1.
                if head.version.minor == 0 { response.gather() }
                self.write(response, method: head.method, context: loopBound.value)
            case .failure(let error):
                self.logger.error("\(head.method) \(request.path.joined(separator: "/")): \(error)")
                self.write(.error(.internalServerError, "internal error"), method: head.method, context: loopBound.value)
            }
        }
    }

    private func write(_ response: HTTPResponse, method: HTTPMethod, context: ChannelHandlerContext) {
        guard case .answering(let keepAlive) = state, context.channel.isActive else { return }
        send(response, close: !keepAlive || quiescing.isStopping, withBody: method != .HEAD, context)
    }

    private func write(_ bytes: ByteBuffer) { output?.write(NIOAny(bytes), promise: nil) }

    private func send(_ response: HTTPResponse, close: Bool, withBody: Bool = true, _ context: ChannelHandlerContext) {
        // Whoever does not read what was asked for does not hold memory for long.
        startTimeout(live.readTimeout, context)
        var bytes = response.head(close: close, allocator: context.channel.allocator)
        guard withBody, response.status.mayHaveResponseBody else {
            write(bytes)
            return finish(close: close, context)
        }
        if let rest = response.rest {
            write(bytes)
            writeChunk(response.body)
            state = .streaming(rest, close: close)
            return continueStream(context)
        }
        // A short body leaves with its head in one piece; a long one is not copied.
        if response.body.readableBytes <= HTTPServerHandler.joinedBody {
            bytes.writeImmutableBuffer(response.body)
            write(bytes)
        } else {
            write(bytes)
            write(response.body)
        }
        finish(close: close, context)
    }

    private func writeChunk(_ piece: ByteBuffer) {
        // An empty one would end the body.
        guard piece.readableBytes > 0 else { return }
        write(ByteBuffer(string: "\(String(piece.readableBytes, radix: 16))\r\n"))
        write(piece)
        write(ByteBuffer(string: "\r\n"))
    }

    private static let joinedBody = 4096

    /// Pieces for as long as the client takes them.
    private func continueStream(_ context: ChannelHandlerContext) {
        // A flush may make the channel writable and so come back here: the state tells what is left to do.
        while case .streaming(let next, let close) = state, context.channel.isWritable {
            guard let piece = next() else {
                write(ByteBuffer(string: "0\r\n\r\n"))
                return finish(close: close, context)
            }
            writeChunk(piece)
            output?.flush()
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            switch state {
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
        } else {
            output?.flush()
            if context.channel.isWritable { startTimeout(configuration.idleTimeout, context) }
            resume(context)
        }
    }

    private func refuseTooLarge(_ context: ChannelHandlerContext) {
        refuse(context, .error(.payloadTooLarge, "the body is longer than \(configuration.maximumBodySize) bytes"))
    }

    /// Answers, then closes: what else the client sends is not read as a request.
    private func refuse(_ context: ChannelHandlerContext, _ response: HTTPResponse) {
        stopTimeout()
        state = .discarding
        pending.removeAll()
        send(response, close: true, context)
    }

    private func startTimeout(_ amount: TimeAmount, _ context: ChannelHandlerContext) {
        deadline = context.eventLoop.now + amount
        scheduleTimeout(context)
    }

    private func stopTimeout() { deadline = .distantFuture }

    private func scheduleTimeout(_ context: ChannelHandlerContext) {
        guard timer.needs(deadline) else { return }
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timer.schedule(deadline, on: context.eventLoop) { [weak self] in self?.timerFired(loopBound.value) }
    }

    private func timerFired(_ context: ChannelHandlerContext) {
        timer.fired()
        guard context.eventLoop.now >= deadline else { return deadline == .distantFuture ? () : scheduleTimeout(context) }
        if case .reading = state {
            refuse(context, .error(.requestTimeout, "the request's body did not arrive in time"))
        } else {
            context.close(promise: nil)
        }
    }
}
