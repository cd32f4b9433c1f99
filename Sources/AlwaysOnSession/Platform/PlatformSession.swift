package import AlwaysOn
package import NIOCore

/// The platform's end of one connection: AUTH first and in time, then binds and requests both ways.
///
/// It does no I/O: each event is a call, what is to be done comes back, time is an argument.
package struct PlatformSession<Token> {
    package struct Configuration: Sendable {
        package var limits = SessionLimits()
        /// A connection that has not authenticated by then is closed (alwayson.md §1).
        package var authenticationTimeout: TimeAmount = .seconds(15)
        /// A connection from which nothing at all is heard for so long is closed. Any traffic counts: SDK clients do
        /// not answer a platform's pings.
        package var idleTimeout: TimeAmount = .seconds(90)

        package init() {}
    }

    package enum Action {
        case none
        case send([ByteBuffer])
        /// Decide on these claims and call `accept` or `refuse`.
        case authenticate(Header, Auth)
        case bind(Header, Bind)
        case unbind(Header, Bind)
        case perform(Header, Request)
        case complete(Token, Response)
        case close(CloseReason)
    }

    private enum State {
        case awaitingAuth(by: NIODeadline)
        case deciding
        case open(session: UInt32)
        case closed
    }

    private let configuration: Configuration
    private var state: State
    private var exchange: Exchange<Token>
    private var lastHeard: NIODeadline

    package init(configuration: Configuration, now: NIODeadline) {
        self.configuration = configuration
        exchange = Exchange(limits: configuration.limits)
        state = .awaitingAuth(by: now + configuration.authenticationTimeout)
        lastHeard = now
    }

    package var counters: SessionCounters { exchange.counters }

    /// A line for the log about what was refused or dropped, once a second at most. To be asked for after each event.
    @_specialize(where Token == EventLoopPromise<Response>)
    package mutating func takeRefusal(now: NIODeadline) -> String? { exchange.takeRefusal(now: now) }

    package var nextDeadline: NIODeadline {
        switch state {
        case .awaitingAuth(let by): min(by, exchange.nextDeadline)
        case .deciding, .open: min(lastHeard + configuration.idleTimeout, exchange.nextDeadline)
        case .closed: .distantFuture
        }
    }

    // MARK: Events

    /// Any frame: a sign of life.
    package mutating func heard(now: NIODeadline) { lastHeard = now }

    @_specialize(where Token == EventLoopPromise<Response>)
    package mutating func received(_ bytes: ByteBuffer, now: NIODeadline) -> Action {
        lastHeard = now
        switch state {
        case .closed: return .none
        case .deciding: return close(.init(.policyViolation, "a message before AUTH was answered"))
        case .awaitingAuth: return receivedFirst(bytes)
        case .open: break
        }
        switch exchange.receive(bytes, now: now) {
        case .nothing: return .none
        case .close(let reason): return close(reason)
        case .reply(let messages): return .send(messages)
        case .answered(let token, let response): return .complete(token, response)
        case .message(let message):
            switch message.body {
            case .request(let request): return .perform(message.header, request)
            case .bind(let bind): return .bind(message.header, bind)
            case .unbind(let bind): return .unbind(message.header, bind)
            case .keepAlive: return .none
            case .auth:
                return .send(exchange.encode(Response(.badRequest, reason: "already authenticated"), to: message.header))
            case .response: return .none
            }
        }
    }

    /// Before AUTH nothing else is even looked at: a stranger gets no answer to learn from.
    private mutating func receivedFirst(_ bytes: ByteBuffer) -> Action {
        guard bytes.readableBytes <= 4096, let message = try? Message(decoding: bytes), case .auth(let auth) = message.body else {
            return close(.init(.policyViolation, "the first message was not AUTH"))
        }
        state = .deciding
        return .authenticate(message.header, auth)
    }

    /// The claims hold: the edge learns its session id.
    package mutating func accept(_ header: Header, session: UInt32) -> Action {
        guard case .deciding = state else { return .none }
        state = .open(session: session)
        var header = header
        header.sessionID = session
        return .send(exchange.encode(Response(.success), to: header))
    }

    /// The claims do not hold. The answer is the same for every cause; the connection is to be closed after it.
    package mutating func refuse(_ header: Header) -> Action {
        state = .closed
        return .send(exchange.encode(Response(.unauthorized, reason: "authentication failed"), to: header))
    }

    package mutating func tick(_ now: NIODeadline) -> [Action] {
        switch state {
        case .closed: return []
        case .awaitingAuth(let by):
            return now >= by
                ? [close(.init(.policyViolation, "no AUTH within \(configuration.authenticationTimeout.nanoseconds / 1_000_000_000) s"))]
                : []
        case .deciding, .open: break
        }
        let (overdue, replies) = exchange.expire(now)
        var actions = overdue.map { Action.complete($0, Response.unanswered(.gatewayTimeout, reason: "no answer from the edge in time")) }
        if !replies.isEmpty { actions.append(.send(replies)) }
        if now >= lastHeard + configuration.idleTimeout {
            actions.append(close(.init(.goingAway, "nothing heard for \(configuration.idleTimeout.nanoseconds / 1_000_000_000) s")))
        }
        return actions
    }

    package mutating func disconnected() -> [Action] {
        state = .closed
        return exchange.removeAll().map {
            .complete($0, Response(.serviceUnavailable, reason: "the connection to the edge was lost"))
        }
    }

    // MARK: Calls

    @_specialize(where Token == EventLoopPromise<Response>)
    package mutating func request(_ request: Request, token: Token, deadline: NIODeadline) -> Action {
        guard case .open(let session) = state else {
            return .complete(token, Response(.serviceUnavailable, reason: "the edge is not connected"))
        }
        switch exchange.send(code: request.method.rawValue, session: session, body: .request(request), context: token, deadline: deadline) {
        case .send(let messages): return .send(messages)
        case .rejected(_, let response): return .complete(token, response)
        }
    }

    @_specialize(where Token == EventLoopPromise<Response>)
    package mutating func respond(_ response: Response, to header: Header) -> Action { .send(exchange.answer(response, to: header)) }

    private mutating func close(_ reason: CloseReason) -> Action {
        state = .closed
        return .close(reason)
    }
}
