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
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

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
        isOverLimit = quiescing.opened(context.channel) > live.maximumClients
        startTimeout(configuration.idleTimeout, context)
    }

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
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: .continue))), promise: nil)
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
            case .success(let response): self.write(response, method: head.method, context: loopBound.value)
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

    private func send(_ response: HTTPResponse, close: Bool, withBody: Bool = true, _ context: ChannelHandlerContext) {
        var head = HTTPResponseHead(version: .http1_1, status: response.status, headers: response.headers)
        if response.rest == nil { head.headers.replaceOrAdd(name: "Content-Length", value: String(response.body.readableBytes)) }
        if close { head.headers.replaceOrAdd(name: "Connection", value: "close") }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if withBody, response.body.readableBytes > 0 { context.write(wrapOutboundOut(.body(.byteBuffer(response.body))), promise: nil) }
        // Whoever does not read what was asked for does not hold memory for long.
        startTimeout(live.readTimeout, context)
        if withBody, let rest = response.rest {
            state = .streaming(rest, close: close)
            continueStream(context)
        } else {
            finish(close: close, context)
        }
    }

    /// Pieces for as long as the client takes them.
    private func continueStream(_ context: ChannelHandlerContext) {
        // A flush may make the channel writable and so come back here: the state tells what is left to do.
        while case .streaming(let next, let close) = state, context.channel.isWritable {
            guard let piece = next() else { return finish(close: close, context) }
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece))), promise: nil)
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
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
        } else {
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
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
