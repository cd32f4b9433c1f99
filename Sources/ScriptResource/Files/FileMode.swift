/// A file's mode as chmod(1) takes it.
enum FileMode {
    /// - Parameters:
    ///   - text: octal digits, or clauses such as `u+x,go-w`.
    ///   - before: the mode that clauses change.
    /// - Returns: nil for what is neither.
    static func bits(_ text: String, before: UInt32, isDirectory: Bool) -> UInt32? {
        if let octal = UInt32(text, radix: 8) { return octal <= 0o7777 ? octal : nil }
        guard !text.isEmpty else { return nil }
        var mode = before
        for clause in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            guard let changed = apply(clause, to: mode, isDirectory: isDirectory) else { return nil }
            mode = changed
        }
        return mode
    }

    private static func apply(_ clause: Substring.UTF8View.SubSequence, to mode: UInt32, isDirectory: Bool) -> UInt32? {
        guard let sign = clause.firstIndex(where: { "+-=".utf8.contains($0) }) else { return nil }
        var who: UInt32 = 0
        for byte in clause[..<sign] {
            switch byte {
            case UInt8(ascii: "u"): who |= 0o4700
            case UInt8(ascii: "g"): who |= 0o2070
            case UInt8(ascii: "o"): who |= 0o1007
            case UInt8(ascii: "a"): who |= 0o7777
            default: return nil
            }
        }
        if who == 0 { who = 0o7777 }
        var what: UInt32 = 0
        for byte in clause[clause.index(after: sign)...] {
            switch byte {
            case UInt8(ascii: "r"): what |= 0o444
            case UInt8(ascii: "w"): what |= 0o222
            case UInt8(ascii: "x"): what |= 0o111
            case UInt8(ascii: "X"): what |= isDirectory || mode & 0o111 != 0 ? 0o111 : 0
            case UInt8(ascii: "s"): what |= 0o6000
            case UInt8(ascii: "t"): what |= 0o1000
            default: return nil
            }
        }
        switch clause[sign] {
        case UInt8(ascii: "+"): return mode | (who & what)
        case UInt8(ascii: "-"): return mode & ~(who & what)
        default: return (mode & ~(who & 0o777)) | (who & what)
        }
    }
}
