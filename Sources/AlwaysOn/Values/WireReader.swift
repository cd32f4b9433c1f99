import NIOCore

/// Reads wire values from bytes, checking every length against what is left before anything is allocated.
///
/// It walks raw memory; `source` is the buffer that owns the memory, so that blobs become slices and not copies.
/// Use it only inside `withReader`.
struct WireReader {
    /// Deepest nesting of infotables and variants (alwayson.md §11).
    static let maximumDepth = 32

    private let base: UnsafeRawBufferPointer
    private let source: ByteBuffer
    private(set) var position: Int
    private var depth = 0
    private var tableStart = 0
    private var emptyCells = 0

    private init(base: UnsafeRawBufferPointer, source: ByteBuffer, position: Int) {
        self.base = base
        self.source = source
        self.position = position
    }

    static func withReader<Result>(
        _ buffer: ByteBuffer, at position: Int = 0, _ body: (inout WireReader) throws -> Result
    ) rethrows -> Result {
        try buffer.withUnsafeReadableBytes { raw in
            var reader = WireReader(base: raw, source: buffer, position: position)
            return try body(&reader)
        }
    }

    var remaining: Int { base.count - position }

    func error(_ message: String, status: Status = .badRequest) -> WireError {
        WireError(message, status: status, offset: position)
    }

    // MARK: Integers

