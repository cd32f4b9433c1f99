import ArgumentParser
import Glibc
import HTTPTransport
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

    @Flag(name: .customLong("service", withSingleDash: true), help: "Run as a service: without a console.")
    var service = false

    @Flag(name: [.customLong("i", withSingleDash: true), .customLong("u", withSingleDash: true)], help: .hidden)
    var windowsService = false

    @Flag(name: .customLong("check", withSingleDash: true), help: "Say what is wrong with the configuration and its scripts, and exit.")
    var check = false

    @Flag(
        name: .customLong("probe", withSingleDash: true),
        help: "Print as JSON whether gateway and a running luaScriptResource answer, and exit.")
    var probe = false

    @OptionGroup var secret: EncryptOption

    func run() async throws {
        if version { return Console.line(Product.version) }
        if try secret.printEncrypted(besides: cfg) { return }
        if probe {
            let found = await ScriptProbe.run(try ScriptConfiguration.read(cfg), on: MultiThreadedEventLoopGroup.singleton.next())
            return Console.line(found.description)
        }
        if check { return try await checkAll() }
        if windowsService {
            Console.error("-i and -u make and remove a service of Windows: install_services does it here")
            throw ExitCode(2)
        }
        let log = LogSystem(level: .info, journal: .ofStandardOutput(program: "luaScriptResource"))
        defer { log.close() }
        let logger = log.logger("luaScriptResource")
        do {
            try await serve(log)
        } catch let code as ExitCode {
            throw code
        } catch {
            for warning in (error as? ScriptConfigurationErrors)?.warnings ?? [] { logger.warning("\(warning)") }
            for line in "\(error)".split(separator: "\n") { logger.error("\(line)") }
            throw ExitCode(1)
        }
    }

    private func checkAll() async throws {
        var errors: [String]
        do {
            let configuration = try ScriptConfiguration.read(cfg)
            for warning in configuration.warnings { Console.error(warning) }
            let findings = try await ScriptCheck.run(configuration, on: MultiThreadedEventLoopGroup.singleton.next())
            for warning in findings.warnings { Console.error("warning: \(warning)") }
            errors = findings.errors
        } catch {
            for warning in (error as? ScriptConfigurationErrors)?.warnings ?? [] { Console.error(warning) }
            errors = "\(error)".split(separator: "\n").map(String.init)
        }
        for error in errors { Console.error(error.hasPrefix(cfg) ? error : "\(cfg): \(error)") }
        guard errors.isEmpty else { throw ExitCode(1) }
        Console.line("\(cfg): usable")
    }

    private func serve(_ log: LogSystem) async throws {
        let logger = log.logger("luaScriptResource")
        // Taken over from the start on, so that an early SIGTERM ends it in order too.
        let signals = Signals.stream([SIGTERM, SIGINT, SIGHUP])
        let configuration = try ScriptConfiguration.read(cfg)
        log.level = configuration.log.level
        for warning in configuration.warnings { logger.warning("\(warning)") }
        if configuration.fips {
            logger.error("fips_enabled is true and this build has no FIPS module: not started")
            throw ExitCode(3)
        }
        for warning in SecurityWarnings.of(configuration) { logger.warning("\(warning)") }
        seal(configuration, logger)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let outputs = LogOutputs(log: log, client: try HTTPClient(on: loop), logger: logger)
        outputs.apply(configuration.log)
        let resource = try await ScriptResource.start(configuration, version: Product.version, on: loop) { log.logger($0) }
        logger.info(
            "version \(Product.version), listening on \(configuration.server.tls ? "https" : "http")://\(configuration.server.host):\(resource.server.port), \(configuration.entries.count) scripts"
        )
        let manager = ServiceManager()
        manager.ready("running")
        StartupMemory.release()
        let environment = resource.environment
        manager.keepWatchdog(on: loop, health: { environment.health }, readiness: { environment.readiness })
        await untilEnd(signals) { await reload(resource, log, outputs, logger) }
        manager.stopping()
        logger.info("stopping")
        await resource.stop()
        logger.info("stopped")
    }
}

extension ScriptResourceCommand {
    /// Until a signal, or `q` at the console, asks for the end (lsr.md §1). SIGHUP reloads.
    private func untilEnd(_ signals: AsyncStream<Int32>, reload: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                for await signal in signals {
                    guard signal == SIGHUP else { break }
                    await reload()
                }
                return true
            }
            if !service { group.addTask { await CommandPrompt.untilQuit(hint: "q ends the program") { "> " } } }
            while await group.next() == false {}
            group.cancelAll()
        }
    }

    /// Reads the configuration again. One that cannot be used changes nothing.
    private func reload(_ resource: ScriptResource, _ log: LogSystem, _ outputs: LogOutputs, _ logger: Logger) async {
        let manager = ServiceManager()
        manager.reloading()
        defer { manager.ready("running") }
        do {
            let configuration = try ScriptConfiguration.read(cfg)
            for warning in configuration.warnings { logger.warning("\(warning)") }
            seal(configuration, logger)
            log.level = configuration.log.level
            outputs.apply(configuration.log)
            let (changes, waiting) = try await resource.apply(configuration)
            logger.info("reloaded \(cfg): \(changes.isEmpty ? "no script changed" : changes.joined(separator: ", "))")
            if !waiting.isEmpty { logger.warning("\(cfg): in force after the next start: \(waiting.joined(separator: ", "))") }
        } catch {
            for line in "\(error)".split(separator: "\n") { logger.error("not reloaded: \(line)") }
        }
    }

    private func seal(_ configuration: ScriptConfiguration, _ logger: Logger) {
        do {
            let (sealed, left) = try ConfigurationSealing.run(configuration)
            if !sealed.isEmpty { logger.info("encrypted the clear-text secrets in \(cfg): \(sealed.joined(separator: ", "))") }
            for name in left {
                logger.warning(
                    "\(cfg): \(name) stays in clear text: write it as scripts.\(name) = \"…\", or put in a value of `edgectl encrypt`")
            }
        } catch {
            logger.warning("the secrets in \(cfg) stay in clear text: \(error)")
        }
    }
}

/// One line for each setting that gives up some security.
enum SecurityWarnings {
    static func of(_ configuration: ScriptConfiguration) -> [String] {
        var warnings: [String] = []
        if !configuration.gateway.tls { warnings.append("rap_ssl is off: requests to the gateway are not encrypted") }
        if configuration.gateway.tls, !configuration.gateway.validate {
            warnings.append("rap_validate is off: any server can pose as the gateway")
        }
        if configuration.gateway.tls, !configuration.gateway.denySelfSigned {
            warnings.append("rap_deny_selfsigned is off: the gateway's certificate is not checked against a CA")
        }
        if configuration.gateway.tls, configuration.gateway.disableHostnameValidation {
            warnings.append("rap_disable_hostname_validation is on: any server with a certificate of a trusted CA can pose as the gateway")
        }
        if !configuration.gateway.authenticate { warnings.append("rap_server_authenticate is off: the gateway is not told who calls") }
        if !["localhost", "127.0.0.1", "::1"].contains(configuration.server.host) {
            warnings.append("script_resource_host is \(configuration.server.host): scripts are reached from other machines")
        }
        if !configuration.server.tls { warnings.append("script_resource_ssl is off: requests to scripts are not encrypted") }
        if configuration.server.authenticate, configuration.server.user == nil {
            warnings.append("script_resource_authenticate is on and there is no script_resource_userid: nobody can call")
        }
        if !configuration.server.authenticate {
            warnings.append("script_resource_authenticate is off: every local program may send requests to scripts")
        }
        return warnings
    }
}
