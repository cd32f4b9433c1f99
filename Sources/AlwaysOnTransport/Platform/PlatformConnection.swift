package import AlwaysOn
package import AlwaysOnSession
import NetworkSupport
package import NIOCore

/// A WebSocket that an edge opened to us, driving a `PlatformSession`.
///
/// Confined to its channel's event loop: every call must be made there, every event arrives there.
package final class PlatformConnection: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = WebSocketMessage
    package typealias OutboundOut = WebSocketMessage
    package typealias Session = PlatformSession<EventLoopPromise<Response>>

    package enum Event: Sendable {
        /// Answer with `accept` or `refuse`.
        case authenticate(Header, Auth)
        case bind(Header, Bind)
        case unbind(Header, Bind)
        case request(Header, Request)
        /// Something was refused or dropped: a line for the log, once a second at most.
        case refusedMessage(String)
        /// The last event.
        case closed(String)
    }

    /// The session's id, also the connection's name in logs.
    package let id: UInt32
    package let remoteAddress: SocketAddress?
    private let onEvent: @Sendable (PlatformConnection, Event) -> Void
    private var session: Session
    private var timer = LazyTimer()
    /// nil once it has authenticated.
    private var stranger: StrangerGuard?
    /// Whether the peer takes what is sent, as the channel last said.
    private var isTaking = true
    private var backlog: Backlog
    private let channel: any Channel
    /// nil once the connection is gone.
    private var context: ChannelHandlerContext?
    private var closeText: String?
    /// Somebody wants to know whether the edge lives.
    private var lifeAwaited: EventLoopPromise<Bool>?

    init(
        id: UInt32, channel: any Channel, session: Session.Configuration, stranger: StrangerGuard, backlog: Backlog,
        onEvent: @escaping @Sendable (PlatformConnection, Event) -> Void
    ) {
        self.stranger = stranger
        self.backlog = backlog
        self.id = id
        self.channel = channel
        remoteAddress = channel.remoteAddress
        self.session = Session(configuration: session, now: channel.eventLoop.now)
        self.onEvent = onEvent
    }

    // MARK: Calls

    package var counters: SessionCounters { session.counters }

    package func accept(_ header: Header) {
        if let stranger { channel.pipeline.syncOperations.removeHandler(stranger, promise: nil) }
        stranger = nil
        perform(session.accept(header, session: id))
    }

    /// Answers 4.01, the same for every cause, and closes.
    package func refuse(_ header: Header) {
        perform(session.refuse(header))
        closeText = "authentication failed"
        send([.close(code: CloseReason.Code.policyViolation.rawValue, reason: "authentication failed")])
    }

    /// Sends a request to the edge. The future never fails: whatever goes wrong is a response.
    package func request(_ request: Request, timeout: TimeAmount) -> EventLoopFuture<Response> {
        channel.eventLoop.preconditionInEventLoop()
        if let reason = congestion() { return channel.eventLoop.makeSucceededFuture(Response(.serviceUnavailable, reason: reason)) }
        let promise = channel.eventLoop.makePromise(of: Response.self)
        perform(session.request(request, token: promise, deadline: channel.eventLoop.now + timeout))
        return promise.futureResult
    }

    package func respond(_ response: Response, to header: Header) {
        let response = congestion().map { Response(.serviceUnavailable, reason: $0) } ?? response
        perform(session.respond(response, to: header))
    }

    /// Why nothing more can be sent; nil where it can. A peer that takes nothing for too long is let go.
    private func congestion() -> String? {
        guard !isTaking else { return nil }
        switch backlog.state(of: channel) {
        case .flowing: return nil
        case .full(let bytes): return "the edge has not taken \(bytes) bytes that were sent before"
        case .hopeless(let bytes):
            closeText = closeText ?? "the edge did not take \(bytes) bytes that were sent to it"
            channel.close(promise: nil)
            return closeText
        }
    }

    package func close(_ reason: CloseReason) { perform(.close(reason)) }

    /// Whether the edge lives: it is sent a ping and this request, and anything that comes from it within the time says that it does.
    package func livesWithin(_ time: TimeAmount, asking request: Request) -> EventLoopFuture<Bool> {
        let promise = channel.eventLoop.makePromise(of: Bool.self)
        if let waiting = lifeAwaited {
            waiting.futureResult.cascade(to: promise)
            return promise.futureResult
        }
        lifeAwaited = promise
        channel.eventLoop.scheduleTask(in: time) { [weak self] in self?.hasShownLife(false) }
        send([.ping(ByteBuffer())])
        _ = self.request(request, timeout: time)
        return promise.futureResult
    }

    private func hasShownLife(_ lives: Bool) {
        guard let promise = lifeAwaited else { return }
        lifeAwaited = nil
        promise.succeed(lives)
    }

    /// Closes without waiting for a peer that seems to be gone.
    package func abandon(_ reason: String) {
        closeText = closeText ?? reason
        channel.close(promise: nil)
    }

    /// Called with each message as it goes over the wire, and whether it came in; nil: nobody looks.
    package var onMessage: ((ByteBuffer, _ isIncoming: Bool) -> Void)?

    // MARK: Channel

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        scheduleTick()
    }

    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        session.heard(now: context.eventLoop.now)
        if lifeAwaited != nil { hasShownLife(true) }
        switch unwrapInboundIn(data) {
        case .binary(let bytes):
            onMessage?(bytes, true)
            perform(session.received(bytes, now: context.eventLoop.now))
        case .text: perform(.close(.init(.policyViolation, "a text message on an AlwaysOn connection")))
        case .ping, .pong: break
        case .close(let code, let reason):
            closeText = closeText ?? "closed by the edge (status \(code)\(reason.isEmpty ? "" : ", \(reason)"))"
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
        backlog.release()
        hasShownLife(false)
        for action in session.disconnected() { perform(action) }
        onEvent(self, .closed(closeText ?? "the edge closed the connection"))
        context.fireChannelInactive()
    }

    // MARK: Actions

    private func perform(_ action: Session.Action) {
        channel.eventLoop.assertInEventLoop()
        switch action {
        case .none: break
        case .send(let messages): send(messages.map { .binary($0) })
        case .authenticate(let header, let auth): onEvent(self, .authenticate(header, auth))
        case .bind(let header, let bind): onEvent(self, .bind(header, bind))
        case .unbind(let header, let bind): onEvent(self, .unbind(header, bind))
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
            if let onMessage, case .binary(let bytes) = message { onMessage(bytes, false) }
            context.write(wrapOutboundOut(message), promise: nil)
        }
        context.flush()
    }

    private func scheduleTick() {
        guard channel.isActive else { return }
        if let text = session.takeRefusal(now: channel.eventLoop.now) { onEvent(self, .refusedMessage(text)) }
        let deadline = session.nextDeadline
        if timer.needs(deadline) { timer.schedule(deadline, on: channel.eventLoop) { [weak self] in self?.tick() } }
    }

    private func tick() {
        timer.fired()
        for action in session.tick(channel.eventLoop.now) { perform(action) }
        scheduleTick()
    }
}
