import ArgumentParser
import EdgeCore
import Formats
import Glibc
import ProgramSupport

/// How a gateway and the Lua host beside it are, once or as a page that keeps itself up to date.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show gateway, Things, store, transfers, tunnels and scripts.",
        discussion:
            "To be run where the gateway runs, in its working directory, as its user. Ends with 0 where the gateway is connected, else with 1."
    )

    @OptionGroup var place: CheckPlace
    @Flag(name: .shortAndLong, help: "Keep it up to date; q, or Ctrl-C, ends it.")
    var watch = false
    @Option(help: "Seconds between two looks with --watch.")
    var interval = 2
    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard (1...3600).contains(interval) else { throw ValidationError("--interval: expected 1 to 3600 seconds") }
    }

    func run() async throws {
        guard let configuration = try ConfigurationFile(path: place.config).look() else {
            throw ValidationError("\(place.config) cannot be used: edgectl check tells why")
        }
        let gateway = LocalGateway(configuration, timeout: .seconds(5))
        guard watch else {
            let snapshot = await StatusSnapshot.take(gateway, place)
            show(snapshot)
            if !snapshot.isConnected { throw ExitCode(1) }
            return
        }
        guard !json, let screen = TerminalScreen() else { return try await repeated(gateway) }
        defer { screen.leave() }
        let signals = Signals.stream([SIGTERM, SIGHUP])
        Task {
            _ = await signals.first { _ in true }
            screen.leave()
            Glibc.exit(1)
        }
        while true {
            let page = StatusPage(await StatusSnapshot.take(gateway, place))
            let size = screen.size
            screen.show(page.lines(width: size.columns, height: size.rows, colours: true))
            if await screen.isQuit(within: .seconds(interval)) { return }
        }
    }

    private func show(_ snapshot: StatusSnapshot) {
        let lines = json ? [snapshot.json.description] : StatusPage(snapshot).lines(width: nil, height: nil, colours: false)
        lines.forEach { Console.line($0) }
    }

    /// Where nobody looks at a screen: one block, or one object, after the other.
    private func repeated(_ gateway: LocalGateway) async throws {
        while true {
            show(await StatusSnapshot.take(gateway, place))
            if !json { Console.line("") }
            try await Task.sleep(for: .seconds(interval))
        }
    }
}

/// What was found at one moment.
struct StatusSnapshot: Sendable {
    /// The gateway's own page as JSON; nil with why where there is none.
    var gateway: JSONValue?
    var failure: String?
    /// What luaScriptResource -probe says; nil without one.
    var lua: JSONValue?

    var isConnected: Bool { gateway?["isConnected"]?.bool == true }

    var json: JSONValue {
        var object: JSONObject = ["gateway": gateway ?? .null]
        if let failure { object["failure"] = .string(failure) }
        if let lua { object["lua"] = lua }
        return .object(object)
    }

    static func take(_ gateway: LocalGateway, _ place: CheckPlace) async -> StatusSnapshot {
        async let lua = place.hasLua ? SiblingProgram.luaProbe(place.luaPath) : nil
        var snapshot = StatusSnapshot()
        do {
            let (status, json) = try await gateway.get("/")
            if status == 200 {
                snapshot.gateway = json
            } else {
                snapshot.failure = "\(gateway.url) answered \(status): \(json["error"]?.string ?? "")"
            }
        } catch {
            snapshot.failure = "\(gateway.url): \(error)"
        }
        snapshot.lua = await lua
        return snapshot
    }
}
