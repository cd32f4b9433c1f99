import NIOCore
import Formats

extension InfotableJSONEncoder {
    /// Writes the next JSON value as a typed value of this base type. Lenient where a person's intent is clear
    /// ("12" for a NUMBER), an error with the field's name where it is not.
    mutating func value(_ reader: inout JSONReader, as type: BaseType, field: String) throws(JSONError) {
        let kind = try reader.peek()
        if kind == .null || type == .nothing {
            try reader.skipValue()
            // JSON knows an explicit null only inside JSON itself.
            out.writeInteger(BaseType.nothing.rawValue)
            return
        }
        switch type {
        case .number: out.writeMultipleIntegers(type.rawValue, try number(&reader, kind, type, field).bitPattern)
        case .integer:
            let start = reader.startOfNext()
            let double = try number(&reader, kind, type, field)
            guard let integer = Int32(exactly: double) else {
                throw JSONError(offset: start, message: "\"\(field)\": expected a whole number from -2147483648 to 2147483647")
            }
            out.writeMultipleIntegers(type.rawValue, integer)
        case .boolean: out.writeMultipleIntegers(type.rawValue, try boolean(&reader, kind, field) ? 1 : 0 as UInt8)
        case .datetime, .timespan: out.writeMultipleIntegers(type.rawValue, try milliseconds(&reader, kind, type, field))
        case .location: try location(&reader, kind, field)
        case .blob, .image:
            let start = reader.startOfNext()
            guard kind == .string, let decoded = Base64.decode(try reader.string()) else {
                throw JSONError(offset: start, message: "\"\(field)\": expected \(type.name) as a Base64 string")
            }
            out.writeInteger(type.rawValue)
            out.writeInteger(UInt32(decoded.count))
            out.writeBytes(decoded)
        case .variant: try variant(&reader, kind)
        case .infotable: try nestedTable(&reader, kind, field)
        default: try text(&reader, kind, type)
        }
    }

    private func mismatch(_ offset: Int, _ kind: JSONReader.Kind, _ type: BaseType, _ field: String) -> JSONError {
        JSONError(offset: offset, message: "\"\(field)\": expected \(type.name), found \(kind)")
    }

    private func number(
        _ reader: inout JSONReader, _ kind: JSONReader.Kind, _ type: BaseType, _ field: String
    ) throws(JSONError) -> Double {
        switch kind {
        case .number: return JSONNumber.double(bytes[try reader.number()])
        case .bool: return try reader.bool() ? 1 : 0
        case .string:
            let start = reader.startOfNext()
            guard let number = Double(try reader.string()) else { throw mismatch(start, kind, type, field) }
            return number
        default: throw mismatch(reader.position, kind, type, field)
        }
    }

    private func boolean(_ reader: inout JSONReader, _ kind: JSONReader.Kind, _ field: String) throws(JSONError) -> Bool {
        let start = reader.startOfNext()
        switch kind {
        case .bool: return try reader.bool()
        case .number: return JSONNumber.double(bytes[try reader.number()]) != 0
        case .string:
            switch try reader.string().lowercased() {
            case "true": return true
            case "false": return false
            default: throw mismatch(start, kind, .boolean, field)
            }
        default: throw mismatch(start, kind, .boolean, field)
        }
    }

    private func milliseconds(
        _ reader: inout JSONReader, _ kind: JSONReader.Kind, _ type: BaseType, _ field: String
    ) throws(JSONError) -> Int64 {
        let start = reader.startOfNext()
        let text: String
        switch kind {
        case .number:
            let range = try reader.number()
            if let whole = JSONNumber.integer(bytes[range]) { return whole }
            text = String(decoding: bytes[range], as: UTF8.self)
        case .string: text = try reader.string()
        default: throw mismatch(start, kind, type, field)
        }
        if let whole = Int64(text) { return whole }
        if let double = Double(text), let whole = Int64(exactly: double.rounded()) { return whole }
        if let time = UTCTime(iso8601: text) { return time.milliseconds }
        throw mismatch(start, kind, type, field)
    }

    private mutating func location(_ reader: inout JSONReader, _ kind: JSONReader.Kind, _ field: String) throws(JSONError) {
        guard kind == .object else { throw mismatch(reader.position, kind, .location, field) }
        var location = Location(latitude: 0, longitude: 0)
        try reader.beginObject()
        var first = true
        while let key = try reader.nextKey(&first) {
            let kind = try reader.peek()
            switch key {
            case "latitude": location.latitude = try coordinate(&reader, kind, key)
            case "longitude": location.longitude = try coordinate(&reader, kind, key)
            case "elevation": location.elevation = try coordinate(&reader, kind, key)
            default: try reader.skipValue()
            }
        }
        out.writeInteger(BaseType.location.rawValue)
        out.writeWireLocation(location)
    }

    /// What is no finite number is written as null, and so it is read.
    private func coordinate(_ reader: inout JSONReader, _ kind: JSONReader.Kind, _ field: String) throws(JSONError) -> Double {
        guard kind == .null else { return try number(&reader, kind, .number, field) }
        try reader.null()
        return .nan
    }

