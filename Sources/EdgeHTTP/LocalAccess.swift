package import EdgeCore
package import HTTPTransport
import NIOConcurrencyHelpers
package import NIOCore
import NIOHTTP1

/// Who may use the local server: Basic authentication and CSRF tokens, both changeable while it runs (ems.md §6.4).
package final class LocalAccess: Sendable {
    private struct State {
        var authentication: BasicAuthentication?
        var tokens: CSRFTokens?
        var lastAudit = NIODeadline.distantPast
        var unsaid = 0
    }

    private let state: NIOLockedValueBox<State>

    package init(_ settings: GatewayConfiguration.HTTPServer, now: NIODeadline) {
        state = NIOLockedValueBox(LocalAccess.state(settings, now))
    }

    package func update(_ settings: GatewayConfiguration.HTTPServer, now: NIODeadline) {
        state.withLockedValue { $0 = LocalAccess.state(settings, now) }
    }

    private static func state(_ settings: GatewayConfiguration.HTTPServer, _ now: NIODeadline) -> State {
        guard settings.authenticate else { return State() }
        // Without user and password nothing matches: no user name holds a colon.
        let hasUser = settings.user != nil && settings.password != nil
        let authentication = BasicAuthentication(
            user: hasUser ? settings.user! : ":", password: settings.password?.reveal() ?? "", realm: "wsems")
        let rotation = TimeAmount.minutes(Int64(settings.csrfRotationMinutes))
        return State(authentication: authentication, tokens: settings.csrfTokens ? CSRFTokens(rotation: rotation, now: now) : nil)
    }

    /// What becomes of a request.
    package enum Verdict {
        /// It may be served.
        case admitted(carriesToken: Bool)
        /// The credentials are right and the token is not: the answer has the one to return.
        case withoutToken(HTTPResponse)
        /// The credentials are missing or wrong.
        case refused(HTTPResponse)
    }

    package func verdict(on request: HTTPRequest, now: NIODeadline) -> Verdict {
        state.withLockedValue { state in
            guard let authentication = state.authentication else { return .admitted(carriesToken: false) }
            if let refusal = authentication.refusal(of: request.headers) { return .refused(refusal) }
            guard state.tokens != nil else { return .admitted(carriesToken: false) }
            if let token = request.headers.first(name: CSRFTokens.header), state.tokens!.accepts(token, now: now) {
                return .admitted(carriesToken: true)
            }
            var answer = HTTPResponse.error(
                .unauthorized,
                "the header \(CSRFTokens.header) is missing or out of date: send the request again with the one of this answer (or set http_server.enable_csrf_tokens to false)"
            )
            answer.headers.replaceOrAdd(name: CSRFTokens.header, value: state.tokens!.current(now: now))
            return .withoutToken(answer)
        }
    }

    /// What is to be said of a refused request in the log, once a second at most.
    package func auditText(of request: HTTPRequest, now: NIODeadline) -> String? {
        state.withLockedValue { state in
            guard now - state.lastAudit >= .seconds(1) || state.lastAudit == .distantPast else {
                state.unsaid += 1
                return nil
            }
            defer { (state.lastAudit, state.unsaid) = (now, 0) }
            let more = state.unsaid > 0 ? " (and \(state.unsaid) more)" : ""
            return
                "a request from \(request.remoteAddress?.ipAddress ?? "an unknown address") was refused: user name or password missing or wrong\(more)"
        }
    }

    /// Puts the token for the next request into the answer to one that was admitted.
    package func addToken(to response: inout HTTPResponse, now: NIODeadline) {
        state.withLockedValue { state in
            guard state.tokens != nil else { return }
            response.headers.replaceOrAdd(name: CSRFTokens.header, value: state.tokens!.current(now: now))
        }
    }
}
