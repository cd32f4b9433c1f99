import LuaRuntime
import NIOCore

/// `native.add_script(name, file, content, maxRunTime, properties)`.
enum ScriptManagement {
    /// true, or nil and why not.
    static func add(_ call: LuaState.Call, to environment: ScriptEnvironment) throws -> [LuaValue] {
        guard let name = call[0].string, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else { throw LuaError("addScript: expected a name without a slash") }
        let source = call[2].bytes
        guard let file = call[1].string ?? (source == nil ? nil : name) else { throw LuaError("addScript: expected a file or a text") }
        let runTime = Script.duration(call[3]).flatMap { $0 > .zero ? $0 : nil }
        var settings = call[4].table ?? LuaTable()
        settings.fields["file"] = .text(file)
        guard environment.start(name: name, file: file, source: source, settings: settings, runTime: runTime) else {
            return [.nil, .text("there is a script \(name) already")]
        }
        return [.boolean(true)]
    }
}
