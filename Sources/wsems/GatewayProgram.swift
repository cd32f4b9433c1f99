import EdgeCore
import EdgeHTTP
import Glibc
import HTTPTransport
import LogSupport
import Logging
import NIOCore
import NIOPosix
import ProgramSupport
import Settings

/// One run of the gateway, from an accepted configuration to its end.
struct GatewayProgram {
    enum Outcome: Sendable, Equatable {
        /// With this exit status (ems.md §1.6).
        case exit(Int32)
        /// Begin anew as the same process.
        case restart
    }

    let file: ConfigurationFile
    let loaded: ConfigurationFile.Loaded
    let log: LogSystem
    let hasConsole: Bool

    func run() async -> Outcome {
        let configuration = loaded.configuration
        let logger = log.logger("wsems")
        let signals = Signals.stream([SIGTERM, SIGINT, SIGHUP])
        log.level = Logger.Level(name: configuration.log.level) ?? .warning
        for diagnostic in loaded.warnings {
            logger.log(level: diagnostic.severity == .warning ? .warning : .error, "\(file.path): \(diagnostic)")
        }
        if configuration.fips.isEnabled {
            logger.error("fips.enabled is true and this build has no FIPS module: not started")
            return .exit(3)
        }
        for warning in SecurityWarnings.of(configuration) { logger.warning("\(warning)") }
        logger.info("version \(Product.version)")
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let host = ProgramHost(file: file, log: log)
        let gateway: Gateway
        let logOutputs: LogOutputs
        do {
            let security = try ClientSecurity(configuration, userAgent: ProgramHost.userAgent) { logger.warning("\($0)") }
            if let text = security.expiring { logger.warning("\(text)") }
            let client = HTTPClient(clientConfiguration(configuration), tls: security.devices, on: loop)
            logOutputs = LogOutputs(log: log, client: client, logger: logger)
            logOutputs.apply(configuration.log.settings)
            gateway = Gateway(
                configuration: configuration, security: security, devices: DeviceClient(client: client),
                persistence: PersistentThings(besides: file),
                host: host, logger: log.logger("gateway"), on: loop)
        } catch {
            logger.error("\(error)")
            return .exit(1)
        }
        await gateway.openStore()
        await gateway.openFiles()
        let server = await startServer(configuration, gateway)
        host.start(gateway: gateway, server: server, logOutputs: logOutputs)
        do { try file.keepBooted(loaded) } catch { logger.warning("the last good copy of the configuration could not be kept: \(error)") }
        logger.log(level: .audit, "started with \(loaded.isFallback ? file.bootedPath : file.path)")
        await gateway.start()
        StartupMemory.release()
        let outcome = await ProgramEvents(gateway: gateway, host: host, hasConsole: hasConsole, signals: signals).untilEnd()
        logger.info(outcome == .restart ? "restarting" : "stopping")
        await gateway.stop()
        await server?.stop()
        await gateway.closeStore()
        logger.log(level: .audit, "stopped")
        // Whoever asks for the end while it restarts means the end.
        return Signals.isStopWanted ? .exit(0) : outcome
    }

    /// Without a port the gateway goes on: auto-bound Things and the platform's requests need none.
    private func startServer(_ configuration: GatewayConfiguration, _ gateway: Gateway) async -> LocalServer? {
        let logger = log.logger("http")
        let settings = configuration.httpServer
        do {
            let identity = try settings.identity()
            if let identity,
                let text = ClientSecurity.expiryText(
                    identity, "http_server.certificate", days: configuration.certificates.expiryWarningDays)
            {
                logger.warning("\(text)")
            }
            let server = try await LocalServer.start(
                settings, identity: identity, maximumBodySize: configuration.connection.maximumMessageSize, gateway: gateway,
                version: Product.version, logger: logger)
            logger.info("listening on \(settings.tls ? "https" : "http")://\(settings.host):\(server.port)")
            return server
        } catch {
            logger.error("no local REST server: \(error)")
            return nil
        }
    }

    private func clientConfiguration(_ configuration: GatewayConfiguration) -> HTTPClient.Configuration {
        var client = HTTPClient.Configuration()
        client.maximumBodySize = configuration.connection.maximumMessageSize
        client.returnsCSRFTokens = true
        return client
    }
}
