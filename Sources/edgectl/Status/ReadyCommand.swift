import ArgumentParser
import EdgeCore
import Formats
import Glibc
import ProgramSupport

/// Whether a program is fit for use, for scripts and containers.
struct ReadyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ready", abstract: "Tell by the exit status whether the gateway, or the Lua host where there is no gateway, is ready.",
        discussion: "Ready means connected and able to keep what comes; with --alive just that it answers. 0: yes, 1: no, with the reasons."
    )

    @OptionGroup var place: CheckPlace
    @Flag(help: "Whether it answers is enough.")
    var alive = false
    @Option(help: "Seconds that it is waited for.")
    var wait = 0

    func validate() throws {
        guard (0...86_400).contains(wait) else { throw ValidationError("--wait: expected 0 to 86400 seconds") }
    }

    func run() async throws {
        let deadline = ContinuousClock.now + .seconds(wait)
        var (isGood, json) = try await answer()
        // Nobody tells when a program that does not run yet will: it is asked again and again.
        while !isGood, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(200))
            (isGood, json) = try await answer()
        }
        Console.line(json.description)
        if !isGood { throw ExitCode(1) }
    }

    private func answer() async throws -> (Bool, JSONValue) {
        if access(place.config, F_OK) != 0, place.hasLua { return try await lua() }
        guard let configuration = try ConfigurationFile(path: place.config).look() else {
            throw ValidationError("\(place.config) cannot be used: edgectl check tells why")
        }
        do {
            let (status, json) = try await LocalGateway(configuration, timeout: .seconds(5)).get(alive ? "/healthz" : "/readyz")
            return (status == 200, json)
        } catch {
            return (false, ["status": "failing", "reason": .string("\(error)")])
        }
    }

    private func lua() async throws -> (Bool, JSONValue) {
        guard SiblingProgram.path(of: "luaScriptResource") != nil else {
            throw ValidationError("luaScriptResource is neither beside edgectl nor in the PATH")
        }
        let server = await SiblingProgram.luaProbe(place.luaPath)?["server"] ?? .null
        return (server["status"]?.int == 200 || (alive && server["status"] != nil), server)
    }
}
