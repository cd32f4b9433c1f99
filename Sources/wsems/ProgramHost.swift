import EdgeCore
import EdgeHTTP
import HTTPTransport
import LogSupport
import Logging
import NIOConcurrencyHelpers
import NIOCore
import ProgramSupport
import Settings

/// What the gateway's services need of the program: its log, its configuration file, reloading and restarting.
final class ProgramHost: GatewayHost {
    static let userAgent = "wsems/\(Product.version)"

    private struct Parts: Sendable {
        let gateway: Gateway
        let server: LocalServer?
        let logOutputs: LogOutputs
    }

    let file: ConfigurationFile
    let log: LogSystem
    var version: String { Product.version }
    /// Ends the wait of whoever runs the program.
    let restarts: AsyncStream<Void>
    let manager = ServiceManager()
    private let wanted: AsyncStream<Void>.Continuation
    private let parts = NIOLockedValueBox<Parts?>(nil)

    init(file: ConfigurationFile, log: LogSystem) {
        self.file = file
        self.log = log
        (restarts, wanted) = AsyncStream.makeStream()
    }

    func start(gateway: Gateway, server: LocalServer?, logOutputs: LogOutputs) {
        parts.withLockedValue { $0 = Parts(gateway: gateway, server: server, logOutputs: logOutputs) }
        manager.ready("running")
        manager.keepWatchdog(
            on: gateway.loop, health: { gateway.assumeIsolated { $0.health } }, readiness: { gateway.assumeIsolated { $0.readiness } })
    }

    func restart() { wanted.yield() }

    func reload() async throws(ReloadFailure) -> ReloadReport {
        guard let parts = parts.withLockedValue({ $0 }) else { throw ReloadFailure("the gateway has not started yet") }
        manager.reloading()
        defer { manager.ready("running") }
        let logger = log.logger("wsems")
        do throws(ReloadFailure) {
            let changes = try await reload(parts, logger)
            let report = ReloadReport(changes)
            logger.log(level: .audit, "the configuration was read again: \(report.text)")
            return report
        } catch {
            logger.error("the configuration stays as it was: \(error)")
            throw error
        }
    }

    private func reload(_ parts: Parts, _ logger: Logger) async throws(ReloadFailure) -> [SettingChange] {
        let problems = NIOLockedValueBox<[String]>([])
        let loaded = file.reread { level, text in
            if level >= .error { problems.withLockedValue { $0.append(text) } } else { logger.log(level: level, "\(text)") }
        }
        guard let loaded else { throw ReloadFailure(problems.withLockedValue { $0 }.joined(separator: "; ")) }
        for diagnostic in loaded.warnings {
            logger.log(level: diagnostic.severity == .warning ? .warning : .error, "\(file.path): \(diagnostic)")
        }
        do {
            let new = loaded.configuration
            let security = try ClientSecurity(new, userAgent: ProgramHost.userAgent) { logger.warning("\($0)") }
            let identity = try new.httpServer.identity()
            // What can be refused comes before what cannot.
            try parts.server?.update(new.httpServer, identity: identity)
            let changes = await parts.gateway.apply(new, security: security)
            parts.logOutputs.apply(new.log.settings)
            return changes
        } catch {
            throw ReloadFailure("\(error)")
        }
    }
}
