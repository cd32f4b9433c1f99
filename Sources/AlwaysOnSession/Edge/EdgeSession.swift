package import AlwaysOn
package import NIOCore

/// The edge's end of one connection (alwayson.md §6, §7): authenticate, bind, requests both ways, keep-alive.
///
/// It does no I/O: each event is a call, what is to be done comes back, time is an argument.
///
/// - Parameter Token: what the owner gave with a request and gets back with its response.
package struct EdgeSession<Token> {
    package struct Configuration: Sendable {
        package var limits = SessionLimits()
        /// How long AUTH, BIND and UNBIND wait for their answer.
        package var controlTimeout: TimeAmount = .seconds(10)
        package var pingInterval: TimeAmount = .seconds(55)
        package var pongTimeout: TimeAmount = .seconds(10)

        package init() {}
    }

    package enum Action {
        case none
        case send([ByteBuffer])
        case ping
        /// The platform accepted the application key.
        case online
        /// The platform refused the application key.
        case refused(Response)
        case bindAnswered(Bind, Response)
        case unbindAnswered(Bind, Response)
        /// A request of the platform; the header goes back into `respond`.
        case perform(Header, Request)
        case complete(Token, Response)
        case close(CloseReason)
    }

    private enum Pending {
        case auth
        case bind(Bind)
        case unbind(Bind)
        case request(Token)
    }

    private enum State {
        case connecting
        case authenticating
        case online(session: UInt32)
        case closed
    }

    private let configuration: Configuration
    private var state = State.connecting
    private var exchange: Exchange<Pending>
    private var keepAlive: KeepAlive?

    package init(configuration: Configuration) {
        self.configuration = configuration
        exchange = Exchange(limits: configuration.limits)
    }

    package var counters: SessionCounters { exchange.counters }
    /// The id of the last request that was sent.
    package var lastRequestID: UInt32 { exchange.lastRequestID }

    /// A line for the log about what was refused or dropped, once a second at most. To be asked for after each event.
    // Specialised for the token that connections use: without, each call looks its types up at run time.
    @_specialize(where Token == EventLoopPromise<Response>)
    package mutating func takeRefusal(now: NIODeadline) -> String? { exchange.takeRefusal(now: now) }

    package var isOnline: Bool { if case .online = state { true } else { false } }
    /// When `tick` next has something to do, at the earliest.
    package var nextDeadline: NIODeadline {
        @_specialize(where Token == EventLoopPromise<Response>)
        get { min(exchange.nextDeadline, keepAlive?.nextDeadline ?? .distantFuture) }
    }

    // MARK: Events

    /// The WebSocket is open.
    package mutating func connected(_ auth: Auth, now: NIODeadline) -> Action {
        guard case .connecting = state else { preconditionFailure("a session connects once") }
        state = .authenticating
        keepAlive = KeepAlive(interval: configuration.pingInterval, timeout: configuration.pongTimeout, now: now)
        return control(Code.auth, session: Header.noSession, .auth(auth), .auth, now)
    }

    @_specialize(where Token == EventLoopPromise<Response>)
    package mutating func received(_ bytes: ByteBuffer, now: NIODeadline) -> Action {
        if case .closed = state { return .none }
        // The AUTH answer's header carries the session's id, which later messages repeat.
        let session = isOnline ? 0 : Packet.header(of: bytes)?.sessionID ?? 0
        switch exchange.receive(bytes, now: now) {
        case .nothing: return .none
        case .close(let reason): return .close(reason)
        case .reply(let messages): return .send(messages)
        case .answered(let pending, let response): return answered(pending, response, session: session)
        case .message(let message):
            switch message.body {
            case .request(let request):
                guard isOnline else { return .close(.init(.protocolError, "the platform sent a request before it answered AUTH")) }
                return .perform(message.header, request)
            case .keepAlive: return .none
            case .auth, .bind, .unbind:
                return .send(exchange.encode(Response(.methodNotAllowed, reason: "only an edge sends this message"), to: message.header))
            case .response: return .none
            }
        }
    }

    package mutating func pong() { keepAlive?.pong() }

    package mutating func tick(_ now: NIODeadline) -> [Action] {
        if case .closed = state { return [] }
        let (overdue, replies) = exchange.expire(now)
        var actions = overdue.map { pending in
            let response = Response.unanswered(.gatewayTimeout, reason: "no answer from the platform in time")
            return if case .auth = pending { Action.close(.init(.policyViolation, "no answer to AUTH in time")) } else {
                answered(pending, response, session: 0)
            }
        }
        if !replies.isEmpty { actions.append(.send(replies)) }
        switch keepAlive?.tick(now) {
        case .ping: actions.append(.ping)
        case .lost: actions.append(.close(.init(.goingAway, "no pong within \(configuration.pongTimeout.nanoseconds / 1_000_000) ms")))
        case .none?, nil: break
        }
        return actions
    }

    /// The connection is gone: what waited is to be completed with 5.03.
    package mutating func disconnected() -> [Action] {
        state = .closed
        return exchange.removeAll().compactMap { pending in
            guard case .request(let token) = pending else { return nil }
            return .complete(token, .unanswered(.serviceUnavailable, reason: "the connection to the platform was lost"))
        }
    }

    // MARK: Calls

    package mutating func bind(_ bind: Bind, now: NIODeadline) -> Action {
        guard case .online(let session) = state else { return .none }
        return control(Code.bind, session: session, .bind(bind), .bind(bind), now)
    }

    package mutating func unbind(_ bind: Bind, now: NIODeadline) -> Action {
        guard case .online(let session) = state else { return .none }
        return control(Code.unbind, session: session, .unbind(bind), .unbind(bind), now)
    }

    @_specialize(where Token == EventLoopPromise<Response>)
    package mutating func request(_ request: Request, token: Token, deadline: NIODeadline) -> Action {
        guard case .online(let session) = state else {
            return .complete(token, .unanswered(.serviceUnavailable, reason: "not connected to the platform"))
        }
        switch exchange.send(
            code: request.method.rawValue, session: session, body: .request(request), context: .request(token), deadline: deadline)
        {
        case .send(let messages): return .send(messages)
        case .rejected(_, let response): return .complete(token, response)
        }
    }

    @_specialize(where Token == EventLoopPromise<Response>)
    package mutating func respond(_ response: Response, to header: Header) -> Action { .send(exchange.answer(response, to: header)) }

    // MARK: Inside

    private mutating func control(
        _ code: UInt8, session: UInt32, _ body: Message.Body, _ pending: Pending, _ now: NIODeadline
    ) -> Action {
        switch exchange.send(
            code: code, session: session, body: body, context: pending, deadline: now + configuration.controlTimeout, isControl: true)
        {
        case .send(let messages): return .send(messages)
        case .rejected(_, let response): return answered(pending, response, session: 0)
        }
    }

    private mutating func answered(_ pending: Pending, _ response: Response, session: UInt32) -> Action {
        switch pending {
        case .request(let token): return .complete(token, response)
        case .bind(let bind): return .bindAnswered(bind, response)
        case .unbind(let bind): return .unbindAnswered(bind, response)
        case .auth:
            guard response.status.isSuccess else {
                state = .closed
                return .refused(response)
            }
            state = .online(session: session)
            return .online
        }
    }
}

extension Bind {
    /// Splits names over messages of at most `size` bytes each (alwayson.md §3).
    package static func batches(of names: [String], size: Int) -> [Bind] {
        var batches: [Bind] = []
        var batch: [String] = []
        var length = 0
        let room = max(size - Header.size - 3, 1)
        for name in names {
            let nameSize = Bind.encodedSize(of: name)
            if !batch.isEmpty, length + nameSize > room || batch.count == Int(UInt16.max) {
                batches.append(Bind(names: batch))
                batch = []
                length = 0
            }
            batch.append(name)
            length += nameSize
        }
        if !batch.isEmpty { batches.append(Bind(names: batch)) }
        return batches
    }
}
