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

    enum State {
        case idle
        case reading(Exchange)
        case receiving(Exchange, any HTTPBodySink)
        /// The rest of a refused request is read and thrown away until the connection closes.
        case discarding
        case answering(keepAlive: Bool)
        case streaming(@Sendable () -> ByteBuffer?, HTTPAnswerFraming)
        case following(HTTPFeed, HTTPAnswerFraming)
        case upgraded
    }

    /// A request that is being read or answered. An object, confined to the connection's loop: the state is looked at for every
    /// part, and a copy of all that a request holds would be made each time.
    final class Exchange: @unchecked Sendable {
        var request: HTTPRequest
        let version: HTTPVersion
        let isKeepAlive: Bool
        /// When it was there as a whole; nil until then.
        var since: NIODeadline?

        init(request: HTTPRequest, version: HTTPVersion, isKeepAlive: Bool) {
            self.request = request
            self.version = version
            self.isKeepAlive = isKeepAlive
        }
    }

    let configuration: HTTPServer.Configuration
    let live: HTTPServer.Live
    let quiescing: ServerQuiescing
    let channel: any Channel
    let firstBytes = FirstBytesHandler()
    private let logger: Logger
    private let admission: HTTPServer.Admission
    private let responder: HTTPServer.Responder
    var state = State.idle
    var timer = LazyTimer()
    var deadline = NIODeadline.distantFuture
    /// Since when there has been no whole request, and whether part of a head has come since.
    var idleSince: NIODeadline
    var hasHeadBegun = false
    private var refusesAll: HTTPResponse?
    private var acceptedHost = ""
    /// The answer to the request that is being read, where its head told it.
    private var refusal: HTTPResponse?
    var pending = PendingParts()
    var isReadWanted = false
    /// Whether the next piece of a feed was asked for.
    var isPieceAwaited = false
    private var isMalformed = false
    /// Bytes of a streamed body that its sink has not taken yet.
    var untaken = 0
    private var remoteAddress: SocketAddress?
    /// Bytes of the request's body that count toward the server's bound, and those of its answer.
    private var bodyBytes = 0
    var answerBytes = 0
    /// Bytes of a feed of known length that are still to come.
    var remaining = 0
    /// Where answers enter the pipeline: behind NIO's encoder, which is there for upgrades alone.
    var output: ChannelHandlerContext?

    init(
        configuration: HTTPServer.Configuration, live: HTTPServer.Live, quiescing: ServerQuiescing, channel: any Channel, logger: Logger,
        admission: @escaping HTTPServer.Admission, responder: @escaping HTTPServer.Responder
    ) {
        self.configuration = configuration
        self.live = live
        self.quiescing = quiescing
        self.channel = channel
        self.logger = logger
        self.admission = admission
        self.responder = responder
        idleSince = channel.eventLoop.now
    }

    // MARK: Connection

    func handlerAdded(context: ChannelHandlerContext) {
        remoteAddress = context.channel.remoteAddress
        output = try? context.pipeline.syncOperations.context(handlerType: HTTPResponseEncoder.self)
        firstBytes.handler = self
        startTimeout(configuration.idleTimeout, context)
        guard case .none(let isTold) = quiescing.opened(self, most: live.maximumClients, on: context.eventLoop) else { return }
        refusesAll = .error(.serviceUnavailable, "more than \(live.maximumClients) clients are connected")
        // Not from within the initializer: the channel is not active yet.
        if !isTold { context.eventLoop.execute { self.channel.close(promise: nil) } }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        output = nil
        firstBytes.handler = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer.cancel()
        if case .following(let feed, _) = state { feed.end() }
        if case .receiving(_, let sink) = state { sink.abandon() }
        state = .discarding
        quiescing.closed(self)
        releaseBody()
        releaseAnswer()
        context.fireChannelInactive()
    }

    /// The connection switched to another protocol: it no longer counts as a client here.
    func upgraded(_ context: ChannelHandlerContext) {
        timer.cancel()
        state = .upgraded
        quiescing.closed(self)
        context.pipeline.syncOperations.removeHandler(firstBytes, promise: nil)
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    var eventLoop: any EventLoop { channel.eventLoop }

    /// Since when the connection could have been another's; nil while it works.
    var waitingSince: NIODeadline? {
        let patience: TimeAmount
        switch state {
        case .idle where !hasHeadBegun: patience = configuration.idlePatience
        case .idle, .reading: patience = configuration.requestPatience
        default: return nil
        }
        return eventLoop.now - idleSince > patience ? idleSince : nil
    }

    /// Its place goes to another connection.
    func giveWay() {
        quiescing.closed(self)
        channel.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ServerQuiescing.StopEvent:
            switch state {
            case .idle, .following: context.close(promise: nil)
            default: break
            }
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
        } else if error is HTTPParserError, isReceiving {
            if case .receiving(_, let sink) = state { sink.abandon() }
            refuse(context, .error(.badRequest, "malformed HTTP request"))
        } else if error is HTTPParserError, isBusy {
            // What came before it is answered first.
            isMalformed = true
        } else if error is NIOWebSocketUpgradeError || error is UpgraderByPath.NothingThere {
            // The request goes on as one that asked for no upgrade.
            logger.debug("\(remoteAddress?.text ?? "a client"): no WebSocket here")
        } else {
            logger.debug("\(remoteAddress?.text ?? "a client"): \(NetworkErrorText.describe(error))")
            context.close(promise: nil)
        }
    }

    // MARK: Requests

    private var isReceiving: Bool {
        switch state {
        case .reading, .receiving: true
        default: false
        }
    }

    private var isBusy: Bool {
        switch state {
        case .answering, .streaming, .following: true
        default: false
        }
    }

    /// Bytes came, be they of a head or of what follows it.
    func bytesArrived(_ context: ChannelHandlerContext) {
        guard case .idle = state, !hasHeadBegun else { return }
        hasHeadBegun = true
        startTimeout(live.readTimeout, context)
    }

    func read(context: ChannelHandlerContext) {
        if pending.hasRoom, untaken < HTTPServerHandler.mostUntaken { context.read() } else { isReadWanted = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isBusy { pending.append(unwrapInboundIn(data)) } else { receive(unwrapInboundIn(data), context) }
    }

    /// The answer is on its way: on with what came meanwhile.
    func resume(_ context: ChannelHandlerContext) {
        while !isBusy, let part = pending.popFirst() { receive(part, context) }
        readAgain(context)
        if isMalformed, case .idle = state { refuse(context, .error(.badRequest, "malformed HTTP request")) }
    }

    private func receive(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch (part, state) {
        case (.head(let head), .idle): begin(head, context)
        case (.body(var part), .reading(let exchange)):
            guard refusal == nil else { return }
            let length = part.readableBytes
            guard bodyBytes + length <= configuration.maximumBodySize else { return refuseTooLarge(context) }
            guard configuration.bodies.take(length) else {
                return refuse(
                    context, .error(.serviceUnavailable, "the bodies of other requests take all the memory that there is for them"))
            }
            bodyBytes += length
            if exchange.request.body.readableBytes == 0 { exchange.request.body = part } else { exchange.request.body.writeBuffer(&part) }
        case (.end, .reading(let exchange)): answer(exchange, context)
        case (.body(let piece), .receiving(_, let sink)): give(piece, to: sink, context)
        case (.end, .receiving(let exchange, let sink)):
            answer(exchange, context) { _ in sink.finish() }
        default: break
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        hasHeadBegun = false
        if let refusesAll { return refuse(context, refusesAll) }
        // Two ways to tell where a body ends are one too many: the next server on the way may pick the other.
        if head.headers.contains(name: "Transfer-Encoding"), head.headers.contains(name: "Content-Length") {
            return refuse(context, .error(.badRequest, "both Transfer-Encoding and Content-Length are given"))
        }
        if let refusal = live.site.refusal(of: head.headers, method: head.method, accepted: &acceptedHost) {
            return refuse(context, refusal)
        }
        guard var request = HTTPRequest(head: head, remoteAddress: remoteAddress) else {
            return refuse(context, .error(.badRequest, "expected a path that begins with / as request target"))
        }
        switch admission(request) {
        case .admitted(let note): request.admitted = note
        case .streamed(let sink):
            return receive(Exchange(request: request, version: head.version, isKeepAlive: head.goesOn), sink, head, context)
        case .refused(let answer):
            guard mayBeSkipped(head) else { return refuse(context, answer) }
            refusal = answer
        }
        if let length = head.headers.first(name: "Content-Length").flatMap({ Int($0) }), length > configuration.maximumBodySize {
            return refuseTooLarge(context)
        }
        state = .reading(Exchange(request: request, version: head.version, isKeepAlive: head.goesOn))
        startTimeout(live.readTimeout, context)
        tellToContinue(head)
    }

    func tellToContinue(_ head: HTTPRequestHead) {
        if head.headers[canonicalForm: "Expect"].contains(where: { $0.lowercased() == "100-continue" }) {
            write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
            output?.flush()
        }
    }

    /// Whether a refused request's body is short enough to be read over, so that the connection goes on: many clients
    /// learn from the first refusal what is wanted.
    private func mayBeSkipped(_ head: HTTPRequestHead) -> Bool {
        guard !head.headers.contains(name: "Transfer-Encoding"), !head.headers.contains(name: "Expect") else { return false }
        return head.headers.first(name: "Content-Length").map { Int($0) ?? .max } ?? 0 <= HTTPServerHandler.longestSkipped
    }

    private static let longestSkipped = 65_536

    private func answer(
        _ exchange: Exchange, _ context: ChannelHandlerContext, _ make: ((HTTPRequest) -> EventLoopFuture<HTTPResponse>)? = nil
    ) {
        stopTimeout()
        if let meter = configuration.meter {
            meter.began()
            exchange.since = .now()
        }
        let request = exchange.request
        state = .answering(keepAlive: exchange.isKeepAlive)
        if let answer = refusal {
            refusal = nil
            return write(answer, to: exchange, context)
        }
        let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
        (make ?? responder)(request).hop(to: context.eventLoop).whenComplete { result in
            switch result {
            case .success(let response): self.write(response, to: exchange, loopBound.value)
            case .failure(let refusal as HTTPRefusal): self.write(refusal.response, to: exchange, loopBound.value)
            case .failure(let error):
                self.logger.error("\(request.method) \(request.path.joined(separator: "/")): \(error)")
                self.write(.error(.internalServerError, "internal error"), to: exchange, loopBound.value)
            }
        }
    }

    func releaseBody() {
        configuration.bodies.give(bodyBytes)
        bodyBytes = 0
    }

    private func refuseTooLarge(_ context: ChannelHandlerContext) {
        refuse(context, .error(.payloadTooLarge, "the body is longer than \(configuration.maximumBodySize) bytes"))
    }

    /// Answers, then closes: what else the client sends is not read as a request.
    func refuse(_ context: ChannelHandlerContext, _ response: HTTPResponse) {
        stopTimeout()
        if let meter = configuration.meter {
            meter.began()
            meter.ended(Int(response.status.code), after: .zero)
        }
        state = .discarding
        pending.removeAll()
        releaseBody()
        send(response, HTTPAnswerFraming(close: true), context)
    }
}
