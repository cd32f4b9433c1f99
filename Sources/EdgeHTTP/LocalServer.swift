import AlwaysOn
package import EdgeCore
import EdgeREST
import Formats
import HTTPTransport
package import Logging
package import NIOCore
package import NetworkSupport

/// The gateway's REST server for local devices and applications (ems.md §6).
package struct LocalServer: Sendable {
    private let server: HTTPServer
    private let access: LocalAccess
    /// For metrics and health alone, where a port of its own is configured.
    private let watching: HTTPServer?
    private let maximumBodySize: Int
    private let loop: any EventLoop

    package var port: Int { server.port }

    /// Starts the server on the gateway's own event loop, so that a request is routed without a hop.
    /// - Parameter identity: made of `settings`; nil without TLS.
    /// - Throws: `ListenFailure`.
    package static func start(
        _ settings: GatewayConfiguration.HTTPServer, identity: Identity?, maximumBodySize: Int, gateway: Gateway, version: String,
        logger: Logger
    ) async throws -> LocalServer {
        var configuration = LocalServer.configuration(settings, identity, maximumBodySize: maximumBodySize)
        let access = LocalAccess(settings, now: gateway.loop.now)
        let meter = RequestMeter()
        configuration.meter = meter
        let pages = OperationsPages(gateway, version: version, meter)
        let server = try await HTTPServer.start(
            configuration, on: gateway.loop, logger: logger, admission: admission(access, gateway: gateway, logger: logger),
            responder: responder(access, pages, gateway: gateway, version: version))
        let watching = try await startWatching(configuration, access, pages, gateway: gateway, logger: logger)
        return LocalServer(server: server, access: access, watching: watching, maximumBodySize: maximumBodySize, loop: gateway.loop)
    }

    /// A second server, by the same rules, that has nothing but what those want who watch over the gateway.
    private static func startWatching(
        _ main: HTTPServer.Configuration, _ access: LocalAccess, _ pages: OperationsPages, gateway: Gateway, logger: Logger
    ) async throws -> HTTPServer? {
        let metrics = await gateway.metricsSettings
        guard metrics.isEnabled, metrics.port != 0 else { return nil }
        var configuration = main
        configuration.host = metrics.host
        configuration.port = metrics.port
        configuration.portsToTry = 0
        configuration.meter = nil
        configuration.maximumBodySize = 0
        let loop = gateway.loop
        do {
            let server = try await HTTPServer.start(
                configuration, on: loop, logger: logger, admission: admission(access, gateway: gateway, logger: logger),
                responder: { http in
                    guard let page = OperationsPages.page(for: http) else {
                        return loop.makeSucceededFuture(.error(.notFound, "expected /metrics, /healthz or /readyz"))
                    }
                    return pages.response(page, on: loop)
                })
            logger.info("metrics are at port \(server.port) of \(metrics.host)")
            return server
        } catch {
            logger.error("no server for metrics alone: \(error)")
            return nil
        }
    }

    /// Serves one connection on any channel of the gateway's loop: for tests of what bytes do to it.
    package static func serve(_ channel: any Channel, _ settings: GatewayConfiguration.HTTPServer, gateway: Gateway, logger: Logger) throws
    {
        let access = LocalAccess(settings, now: gateway.loop.now)
        try HTTPServer.serve(
            channel, configuration(settings, nil, maximumBodySize: 1 << 20), logger: logger,
            admission: admission(access, gateway: gateway, logger: logger),
            responder: responder(access, OperationsPages(gateway, version: "", RequestMeter()), gateway: gateway, version: ""))
    }

    private static func configuration(
        _ settings: GatewayConfiguration.HTTPServer, _ identity: Identity?, maximumBodySize: Int
    ) -> HTTPServer.Configuration {
        var configuration = HTTPServer.Configuration()
        configuration.host = settings.host
        configuration.port = settings.port
        configuration.portsToTry = settings.portsToTry
        configuration.maximumClients = settings.maximumClients
        configuration.maximumBodySize = maximumBodySize
        configuration.bodies = ByteBudget(most: max(2 * maximumBodySize, 32 << 20))
        configuration.readTimeout = settings.contentReadTimeout
        configuration.identity = identity
        configuration.allowedHosts = settings.allowedHosts
        configuration.allowedOrigins = settings.allowedOrigins
        return configuration
    }

    /// Other credentials, limits and certificate, from now on.
    /// - Throws: `ListenFailure`.
    package func update(_ settings: GatewayConfiguration.HTTPServer, identity: Identity?) throws {
        let configuration = LocalServer.configuration(settings, identity, maximumBodySize: maximumBodySize)
        try server.update(configuration)
        try watching?.update(configuration)
        access.update(settings, now: loop.now)
    }

    package func stop() async {
        await watching?.stop()
        await server.stop()
    }

    /// What a request's head tells: who sends it, and whether it may have been a web page.
    private static func admission(_ access: LocalAccess, gateway: Gateway, logger: Logger) -> HTTPServer.Admission {
        let loop = gateway.loop
        return { http in
            let page = OperationsPages.page(for: http)
            if let page, OperationsPages.isOpen(page, to: http) { return .admitted(nil) }
            switch access.verdict(on: http, now: loop.now) {
            case .refused(let refusal):
                if let text = access.auditText(of: http, now: loop.now) { logger.log(level: .audit, "\(text)") }
                return .refused(refusal)
            // What only reads, and tells no page of another site anything, needs no token.
            case .withoutToken(let refusal): return page == nil ? .refused(refusal) : .admitted(nil)
            case .admitted(let carriesToken):
                let isGuarded =
                    http.path.count == 5 && GuardedServices.names.contains(http.path[4])
                    && gateway.assumeIsolated { $0.answersItself(http.path[2]) }
                if let refusal = GuardedServices.refusal(of: http, isGuarded: isGuarded) { return .refused(refusal) }
                return .admitted(carriesToken ? true : nil)
            }
        }
    }

    private static func responder(
        _ access: LocalAccess, _ pages: OperationsPages, gateway: Gateway, version: String
    ) -> HTTPServer.Responder {
        let loop = gateway.loop
        return { http in
            if let page = OperationsPages.page(for: http) { return pages.response(page, on: loop) }
            let response = gateway.assumeIsolated { answer(http, $0, version: version) }
            guard http.admitted != nil else { return response }
            return response.map { response in
                var response = response
                access.addToken(to: &response, now: loop.now)
                return response
            }
        }
    }

    /// A client that sends a request again, because it was not told what became of it, says by this that it is the same.
    static func identity(of http: HTTPRequest) -> MessageIdentity? {
        http.headers.first(name: MessageIdentity.header).flatMap { MessageIdentity($0) }
    }

    private static func answer(_ http: HTTPRequest, _ gateway: isolated Gateway, version: String) -> EventLoopFuture<HTTPResponse> {
        if http.path.isEmpty, http.method == .GET || http.method == .HEAD {
            return gateway.loop.makeSucceededFuture(StatusPage.response(to: http, gateway.status, version: version))
        }
        guard LongWork.isLong(http.body.readableBytes) else {
            do throws(RestFailure) {
                return gateway.handleLocal(try RestPath.request(from: http), identity: identity(of: http)).map {
                    HTTPResponse($0, order: .rowsFirst)
                }
            } catch {
                return gateway.loop.makeSucceededFuture(HTTPResponse(error))
            }
        }
        return RestPath.request(from: http, on: gateway.loop)
            .flatMap { request in gateway.assumeIsolated { $0.handleLocal(request, identity: identity(of: http)) } }
            .map { HTTPResponse($0, order: .rowsFirst) }
            .flatMapErrorThrowing { error in HTTPResponse(try RestFailure.of(error)) }
    }
}

extension OperationsPages {
    /// What a gateway tells. To be asked on its loop.
    fileprivate init(_ gateway: Gateway, version: String, _ meter: RequestMeter) {
        self.init(
            program: "wsems", version: version, health: { gateway.assumeIsolated { $0.health } },
            readiness: { gateway.assumeIsolated { $0.readiness } },
            metrics: { gateway.assumeIsolated { $0.metricsSettings.isEnabled ? $0.metrics(local: meter.figures) : nil } })
    }
}
