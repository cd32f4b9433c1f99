import AlwaysOn
package import AlwaysOnTransport
import EdgeREST
import Formats
package import HTTPTransport
package import Logging
import NetworkSupport
package import NIOCore
import NIOHTTP1
import Secrets
import ThingModel

/// The platform's one port: REST for people and programs, the console, AlwaysOn for edges.
package enum PlatformServer {
    /// Files that are served to everybody, by their path: the console's.
    package typealias Assets = @Sendable (String) -> HTTPResponse?

    /// - Parameters:
    ///   - alwaysOn: where and within which limits edges connect.
    ///   - assets: nil where there is no such file.
    /// - Throws: `ListenFailure`.
    package static func start(
        _ configuration: HTTPServer.Configuration, alwaysOn: AlwaysOnUpgrader, platform: Platform, logger: Logger,
        assets: @escaping Assets = { _ in nil }
    ) async throws -> HTTPServer {
        let isTLS = configuration.identity != nil
        return try await HTTPServer.start(
            PlatformServer.configuration(configuration, alwaysOn, platform, await platform.requestMeter), on: platform.loop, logger: logger,
            admission: { http in platform.assumeIsolated { PlatformAdmission.admit(http, $0) } },
            responder: { http in platform.assumeIsolated { respond(to: http, assets, isTLS: isTLS, $0) } })
    }

    /// Serves one connection on any channel of the platform's loop: for tests of what bytes do to it.
    package static func serve(_ channel: any Channel, alwaysOn: AlwaysOnUpgrader, platform: Platform, logger: Logger) throws {
        try HTTPServer.serve(
            channel, configuration(HTTPServer.Configuration(), alwaysOn, platform, nil), logger: logger,
            admission: { http in platform.assumeIsolated { PlatformAdmission.admit(http, $0) } },
            responder: { http in platform.assumeIsolated { respond(to: http, { _ in nil }, isTLS: false, $0) } })
    }

    private static func configuration(
        _ given: HTTPServer.Configuration, _ alwaysOn: AlwaysOnUpgrader, _ platform: Platform, _ meter: RequestMeter?
    ) -> HTTPServer.Configuration {
        var (configuration, alwaysOn) = (given, alwaysOn)
        configuration.meter = meter
        let site = configuration.site
        // Browsers alone send an Origin, and only their names may be false: an edge knows the key, whatever it calls this server.
        alwaysOn.mayUpgrade = { !$0.contains(name: "Origin") || site.refusal(of: $0, method: .GET) == nil }
        let edges = alwaysOn.makeUpgrader(
            makeID: { platform.assumeIsolated { $0.nextConnectionID() } },
            onEvent: { connection, event in platform.assumeIsolated { $0.handle(event, of: connection) } })
        let sockets = [alwaysOn.path: edges, "/Thingworx/Feed": FeedSocket.upgrader(platform, site: site)]
        configuration.upgraders = [UpgraderByPath(sockets.merging(TunnelEnd.upgraders(platform, site: site)) { $1 })]
        return configuration
    }

    // MARK: Answering

    private static func respond(
        to http: HTTPRequest, _ assets: Assets, isTLS: Bool, _ platform: isolated Platform
    ) -> EventLoopFuture<HTTPResponse> {
        let loop = platform.loop
        guard let admitted = http.admitted as? AdmittedRequest else {
            return loop.makeSucceededFuture(.answer(RestFailure(.unauthorized, "authentication failed"), for: http))
        }
        switch admitted.route {
        case .operations(let page, isOpen: true): return platform.operations.response(page, on: loop)
        case .health: return loop.makeSucceededFuture(PlatformAnswer.json(["status": "ok"]))
        case .asset(let path):
            let missing = PlatformAnswer.error(.notFound, "there is no \(path.isEmpty ? "console here" : path)", for: http)
            return loop.makeSucceededFuture(assets(path) ?? missing)
        case .signIn: return SessionRequests.signIn(http, isTLS: isTLS, platform)
        default: break
        }
        guard let (user, password) = admitted.password else {
            guard let principal = admitted.principal else {
                return loop.makeSucceededFuture(.answer(RestFailure(.unauthorized, "authentication failed"), for: http))
            }
            return work(http, admitted, principal, isTLS: isTLS, platform)
        }
        return platform.signIn(user, password, from: http.remoteAddress).flatMap { principal in
            platform.assumeIsolated { platform in
                guard let principal else {
                    return loop.makeSucceededFuture(.answer(RestFailure(.unauthorized, "authentication failed"), for: http))
                }
                if let refusal = PlatformAdmission.refusal(of: admitted.route, for: principal, platform) {
                    return loop.makeSucceededFuture(PlatformAnswer.response(refusal, for: http))
                }
                return work(http, admitted, principal, isTLS: isTLS, platform)
            }
        }.recover { .answer(RestFailure(.serviceUnavailable, "\($0)"), for: http) }
    }

    private static func work(
        _ http: HTTPRequest, _ admitted: AdmittedRequest, _ principal: Principal, isTLS: Bool, _ platform: isolated Platform
    ) -> EventLoopFuture<HTTPResponse> {
        let response = RestRequests.answer(http, admitted, principal, platform)
        guard admitted.wantsSession else { return response }
        let token = platform.credentials.begin(user: principal.user, key: admitted.key, now: platform.loop.now)
        return response.map { response in
            var response = response
            response.headers.add(name: "Set-Cookie", value: SessionRequests.cookie(token, isTLS: isTLS))
            return response
        }
    }
}

