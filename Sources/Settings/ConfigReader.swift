package import Formats
import Glibc
package import NIOCore
package import Secrets

/// Reads typed settings out of a JSON document and collects everything that is wrong with them.
package final class ConfigReader {
    package let document: JSONDocument
    private let keys: KeyRing?
    private let keyFile: KeyFile
    private let mismatch: ConfigDiagnostic.Severity
    package private(set) var diagnostics: [ConfigDiagnostic] = []

    /// - Parameter mismatch: what a value of the wrong type or out of its range is: an error, or a problem after which
    ///   the default is used.
    package init(_ document: JSONDocument, keys: KeyRing?, keyFile: KeyFile, mismatch: ConfigDiagnostic.Severity = .error) {
        self.document = document
        self.keys = keys
        self.keyFile = keyFile
        self.mismatch = mismatch
    }

    fileprivate func reportMismatch(_ path: String, _ message: String, isRequired: Bool) {
        let isError = isRequired || mismatch == .error
        report(isError ? .error : mismatch, path, isError ? message : message + "; the default is used")
    }

    package func report(_ severity: ConfigDiagnostic.Severity, _ path: String, _ message: String) {
        let location = document.location(of: path) ?? document.location(of: "")
        diagnostics.append(ConfigDiagnostic(severity, at: location, path.isEmpty ? message : "\(path): \(message)"))
    }

    package func root() -> ConfigGroup {
        guard let object = document.value.object else {
            report(.error, "", "expected an object, found \(document.value.kindName)")
            return ConfigGroup(reader: self, path: "", object: JSONObject())
        }
        return ConfigGroup(reader: self, path: "", object: object)
    }

    fileprivate func secret(_ text: String, _ path: String) -> Secret? {
        do {
            return try ConfigurationSecrets.open(text, path: path, keys: keys, keyFile: keyFile)
        } catch {
            report(.problem, path, String(error.description.dropFirst(path.count + 2)))
            return nil
        }
    }
}

