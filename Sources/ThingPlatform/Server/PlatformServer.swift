import AlwaysOn
package import AlwaysOnTransport
import EdgeREST
package import HTTPTransport
package import Logging
import NetworkSupport
package import NIOCore
import NIOHTTP1
import Secrets

/// The platform's one port: REST for people and programs, AlwaysOn for edges.
package enum PlatformServer {
    /// - Parameter alwaysOn: where and within which limits edges connect.
    /// - Throws: `ListenFailure`.
    package static func start(
        _ configuration: HTTPServer.Configuration, alwaysOn: AlwaysOnUpgrader, platform: Platform, logger: Logger
    ) async throws -> HTTPServer {
        try await HTTPServer.start(
            PlatformServer.configuration(configuration, alwaysOn, platform), on: platform.loop, logger: logger,
            admission: { http in platform.assumeIsolated { admit(http, $0) } }, responder: { http in platform.assumeIsolated { respond(to: http, $0) } })
    }

    /// Serves one connection on any channel of the platform's loop: for tests of what bytes do to it.
    package static func serve(_ channel: any Channel, alwaysOn: AlwaysOnUpgrader, platform: Platform, logger: Logger) throws {
        try HTTPServer.serve(
            channel, configuration(HTTPServer.Configuration(), alwaysOn, platform), logger: logger,
            admission: { http in platform.assumeIsolated { admit(http, $0) } }, responder: { http in platform.assumeIsolated { respond(to: http, $0) } })
    }

    private static func configuration(_ given: HTTPServer.Configuration, _ alwaysOn: AlwaysOnUpgrader, _ platform: Platform) -> HTTPServer.Configuration {
        var (configuration, alwaysOn) = (given, alwaysOn)
        let site = configuration.site
        // Browsers alone send an Origin, and only their names may be false: an edge knows the key, whatever it calls this server.
        alwaysOn.mayUpgrade = { !$0.contains(name: "Origin") || site.refusal(of: $0, method: .GET) == nil }
        configuration.upgraders = [
            alwaysOn.makeUpgrader(
                makeID: { platform.assumeIsolated { $0.nextConnectionID() } },
                onEvent: { connection, event in platform.assumeIsolated { $0.handle(event, of: connection) } })
        ]
        return configuration
    }

    /// Who sends the request, and whether its head asks for something that he may not do.
    private static func admit(_ http: HTTPRequest, _ platform: isolated Platform) -> HTTPServer.Verdict {
        guard let key = http.headers.first(name: "appKey") ?? http.queryValue("appKey") else {
            return .refused(.error(.unauthorized, "expected an application key in the header appKey"))
        }
        switch platform.authenticate(Secret(key), from: http.remoteAddress) {
        case .accepted(let principal, _):
            if let refusal = refusal(of: http, for: principal, platform) { return .refused(refusal) }
            return .admitted(principal)
        case .refused(let cause):
            platform.refusals.note("request from \(http.remoteAddress?.ipAddress ?? "?") refused: \(cause)")
            return .refused(.error(.unauthorized, "authentication failed"))
        }
    }

    private static func refusal(of http: HTTPRequest, for principal: Principal, _ platform: isolated Platform) -> HTTPResponse? {
        if isListOfThings(http) { return nil }
        do throws(RestFailure) {
            return platform.refusal(of: try RestPath.head(of: http), for: principal).map { HTTPResponse($0, order: .shapeFirst) }
        } catch {
            return .error(error.status, error.text)
        }
    }

    private static func isListOfThings(_ http: HTTPRequest) -> Bool {
        http.method == .GET && http.path.count == 2 && http.path[0].lowercased() == "thingworx" && http.path[1].lowercased() == "things"
    }

    private static func respond(to http: HTTPRequest, _ platform: isolated Platform) -> EventLoopFuture<HTTPResponse> {
        let loop = platform.loop
        guard let principal = http.admitted as? Principal else { return loop.makeSucceededFuture(.error(.unauthorized, "authentication failed")) }
        if isListOfThings(http) { return loop.makeSucceededFuture(HTTPResponse(platform.listThings(for: principal), order: .shapeFirst)) }
        return RestPath.request(from: http, on: loop)
            .flatMap { request in platform.assumeIsolated { $0.perform(request, as: principal) } }
            .map { HTTPResponse($0, order: .shapeFirst) }
            .flatMapErrorThrowing { error in HTTPResponse(try RestFailure.of(error)) }
    }
}
