import AlwaysOn
import NIOCore
import Testing

@testable import AlwaysOnSession

@Suite struct PlatformSessionTests {
    let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    func session() -> PlatformSession<Int> { PlatformSession(configuration: .init(), now: start) }

    func auth() -> ByteBuffer {
        Message(header: Header(code: Code.auth, requestID: 1, sessionID: Header.noSession), body: .auth(Auth(applicationKey: "k")))
            .encoded()
    }

    @Test func anythingBeforeAuthCloses() {
        let bind = Message(header: Header(code: Code.bind, requestID: 1, sessionID: 0), body: .bind(Bind(names: ["A"]))).encoded()
        for first in [bind, ByteBuffer(string: "junk"), ByteBuffer(repeating: 1, count: 100_000)] {
            var session = session()
            guard case .close(let reason) = session.received(first, now: start) else {
                Issue.record("not closed")
                continue
            }
            #expect(reason.code == .policyViolation)
            guard case .none = session.received(auth(), now: start) else {
                Issue.record("AUTH after that had an effect")
                continue
            }
        }
    }

    @Test func noAuthInTimeCloses() {
        var session = session()
        #expect(session.tick(start + .milliseconds(14_999)).isEmpty)
        guard case .close? = session.tick(start + .seconds(15)).first else {
            Issue.record("not closed")
            return
        }
    }

    @Test func acceptingGivesTheSessionItsID() throws {
        var session = session()
        guard case .authenticate(let header, let claims) = session.received(auth(), now: start) else {
            Issue.record("not asked")
            return
        }
        #expect(claims.applicationKey == "k")
        guard case .send(let sent) = session.accept(header, session: 42) else { return }
        let answer = try Message(decoding: sent[0])
        #expect(answer.header == Header(code: 0x40, requestID: 1, sessionID: 42))
        // Any traffic keeps it open, silence does not.
        session.heard(now: start + .seconds(80))
        #expect(session.tick(start + .seconds(169)).isEmpty)
        guard case .close(let reason)? = session.tick(start + .seconds(170)).first else {
            Issue.record("an idle session stayed open")
            return
        }
        #expect(reason.code == .goingAway)
    }

    @Test func refusingSaysNothingOfTheCause() throws {
        var session = session()
        guard case .authenticate(let header, _) = session.received(auth(), now: start), case .send(let sent) = session.refuse(header) else {
            Issue.record("not refused")
            return
        }
        let answer = try Message(decoding: sent[0])
        #expect(answer.header.code == Status.unauthorized.rawValue)
        #expect(answer.body == .response(Response(.unauthorized, reason: "authentication failed")))
        guard case .complete(1, let response) = session.request(Request(.get, "T", .property, "p"), token: 1, deadline: start + .seconds(1))
        else { return }
        #expect(response.status == .serviceUnavailable)
    }
}
