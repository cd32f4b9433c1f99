import AlwaysOnTransport
import ArgumentParser
import Glibc
import HTTPTransport
import LogSupport
import Logging
import NIOCore
import NIOPosix
import NetworkSupport
import PlatformConsole
import PlatformStore
import ProgramSupport
import Secrets
import ThingModel
import ThingPlatform

/// The command line of the development platform.
struct PlatformCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thingplatform",
        abstract: "A development platform: the other end of AlwaysOn, with users, keys, Things, REST and a console.",
        version: Product.version)

    enum ModelSource: String, ExpressibleByArgument, CaseIterable {
        case database
        case file
    }

    @Option(name: .shortAndLong, help: "The file with settings, and with users, keys and Things to begin with.")
    var config: String?

    @Option(help: "Listen on this port instead of the configured one; 0 takes any free port.")
    var port: Int?

    @Option(help: "The database with model and history; without it thingplatform.db beside the configuration.")
    var data: String?

    @Flag(help: "Keep model and history in memory: nothing outlasts the program.")
    var ephemeral = false

    @Option(help: "Where the model comes from: the database, or at each start the configuration file, with everything in memory.")
    var model = ModelSource.database

    @Option(
        help: "Where the files of repositories lie; without it beside the database, and where there is none, only while the program runs.")
    var files: String?

    @Flag(help: "Answer administrators at /metrics with figures for Prometheus.")
    var metrics = false

    @Flag(help: "Make a Thing to play with, where there is none of its name.")
    var demo = false

    @Flag(help: "Print a link that opens the console signed in, once.")
    var link = false

    @Option(help: "Write every value that edges and users set to this file, a line of JSON each, before they are answered.")
    var journal: String?

    private static let standardConfig = "platform.json"

    func run() async throws {
        let log = LogSystem(level: .info, journal: .ofStandardOutput(program: "thingplatform"))
        let logger = log.logger("platform")
        let path = config ?? PlatformCommand.standardConfig
        let content: ModelFile.Content
        do {
            // One that nobody named need not be there.
            content =
                config == nil && model == .database && access(path, F_OK) != 0 ? ModelFile.Content() : try ModelFile(path: path).read()
        } catch {
            for line in "\(error)".split(separator: "\n") { logger.error("\(line)") }
            throw ExitCode(1)
        }
        log.level = Logger.Level(name: content.server.logLevel) ?? .info
        log.format = content.server.logFormat
        for warning in content.warnings { logger.warning("\(path): \(warning)") }
        do {
            try await serve(content, configPath: path, log: log)
        } catch {
            logger.error("\(error)")
            throw ExitCode(1)
        }
    }

    private func serve(_ content: ModelFile.Content, configPath: String, log: LogSystem) async throws {
        let logger = log.logger("platform")
        let signals = Signals.stream([SIGTERM, SIGINT])
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let store = try openStore(content.server, configPath: configPath, logger)
        var settings = content.server.platform
        settings.version = Product.version
        if metrics { settings.offersMetrics = true }
        let platform = try Platform(
            store: store, seed: content.model, settings: settings, journal: try journal.map { try ValueJournal($0) },
            recallsFromJournal: store.path == nil, logger: logger, on: loop)
        try await prepare(platform, store, logger)
        let running = try await start(platform, content.server, log)
        let manager = ServiceManager()
        manager.ready("running")
        manager.keepWatchdog(
            on: loop, health: { platform.assumeIsolated { $0.health } }, readiness: { platform.assumeIsolated { $0.readiness } })
        let expiry = loop.scheduleRepeatedTask(initialDelay: .seconds(60), delay: .seconds(60)) { _ in
            platform.assumeIsolated { $0.endExpired() }
            store.expire(now: Platform.now(), on: loop).whenFailure { logger.error("history is not thinned out: \($0)") }
        }
        _ = await signals.first { _ in true }
        manager.stopping()
        logger.info("stopping")
        expiry.cancel()
        let kept = await platform.stop()
        do { try await kept.get() } catch { logger.error("not everything is kept: \(error)") }
        await running.stop()
        store.close()
        logger.info("stopped")
    }

    /// What is for the person who started it, and not for the log.
    private func tell(_ text: String) {
        print(text)
        fflush(nil)
    }

    private func openStore(_ server: ModelFile.Server, configPath: String, _ logger: Logger) throws -> PlatformDatabase {
        var limits = PlatformDatabase.Limits()
        limits.keepHistory = Int64(server.historyDays) * 86_400_000
        limits.mostBytes = Int64(server.mostMegabytes) << 20
        if ephemeral || model == .file {
            limits.mostBytes = min(limits.mostBytes, 256 << 20)
            return try PlatformDatabase(path: nil, limits: limits)
        }
        let directory = configPath.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let path = data ?? (directory.isEmpty ? "thingplatform.db" : "\(directory)/thingplatform.db")
        let isNew = access(path, F_OK) != 0
        let database = try PlatformDatabase(path: path, limits: limits)
        logger.info("model and history are in \(path)\(isNew ? ", which is new" : "")")
        if !isNew, access(configPath, F_OK) == 0 {
            logger.info(
                "users, keys and Things of \(configPath) began that model and are not read again (--model file does so at each start)")
        }
        return database
    }

    private func prepare(_ platform: Platform, _ store: PlatformDatabase, _ logger: Logger) async throws {
        await platform.useBackups(beside: store.path)
        await platform.useFiles(in: files ?? store.path.map { ($0.hasSuffix(".db") ? String($0.dropLast(3)) : $0) + "-files" })
        try await platform.keepSeed().get()
        if let password = try await platform.makeFirstAdministrator() {
            tell("The first start: sign in as Administrator with the password \(password.reveal()), which is not told again")
        }
        if demo { try await platform.makeDemo().get() }
    }

    private func start(_ platform: Platform, _ configured: ModelFile.Server, _ log: LogSystem) async throws -> HTTPServer {
        var server = HTTPServer.Configuration()
        server.host = configured.host
        server.port = port ?? configured.port
        server.maximumClients = 4096
        server.tellsTime = true
        server.maximumBodySize = 4 << 20
        server.allowedHosts = configured.allowedHosts
        server.allowedOrigins = configured.allowedOrigins
        if let certificate = configured.certificate {
            server.identity = try Identity(chain: certificate, key: configured.privateKey ?? certificate, passphrase: nil)
        }
        var alwaysOn = AlwaysOnUpgrader()
        alwaysOn.session.authenticationTimeout = configured.authenticationTimeout
        alwaysOn.compression = configured.compression
        alwaysOn.session.limits.maximumRequestsInFlight = 10_000
        let running = try await PlatformServer.start(
            server, alwaysOn: alwaysOn, platform: platform, logger: log.logger("http"), assets: ConsoleFiles.response)
        let origin = "\(server.identity == nil ? "http" : "https")://\(server.host):\(running.port)"
        log.logger("platform").info("listening on \(origin)/Thingworx")
        if link, let user = await platform.firstAdministrator {
            tell(
                "Console, signed in as \(user), once and within an hour: \(origin)/#token=\(await platform.makeSignInToken(for: user).reveal())"
            )
        }
        return running
    }
}
