import AlwaysOn
package import EdgeCore
import EdgeREST
package import HTTPTransport
package import Logging
import NIOCore
import NIOSSL

/// The gateway's REST server for local devices and applications (ems.md §6).
package enum LocalServer {
    /// Starts the server on the gateway's own event loop, so that a request is routed without a hop.
    /// - Throws: `ListenFailure`, or what is wrong with the certificate.
    package static func start(
        _ settings: GatewayConfiguration.HTTPServer, maximumBodySize: Int, gateway: Gateway, logger: Logger
    ) async throws -> HTTPServer {
        var configuration = HTTPServer.Configuration()
        configuration.host = settings.host
        configuration.port = settings.port
        configuration.portsToTry = settings.portsToTry
        configuration.maximumClients = settings.maximumClients
        configuration.maximumBodySize = maximumBodySize
        configuration.readTimeout = settings.contentReadTimeout
        if settings.tls { configuration.tls = try tls(settings) }
        return try await HTTPServer.start(configuration, on: gateway.loop, logger: logger, responder: responder(settings, gateway: gateway))
    }

    private static func responder(_ settings: GatewayConfiguration.HTTPServer, gateway: Gateway) -> HTTPServer.Responder {
        let authentication = settings.authenticate
            ? BasicAuthentication(user: settings.user ?? ":", password: settings.password?.reveal() ?? "", realm: "wsems") : nil
        let loop = gateway.loop
        return { http in
            if let refusal = authentication?.refusal(of: http.headers) { return loop.makeSucceededFuture(refusal) }
            do throws(RestFailure) {
                let request = try RestPath.request(from: http)
                return gateway.assumeIsolated { $0.handleLocal(request) }.map { HTTPResponse($0, order: .rowsFirst) }
            } catch {
                return loop.makeSucceededFuture(.error(error.status, error.text))
            }
        }
    }

    private static func tls(_ settings: GatewayConfiguration.HTTPServer) throws -> TLSConfiguration {
        guard !settings.certificate.isEmpty, !settings.privateKey.isEmpty else {
            throw ListenFailure("http_server.ssl is on and there is no certificate: set http_server.certificate and http_server.private_key (and http_server.passphrase where the key has one), or ssl to false")
        }
        return try ServerCertificate.configuration(
            chain: settings.certificate, key: settings.privateKey, passphrase: settings.passphrase?.reveal())
    }
}
