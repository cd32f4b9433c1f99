import AlwaysOn
import NIOCore
import Testing

@testable import AlwaysOnSession

typealias Session = EdgeSession<Int>

/// Reads back what a session sends.
func messages(_ action: Session.Action) throws -> [Message] {
    guard case .send(let buffers) = action else { return [] }
    return try buffers.map { try Message(decoding: $0) }
}

func answer(_ response: Response, to message: Message, session: UInt32? = nil) -> ByteBuffer {
    var header = message.header.response(response.status)
    if let session { header.sessionID = session }
    return Message(header: header, body: .response(response)).encoded()
}

@Suite struct EdgeSessionTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    func online(_ configure: (inout Session.Configuration) -> Void = { _ in }) throws -> Session {
        var configuration = Session.Configuration()
        configure(&configuration)
        var session = Session(configuration: configuration)
        let auth = try #require(try messages(session.connected(Auth(applicationKey: "k"), now: start)).first)
        guard case .online = session.received(answer(Response(.success), to: auth, session: 77), now: start) else {
            Issue.record("not online")
            return session
        }
        return session
    }

    @Test func authenticatesFirstAndCarriesTheSessionOn() throws {
        var session = Session(configuration: .init())
        let auth = try #require(try messages(session.connected(Auth(applicationKey: "key"), now: start)).first)
        #expect(auth.header.sessionID == Header.noSession)
        #expect(auth.body == .auth(Auth(applicationKey: "key")))
        guard case .online = session.received(answer(Response(.success), to: auth, session: 4711), now: start) else {
            Issue.record("not online")
            return
        }
        let bind = try #require(try messages(session.bind(Bind(names: ["A"]), now: start)).first)
        #expect(bind.header.sessionID == 4711)
    }

    @Test func aRefusedKeyEndsTheSession() throws {
        var session = Session(configuration: .init())
        let auth = try #require(try messages(session.connected(Auth(applicationKey: "key"), now: start)).first)
        guard case .refused(let response) = session.received(answer(Response(.unauthorized), to: auth), now: start) else {
            Issue.record("not refused")
            return
        }
        #expect(response.status == .unauthorized)
        #expect(!session.isOnline)
        guard case .complete(9, let rejected) = session.request(Request(.get, "T", .property, "p"), token: 9, deadline: start + .seconds(1))
        else {
            Issue.record("a request after a refusal was not answered")
            return
        }
        #expect(rejected.status == .serviceUnavailable)
    }

    @Test func noAnswerToAuthClosesTheConnection() throws {
        var session = Session(configuration: .init())
        _ = session.connected(Auth(applicationKey: "key"), now: start)
        #expect(session.tick(start + .seconds(9)).isEmpty)
        guard case .close(let reason)? = session.tick(start + .seconds(10)).first else {
            Issue.record("not closed")
            return
        }
        #expect(reason.code == .policyViolation)
    }

    @Test func aRequestBeforeAuthIsAnsweredClosesTheConnection() throws {
        var session = Session(configuration: .init())
        _ = session.connected(Auth(applicationKey: "key"), now: start)
        let request = Message(
            header: Header(code: Method.get.rawValue, requestID: 1, sessionID: 0), body: .request(Request(.get, "T", .property, "p")))
        guard case .close = session.received(request.encoded(), now: start) else {
            Issue.record("not closed")
            return
        }
    }

    @Test func responsesFindTheirRequestsInAnyOrder() throws {
        var session = try online()
        let first = try #require(
            try messages(session.request(Request(.get, "T", .property, "a"), token: 1, deadline: start + .seconds(5))).first)
        let second = try #require(
            try messages(session.request(Request(.get, "T", .property, "b"), token: 2, deadline: start + .seconds(5))).first)
        #expect(first.header.requestID != second.header.requestID)
        guard case .complete(2, let response) = session.received(answer(.result(.number(2)), to: second), now: start) else {
            Issue.record("the second was not completed")
            return
        }
        #expect(response.content?.decoded().first("result") == .number(2))
        guard case .complete(1, _) = session.received(answer(Response(.notFound), to: first), now: start) else {
            Issue.record("the first was not completed")
            return
        }
        // A second answer to the same request is counted and ignored.
        guard case .none = session.received(answer(Response(.notFound), to: first), now: start) else {
            Issue.record("a late answer had an effect")
            return
        }
        #expect(session.counters.unmatchedResponses == 1)
    }

    @Test func requestsTimeOutEachAtItsOwnDeadline() throws {
        var session = try online()
        _ = session.request(Request(.get, "T", .property, "a"), token: 1, deadline: start + .seconds(2))
        _ = session.request(Request(.get, "T", .property, "b"), token: 2, deadline: start + .seconds(1))
        #expect(session.nextDeadline <= start + .seconds(1))
        guard case .complete(2, let response)? = session.tick(start + .seconds(1)).first else {
            Issue.record("the earlier one did not time out")
            return
        }
        #expect(response.status == .gatewayTimeout)
        guard case .complete(1, _)? = session.tick(start + .seconds(2)).first else {
            Issue.record("the later one did not time out")
            return
        }
        #expect(session.counters.timeouts == 2)
    }

    @Test func tooManyInFlightAreRefused() throws {
        var session = try online { $0.limits.maximumRequestsInFlight = 2 }
        for token in 1...2 {
            #expect(
                try messages(session.request(Request(.get, "T", .property, "a"), token: token, deadline: start + .seconds(2))).count == 1)
        }
        guard case .complete(3, let response) = session.request(Request(.get, "T", .property, "a"), token: 3, deadline: start + .seconds(2))
        else {
            Issue.record("not refused")
            return
        }
        #expect(response.status == .serviceUnavailable)
        // Binding is not held up by requests.
        #expect(try messages(session.bind(Bind(names: ["A"]), now: start)).count == 1)
    }

    @Test func whatWaitedFailsWhenTheConnectionIsLost() throws {
        var session = try online()
        _ = session.request(Request(.get, "T", .property, "a"), token: 1, deadline: start + .seconds(2))
        _ = session.bind(Bind(names: ["A"]), now: start)
        let actions = session.disconnected()
        #expect(actions.count == 1)
        guard case .complete(1, let response)? = actions.first else {
            Issue.record("not completed")
            return
        }
        #expect(response.status == .serviceUnavailable)
    }

    @Test func pingsAndMissesPongs() throws {
        var session = try online {
            $0.pingInterval = .seconds(5)
            $0.pongTimeout = .seconds(2)
        }
        #expect(session.tick(start + .seconds(4)).isEmpty)
        guard case .ping? = session.tick(start + .seconds(5)).first else {
            Issue.record("no ping")
            return
        }
        session.pong()
        #expect(session.tick(start + .seconds(8)).isEmpty)
        _ = session.tick(start + .seconds(10))
        guard case .close(let reason)? = session.tick(start + .seconds(12)).last else {
            Issue.record("a missing pong went unnoticed")
            return
        }
        #expect(reason.text.contains("no pong"))
    }

    @Test func threeUnreadableMessagesInARowClose() throws {
        var session = try online()
        let junk = ByteBuffer(bytes: [1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF])
        guard case .send = session.received(junk, now: start) else {
            Issue.record("a bad request got no answer")
            return
        }
        _ = session.received(junk, now: start)
        // A good one in between starts the count anew.
        _ = session.received(
            Message(header: Header(code: Code.keepAlive, requestID: 0, sessionID: 0), body: .keepAlive).encoded(), now: start)
        _ = session.received(junk, now: start)
        _ = session.received(junk, now: start)
        guard case .close(let reason) = session.received(junk, now: start) else {
            Issue.record("not closed")
            return
        }
        #expect(reason.code == .invalidData)
        #expect(session.counters.unreadable == 5)
    }

    @Test func anOversizedMessageCloses() throws {
        var session = try online { $0.limits.maximumMessageSize = 1000 }
        guard case .close(let reason) = session.received(ByteBuffer(repeating: 0, count: 1001), now: start) else {
            Issue.record("not closed")
            return
        }
        #expect(reason.code == .messageTooLarge)
    }

    @Test func namesAreSplitOverMessages() {
        let names = (0..<5000).map { "Thing-\($0)" }
        let batches = Bind.batches(of: names, size: 8192)
        #expect(batches.flatMap(\.names) == names)
        #expect(batches.count > 5)
        for batch in batches {
            let bytes = Message(header: Header(code: Code.bind, requestID: 1, sessionID: 1), body: .bind(batch)).encoded()
            #expect(bytes.readableBytes <= 8192)
        }
        #expect(Bind.batches(of: [String(repeating: "x", count: 9000)], size: 8192).count == 1)
        #expect(Bind.batches(of: [], size: 8192).isEmpty)
    }
}
