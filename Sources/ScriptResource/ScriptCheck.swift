import HTTPTransport
import Logging
import LuaRuntime
package import NIOCore

/// Loads scripts without running them: for `luaScriptResource -check`, and before a changed script takes its own place.
package enum ScriptCheck {
    /// - Returns: what is wrong with a configuration's scripts, a line each, with file and line where Lua knows them.
    /// - Throws: what keeps all of them from being loaded.
    package static func run(_ configuration: ScriptConfiguration, on loop: any EventLoop) async throws -> [String] {
        let silent = { @Sendable (name: String) in Logger(label: name) { _ in SwiftLogNoOpLogHandler() } }
        let environment = try ScriptEnvironment(configuration: configuration, client: try HTTPClient(on: loop), isCheck: true, logger: silent)
        var errors: [String] = []
        if let problem = environment.persistentData.problem { errors.append(problem) }
        for entry in configuration.entries {
            if let message = await error(in: entry, of: environment) { errors.append("scripts.\(entry.name): \(message)") }
        }
        return errors
    }

    /// What keeps one script from being loaded. A Thing's template is run in a state of its own; a plain script is a program: it
    /// is read, and not run.
    static func error(in entry: ScriptConfiguration.Entry, of environment: ScriptEnvironment) async -> String? {
        guard entry.isThing else { return compile(entry, environment) }
        let thing = Script.ThingName(name: entry.name, identifier: entry.identifier)
        let logger = Logger(label: entry.name) { _ in SwiftLogNoOpLogHandler() }
        let script = Script(
            name: entry.name, file: entry.file, settings: entry.settings, thingName: thing, isCheck: true, environment: environment, logger: logger)
        await script.start()
        defer { Task { await script.stop() } }
        if case .failed(let message) = await script.status { return message }
        return nil
    }

    private static func compile(_ entry: ScriptConfiguration.Entry, _ environment: ScriptEnvironment) -> String? {
        do {
            let path = try environment.scriptPath(entry.file)
            _ = try LuaState(libraries: false).load(try environment.read(path), name: "@\(path)")
            return nil
        } catch {
            return "\(error)"
        }
    }
}
