import HTTPTransport
import Logging
import LuaRuntime
import NIOConcurrencyHelpers
package import NIOCore

/// Loads scripts without running them: for `luaScriptResource -check`, and before a changed script takes its own place.
package enum ScriptCheck {
    /// What there is to say of a configuration's scripts, a line each, with file and line where Lua knows them.
    package struct Findings: Sendable {
        /// What keeps scripts from being loaded.
        package var errors: [String] = []
        /// What loads, and may not do what was meant.
        package var warnings: [String] = []
    }

    /// - Throws: what keeps all of them from being loaded.
    package static func run(_ configuration: ScriptConfiguration, on loop: any EventLoop) async throws -> Findings {
        let silent = { @Sendable (name: String) in Logger(label: name) { _ in SwiftLogNoOpLogHandler() } }
        let environment = try ScriptEnvironment(
            configuration: configuration, client: try HTTPClient(on: loop), isCheck: true, logger: silent)
        var findings = Findings()
        if let problem = environment.persistentData.problem { findings.errors.append(problem) }
        for entry in configuration.entries {
            let (error, warnings) = await look(at: entry, of: environment)
            if let error { findings.errors.append("scripts.\(entry.name): \(error)") }
            // A template that several Things have is spoken of once.
            for warning in warnings where !findings.warnings.contains(warning) { findings.warnings.append(warning) }
        }
        return findings
    }

    /// What keeps one script from being loaded.
    static func error(in entry: ScriptConfiguration.Entry, of environment: ScriptEnvironment) async -> String? {
        await look(at: entry, of: environment).error
    }

    /// A Thing's template is run in a state of its own; a plain script is a program: it is read, and not run.
    private static func look(
        at entry: ScriptConfiguration.Entry, of environment: ScriptEnvironment
    ) async -> (error: String?, warnings: [String]) {
        guard entry.isThing else {
            let path = try? environment.scriptPath(entry.file)
            return (compile(entry, environment), path.map { deprecatedNames(in: $0, environment) } ?? [])
        }
        let thing = Script.ThingName(name: entry.name, identifier: entry.identifier)
        let logger = Logger(label: entry.name) { _ in SwiftLogNoOpLogHandler() }
        let script = Script(
            name: entry.name, file: entry.file, settings: entry.settings, thingName: thing, isCheck: true, environment: environment,
            logger: logger)
        await script.start()
        defer { Task { await script.stop() } }
        let files = script.files.withLockedValue { $0.keys.sorted() }.filter { !$0.hasPrefix(environment.thingworx) }
        let warnings = script.findings.withLockedValue { $0 } + files.flatMap { deprecatedNames(in: $0, environment) }
        if case .failed(let message) = await script.status { return (message, warnings) }
        return (nil, warnings)
    }

    /// Names of the library with the prefix of older releases, which still work.
    private static func deprecatedNames(in path: String, _ environment: ScriptEnvironment) -> [String] {
        guard let source = try? environment.read(path) else { return [] }
        var lexer = LuaLexer(source)
        var seen: Set<String> = []
        var warnings: [String] = []
        while let token = lexer.next() {
            guard token.kind == .name, lexer.text(of: token).starts(with: "ps_".utf8) else { continue }
            let name = String(decoding: lexer.text(of: token), as: UTF8.self)
            guard let present = presentNames[name], seen.insert(name).inserted else { continue }
            warnings.append("\(path):\(token.line): \(name): deprecated, it is \(present) now")
        }
        return warnings
    }

    private static let presentNames = [
        "ps_logger": "log", "ps_rap": "tw_ems", "ps_utils": "tw_utils", "ps_http": "tw_http", "ps_dir": "tw_dir", "ps_script": "tw_script",
        "ps_mutex": "tw_mutex",
        "ps_ems": "tw_ems", "ps_server": "tw_server", "ps_service": "tw_service", "ps_datashape": "tw_datashape",
        "ps_infotable": "tw_infotable",
    ]

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
