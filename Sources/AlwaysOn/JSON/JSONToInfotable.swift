public import NIOCore
import Formats

extension EncodedInfotable {
    /// Reads the ThingWorx JSON form, or a bare object as one row (alwayson.md §5), straight into the wire form.
    /// - Throws: `JSONError` with the offset of what does not fit.
    public init(json: ByteBuffer, limits: InputLimits = .standard) throws(JSONError) {
        self = try EncodedInfotable.reading(json, limits) { encoder, reader throws(JSONError) in try encoder.table(&reader) }
    }

    /// Reads an infotable's JSON form (alwayson.md §5).
    /// - Throws: `JSONError` with the place and what was expected.
    public init(json value: JSONValue) throws(JSONError) {
        var buffer = ByteBuffer()
        buffer.writeJSON(value)
        try self.init(json: buffer)
    }

    /// Reads any JSON value as the one cell of one row, typed by what it is.
    /// - Throws: `JSONError` with the offset of what does not fit.
    public init(jsonValue: ByteBuffer, as name: String, limits: InputLimits = .standard) throws(JSONError) {
        self = try EncodedInfotable.reading(jsonValue, limits) { encoder, reader throws(JSONError) in try encoder.cell(&reader, name: name)
        }
    }

    private static func reading(
        _ json: ByteBuffer, _ limits: InputLimits, _ read: (inout InfotableJSONEncoder, inout JSONReader) throws(JSONError) -> Void
    ) throws(JSONError) -> EncodedInfotable {
        try json.withUnsafeReadableBytes { raw throws(JSONError) in
            let bytes = raw.bindMemory(to: UInt8.self)
            var encoder = InfotableJSONEncoder(bytes, CostMeter(limits, inputBytes: bytes.count))
            var reader = encoder.reader(at: 0)
            try read(&encoder, &reader)
            try reader.end()
            do throws(LimitExceeded) { try encoder.wire.meter.finish(wireBytes: encoder.out.readableBytes) } catch {
                throw JSONError(error, offset: 0)
            }
            return EncodedInfotable(trusted: encoder.out)
        }
    }
}

extension JSONError {
    init(_ limit: LimitExceeded, offset: Int) { self.init(offset: offset, message: limit.description, isLimit: true) }
}

/// Writes wire values while reading JSON. Rows may stand before the data shape, so a table is scanned for the
/// places of its members first.
struct InfotableJSONEncoder {
    let bytes: UnsafeBufferPointer<UInt8>
    var wire: WireEncoder
    /// Whether the members of rows that may hold tables are taken to come in their shape's order.
    private var expectsOrder = true
    var out: ByteBuffer {
        get { wire.out }
        _modify { yield &wire.out }
    }

    init(_ bytes: UnsafeBufferPointer<UInt8>, _ meter: CostMeter) {
        self.bytes = bytes
        wire = WireEncoder(ByteBufferAllocator().buffer(capacity: 64 + bytes.count / 2), meter)
    }

    /// Goes on with what another encoder has written, from another text.
    init(_ bytes: UnsafeBufferPointer<UInt8>, continuing wire: WireEncoder) {
        self.bytes = bytes
        self.wire = wire
    }

    func reader(at position: Int) -> JSONReader { JSONReader(bytes, position: position, maximumDepth: wire.meter.limits.jsonDepth) }

    struct Field {
        var field: DataShape.Field
        var ordinal: Int
    }

    // MARK: Tables

    mutating func table(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.peek() == .object else { throw reader.error("expected an object: an infotable, or one row") }
        try descend(reader)
        defer { wire.meter.ascend() }
        var scan = reader
        let members = try scanMembers(&scan)
        if !members.isTable {
            try bareRow(&reader)
            return
        }
        var fields: [DataShape.Field] = []
        if let at = members.shape {
            var shape = self.reader(at: at)
            fields = try fieldDefinitions(&shape)
        } else if let at = members.rows {
            var rows = self.reader(at: at)
            fields = try inferredFields(&rows)
        }
        let names = try shape(fields, reader)
        if let at = members.rows {
            var rows = self.reader(at: at)
            try self.rows(&rows, Columns(fields, names: names))
        }
        out.writeWireFlag(false)
        reader = scan
    }

    /// Where an object's members that matter stand.
    struct Members {
        var rows: Int?
        var shape: Int?
        var coordinates = 0
        var isTable: Bool { rows != nil || shape != nil }
    }

