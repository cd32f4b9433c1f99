import AlwaysOn
package import EdgeCore
import EdgeREST
import HTTPTransport
package import Logging
import NIOCore
package import NetworkSupport

/// The gateway's REST server for local devices and applications (ems.md §6).
package struct LocalServer: Sendable {
    private let server: HTTPServer
    private let access: LocalAccess
    private let loop: any EventLoop

    package var port: Int { server.port }

    /// Starts the server on the gateway's own event loop, so that a request is routed without a hop.
    /// - Parameter identity: made of `settings`; nil without TLS.
    /// - Throws: `ListenFailure`.
    package static func start(
        _ settings: GatewayConfiguration.HTTPServer, identity: Identity?, maximumBodySize: Int, gateway: Gateway, version: String, logger: Logger
    ) async throws -> LocalServer {
        var configuration = HTTPServer.Configuration()
        configuration.host = settings.host
        configuration.port = settings.port
        configuration.portsToTry = settings.portsToTry
        configuration.maximumClients = settings.maximumClients
        configuration.maximumBodySize = maximumBodySize
        configuration.readTimeout = settings.contentReadTimeout
        configuration.identity = identity
        let access = LocalAccess(settings, now: gateway.loop.now)
        let responder = responder(access, gateway: gateway, version: version, logger: logger)
        let server = try await HTTPServer.start(configuration, on: gateway.loop, logger: logger, responder: responder)
        return LocalServer(server: server, access: access, loop: gateway.loop)
    }

    /// Other credentials, limits and certificate, from now on.
    /// - Throws: `ListenFailure`.
    package func update(_ settings: GatewayConfiguration.HTTPServer, identity: Identity?) throws {
        try server.update(maximumClients: settings.maximumClients, readTimeout: settings.contentReadTimeout, identity: identity)
        access.update(settings, now: loop.now)
    }

    package func stop() async { await server.stop() }

    private static func responder(_ access: LocalAccess, gateway: Gateway, version: String, logger: Logger) -> HTTPServer.Responder {
        let loop = gateway.loop
        return { http in
            switch access.verdict(on: http, now: loop.now) {
            case .refused(let refusal):
                if let text = access.auditText(of: http, now: loop.now) { logger.log(level: .audit, "\(text)") }
                return loop.makeSucceededFuture(refusal)
            case .withoutToken(let refusal): return loop.makeSucceededFuture(refusal)
            case .admitted(let carriesToken):
                let response = gateway.assumeIsolated { answer(http, $0, version: version) }
                guard carriesToken else { return response }
                return response.map { response in
                    var response = response
                    access.addToken(to: &response, now: loop.now)
                    return response
                }
            }
        }
    }

    private static func answer(_ http: HTTPRequest, _ gateway: isolated Gateway, version: String) -> EventLoopFuture<HTTPResponse> {
        if http.path.isEmpty, http.method == .GET || http.method == .HEAD {
            return gateway.loop.makeSucceededFuture(StatusPage.response(to: http, gateway.status, version: version))
        }
        do throws(RestFailure) {
            return gateway.handleLocal(try RestPath.request(from: http)).map { HTTPResponse($0, order: .rowsFirst) }
        } catch {
            return gateway.loop.makeSucceededFuture(.error(error.status, error.text))
        }
    }
}
