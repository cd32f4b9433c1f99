import Formats
import NIOCore

/// Reads wire values from bytes, checking every length against what is left before anything is allocated.
///
/// It walks raw memory; `source` is the buffer that owns the memory, so that blobs become slices and not copies.
/// Use it only inside `withReader`.
struct WireReader {
    private let base: UnsafeRawBufferPointer
    private let source: ByteBuffer
    private(set) var position: Int
    /// nil for bytes that were judged before.
    private var meter: CostMeter?

    private init(base: UnsafeRawBufferPointer, source: ByteBuffer, position: Int, limits: InputLimits?) {
        self.base = base
        self.source = source
        self.position = position
        meter = limits.map { CostMeter($0, inputBytes: base.count) }
    }

    /// - Parameter limits: nil for bytes that were judged before: those of an `EncodedInfotable`.
    static func withReader<Result>(
        _ buffer: ByteBuffer, at position: Int = 0, limits: InputLimits?, _ body: (inout WireReader) throws -> Result
    ) rethrows -> Result {
        try buffer.withUnsafeReadableBytes { raw in
            var reader = WireReader(base: raw, source: buffer, position: position, limits: limits)
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

    @discardableResult
    mutating func skipString() throws(WireError) -> UnsafeBufferPointer<UInt8> {
        let start = position
        let bytes = self[try stringRange()]
        guard isValidUTF8(bytes) else { throw WireError("the string is not valid UTF-8", offset: start) }
        return bytes
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
        // `range` lies within the readable bytes: every reader checks its length against what is left.
        source.getSlice(at: source.readerIndex + range.lowerBound, length: range.count) ?? ByteBuffer()
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
        case .variant: return .variant(try value())
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
            meter?.ascend()
        case .infotable: try skipInfotable()
        default: try skipString()
        }
    }

    mutating func skip(_ count: Int) throws(WireError) {
        guard remaining >= count else { throw error("expected \(count) bytes, \(remaining) are left") }
        position += count
    }

    private mutating func descend() throws(WireError) {
        do throws(LimitExceeded) { try meter?.descend() } catch { throw WireError(error, offset: position) }
    }

    private func check(fields count: Int, _ what: StaticString) throws(WireError) {
        do throws(LimitExceeded) { try meter?.check(fields: count, what) } catch { throw WireError(error, offset: position) }
    }

    // MARK: Infotables

    /// Reads a whole infotable that was judged before.
    mutating func infotable() throws(WireError) -> Infotable {
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

    /// Walks over an infotable and judges all of it: its form, and what it costs in both of its forms.
    mutating func judgeInfotable() throws(WireError) {
        let start = position
        try skipInfotable()
        do throws(LimitExceeded) { try meter?.finish(wireBytes: position - start) } catch { throw WireError(error, offset: start) }
    }

    mutating func skipInfotable() throws(WireError) {
        try descend()
        var width = 0
        var names = 0
        while try flag("a field marker") {
            names += CostMeter.jsonLength(ofName: try skipString())
            try skipString()
            try skipFieldType()
            width += 1
            try check(fields: width, "fields in a data shape")
        }
        while try flag("a row marker") {
            let count = try rowLength(width: width)
            do throws(LimitExceeded) { try meter?.row(emptyCells: width - count, names: names) } catch {
                throw WireError(error, offset: position)
            }
            for _ in 0..<count { try skipValue() }
        }
        meter?.ascend()
    }

    /// Base type and aspects of a field.
    mutating func skipFieldType() throws(WireError) {
        _ = try baseType()
        for _ in 0..<(try integer(UInt16.self)) {
            try skipString()
            try skipValue()
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
