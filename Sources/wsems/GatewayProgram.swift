import AlwaysOnTransport
import EdgeCore
import EdgeHTTP
import Glibc
import HTTPTransport
import Logging
import NIOPosix
import NIOSSL
import ProgramSupport
import Secrets

/// One run of the gateway, from an accepted configuration to the exit status.
struct GatewayProgram {
    let file: ConfigurationFile
    let loaded: ConfigurationFile.Loaded
    let log: LogSystem

    /// - Returns: the exit status (ems.md §1.6).
    func run() async -> Int32 {
        let configuration = loaded.configuration
        let logger = log.logger("wsems")
        log.level = Logger.Level(name: configuration.logLevel) ?? .warning
        for diagnostic in loaded.warnings { logger.log(level: diagnostic.severity == .warning ? .warning : .error, "\(file.path): \(diagnostic)") }
        if configuration.fips {
            logger.error("fips.enabled is true and this build has no FIPS module: not started")
            return 3
        }
        for warning in SecurityWarnings.of(configuration) { logger.warning("\(warning)") }
        logger.info("version \(Product.version)")
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let gateway: Gateway
        do {
            let client = try HTTPClient(clientConfiguration(configuration), on: loop)
            gateway = Gateway(
                configuration: configuration, endpoint: try endpoint(configuration), devices: DeviceClient(client: client),
                persistence: PersistentThings(besides: file), logger: log.logger("gateway"), on: loop)
        } catch {
            logger.error("\(error)")
            return 1
        }
        let server = await startServer(configuration, gateway)
        do { try file.keepBooted(loaded) } catch { logger.warning("the last good copy of the configuration could not be kept: \(error)") }
        logger.log(level: .audit, "started with \(loaded.isFallback ? file.bootedPath : file.path)")
        await gateway.start()
        let status = await untilEnd(gateway)
        logger.info("stopping")
        await gateway.stop()
        await server?.stop()
        logger.log(level: .audit, "stopped")
        return status
    }

    private func untilEnd(_ gateway: Gateway) async -> Int32 {
        await withTaskGroup(of: Int32.self) { group in
            group.addTask {
                await Signals.untilStop()
                return 0
            }
            group.addTask {
                await gateway.untilExhausted()
                return 4
            }
            let status = await group.next() ?? 0
            group.cancelAll()
            await gateway.stop()
            return status
        }
    }

    /// Without a port the gateway goes on: auto-bound Things and the platform's requests need none.
    private func startServer(_ configuration: GatewayConfiguration, _ gateway: Gateway) async -> HTTPServer? {
        let logger = log.logger("http")
        do {
            let server = try await LocalServer.start(
                configuration.httpServer, maximumBodySize: configuration.connection.maximumMessageSize, gateway: gateway, logger: logger)
            logger.info("listening on \(configuration.httpServer.tls ? "https" : "http")://\(configuration.httpServer.host):\(server.port)")
            return server
        } catch {
            logger.error("no local REST server: \(error)")
            return nil
        }
    }

    private func endpoint(_ configuration: GatewayConfiguration) throws -> PlatformEndpoint {
        var endpoint = PlatformEndpoint(host: configuration.host, port: configuration.port)
        endpoint.path = configuration.resource
        endpoint.userAgent = "wsems/\(Product.version)"
        endpoint.connectTimeout = configuration.connection.connectTimeout
        endpoint.compression = configuration.connection.compression
        endpoint.maximumFrameSize = configuration.connection.frameSize
        if configuration.connection.encrypted { endpoint.tls = clientTLS(configuration.certificates, chain: configuration.certificates.chain) }
        return endpoint
    }

    private func clientConfiguration(_ configuration: GatewayConfiguration) -> HTTPClient.Configuration {
        var client = HTTPClient.Configuration()
        client.maximumConnectionsPerOrigin = max(64, configuration.connection.maximumThreads)
        client.maximumBodySize = configuration.connection.maximumMessageSize
        client.tls = clientTLS(configuration.certificates, chain: configuration.certificates.deviceChain)
        return client
    }

    private func clientTLS(_ certificates: GatewayConfiguration.Certificates, chain: [String]) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if !certificates.validate || certificates.allowSelfSigned {
            tls.certificateVerification = .none
        } else if certificates.disableHostnameValidation {
            tls.certificateVerification = .noHostnameVerification
        }
        tls.additionalTrustRoots = chain.map { .file($0) }
        return tls
    }
}

/// One line for each setting that gives up some security (ems.md §1.4).
enum SecurityWarnings {
    static func of(_ configuration: GatewayConfiguration) -> [String] {
        var warnings: [String] = []
        if !configuration.connection.encrypted { warnings.append("ws_connection.encryption is none: the application key and all data cross the network readable") }
        if !configuration.httpServer.tls { warnings.append("http_server.ssl is off: local requests are not encrypted") }
        if !configuration.httpServer.authenticate { warnings.append("http_server.authenticate is off: every local program may send requests as this gateway") }
        if !configuration.certificates.validate { warnings.append("certificates.validate is off: any server can pose as the platform") }
        if configuration.certificates.allowSelfSigned { warnings.append("certificates.allow_self_signed is on: certificates are not checked against a CA") }
        if configuration.httpServer.authenticate, configuration.httpServer.user == nil || configuration.httpServer.password == nil {
            warnings.append("http_server.authenticate is on without user and password: every local request is answered 401")
        }
        return warnings
    }
}
