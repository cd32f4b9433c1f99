import Logging
import NetworkSupport
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// One connection: reads a request whole, has it answered, and so on until either side closes.
///
/// The pipelining handler before it hands over one request at a time.
final class HTTPServerHandler: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
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
    private var timeout: Scheduled<Void>?
    private var isOverLimit = false

    init(configuration: HTTPServer.Configuration, live: HTTPServer.Live, quiescing: ServerQuiescing, logger: Logger, responder: @escaping HTTPServer.Responder) {
        self.configuration = configuration
        self.live = live
        self.quiescing = quiescing
        self.logger = logger
        self.responder = responder
    }

    // MARK: Connection

    func handlerAdded(context: ChannelHandlerContext) {
        isOverLimit = quiescing.opened(context.channel) > live.maximumClients
        startTimeout(configuration.idleTimeout, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timeout?.cancel()
        quiescing.closed(context.channel)
        context.fireChannelInactive()
    }

    /// The connection switched to another protocol: it no longer counts as a client here.
    func upgraded(_ context: ChannelHandlerContext) {
        timeout?.cancel()
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
            logger.debug("\(context.remoteAddress?.text ?? "a client"): malformed request (\(error))")
            refuse(context, .error(.badRequest, "malformed HTTP request"))
        } else if error is HTTPParserError, case .reading = state {
            refuse(context, .error(.badRequest, "malformed HTTP request"))
        } else if error is NIOWebSocketUpgradeError {
            // The request goes on as one that asked for no upgrade.
            logger.debug("\(context.remoteAddress?.text ?? "a client"): no WebSocket here")
        } else {
            logger.debug("\(context.remoteAddress?.text ?? "a client"): \(NetworkErrorText.describe(error))")
            context.close(promise: nil)
        }
    }

    // MARK: Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
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
        timeout?.cancel()
        guard let request = HTTPRequest(head: head, body: body, remoteAddress: context.remoteAddress) else {
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
        if context.channel.isWritable, case .streaming = state {
            startTimeout(live.readTimeout, context)
            continueStream(context)
        }
        context.fireChannelWritabilityChanged()
    }

    private func finish(close: Bool, _ context: ChannelHandlerContext) {
        if case .discarding = state {} else { state = .idle }
        let channel = context.channel
        let done = context.eventLoop.makePromise(of: Void.self)
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        done.futureResult.whenSuccess {
            if close {
                channel.close(mode: .output, promise: nil)
                self.startTimeout(.seconds(1), loopBound.value)
            } else if case .idle = self.state {
                self.startTimeout(self.configuration.idleTimeout, loopBound.value)
            }
        }
        // What follows may be the next request, begun while this flushes.
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
    }

    private func refuseTooLarge(_ context: ChannelHandlerContext) {
        refuse(context, .error(.payloadTooLarge, "the body is longer than \(configuration.maximumBodySize) bytes"))
    }

    /// Answers, then closes: what else the client sends is not read as a request.
    private func refuse(_ context: ChannelHandlerContext, _ response: HTTPResponse) {
        timeout?.cancel()
        state = .discarding
        send(response, close: true, context)
    }

    private func startTimeout(_ amount: TimeAmount, _ context: ChannelHandlerContext) {
        timeout?.cancel()
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        timeout = context.eventLoop.scheduleTask(in: amount) {
            if case .reading = self.state {
                self.refuse(loopBound.value, .error(.requestTimeout, "the request's body did not arrive in time"))
            } else {
                loopBound.value.close(promise: nil)
            }
        }
    }
}
