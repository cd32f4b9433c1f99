import LuaRuntime
import NIOCore

/// `tw_script`: scripts that other scripts add, change and remove (lua-library.md §6.8). Each returns a text and a code: 0, or an
/// HTTP status.
enum ScriptManagement {
    /// `native.add_script(name, file, content, seconds, properties, replaces)`
    static func add(_ call: LuaState.Call, to environment: ScriptEnvironment) -> [LuaValue] {
        guard let name = call[0].string, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")), name != ScriptEnvironment.ownName else {
            return failure(400, "expected a script's name, without a slash")
        }
        let source = call[2].bytes
        guard let file = call[1].string ?? (source == nil ? nil : name) else { return failure(400, "expected a file or a text") }
        if source == nil {
            do { _ = try environment.scriptPath(file) } catch { return failure(404, "\(error)") }
        }
        let replaces = call[5].boolean == true
        let before = environment.script(name)
        if replaces, before == nil { return failure(404, "there is no script \(name)") }
        var settings = call[4].table ?? replaced(before, environment)
        settings.fields["file"] = .text(file)
        if replaces { _ = environment.remove(name) }
        // One that comes from a file runs until it is stopped.
        let seconds = source == nil ? 0 : call[3].number ?? defaultRunTime
        let runTime = seconds > 0 ? Script.duration(.number(seconds * 1000)) : nil
        guard environment.start(name: name, file: file, source: source, settings: settings, runTime: runTime) else {
            return failure(409, "there is a script \(name) already")
        }
        return [.text("\(name) is \(replaces ? "updated" : "added")"), .number(0)]
    }

    /// Seconds that a script made of a text may run where nothing else is said.
    private static let defaultRunTime = 20.0

    private static func replaced(_ script: Script?, _ environment: ScriptEnvironment) -> LuaTable {
        script.flatMap { environment.settings(of: $0.name).table } ?? LuaTable()
    }

    /// `native.remove_script(name)`
    static func remove(_ call: LuaState.Call, from script: Script) -> [LuaValue] {
        guard let name = call[0].string else { return failure(400, "expected a script's name") }
        guard name != script.name else { return failure(409, "a script does not remove itself") }
        guard script.environment.remove(name) else { return failure(404, "there is no script \(name)") }
        return [.text("\(name) is removed"), .number(0)]
    }

    private static func failure(_ code: Double, _ text: String) -> [LuaValue] { [.text(text), .number(code)] }
}