/// Beginning, ending and asking for sessions: `/Thingworx/Sessions`, which is ours.
enum SessionRequests {
    /// A page of another site cannot have it sent.
    static func cookie(_ token: Secret, isTLS: Bool) -> String {
        "JSESSIONID=\(token.reveal()); Path=/Thingworx; HttpOnly; SameSite=Strict\(isTLS ? "; Secure" : "")"
    }

    /// With `{"user", "password"}`, or `{"token"}` of a sign-in link.
    static func signIn(_ http: HTTPRequest, isTLS: Bool, _ platform: isolated Platform) -> EventLoopFuture<HTTPResponse> {
        let loop = platform.loop
        let refused = HTTPResponse.answer(RestFailure(.forbidden, "user name or password wrong, or the link was used before"), for: http)
        guard platform.mayTry(from: http.remoteAddress) else {
            return loop.makeSucceededFuture(
                .answer(RestFailure(.tooManyRequests, "too many wrong keys and passwords: wait a second"), for: http))
        }
        guard let json = try? JSONValue(parsing: http.body) else {
            return loop.makeSucceededFuture(
                .answer(RestFailure(.badRequest, "expected an object with user and password, or with token"), for: http))
        }
        if let token = json["token"]?.string {
            guard let user = platform.credentials.redeem(Secret(token), now: loop.now), platform.model.users[user]?.isEnabled == true else {
                platform.credentials.attempts.failed(http.remoteAddress?.ipAddress ?? "", now: loop.now)
                return loop.makeSucceededFuture(refused)
            }
            return loop.makeSucceededFuture(begin(platform.model.principal(user), isTLS: isTLS, platform))
        }
        guard let user = json["user"]?.string, let password = json["password"]?.string else {
            return loop.makeSucceededFuture(
                .answer(RestFailure(.badRequest, "expected an object with user and password, or with token"), for: http))
        }
        return platform.signIn(user, Secret(password), from: http.remoteAddress).map { principal in
            guard let principal else { return refused }
            return platform.assumeIsolated { begin(principal, isTLS: isTLS, $0) }
        }.recover { .answer(RestFailure(.serviceUnavailable, "\($0)"), for: http) }
    }

    private static func begin(_ principal: Principal, isTLS: Bool, _ platform: isolated Platform) -> HTTPResponse {
        let token = platform.credentials.begin(user: principal.user, key: nil, now: platform.loop.now)
        platform.audit("SignedIn", "", ["user": .string(principal.user)])
        _ = platform.committed()
        var response = PlatformAnswer.json(who(principal))
        response.headers.add(name: "Set-Cookie", value: cookie(token, isTLS: isTLS))
        return response
    }

    static func who(_ principal: Principal) -> JSONValue {
        [
            "user": .string(principal.user), "groups": .array(principal.groups.sorted().map { .string($0) }),
            "administrator": .bool(principal.isAdministrator),
        ]
    }

    static func signOut(_ http: HTTPRequest, _ platform: isolated Platform) -> HTTPResponse {
        if let token = PlatformAdmission.sessionToken(http.headers) { platform.credentials.end(token) }
        return HTTPResponse(.ok, headers: ["Set-Cookie": "JSESSIONID=; Path=/Thingworx; HttpOnly; SameSite=Strict; Max-Age=0"])
    }
}
