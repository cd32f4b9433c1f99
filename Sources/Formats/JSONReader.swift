/// A JSON text that cannot be read: where, and what was expected there.
public struct JSONError: Error, Equatable, CustomStringConvertible {
    /// Offset in bytes from the start of the text.
    public let offset: Int
    public let message: String
    /// Whether the text is well formed and merely costs too much.
    public let isLimit: Bool

    public init(offset: Int, message: String, isLimit: Bool = false) {
        self.offset = offset
        self.message = message
        self.isLimit = isLimit
    }

    public var description: String { "at byte \(offset): \(message)" }
}

/// A pull parser over UTF-8 bytes (RFC 8259, strictly: no comments, no trailing commas).
///
/// It builds no tree: the caller asks for what it expects and gets a `JSONError` where the text holds something else.
/// The bytes must stay valid as long as the reader lives.
public struct JSONReader {
    public enum Kind: Sendable { case object, array, string, number, bool, null }

    public let bytes: UnsafeBufferPointer<UInt8>
    /// Offset of the next byte to read.
    public internal(set) var position: Int
    private var depth = 0
    private let maximumDepth: Int

    /// - Parameter maximumDepth: deepest nesting of arrays and objects that is read; deeper text is refused.
    public init(_ bytes: UnsafeBufferPointer<UInt8>, position: Int = 0, maximumDepth: Int = 128) {
        self.bytes = bytes
        self.position = position
        self.maximumDepth = maximumDepth
    }

    // MARK: Structure

    /// The kind of the value that comes next.
    public mutating func peek() throws(JSONError) -> Kind {
        guard let byte = skipBlanks() else { throw error("expected a value, found the end of the text") }
        switch byte {
        case UInt8(ascii: "{"): return .object
        case UInt8(ascii: "["): return .array
        case UInt8(ascii: "\""): return .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
        case UInt8(ascii: "n"): return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
        default: throw error("expected a value, found \(quoted(byte))")
        }
    }

    /// Offset of the next byte that is not blank.
    public mutating func startOfNext() -> Int {
        _ = skipBlanks()
        return position
    }

    public mutating func beginObject() throws(JSONError) { try open(UInt8(ascii: "{"), "an object") }
    public mutating func beginArray() throws(JSONError) { try open(UInt8(ascii: "["), "an array") }

    /// The next member's name, or nil once the object has ended. `first` starts as true for each object.
    public mutating func nextKey(_ first: inout Bool) throws(JSONError) -> String? {
        guard let key = try nextRawKey(&first) else { return nil }
        return try text(of: key)
    }

    /// The next member's name as it stands in the text: for those who compare it and need no string.
    public mutating func nextRawKey(_ first: inout Bool) throws(JSONError) -> RawString? {
        guard try nextItem(&first, close: UInt8(ascii: "}"), what: "object") else { return nil }
        guard skipBlanks() == UInt8(ascii: "\"") else { throw error("expected a member name in double quotes") }
        let key = try rawString()
        guard skipBlanks() == UInt8(ascii: ":") else { throw error("expected ':' after \"\(try text(of: key))\"") }
        position += 1
        return key
    }

    /// Whether another element follows. `first` starts as true for each array.
    public mutating func nextElement(_ first: inout Bool) throws(JSONError) -> Bool {
        try nextItem(&first, close: UInt8(ascii: "]"), what: "array")
    }

    /// Nothing but blanks may follow.
    public mutating func end() throws(JSONError) {
        if let byte = skipBlanks() { throw error("expected the end of the text, found \(quoted(byte))") }
    }

    private mutating func open(_ byte: UInt8, _ what: String) throws(JSONError) {
        guard skipBlanks() == byte else { throw error("expected \(what)") }
        guard depth < maximumDepth else { throw error("nested deeper than \(maximumDepth)") }
        depth += 1
        position += 1
    }

