/// Strings of JSON.
extension JSONReader {
    /// A string as it stands in the text: its bytes between the quotes, checked.
    public struct RawString: Sendable {
        public let range: Range<Int>
        public let hasEscapes: Bool
    }

    /// The text of a string, its escapes resolved.
    public mutating func string() throws(JSONError) -> String {
        let (raw, text) = try scan()
        return text ?? String(decoding: bytes[raw.range], as: UTF8.self)
    }

    /// Reads a string without making one.
    public mutating func rawString() throws(JSONError) -> RawString { try scan().raw }

    /// The text comes with it where checking it had to make it: with escapes or beyond ASCII.
    private mutating func scan() throws(JSONError) -> (raw: RawString, text: String?) {
        guard skipBlanks() == UInt8(ascii: "\"") else { throw error("expected a string") }
        let start = position
        position += 1
        let from = position
        var isASCII = true
        skipPlainWords(&isASCII)
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: "\"") {
                let range = from..<position
                let text = isASCII ? nil : String(validating: UnsafeBufferPointer(rebasing: bytes[range]), as: UTF8.self)
                guard isASCII || text != nil else { throw JSONError(offset: start, message: "the string is not valid UTF-8") }
                position += 1
                return (RawString(range: range, hasEscapes: false), text)
            }
            if byte == UInt8(ascii: "\\") {
                let text = try stringWithEscapes(start: start, from: from)
                return (RawString(range: from..<position - 1, hasEscapes: true), text)
            }
            if byte < 0x20 { throw error("a control character in a string must be escaped") }
            if byte >= 0x80 { isASCII = false }
            position += 1
        }
        throw JSONError(offset: start, message: "the string is not closed")
    }

    /// The text of a string that `rawString` has read.
    public func text(of raw: RawString) throws(JSONError) -> String {
        guard raw.hasEscapes else { return String(decoding: bytes[raw.range], as: UTF8.self) }
        var reader = self
        reader.position = raw.range.lowerBound
        return try reader.stringWithEscapes(start: raw.range.lowerBound - 1, from: raw.range.lowerBound)
    }

    /// Eight bytes at a time while none of them ends the string, escapes or is forbidden.
    private mutating func skipPlainWords(_ isASCII: inout Bool) {
        let (low, high): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        let raw = UnsafeRawBufferPointer(bytes)
        while position + 8 <= bytes.count {
            let word = raw.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            let quotes = word ^ low &* 0x22
            let escapes = word ^ low &* 0x5C
            let found = (quotes &- low) & ~quotes | (escapes &- low) & ~escapes | (word &- low &* 0x20) & ~word
            guard found & high == 0 else { return }
            if word & high != 0 { isASCII = false }
            position += 8
        }
    }

    private mutating func stringWithEscapes(start: Int, from: Int) throws(JSONError) -> String {
        var out = [UInt8](bytes[from..<position])
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let text = String(validating: out, as: UTF8.self) else {
                    throw JSONError(offset: start, message: "the string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &out)
            case 0..<0x20:
                throw error("a control character in a string must be escaped")
            default:
                out.append(byte)
                position += 1
            }
        }
        throw JSONError(offset: start, message: "the string is not closed")
    }

    private mutating func escape(into out: inout [UInt8]) throws(JSONError) {
        guard let byte = current else { throw error("the string is not closed") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): out.append(byte)
        case UInt8(ascii: "b"): out.append(8)
        case UInt8(ascii: "f"): out.append(12)
        case UInt8(ascii: "n"): out.append(10)
        case UInt8(ascii: "r"): out.append(13)
        case UInt8(ascii: "t"): out.append(9)
        case UInt8(ascii: "u"):
            var code = UInt32(try hexQuad())
            if (0xD800..<0xDC00).contains(code) {
                guard at(UInt8(ascii: "\\")), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "u") else {
                    throw error("a high surrogate must be followed by a low one")
                }
                position += 2
                let low = UInt32(try hexQuad())
                guard (0xDC00..<0xE000).contains(low) else { throw error("a high surrogate must be followed by a low one") }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("a low surrogate must follow a high one") }
            out.append(contentsOf: UTF8.encode(scalar)!)
        default:
            position -= 1
            throw error("unknown escape \\\(quoted(byte))")
        }
    }

    private mutating func hexQuad() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = hexDigit(byte) else { throw error("expected four hexadecimal digits") }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }
}

func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