    mutating func integer<T: FixedWidthInteger>(_ type: T.Type = T.self) throws(WireError) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { throw error("expected \(size) bytes, \(remaining) are left") }
        let value = base.loadUnaligned(fromByteOffset: position, as: T.self)
        position += size
        return T(bigEndian: value)
    }

    mutating func double() throws(WireError) -> Double { Double(bitPattern: try integer()) }

    mutating func flag(_ what: StaticString) throws(WireError) -> Bool {
        let byte: UInt8 = try integer()
        guard byte <= 1 else {
            position -= 1
            throw error("expected 0 or 1 for \(what), found \(byte)")
        }
        return byte == 1
    }

    // MARK: Strings and bytes

    /// The range of a string's UTF-8, not yet validated.
    mutating func stringRange() throws(WireError) -> Range<Int> {
        let first: UInt8 = try integer()
        var length = Int(first)
        if first >= 0x80 {
            position -= 1
            length = Int(try integer(UInt32.self) & 0x7FFF_FFFF)
        }
        guard length <= remaining else { throw error("a string of \(length) bytes, \(remaining) are left") }
        defer { position += length }
        return position..<position + length
    }

    mutating func string() throws(WireError) -> String {
        let start = position
        let bytes = self[try stringRange()]
        guard isValidUTF8(bytes) else { throw WireError("the string is not valid UTF-8", offset: start) }
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func skipString() throws(WireError) {
        let start = position
        let bytes = self[try stringRange()]
        guard isValidUTF8(bytes) else { throw WireError("the string is not valid UTF-8", offset: start) }
    }

    mutating func bytesRange() throws(WireError) -> Range<Int> {
        let length = Int(try integer(UInt32.self))
        guard length <= remaining else { throw error("\(length) bytes announced, \(remaining) are left") }
        defer { position += length }
        return position..<position + length
    }

    subscript(range: Range<Int>) -> UnsafeBufferPointer<UInt8> {
        UnsafeRawBufferPointer(rebasing: base[range]).assumingMemoryBound(to: UInt8.self)
    }

    /// The same bytes as a slice of the buffer they came in.
    func slice(_ range: Range<Int>) -> ByteBuffer {
        source.getSlice(at: source.readerIndex + range.lowerBound, length: range.count)!
    }

    /// All that is left.
    mutating func rest() -> ByteBuffer {
        defer { position = base.count }
        return slice(position..<base.count)
    }

    // MARK: Values

    mutating func baseType() throws(WireError) -> BaseType {
        let byte: UInt8 = try integer()
        guard let type = BaseType(rawValue: byte) else {
            position -= 1
            throw error("unknown base type \(byte)", status: .unsupportedContentFormat)
        }
        return type
    }

    mutating func value() throws(WireError) -> Value {
        let type = try baseType()
        switch type {
        case .nothing: return .nothing
        case .number: return .number(try double())
        case .boolean: return .boolean(try flag("a BOOLEAN"))
        case .datetime: return .datetime(try integer())
        case .timespan: return .timespan(try integer())
        case .integer: return .integer(try integer())
        case .location: return .location(try location())
        case .blob: return .blob(slice(try bytesRange()))
        case .image: return .image(slice(try bytesRange()))
        case .variant:
            try descend()
            defer { depth -= 1 }
            return .variant(try value())
        case .infotable: return .infotable(try infotable())
        default: return .text(type, try string())
        }
    }

    mutating func location() throws(WireError) -> Location {
        let longitude = try double()
        let latitude = try double()
        return Location(latitude: latitude, longitude: longitude, elevation: try double())
    }

    mutating func skipValue() throws(WireError) {
        switch try baseType() {
        case .nothing: break
        case .number, .datetime, .timespan: try skip(8)
        case .boolean: _ = try flag("a BOOLEAN")
        case .integer: try skip(4)
        case .location: try skip(24)
        case .blob, .image: _ = try bytesRange()
        case .variant:
            try descend()
            try skipValue()
            depth -= 1
        case .infotable: try skipInfotable()
        default: try skipString()
        }
    }

    mutating func skip(_ count: Int) throws(WireError) {
        guard remaining >= count else { throw error("expected \(count) bytes, \(remaining) are left") }
        position += count
    }

    private mutating func descend() throws(WireError) {
        guard depth < WireReader.maximumDepth else { throw error("nested deeper than \(WireReader.maximumDepth)") }
        if depth == 0 {
            tableStart = position
            emptyCells = 0
        }
        depth += 1
    }

    // MARK: Infotables

    /// Reads a whole infotable.
    mutating func infotable() throws(WireError) -> Infotable {
        try descend()
        defer { depth -= 1 }
        let shape = try dataShape()
        let width = shape.fields.count
        var cells: [Value] = []
        var rows = 0
        while try flag("a row marker") {
            let count = try rowLength(width: width)
            for _ in 0..<count { cells.append(try value()) }
            for _ in count..<width { cells.append(.nothing) }
            rows += 1
        }
        return Infotable(shape: shape, cells: cells, rowCount: rows)
    }

    /// Walks over an infotable, validating all of it.
    mutating func skipInfotable() throws(WireError) {
        try descend()
        defer { depth -= 1 }
        var width = 0
        while try flag("a field marker") {
            try skipString()
            try skipString()
            _ = try baseType()
            for _ in 0..<(try integer(UInt16.self)) {
                try skipString()
                try skipValue()
            }
            width += 1
        }
        while try flag("a row marker") {
            for _ in 0..<(try rowLength(width: width)) { try skipValue() }
        }
    }

    mutating func dataShape() throws(WireError) -> DataShape {
        var fields: [DataShape.Field] = []
        while try flag("a field marker") {
            let name = try string()
            let description = try string()
            let type = try baseType()
            var aspects: [DataShape.Aspect] = []
            for _ in 0..<(try integer(UInt16.self)) {
                let name = try string()
                aspects.append(.init(name, try value()))
            }
            fields.append(.init(name, type, description: description, aspects: aspects))
        }
        return DataShape(fields)
    }

    /// A row may be shorter than its shape; surplus cells are an error (alwayson.md §5).
    mutating func rowLength(width: Int) throws(WireError) -> Int {
        let count = Int(try integer(UInt16.self))
        guard count <= width else {
            position -= 2
            throw error("a row of \(count) cells, the data shape has \(width) fields")
        }
        // Rows may claim no cells of a wide shape; what they cost must stay in proportion to what was sent.
        emptyCells += width - count
        guard emptyCells <= 64 + 8 * (position - tableStart) else { throw error("too many empty cells") }
        return count
    }
}

/// ASCII is settled eight bytes at a time; the rest goes to the standard library's validator.
private func isValidUTF8(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    let raw = UnsafeRawBufferPointer(bytes)
    var index = 0
    while index + 8 <= raw.count {
        guard raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 else { break }
        index += 8
    }
    while index < raw.count, raw[index] < 0x80 { index += 1 }
    if index == raw.count { return true }
    return String(validating: bytes[index...], as: UTF8.self) != nil
}
