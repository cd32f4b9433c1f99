import ArgumentParser
import EdgeCore
import Formats
import Glibc
import ProgramSupport

/// Says what is wrong with a gateway, its host, the way to its platform and the Lua host beside it.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Say what is wrong: configuration, network, certificates, key, ports, disk, Lua host.",
        discussion: """
            To be run where the gateway runs, in its working directory, as its user; the gateway may run or not. Takes ten seconds at most. Ends with 0 \
            where all is well, 1 with warnings, 2 with errors.
            """)

    @OptionGroup var place: CheckPlace
    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let findings = await place.findings { text in if !json { ProgressNote.show(text) } }
        ProgressNote.clear()
        if json {
            let object: JSONValue = [
                "status": .string(findings.worst.word), "summary": .string(findings.summary), "findings": .array(findings.map(\.json)),
            ]
            Console.line(object.description)
        } else {
            for finding in findings { Console.line(finding.line) }
            Console.line(findings.summary)
        }
        if findings.exitStatus != 0 { throw ExitCode(findings.exitStatus) }
    }
}

/// The configurations that a check is about.
struct CheckPlace: ParsableArguments {
    @Option(help: "The gateway's configuration.")
    var config = StandardPaths.gateway

    @Option(help: "The Lua host's configuration; looked at where it is there.")
    var lua: String?

    /// Beside the gateway's, where none was named.
    var luaPath: String {
        if let lua { return lua }
        let near = "\(config.split(separator: "/", omittingEmptySubsequences: false).dropLast().map { "\($0)/" }.joined())config.lua"
        return access(near, F_OK) == 0 ? near : StandardPaths.lua
    }
    var hasLua: Bool { lua != nil || access(luaPath, F_OK) == 0 }

    /// Everything, in the order in which one thing needs the other.
    /// - Parameter progress: told what is being looked at.
    func findings(_ progress: @escaping @Sendable (String) -> Void = { _ in }) async -> [CheckFinding] {
        let deadline = ContinuousClock.now + .seconds(9)
        let (configuration, own) = ConfigurationChecks(path: config).run()
        var checks: [(String, @Sendable () async -> [CheckFinding])] = []
        if let configuration {
            let keyFile = ConfigurationFile(path: config).keyFile
            checks.append(("host", { HostChecks(configuration: configuration, keyFile: keyFile).run() }))
            let local = LocalGateway(configuration, timeout: .seconds(3))
            checks.append(("gateway", { await GatewayChecks(configuration: configuration, gateway: local).run() }))
            for index in configuration.servers.indices.prefix(configuration.failover.isEnabled ? 4 : 1) {
                checks.append(("platform", { await PlatformChecks(configuration: configuration, index: index, gateway: local).run() }))
            }
        }
        if hasLua {
            let path = luaPath
            checks.append(("lua", { await LuaChecks(path: path, gateway: configuration).run() }))
        }
        return own + (await TimedWork.all(checks, until: deadline, progress))
    }
}

/// Several pieces of work at once, none of which is waited for beyond a moment.
enum TimedWork {
    static func all(
        _ checks: [(area: String, work: @Sendable () async -> [CheckFinding])], until deadline: ContinuousClock.Instant,
        _ progress: @escaping @Sendable (String) -> Void
    ) async -> [CheckFinding] {
        // Not a task group: that would wait for a name server that never answers.
        let (stream, continuation) = AsyncStream.makeStream(of: (Int, [CheckFinding])?.self)
        for (index, check) in checks.enumerated() { Task { continuation.yield((index, await check.work())) } }
        Task {
            try? await Task.sleep(until: deadline)
            continuation.yield(nil)
        }
        var results = [[CheckFinding]?](repeating: nil, count: checks.count)
        var left = checks.count
        progress(checks.map(\.area).joined(separator: ", "))
        for await result in stream {
            guard left > 0, let (index, findings) = result else { break }
            results[index] = findings
            left -= 1
            progress(zip(checks, results).filter { $0.1 == nil }.map(\.0.area).joined(separator: ", "))
            if left == 0 { break }
        }
        return zip(checks, results).flatMap { check, findings in
            findings ?? [
                CheckFinding(
                    check.area, .error, "no end within the time that a check may take",
                    do: "see what hangs with edgectl check --json, strace or the logs")
            ]
        }
    }
}

/// What is being done, on a terminal alone.
enum ProgressNote {
    private static let isShown = isatty(STDERR_FILENO) != 0

    static func show(_ text: String) { if isShown { Console.note("\r\u{1B}[K\(text.isEmpty ? "" : "… \(text)")") } }
    static func clear() { show("") }
}
