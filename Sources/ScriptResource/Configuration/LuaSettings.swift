import Formats
import Glibc
import LuaRuntime
import NIOCore
import Secrets
import Settings

/// Reads typed settings out of a Lua table and collects what is wrong with them. Numbers and booleans may be given as
/// strings.
struct LuaSettings {
    let path: String
    let table: LuaTable
    private let keys: KeyRing?
    private let keyFile: KeyFile
    private(set) var errors: [String] = []
    private(set) var problems: [String] = []
    private var known: Set<String> = []
    private(set) var clearSecrets: [String: Secret] = [:]

    init(path: String, table: LuaTable, keys: KeyRing?, keyFile: KeyFile) {
        self.path = path
        self.table = table
        self.keys = keys
        self.keyFile = keyFile
    }

    /// The setting under its name or, where users spell it so, in other letter case.
    private mutating func value(_ key: String) -> LuaValue {
        known.insert(key)
        let value = table[key]
        if !value.isNil { return value }
        let wanted = key.lowercased()
        guard let spelling = table.fields.keys.filter({ $0.lowercased() == wanted }).min() else { return .nil }
        known.insert(spelling)
        return table[spelling]
    }

    private mutating func mismatch(_ key: String, _ expected: String, _ found: LuaValue) {
        let shown = found.number.map { JSONValue.double($0).description } ?? found.kindName
        errors.append("\(path).\(key): expected \(expected), found \(shown)")
    }

    mutating func string(_ key: String) -> String? {
        let found = value(key)
        if found.isNil { return nil }
        guard let text = found.string else {
            mismatch(key, "a string", found)
            return nil
        }
        return text
    }

    /// A host's name or address.
    mutating func host(_ key: String) -> String? {
        guard let text = string(key)?.trimmingBlanks else { return nil }
        guard !text.isEmpty, !text.unicodeScalars.contains(where: { $0.value <= 0x20 || $0 == "/" }) else {
            errors.append("\(path).\(key): expected a host's name or address, found \"\(text)\"")
            return nil
        }
        return text
    }

    /// The path of a file, which has to be there where it `isUsed`.
    mutating func file(_ key: String, isUsed: Bool) -> String? {
        guard let path = string(key), !path.isEmpty else { return nil }
        if isUsed, access(path, R_OK) != 0 {
            errors.append("\(self.path).\(key): \(path): \(String(cString: strerror(errno)))")
        }
        return path
    }

    /// Words of a text, with commas or blanks between them.
    mutating func words(_ key: String) -> [String] {
        (string(key) ?? "").unicodeScalars.split { $0 == "," || $0 == " " || $0 == "\t" }.map { String($0) }
    }

    mutating func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        let found = value(key)
        if found.isNil { return fallback }
        let number = found.number.flatMap { Int(exactly: $0) } ?? found.string.flatMap { Int($0.trimmingBlanks) }
        guard let number, range.contains(number) else {
            mismatch(key, "a whole number from \(range.lowerBound) to \(range.upperBound)", found)
            return fallback
        }
        return number
    }

    mutating func bool(_ key: String, default fallback: Bool) -> Bool {
        let found = value(key)
        if found.isNil { return fallback }
        if let boolean = found.boolean { return boolean }
        switch found.string?.trimmingBlanks.lowercased() {
        case "true": return true
        case "false": return false
        default:
            mismatch(key, "true or false", found)
            return fallback
        }
    }

    mutating func choice(_ key: String, default fallback: String, _ choices: [String]) -> String {
        let found = value(key)
        if found.isNil { return fallback }
        guard let word = found.string?.trimmingBlanks.uppercased(), choices.contains(word) else {
            mismatch(key, "one of \(choices.joined(separator: ", "))", found)
            return fallback
        }
        return word
    }

    mutating func secret(_ key: String) -> Secret? {
        guard let text = string(key), !text.isEmpty else { return nil }
        if !KeyRing.isSealed(text), !KeyRing.isLegacy(text) { clearSecrets[key] = Secret(text) }
        do {
            return try ConfigurationSecrets.open(text, path: "\(path).\(key)", keys: keys, keyFile: keyFile)
        } catch {
            problems.append("\(error)")
            return nil
        }
    }

    /// A warning for each setting that nobody asked for; entries, whose values are tables, are none.
    func unknown() -> [String] {
        table.fields.filter { !known.contains($0.key) && $0.value.table == nil }.keys.sorted().map { key in
            let nearest = known.min { EditDistance.between($0, key) < EditDistance.between($1, key) }
            let hint = nearest.flatMap { EditDistance.between($0, key) <= 3 ? "; did you mean \($0)?" : nil } ?? ""
            return "\(path).\(key): unknown setting, ignored\(hint)"
        }
    }
}
