import Formats
import Glibc
import LuaRuntime
import NIOConcurrencyHelpers
import Secrets

/// Values of `p_data` that scripts asked to keep (lsr.md §1), in `<configuration>.p_data`: a JSON object of scripts, each an
/// object of its values. Readable to its owner alone; replaced as a whole, so that a crash leaves the old or the new.
final class PersistentData: Sendable {
    private let path: String
    private let scripts: NIOLockedValueBox<[String: LuaTable]>
    /// Why the file that was there is not used.
    let problem: String?
    /// That it was the original's, of another kind.
    let notice: String?

    /// - Parameter setsAside: whether a file that cannot be read is renamed, with the ending `.unreadable`, so that what it holds
    ///   is not overwritten.
    init(path: String, setsAside: Bool) {
        self.path = path
        do {
            scripts = NIOLockedValueBox(try PersistentData.read(path))
            (problem, notice) = (nil, nil)
        } catch let failure as FileFailure where failure.isMissing {
            scripts = NIOLockedValueBox([:])
            (problem, notice) = (nil, nil)
        } catch _ where PersistentData.isOriginals(path) {
            scripts = NIOLockedValueBox([:])
            if setsAside { rename(path, "\(path).original") }
            problem = nil
            notice = "\(path) is Lua text of another program, kept as \(path).original"
        } catch {
            scripts = NIOLockedValueBox([:])
            notice = nil
            if setsAside { rename(path, "\(path).unreadable") }
            problem = "\(path) is set aside as \(path).unreadable: \(error)"
        }
    }

    /// Whether the file is Lua text that assigns a table `scripts`, as the original writes it: a list of its scripts, no data.
    private static func isOriginals(_ path: String) -> Bool {
        guard let source = try? AtomicFile.read(path) else { return false }
        var lexer = LuaLexer(source)
        guard let name = lexer.next(), lexer.text(of: name).elementsEqual("scripts".utf8), let sign = lexer.next() else { return false }
        return lexer.text(of: sign).elementsEqual("=".utf8)
    }

    private static func read(_ path: String) throws -> [String: LuaTable] {
        guard let object = try JSONValue(parsing: String(decoding: try AtomicFile.read(path), as: UTF8.self)).object else {
            throw LuaError("expected a JSON object of scripts")
        }
        return Dictionary(object.members.map { ($0.name, luaValue($0.value).table ?? LuaTable()) }, uniquingKeysWith: { $1 })
    }

    func values(of script: String) -> LuaTable { scripts.withLockedValue { $0[script] ?? LuaTable() } }

    /// Keeps a script's values in place of those before. They are on disk when it returns.
    /// - Throws: `FileFailure`; the file is as it was then, and the values are tried again with the next.
    func keep(_ values: LuaTable, of script: String) throws {
        try scripts.withLockedValue { scripts in
            scripts[script] = values.fields.isEmpty ? nil : values
            let object = scripts.sorted { $0.key < $1.key }.map { ($0.key, PersistentData.json(.table($0.value))) }
            var root = JSONObject()
            for (name, value) in object { root[name] = value }
            try AtomicFile.replace(path, with: Array(JSONValue.object(root).pretty.utf8))
        }
    }

    // MARK: Values

    /// Strings that are no UTF-8 are written as `{"$base64": …}`.
    private static func json(_ value: LuaValue) -> JSONValue {
        switch value {
        case .nil: return .null
        case .boolean(let boolean): return .bool(boolean)
        case .number(let number): return .double(number)
        case .string(let bytes):
            if let text = String(validating: bytes, as: UTF8.self) { return .string(text) }
            return .object(["$base64": .string(Base64.encode(bytes))])
        case .table(let table):
            if table.fields.isEmpty, !table.list.isEmpty { return .array(table.list.map(json)) }
            var object = JSONObject()
            for (name, field) in table.fields.sorted(by: { $0.key < $1.key }) { object[name] = json(field) }
            return .object(object)
        }
    }

    private static func luaValue(_ value: JSONValue) -> LuaValue {
        switch value {
        case .null: return .nil
        case .bool(let bool): return .boolean(bool)
        case .number: return .number(value.double ?? 0)
        case .string(let text): return .text(text)
        case .array(let elements): return .table(LuaTable(list: elements.map(luaValue)))
        case .object(let object):
            if object.members.count == 1, let bytes = object["$base64"]?.string.flatMap({ Base64.decode($0) }) { return .string(bytes) }
            return .table(LuaTable(fields: Dictionary(object.members.map { ($0.name, luaValue($0.value)) }, uniquingKeysWith: { $1 })))
        }
    }
}
