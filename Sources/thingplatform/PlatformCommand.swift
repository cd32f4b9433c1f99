import AlwaysOnTransport
import ArgumentParser
import Glibc
import HTTPTransport
import Logging
import NetworkSupport
import NIOPosix
import LogSupport
import ProgramSupport
import ThingPlatform

/// The command line of the development platform.
struct PlatformCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thingplatform", abstract: "A development platform: the other end of AlwaysOn, with users, keys, Things and REST.",
        version: Product.version)

    @Option(name: .shortAndLong, help: "The file with settings, users, keys and Things.")
    var config = "platform.json"

    @Option(help: "Listen on this port instead of the configured one; 0 takes any free port.")
    var port: Int?

    @Option(help: "Write every value that edges and users set to this file, a line of JSON each, before they are answered.")
    var journal: String?

    func run() async throws {
        let log = LogSystem(level: .info)
        let logger = log.logger("platform")
        let file = ModelFile(path: config)
        let content: ModelFile.Content
        do {
            content = try file.read()
        } catch {
            for line in "\(error)".split(separator: "\n") { logger.error("\(line)") }
            throw ExitCode(1)
        }
        log.level = Logger.Level(name: content.server.logLevel) ?? .info
        for warning in content.warnings { logger.warning("\(config): \(warning)") }
        do {
            try await serve(content, file: file, log: log)
        } catch {
            logger.error("\(error)")
            throw ExitCode(1)
        }
    }

    private func serve(_ content: ModelFile.Content, file: ModelFile, log: LogSystem) async throws {
        let logger = log.logger("platform")
        let signals = Signals.stream([SIGTERM, SIGINT])
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let platform = try Platform(
            store: file, journal: try journal.map { try ValueJournal($0) }, requestTimeout: content.server.requestTimeout, logger: logger, on: loop)
        var server = HTTPServer.Configuration()
        server.host = content.server.host
        server.port = port ?? content.server.port
        server.maximumClients = 4096
        server.maximumBodySize = 4 << 20
        server.allowedHosts = content.server.allowedHosts
        server.allowedOrigins = content.server.allowedOrigins
        if let certificate = content.server.certificate {
            server.identity = try Identity(chain: certificate, key: content.server.privateKey ?? certificate, passphrase: nil)
        }
        var alwaysOn = AlwaysOnUpgrader()
        alwaysOn.session.authenticationTimeout = content.server.authenticationTimeout
        alwaysOn.compression = content.server.compression
        alwaysOn.session.limits.maximumRequestsInFlight = 10_000
        let running = try await PlatformServer.start(server, alwaysOn: alwaysOn, platform: platform, logger: log.logger("http"))
        logger.info("listening on \(server.identity == nil ? "http" : "https")://\(server.host):\(running.port)/Thingworx")
        _ = await signals.first { _ in true }
        logger.info("stopping")
        await platform.stop()
        await running.stop()
        logger.info("stopped")
    }
}
