import HTTPTransport
import Logging
import LuaRuntime
package import NIOCore

/// Loads every script of a configuration without running it: `luaScriptResource -check`.
package enum ScriptCheck {
    /// - Returns: what is wrong, a line each, with file and line where Lua knows them.
    /// - Throws: what keeps all of them from being loaded.
    package static func run(_ configuration: ScriptConfiguration, on loop: any EventLoop) async throws -> [String] {
        let silent = { @Sendable (name: String) in Logger(label: name) { _ in SwiftLogNoOpLogHandler() } }
        let environment = try ScriptEnvironment(configuration: configuration, client: try HTTPClient(on: loop), isCheck: true, logger: silent)
        var errors: [String] = []
        for entry in configuration.entries {
            if entry.isThing {
                let thing = Script.ThingName(name: entry.name, identifier: entry.identifier)
                let script = Script(name: entry.name, file: entry.file, settings: entry.settings, thingName: thing, environment: environment, logger: silent(entry.name))
                await script.start()
                if case .failed(let message) = await script.status { errors.append("scripts.\(entry.name): \(message)") }
                await script.stop()
            } else if let message = compile(entry, environment) {
                errors.append("scripts.\(entry.name): \(message)")
            }
        }
        return errors
    }

    /// A plain script is a program: it is read, and not run.
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
