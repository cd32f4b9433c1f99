/// Where settings stand in the text of `config.lua`. It is a program, which may set them in any way: what stands there as
/// `name =` is found.
struct SettingPlaces {
    private let lines: [Substring]

    init(_ source: [UInt8]) { lines = String(decoding: source, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) }

    /// - Parameter message: begins with the setting's path, as in `scripts.Tank.scanRate: expected …`.
    /// - Returns: its line and a colon, or nothing.
    func line(of message: String) -> String {
        let names = message.prefix { $0 != ":" && $0 != " " }.split(separator: ".").dropFirst()
        // What is set twice is as it was set last.
        guard let name = names.first, let line = lines.lastIndex(where: { assigns(name, in: $0) }) else { return "" }
        // An entry's settings stand on its line or below.
        guard let key = names.dropFirst().first, let found = lines[line...].firstIndex(where: { assigns(key, in: $0) }) else {
            return "\(line + 1):"
        }
        return "\(found + 1):"
    }

    private func assigns(_ name: Substring, in line: Substring) -> Bool {
        let code = line.firstRange(of: "--").map { line[..<$0.lowerBound] } ?? line
        var rest = code
        while let found = rest.firstRange(of: name) {
            let before = code[..<found.lowerBound].last
            let after = code[found.upperBound...].drop { $0 == " " || $0 == "\t" || $0 == "\"" || $0 == "'" || $0 == "]" }
            if before.map({ !$0.isLetter && !$0.isNumber && $0 != "_" }) ?? true, after.first == "=", after.dropFirst().first != "=" {
                return true
            }
            rest = rest[found.upperBound...]
        }
        return false
    }
}
