import ArgumentParser
import EdgeCore
import LogSupport
import Logging
import ProgramSupport
import Settings

/// The command line of the gateway (ems.md §1.2).
struct WSEMS: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wsems", abstract: "Connects devices and applications to a ThingWorx platform.",
        discussion: "Without options it runs with etc/config.json below the working directory.",
        helpNames: [.customShort("h"), .customLong("help"), .customLong("help", withSingleDash: true)])

    @Option(name: .customLong("cfg", withSingleDash: true), help: "Run with this configuration file.")
    var cfg = "etc/config.json"

    @Flag(name: .customLong("service", withSingleDash: true), help: "Run in the background, without a console.")
    var service = false

    @Flag(name: .customLong("check", withSingleDash: true), help: "Say what is wrong with the configuration and exit.")
    var check = false

    @Flag(name: .customLong("version", withSingleDash: true), help: "Print the version and exit.")
    var version = false

    @OptionGroup var secret: EncryptOption

    func run() async throws {
        if version { return Console.line(Product.version) }
        if try secret.printEncrypted(besides: cfg) { return }
        let file = ConfigurationFile(path: cfg)
        if check { return try checkConfiguration(file) }
        ProcessImage.remember()
        var pidFile: PIDFile?
        if service, ProcessImage.detach() { pidFile = PIDFile("/var/run/wsems.pid") }
        let outcome = await runGateway(file)
        pidFile?.remove()
        switch outcome {
        case .exit(let status): if status != 0 { throw ExitCode(status) }
        case .restart:
            ProcessImage.restart()
            throw ExitCode(1)
        }
    }

    private func runGateway(_ file: ConfigurationFile) async -> GatewayProgram.Outcome {
        let log = LogSystem(level: .warning, journal: .ofStandardOutput(program: "wsems"))
        let logger = log.logger("wsems")
        defer { log.close() }
        guard let loaded = file.load(report: { logger.log(level: $0, "\($1)") }) else { return .exit(1) }
        return await GatewayProgram(file: file, loaded: loaded, log: log, hasConsole: !service).run()
    }

    private func checkConfiguration(_ file: ConfigurationFile) throws {
        let diagnostics: [ConfigDiagnostic]
        do {
            diagnostics = try file.check()
        } catch {
            Console.error("\(cfg): \(error)")
            throw ExitCode(1)
        }
        for diagnostic in diagnostics { Console.error("\(cfg): \(diagnostic)") }
        if diagnostics.contains(where: { $0.severity != .warning }) { throw ExitCode(1) }
        Console.line("\(cfg): usable")
    }
}