    func scanMembers(_ reader: inout JSONReader) throws(JSONError) -> Members {
        var members = Members()
        try reader.beginObject()
        var first = true
        while let key = try reader.nextKey(&first) {
            let kind = try reader.peek()
            switch key {
            case "rows" where kind == .array && members.rows == nil:
                members.rows = reader.startOfNext()
                try reader.skipBalanced()
            case "dataShape" where kind == .object && members.shape == nil, "datashape" where kind == .object && members.shape == nil:
                members.shape = reader.startOfNext()
                try reader.skipBalanced()
            case "latitude", "longitude":
                members.coordinates += 1
                try reader.skipValue()
            default: try reader.skipValue()
            }
        }
        return members
    }

    private mutating func rows(_ reader: inout JSONReader, _ columns: Columns) throws(JSONError) {
        try reader.beginArray()
        var firstRow = true
        while try reader.nextElement(&firstRow) {
            if expectsOrder || !columns.mayNest {
                let (row, written, meter) = (reader, out.writerIndex, wire.meter)
                if try rowInOrder(&reader, columns) { continue }
                // Tables within tables would be converted twice at each level: from now on order is looked at first.
                if columns.mayNest { expectsOrder = false }
                reader = row
                out.moveWriterIndex(to: written)
                wire.meter = meter
            }
            try rowInAnyOrder(&reader, columns)
        }
    }

    private struct Columns {
        let fields: [DataShape.Field]
        let names: [[UInt8]]
        let places: [String: Int]
        /// Bytes of a row's member names in JSON.
        let nameBytes: Int
        /// Whether a cell may hold more than a scalar.
        let mayNest: Bool

        init(_ fields: [DataShape.Field], names nameBytes: Int) {
            self.fields = fields
            self.nameBytes = nameBytes
            names = fields.map { Array($0.name.utf8) }
            places = Dictionary(fields.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
            mayNest = fields.contains { $0.baseType == .infotable || $0.baseType == .variant }
        }
    }

    /// Members mostly come in the shape's order and are written as they come.
    /// - Returns: false where they do not; what was written is then to be taken back.
    private mutating func rowInOrder(_ reader: inout JSONReader, _ columns: Columns) throws(JSONError) -> Bool {
        out.writeMultipleIntegers(1 as UInt8, UInt16(columns.fields.count))
        try reader.beginObject()
        var first = true
        var column = 0
        while let key = try reader.nextRawKey(&first) {
            guard column < columns.fields.count, !key.hasEscapes, isEqual(key.range, columns.names[column]) else { return false }
            try value(&reader, as: columns.fields[column].baseType, field: columns.fields[column].name)
            column += 1
        }
        try endRow(reader, missing: columns.fields.count - column, columns)
        for _ in column..<columns.fields.count { out.writeInteger(BaseType.nothing.rawValue) }
        return true
    }

    private mutating func rowInAnyOrder(_ reader: inout JSONReader, _ columns: Columns) throws(JSONError) {
        var places: [Int: Int] = [:]
        try reader.beginObject()
        var first = true
        while let key = try reader.nextKey(&first) {
            if let column = columns.places[key] { places[column] = reader.startOfNext() }
            try reader.skipValue()
        }
        try endRow(reader, missing: columns.fields.count - places.count, columns)
        out.writeMultipleIntegers(1 as UInt8, UInt16(columns.fields.count))
        for (column, field) in columns.fields.enumerated() {
            guard let place = places[column] else {
                out.writeInteger(BaseType.nothing.rawValue)
                continue
            }
            var cell = self.reader(at: place)
            try value(&cell, as: field.baseType, field: field.name)
        }
    }

    /// Counts a row before its empty cells are written.
    private mutating func endRow(_ reader: JSONReader, missing: Int, _ columns: Columns) throws(JSONError) {
        do throws(LimitExceeded) { try wire.meter.row(emptyCells: missing, names: columns.nameBytes) } catch {
            throw JSONError(error, offset: reader.position)
        }
    }

    private func isEqual(_ range: Range<Int>, _ name: [UInt8]) -> Bool {
        guard range.count == name.count else { return false }
        for index in name.indices where name[index] != bytes[range.lowerBound + index] { return false }
        return true
    }

    mutating func descend(_ reader: JSONReader) throws(JSONError) {
        do throws(LimitExceeded) { try wire.meter.descend() } catch { throw JSONError(error, offset: reader.position) }
    }
}
