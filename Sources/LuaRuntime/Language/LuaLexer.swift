/// The tokens of Lua source, as far as its structure needs them. Bytes that are no Lua are passed over: the compiler says what is
/// wrong with them.
package struct LuaLexer {
    package enum Kind: Equatable {
        case name
        /// A text in quotes; its range includes them.
        case quoted
        /// A text or comment in long brackets, a number, or any other piece of one token.
        case other
    }

    package struct Token {
        package let kind: Kind
        package let range: Range<Int>
        package let line: Int
    }

    private let source: [UInt8]
    private var position = 0
    private var line = 1

    package init(_ source: [UInt8]) {
        self.source = source
        // A first line that is meant for the shell.
        if source.first == UInt8(ascii: "#") { position = source.firstIndex(of: UInt8(ascii: "\n")) ?? source.count }
    }

    package func text(of token: Token) -> ArraySlice<UInt8> { source[token.range] }

    /// The next token; comments and blanks are none. nil at the end.
    package mutating func next() -> Token? {
        while position < source.count {
            let (start, startLine) = (position, line)
            let byte = source[position]
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                position += 1
            case 0x20, 0x09, 0x0B, 0x0C, 0x0D: position += 1
            case UInt8(ascii: "-") where byteAfter(1) == UInt8(ascii: "-"): skipComment()
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                skipQuoted(byte)
                return Token(kind: .quoted, range: start..<position, line: startLine)
            case UInt8(ascii: "["):
                if let level = longBracket(at: position) { skipLong(level) } else { position += 1 }
                return Token(kind: .other, range: start..<position, line: startLine)
            case _ where LuaLexer.isNameStart(byte):
                position = end(from: position, while: LuaLexer.isNamePart)
                return Token(kind: .name, range: start..<position, line: startLine)
            case _ where LuaLexer.isDigit(byte) || (byte == UInt8(ascii: ".") && byteAfter(1).map(LuaLexer.isDigit) == true):
                skipNumber()
                return Token(kind: .other, range: start..<position, line: startLine)
            case UInt8(ascii: "."):
                position = min(end(from: position) { $0 == UInt8(ascii: ".") }, start + 3)
                return Token(kind: .other, range: start..<position, line: startLine)
            default:
                position += 1
                return Token(kind: .other, range: start..<position, line: startLine)
            }
        }
        return nil
    }

    // MARK: Pieces

    private func byteAfter(_ distance: Int) -> UInt8? { position + distance < source.count ? source[position + distance] : nil }

    private func end(from start: Int, while matches: (UInt8) -> Bool) -> Int {
        var end = start
        while end < source.count, matches(source[end]) { end += 1 }
        return end
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
    private static func isNameStart(_ byte: UInt8) -> Bool {
        (byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A) || byte == UInt8(ascii: "_") || byte >= 0x80
    }
    private static func isNamePart(_ byte: UInt8) -> Bool { isNameStart(byte) || isDigit(byte) }

    /// The level of a long bracket that opens here: 0 for `[[`, 2 for `[==[`.
    private func longBracket(at start: Int) -> Int? {
        let end = end(from: start + 1) { $0 == UInt8(ascii: "=") }
        return end < source.count && source[end] == UInt8(ascii: "[") ? end - start - 1 : nil
    }

    private mutating func skipLong(_ level: Int) {
        position += level + 2
        while position < source.count {
            let byte = source[position]
            position += 1
            if byte == UInt8(ascii: "\n") { line += 1 }
            guard byte == UInt8(ascii: "]") else { continue }
            let end = end(from: position) { $0 == UInt8(ascii: "=") }
            if end - position == level, end < source.count, source[end] == UInt8(ascii: "]") {
                position = end + 1
                return
            }
        }
    }

    private mutating func skipComment() {
        position += 2
        if position < source.count, source[position] == UInt8(ascii: "["), let level = longBracket(at: position) { return skipLong(level) }
        position = end(from: position) { $0 != UInt8(ascii: "\n") }
    }

    /// Ends before the end of the line where the quote is missing.
    private mutating func skipQuoted(_ quote: UInt8) {
        position += 1
        while position < source.count, source[position] != UInt8(ascii: "\n") {
            let byte = source[position]
            position += 1
            if byte == quote { return }
            guard byte == UInt8(ascii: "\\"), position < source.count else { continue }
            if source[position] == UInt8(ascii: "\n") { line += 1 }
            // A line end of two bytes is escaped as one.
            if source[position] == UInt8(ascii: "\r"), byteAfter(1) == UInt8(ascii: "\n") {
                line += 1
                position += 1
            }
            position += 1
        }
    }

    private mutating func skipNumber() {
        position = end(from: position) { LuaLexer.isNamePart($0) || $0 == UInt8(ascii: ".") }
        // 1e-5
        while position < source.count, "+-".utf8.contains(source[position]), source[position - 1] | 0x20 == UInt8(ascii: "e") {
            position = end(from: position + 1) { LuaLexer.isNamePart($0) || $0 == UInt8(ascii: ".") }
        }
    }
}
