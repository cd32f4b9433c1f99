import ArgumentParser
import LogSupport
import Logging
import NIOCore
import NIOPosix
import ProgramSupport
import ScriptResource

/// The command line of the Lua Script Resource (lsr.md §1).
struct ScriptResourceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "luaScriptResource", abstract: "Runs Lua templates and scripts as Things and registers them with wsems.",
        discussion: "Without options it runs with etc/config.lua below the working directory.")

    @Option(name: .customLong("cfg", withSingleDash: true), help: "Run with this configuration file.")
    var cfg = "etc/config.lua"

    @Flag(name: .customLong("version", withSingleDash: true), help: "Print the version and exit.")
    var version = false

    @OptionGroup var secret: EncryptOption

    func run() async throws {
        if version { return Console.line(Product.version) }
        if try secret.printEncrypted(besides: cfg) { return }
        let log = LogSystem(level: .info)
        let logger = log.logger("luaScriptResource")
        do {
            try await serve(log)
        } catch let code as ExitCode {
            throw code
        } catch {
            for line in "\(error)".split(separator: "\n") { logger.error("\(line)") }
            throw ExitCode(1)
        }
    }

    private func serve(_ log: LogSystem) async throws {
        let logger = log.logger("luaScriptResource")
        let configuration = try ScriptConfiguration.read(cfg)
        log.level = Logger.Level(name: configuration.logLevel) ?? .info
        for warning in configuration.warnings { logger.warning("\(cfg): \(warning)") }
        if configuration.fips {
            logger.error("fips_enabled is true and this build has no FIPS module: not started")
            throw ExitCode(3)
        }
        for warning in SecurityWarnings.of(configuration) { logger.warning("\(warning)") }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let resource = try await ScriptResource.start(configuration, on: loop) { log.logger($0) }
        logger.info("version \(Product.version), listening on \(configuration.server.tls ? "https" : "http")://\(configuration.server.host):\(resource.server.port), \(configuration.entries.count) scripts")
        let manager = ServiceManager()
        manager.ready("running")
        StartupMemory.release()
        if let period = manager.watchdogMicroseconds {
            // From the loop that all requests come by: when that hangs, the watchdog is to bite.
            loop.scheduleRepeatedTask(initialDelay: .zero, delay: .microseconds(Int64(max(period / 3, 1)))) { _ in manager.alive() }
        }
        await Signals.untilStop()
        manager.stopping()
        logger.info("stopping")
        await resource.stop()
        logger.info("stopped")
    }
}

/// One line for each setting that gives up some security.
enum SecurityWarnings {
    static func of(_ configuration: ScriptConfiguration) -> [String] {
        var warnings: [String] = []
        if !configuration.gateway.tls { warnings.append("rap_ssl is off: requests to the gateway are not encrypted") }
        if configuration.gateway.tls, !configuration.gateway.validate { warnings.append("rap_validate is off: any server can pose as the gateway") }
        if configuration.gateway.tls, !configuration.gateway.denySelfSigned {
            warnings.append("rap_deny_selfsigned is off: the gateway's certificate is not checked against a CA")
        }
        if !configuration.server.tls { warnings.append("script_resource_ssl is off: requests to scripts are not encrypted") }
        if !configuration.server.authenticate { warnings.append("script_resource_authenticate is off: every local program may send requests to scripts") }
        return warnings
    }
}
