import AlwaysOn
package import AlwaysOnTransport
import EdgeREST
package import HTTPTransport
package import Logging
import NetworkSupport
import NIOCore
import NIOHTTP1
import Secrets

/// The platform's one port: REST for people and programs, AlwaysOn for edges.
package enum PlatformServer {
    /// - Parameter alwaysOn: where and within which limits edges connect.
    /// - Throws: `ListenFailure`.
    package static func start(
        _ configuration: HTTPServer.Configuration, alwaysOn: AlwaysOnUpgrader, platform: Platform, logger: Logger
    ) async throws -> HTTPServer {
        var configuration = configuration
        configuration.upgraders = [
            alwaysOn.makeUpgrader(
                makeID: { platform.assumeIsolated { $0.nextConnectionID() } },
                onEvent: { connection, event in platform.assumeIsolated { $0.handle(event, of: connection) } })
        ]
        return try await HTTPServer.start(configuration, on: platform.loop, logger: logger) { http in
            platform.assumeIsolated { respond(to: http, $0, logger) }
        }
    }

    private static func respond(to http: HTTPRequest, _ platform: isolated Platform, _ logger: Logger) -> EventLoopFuture<HTTPResponse> {
        let loop = platform.loop
        guard let key = http.headers.first(name: "appKey") ?? http.queryValue("appKey") else {
            return loop.makeSucceededFuture(.error(.unauthorized, "expected an application key in the header appKey"))
        }
        let principal: Principal
        switch platform.authenticate(Secret(key), from: http.remoteAddress) {
        case .accepted(let accepted, _): principal = accepted
        case .refused(let cause):
            logger.warning("request from \(http.remoteAddress?.text ?? "?") refused: \(cause)")
            return loop.makeSucceededFuture(.error(.unauthorized, "authentication failed"))
        }
        let path = http.path.map { $0.lowercased() }
        if path == ["thingworx", "things"], http.method == .GET {
            return loop.makeSucceededFuture(HTTPResponse(platform.listThings(for: principal), order: .shapeFirst))
        }
        do throws(RestFailure) {
            let request = try RestPath.request(from: http)
            return platform.perform(request, as: principal).map { HTTPResponse($0, order: .shapeFirst) }
        } catch {
            return loop.makeSucceededFuture(.error(error.status, error.text))
        }
    }
}