/// One object of a configuration. Each setting that is asked for counts as known; `finish` reports the others.
///
/// Keys are matched exactly, else without regard to case, `-` and `_`. Numbers and booleans may be given as strings.
package struct ConfigGroup {
    package let reader: ConfigReader
    package let path: String
    /// The object's members in the order of the file.
    package var members: [JSONObject.Member] { object.members }
    private let object: JSONObject
    private var known: Set<String> = []
    private var used: Set<String> = []
    /// Whether no default can stand in for a value of this group that cannot be used.
    package var isRequired = false

    package init(reader: ConfigReader, path: String, object: JSONObject) {
        self.reader = reader
        self.path = path
        self.object = object
    }

    package func path(of key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The value of a setting and its path as the file spells it; null counts as absent.
    package mutating func value(_ key: String) -> (value: JSONValue, path: String)? {
        known.insert(key)
        if let value = object[key] {
            used.insert(key)
            return value == .null ? nil : (value, path(of: key))
        }
        let wanted = ConfigGroup.normalised(key)
        guard let member = object.members.first(where: { ConfigGroup.normalised($0.name) == wanted }) else { return nil }
        if used.insert(member.name).inserted {
            reader.report(.warning, path(of: member.name), "taken as \"\(key)\", which is how this setting is spelled")
        }
        return member.value == .null ? nil : (member.value, path(of: member.name))
    }

    package func mismatch(_ found: (value: JSONValue, path: String), _ expected: String) {
        let shown =
            switch found.value {
            case .number, .bool: "\(found.value)"
            default: found.value.kindName
            }
        reader.reportMismatch(found.path, "expected \(expected), found \(shown)", isRequired: isRequired)
    }

    package mutating func string(_ key: String) -> String? {
        guard let found = value(key) else { return nil }
        guard let text = found.value.string else {
            mismatch(found, "a string")
            return nil
        }
        return text
    }

    package mutating func string(_ key: String, default fallback: String) -> String { string(key) ?? fallback }

    package mutating func integer(_ key: String, default fallback: Int, in range: ClosedRange<Int>) -> Int {
        guard let found = value(key) else { return fallback }
        let number = found.value.int ?? found.value.string.flatMap { Int($0.trimmingBlanks) }
        guard let number, range.contains(number) else {
            let upper = range.upperBound == .max ? "up" : "to \(range.upperBound)"
            mismatch(found, "a whole number from \(range.lowerBound) \(upper)")
            return fallback
        }
        return number
    }

    package mutating func optionalInteger(_ key: String, in range: ClosedRange<Int>) -> Int? {
        let number = integer(key, default: range.lowerBound - 1, in: range)
        return number < range.lowerBound ? nil : number
    }

    package mutating func milliseconds(_ key: String, default fallback: Int, from lowest: Int = 0) -> TimeAmount {
        .milliseconds(Int64(integer(key, default: fallback, in: lowest...2_147_483_647)))
    }

    package mutating func bool(_ key: String, default fallback: Bool) -> Bool {
        guard let found = value(key) else { return fallback }
        if let bool = found.value.bool { return bool }
        switch found.value.string?.trimmingBlanks.lowercased() {
        case "true": return true
        case "false": return false
        default:
            mismatch(found, "true or false")
            return fallback
        }
    }

    /// One of some words, without regard to case and surrounding blanks.
    package mutating func choice<Choice>(_ key: String, default fallback: Choice, _ choices: [(String, Choice)]) -> Choice {
        guard let found = value(key) else { return fallback }
        let word = found.value.string?.trimmingBlanks.lowercased()
        guard let choice = choices.first(where: { $0.0.lowercased() == word }) else {
            mismatch(found, "one of \(choices.map(\.0).joined(separator: ", "))")
            return fallback
        }
        return choice.1
    }

    /// A string, or an array of them.
    package mutating func strings(_ key: String) -> [String] {
        guard let found = value(key) else { return [] }
        if let single = found.value.string { return [single] }
        let strings = found.value.array?.compactMap(\.string)
        guard let strings, strings.count == found.value.array?.count else {
            mismatch(found, "a string or an array of strings")
            return []
        }
        return strings
    }

    /// Paths of files, reported where one cannot be read; empty strings count as absent.
    package mutating func files(_ key: String) -> [String] {
        guard let found = value(key) else { return [] }
        let paths = strings(key).filter { !$0.isEmpty }
        for path in paths where access(path, R_OK) != 0 {
            reader.report(.problem, found.path, "cannot read \(path): \(String(cString: strerror(errno)))")
        }
        return paths
    }

    /// nil when the setting is absent, empty, or cannot be decrypted, which is reported.
    package mutating func secret(_ key: String) -> Secret? {
        guard let found = value(key) else { return nil }
        guard let text = found.value.string else {
            mismatch(found, "a string")
            return nil
        }
        return text.isEmpty ? nil : reader.secret(text, found.path)
    }

    /// Each object of an array, with its own path; anything else in it is reported.
    package mutating func objects(_ key: String, _ body: (inout ConfigGroup) -> Void) {
        guard let found = value(key) else { return }
        guard let elements = found.value.array else { return mismatch(found, "an array of objects") }
        for (index, element) in elements.enumerated() {
            let path = "\(found.path)[\(index)]"
            guard let object = element.object else {
                mismatch((element, path), "an object")
                continue
            }
            var group = ConfigGroup(reader: reader, path: path, object: object)
            body(&group)
            group.finish()
        }
    }

    package mutating func group(_ key: String, _ body: (inout ConfigGroup) -> Void) {
        let found = value(key)
        if let found, found.value.object == nil { mismatch(found, "an object") }
        var group = ConfigGroup(reader: reader, path: found?.path ?? path(of: key), object: found?.value.object ?? JSONObject())
        body(&group)
        group.finish()
    }

    /// Settings that are known and that this program does not act on.
    package mutating func passOver(_ keys: String...) {
        for key in keys { _ = value(key) }
    }

    package func has(_ key: String) -> Bool { object[key] != nil }

    package func finish() {
        let unknown = object.members.lazy.filter { !used.contains($0.name) && !$0.name.hasPrefix("_") }
        for member in unknown.prefix(ConfigGroup.unknownNamed) {
            reader.report(.warning, path(of: member.name), "unknown setting, ignored\(hint(for: member.name))")
        }
        let more = unknown.dropFirst(ConfigGroup.unknownNamed).reduce(0) { count, _ in count + 1 }
        if more > 0 { reader.report(.warning, path, "\(more) more unknown settings, ignored") }
    }

    /// Unknown settings that are named, in one group: a service may be given any number of them.
    private static let unknownNamed = 50
    private static let longestSetting = 64

    private func hint(for name: String) -> String {
        guard name.utf8.count <= ConfigGroup.longestSetting else { return "" }
        let nearest = known.map { ($0, EditDistance.between($0, name)) }.min { $0.1 < $1.1 }
        return nearest.flatMap { $0.1 <= 3 ? "; did you mean \"\($0.0)\"?" : nil } ?? ""
    }

    private static func normalised(_ key: String) -> String { key.lowercased().filter { $0 != "-" && $0 != "_" } }
}

extension String {
    package var trimmingBlanks: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}

/// How many letters differ between two words (Levenshtein).
package enum EditDistance {
    package static func between(_ left: String, _ right: String) -> Int {
        let right = Array(right.lowercased().utf8)
        var previous = Array(0...right.count)
        for (row, letter) in left.lowercased().utf8.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                current.append(min(previous[column] + (letter == other ? 0 : 1), previous[column + 1] + 1, current[column] + 1))
            }
            previous = current
        }
        return previous[right.count]
    }
}
