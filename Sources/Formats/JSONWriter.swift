public import NIOCore

/// JSON written straight into a `ByteBuffer`.
extension ByteBuffer {
    public mutating func writeJSON(_ value: JSONValue) {
        switch value {
        case .null: writeStaticString("null")
        case .bool(let bool): writeJSON(bool)
        case .number(let text): writeString(text)
        case .string(let text): writeJSON(text)
        case .array(let elements):
            writeInteger(UInt8(ascii: "["))
            var separator = false
            for element in elements {
                if separator { writeInteger(UInt8(ascii: ",")) }
                separator = true
                writeJSON(element)
            }
            writeInteger(UInt8(ascii: "]"))
        case .object(let object):
            writeInteger(UInt8(ascii: "{"))
            var separator = false
            for member in object.members {
                if separator { writeInteger(UInt8(ascii: ",")) }
                separator = true
                writeJSONKey(member.name)
                writeJSON(member.value)
            }
            writeInteger(UInt8(ascii: "}"))
        }
    }

    public mutating func writeJSON(_ bool: Bool) {
        if bool { writeStaticString("true") } else { writeStaticString("false") }
    }

    /// The shortest text that reads back as the same double; whole numbers without a fraction; NaN and infinities
    /// as null.
    public mutating func writeJSON(_ number: Double) {
        guard number.isFinite else {
            writeStaticString("null")
            return
        }
        // Up to 2^53 every whole double is an integer of its own.
        if number == number.rounded(.towardZero), number.magnitude <= 9_007_199_254_740_992 {
            if number == 0, number.sign == .minus {
                writeStaticString("-0")
            } else {
                writeString(String(Int64(number)))
            }
        } else {
            writeString(number.description)
        }
    }

    /// `"name":`
    public mutating func writeJSONKey(_ name: String) {
        writeJSON(name)
        writeInteger(UInt8(ascii: ":"))
    }

    /// A string in quotes, with what JSON wants escaped.
    public mutating func writeJSON(_ text: String) {
        writeInteger(UInt8(ascii: "\""))
        var text = text
        text.withUTF8 { writeEscapedJSON($0) }
        writeInteger(UInt8(ascii: "\""))
    }

    /// UTF-8 bytes as the inside of a JSON string; runs that need no escape are copied whole.
    public mutating func writeEscapedJSON(_ bytes: UnsafeBufferPointer<UInt8>) {
        var from = 0
        for index in bytes.indices {
            let byte = bytes[index]
            guard byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") else { continue }
            writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[from..<index]))
            from = index + 1
            writeJSONEscape(byte)
        }
        writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[from...]))
    }

    private mutating func writeJSONEscape(_ byte: UInt8) {
        writeInteger(UInt8(ascii: "\\"))
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): writeInteger(byte)
        case 8: writeInteger(UInt8(ascii: "b"))
        case 9: writeInteger(UInt8(ascii: "t"))
        case 10: writeInteger(UInt8(ascii: "n"))
        case 12: writeInteger(UInt8(ascii: "f"))
        case 13: writeInteger(UInt8(ascii: "r"))
        default:
            let digits: StaticString = "0123456789abcdef"
            writeStaticString("u00")
            writeInteger(digits.utf8Start[Int(byte >> 4)])
            writeInteger(digits.utf8Start[Int(byte & 15)])
        }
    }
}