    private mutating func nextItem(_ first: inout Bool, close: UInt8, what: String) throws(JSONError) -> Bool {
        guard let byte = skipBlanks() else { throw error("the \(what) is not closed") }
        if byte == close {
            position += 1
            depth -= 1
            return false
        }
        if first {
            first = false
            return true
        }
        guard byte == UInt8(ascii: ",") else {
            throw error("expected ',' or '\(Character(UnicodeScalar(close)))', found \(quoted(byte))")
        }
        position += 1
        if skipBlanks() == close { throw error("a comma before '\(Character(UnicodeScalar(close)))' is not allowed") }
        return true
    }

    // MARK: Scalars

    public mutating func null() throws(JSONError) { try literal("null") }

    public mutating func bool() throws(JSONError) -> Bool {
        if skipBlanks() == UInt8(ascii: "t") {
            try literal("true")
            return true
        }
        guard skipBlanks() == UInt8(ascii: "f") else { throw error("expected true or false") }
        try literal("false")
        return false
    }

    private mutating func literal(_ text: StaticString) throws(JSONError) {
        _ = skipBlanks()
        let length = text.utf8CodeUnitCount
        guard bytes.count - position >= length else { throw error("expected \(text)") }
        for index in 0..<length where bytes[position + index] != text.utf8Start[index] {
            throw error("expected \(text)")
        }
        position += length
    }

    /// The bytes of a number, checked against JSON's grammar.
    public mutating func number() throws(JSONError) -> Range<Int> {
        _ = skipBlanks()
        let start = position
        if at(UInt8(ascii: "-")) { position += 1 }
        if at(UInt8(ascii: "0")) {
            position += 1
            if current.map(isDigit) == true { throw error("a number must not begin with 0") }
        } else {
            try digits()
        }
        if at(UInt8(ascii: ".")) {
            position += 1
            try digits()
        }
        if at(UInt8(ascii: "e")) || at(UInt8(ascii: "E")) {
            position += 1
            if at(UInt8(ascii: "+")) || at(UInt8(ascii: "-")) { position += 1 }
            try digits()
        }
        return start..<position
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = current, isDigit(byte) { position += 1 }
        if position == start { throw error("expected a digit") }
    }

    // MARK: Whole values

    /// Reads past one value of any kind, checking its grammar, and returns the bytes that it takes.
    @discardableResult
    public mutating func skipValue() throws(JSONError) -> Range<Int> {
        let kind = try peek()
        let start = position
        switch kind {
        case .null: try null()
        case .bool: _ = try bool()
        case .number: _ = try number()
        case .string: _ = try rawString()
        case .array:
            try beginArray()
            var first = true
            while try nextElement(&first) { try skipValue() }
        case .object:
            try beginObject()
            var first = true
            while try nextRawKey(&first) != nil { try skipValue() }
        }
        return start..<position
    }

    /// Reads past an array or object by its brackets alone: for one whose grammar is checked when it is read later.
    public mutating func skipBalanced() throws(JSONError) {
        let start = startOfNext()
        var open = 0
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                _ = try rawString()
                continue
            case UInt8(ascii: "["), UInt8(ascii: "{"): open += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                open -= 1
                if open == 0 {
                    position += 1
                    return
                }
            default: break
            }
            position += 1
        }
        throw JSONError(offset: start, message: "the array or object is not closed")
    }

    // MARK: Bytes

    var current: UInt8? { position < bytes.count ? bytes[position] : nil }
    func at(_ byte: UInt8) -> Bool { position < bytes.count && bytes[position] == byte }
    func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    mutating func skipBlanks() -> UInt8? {
        while position < bytes.count {
            let byte = bytes[position]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            position += 1
        }
        return nil
    }

    public func error(_ message: String) -> JSONError { JSONError(offset: position, message: message) }

    func quoted(_ byte: UInt8) -> String {
        (0x20..<0x7F).contains(byte) ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
    }
}