    /// `{"baseType", "value"}`, or a bare value typed by what it is.
    private mutating func variant(_ reader: inout JSONReader, _ kind: JSONReader.Kind) throws(JSONError) {
        try descend(reader)
        defer { wire.meter.ascend() }
        out.writeInteger(BaseType.variant.rawValue)
        if kind == .object {
            var scan = reader
            var type: BaseType?
            var place: Int?
            try scan.beginObject()
            var first = true
            while let key = try scan.nextKey(&first) {
                let kind = try scan.peek()
                if key == "value" { place = scan.startOfNext() }
                if key == "baseType", kind == .string {
                    let at = scan.startOfNext()
                    let name = try scan.string()
                    type = BaseType(name: name)
                    if type == nil { throw JSONError(offset: at, message: "unknown base type \"\(name)\"") }
                } else {
                    try scan.skipValue()
                }
            }
            if let type {
                if let place {
                    var inner = self.reader(at: place)
                    try value(&inner, as: type, field: "value")
                } else {
                    out.writeInteger(BaseType.nothing.rawValue)
                }
                reader = scan
                return
            }
        }
        var scan = reader
        let type = try inferredType(&scan)
        try value(&reader, as: type, field: "value")
    }

    private mutating func nestedTable(_ reader: inout JSONReader, _ kind: JSONReader.Kind, _ field: String) throws(JSONError) {
        switch kind {
        case .object:
            out.writeInteger(BaseType.infotable.rawValue)
            try table(&reader)
        case .string:
            // Scripts hand tables over as text.
            let start = reader.startOfNext()
            let text = Array(try reader.string().utf8)
            out.writeInteger(BaseType.infotable.rawValue)
            do throws(JSONError) {
                wire = try text.withUnsafeBufferPointer { bytes throws(JSONError) in
                    // One account for the whole message: text inside it is no fresh start.
                    var inner = InfotableJSONEncoder(bytes, continuing: wire)
                    // Moved, not copied: what was written has one owner.
                    wire.out = ByteBuffer()
                    var reader = inner.reader(at: 0)
                    try inner.table(&reader)
                    try reader.end()
                    return inner.wire
                }
            } catch {
                let what = error.isLimit ? "" : "expected INFOTABLE, the text in the string is none: "
                throw JSONError(offset: start, message: "\"\(field)\": \(what)\(error)", isLimit: error.isLimit)
            }
        default: throw mismatch(reader.position, kind, .infotable, field)
        }
    }

    private mutating func text(_ reader: inout JSONReader, _ kind: JSONReader.Kind, _ type: BaseType) throws(JSONError) {
        let start = reader.startOfNext()
        if kind == .string {
            let string = try reader.rawString()
            if !string.hasEscapes, !type.isJSONText { return writeText(type, string.range) }
            let text = try reader.text(of: string)
            // JSON handed over as text is taken as the JSON it holds; any other string is a JSON string of its own.
            if !type.isJSONText || text.first == "{" || text.first == "[" || text.isEmpty {
                out.writeInteger(type.rawValue)
                out.writeWireString(text)
                return
            }
        } else {
            try reader.skipValue()
            if type == .tags, kind == .array { return tags(start..<reader.position) }
        }
        writeText(type, start..<reader.position)
    }

    /// Tags as platforms write them, an array of objects, as the one text that they travel as.
    private mutating func tags(_ range: Range<Int>) {
        let json = try? JSONValue(parsing: String(decoding: bytes[range], as: UTF8.self))
        let tags = (json?.array ?? []).compactMap { tag -> String? in
            guard let vocabulary = tag["vocabulary"]?.string, let term = tag["vocabularyTerm"]?.string else { return tag.string }
            return "\(vocabulary):\(term)"
        }
        out.writeInteger(BaseType.tags.rawValue)
        out.writeWireString(tags.joined(separator: ";"))
    }

    /// Bytes of the text as they stand.
    private mutating func writeText(_ type: BaseType, _ range: Range<Int>) {
        if range.count < 0x80 {
            out.writeMultipleIntegers(type.rawValue, UInt8(range.count))
        } else {
            out.writeMultipleIntegers(type.rawValue, UInt32(range.count) | 0x8000_0000)
        }
        out.writeBytes(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[range]))
    }
}

enum JSONNumber {
    /// The whole number that JSON's grammar has already accepted; nil with a fraction, an exponent or more than 18 digits.
    static func integer(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Int64? {
        var value: Int64 = 0
        let isNegative = text.first == UInt8(ascii: "-")
        guard text.count <= 18 else { return nil }
        for byte in isNegative ? text.dropFirst() : text {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
        }
        return isNegative ? -value : value
    }

    /// The double nearest to a number that JSON's grammar has already accepted.
    static func double(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Double {
        // Up to 15 digits and a power of ten up to 22 are exact in one operation (Clinger 1990).
        var mantissa: UInt64 = 0
        var digits = 0
        var exponent = 0
        var negative = false
        var afterPoint = false
        for byte in text {
            switch byte {
            case UInt8(ascii: "-"): negative = true
            case UInt8(ascii: "."): afterPoint = true
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                mantissa = mantissa &* 10 &+ UInt64(byte &- UInt8(ascii: "0"))
                if mantissa != 0 { digits += 1 }
                if afterPoint { exponent -= 1 }
            default: return slow(text)
            }
            if digits > 15 { return slow(text) }
        }
        guard exponent >= -22 else { return slow(text) }
        let magnitude = exponent < 0 ? Double(mantissa) / powers[-exponent] : Double(mantissa)
        return negative ? -magnitude : magnitude
    }

    private static func slow(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> Double {
        // A number too large for a double becomes an infinity.
        Double(String(decoding: text, as: UTF8.self)) ?? .nan
    }

    private static let powers: [Double] = [
        1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
        1e21, 1e22,
    ]
}
