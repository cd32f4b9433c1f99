package import AlwaysOn
package import AlwaysOnSession
import Formats
import NetworkSupport
package import NIOCore

/// An open WebSocket to a platform, driving an `EdgeSession`: performs what the session decides.
///
/// Confined to its channel's event loop: every call must be made there, every event arrives there.
package final class EdgeConnection: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = WebSocketMessage
    package typealias OutboundOut = WebSocketMessage
    package typealias Session = EdgeSession<EventLoopPromise<Response>>

    package enum Event: Sendable {
        case online
        case refused(Response)
        case bindAnswered(Bind, Response)
        case unbindAnswered(Bind, Response)
        case request(Header, Request)
        /// Something was refused or dropped: a line for the log, once a second at most.
        case refusedMessage(String)
        /// The last event. What still waited has been completed with 5.03.
        case closed(String)
    }

    /// Where it leads, redirects followed.
    package let endpoint: PlatformEndpoint
    /// What went over it so far.
    package private(set) var traffic = LinkTraffic()
    private let auth: Auth
    private let onEvent: @Sendable (EdgeConnection, Event) -> Void
    private var session: Session
    private var timer = LazyTimer()
    private var channel: (any Channel)?
    /// nil again once the connection is gone.
    private var context: ChannelHandlerContext?
    private var closeText: String?
    /// Whether the peer takes what is sent, as the channel last said.
    private var isTaking = true
    private var backlog = Backlog(ByteBudget(most: .max))

    init(
        session: Session.Configuration, auth: Auth, endpoint: PlatformEndpoint, onEvent: @escaping @Sendable (EdgeConnection, Event) -> Void
    ) {
        self.endpoint = endpoint
        self.session = Session(configuration: session)
        self.auth = auth
        self.onEvent = onEvent
    }

    // MARK: Calls

    package var isOnline: Bool { session.isOnline }
    package var counters: SessionCounters { session.counters }
    /// The number on the wire of the last message that wants an answer.
    package var lastRequestID: UInt32 { session.lastRequestID }

    /// Sends a request. The future never fails: whatever goes wrong is a response (5.03 not connected or overloaded,
    /// 5.04 no answer in time, 4.13 too long).
    package func request(_ request: Request, timeout: TimeAmount) -> EventLoopFuture<Response> {
        let loop = assertLoop()
        if let reason = congestion() { return loop.makeSucceededFuture(.unanswered(.serviceUnavailable, reason: reason)) }
        let promise = loop.makePromise(of: Response.self)
        perform(session.request(request, token: promise, deadline: loop.now + timeout))
        return promise.futureResult
    }

    package func respond(_ response: Response, to header: Header) {
        assertLoop()
        let response = congestion().map { Response(.serviceUnavailable, reason: $0) } ?? response
        perform(session.respond(response, to: header))
    }

    /// Why nothing more can be sent; nil where it can. A platform that takes nothing for too long is let go.
    private func congestion() -> String? {
        guard !isTaking else { return nil }
        guard let channel else { return nil }
        switch backlog.state(of: channel) {
        case .flowing: return nil
        case .full(let bytes): return "the platform has not taken \(bytes) bytes that were sent before"
        case .hopeless(let bytes):
            closeText = closeText ?? "the platform did not take \(bytes) bytes that were sent to it"
            channel.close(promise: nil)
            return closeText
        }
    }

    package func bind(_ bind: Bind) { perform(session.bind(bind, now: assertLoop().now)) }

    package func unbind(_ bind: Bind) { perform(session.unbind(bind, now: assertLoop().now)) }

    /// Closes in order: what was written before goes out first.
    package func close(_ reason: CloseReason) {
        assertLoop()
        perform(.close(reason))
    }

    @discardableResult
    private func assertLoop() -> any EventLoop {
        guard let channel else { preconditionFailure("a connection is used once it is open") }
        channel.eventLoop.preconditionInEventLoop()
        return channel.eventLoop
    }

    // MARK: Channel

    package func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        self.context = context
    }

    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// Sends AUTH. Not before the upgrade is through: until then nothing may be written.
    /// - Returns: whether the channel is open.
    func start() -> Bool {
        guard let channel, channel.isActive else { return false }
        perform(session.connected(auth, now: channel.eventLoop.now))
        return true
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .binary(let bytes):
            traffic.received.add(bytes.readableBytes)
            perform(session.received(bytes, now: context.eventLoop.now))
        case .pong: session.pong()
        case .text: perform(.close(.init(.policyViolation, "a text message on an AlwaysOn connection")))
        case .ping: break
        case .close(let code, let reason):
            closeText = closeText ?? "closed by the platform (status \(code)\(reason.isEmpty ? "" : ", \(reason)"))"
        }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        isTaking = context.channel.isWritable
        if isTaking { backlog.release() }
        context.fireChannelWritabilityChanged()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let reason = error as? CloseReason {
            perform(.close(reason))
        } else {
            closeText = closeText ?? NetworkErrorText.describe(error)
            context.close(promise: nil)
        }
    }

    package func channelInactive(context: ChannelHandlerContext) {
        timer.cancel()
        for action in session.disconnected() { perform(action) }
        onEvent(self, .closed(closeText ?? "the platform closed the connection"))
        context.fireChannelInactive()
    }

    // MARK: Actions

    private func perform(_ action: Session.Action) {
        switch action {
        case .none: break
        case .send(let messages): send(messages.map { .binary($0) })
        case .ping: send([.ping(ByteBuffer(integer: NIODeadline.now().uptimeNanoseconds))])
        case .online: onEvent(self, .online)
        case .refused(let response):
            closeText = "the platform refused the application key"
            onEvent(self, .refused(response))
            send([.close(code: CloseReason.Code.normal.rawValue, reason: "")])
        case .bindAnswered(let bind, let response): onEvent(self, .bindAnswered(bind, response))
        case .unbindAnswered(let bind, let response): onEvent(self, .unbindAnswered(bind, response))
        case .perform(let header, let request): onEvent(self, .request(header, request))
        case .complete(let promise, let response): promise.succeed(response)
        case .close(let reason):
            closeText = closeText ?? reason.text
            send([.close(code: reason.code.rawValue, reason: reason.text)])
        }
        scheduleTick()
    }

    private func send(_ messages: [WebSocketMessage]) {
        guard let context else { return }
        for message in messages {
            if case .binary(let bytes) = message { traffic.sent.add(bytes.readableBytes) }
            context.write(wrapOutboundOut(message), promise: nil)
        }
        context.flush()
    }

    private func scheduleTick() {
        guard let channel, channel.isActive else { return }
        if let text = session.takeRefusal(now: channel.eventLoop.now) { onEvent(self, .refusedMessage(text)) }
        let deadline = session.nextDeadline
        if timer.needs(deadline) { timer.schedule(deadline, on: channel.eventLoop) { [weak self] in self?.tick() } }
    }

    private func tick() {
        guard let channel else { return }
        timer.fired()
        for action in session.tick(channel.eventLoop.now) { perform(action) }
        scheduleTick()
    }
}
