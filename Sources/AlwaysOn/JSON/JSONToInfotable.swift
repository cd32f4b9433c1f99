public import NIOCore
import Formats

extension EncodedInfotable {
    /// Reads the ThingWorx JSON form, or a bare object as one row (alwayson.md §5), straight into the wire form.
    /// - Throws: `JSONError` with the offset of what does not fit.
    public init(json: ByteBuffer) throws {
        self = try json.withUnsafeReadableBytes { raw in
            try EncodedInfotable(json: raw.bindMemory(to: UInt8.self))
        }
    }

    public init(json value: JSONValue) throws {
        var buffer = ByteBuffer()
        buffer.writeJSON(value)
        try self.init(json: buffer)
    }

    init(json bytes: UnsafeBufferPointer<UInt8>) throws(JSONError) {
        var encoder = InfotableJSONEncoder(bytes)
        var reader = JSONReader(bytes)
        try encoder.table(&reader)
        try reader.end()
        self.init(trusted: encoder.out)
    }
}

/// Writes wire values while reading JSON. Rows may stand before the data shape, so a table is scanned for the
/// places of its members first.
struct InfotableJSONEncoder {
    let bytes: UnsafeBufferPointer<UInt8>
    var out: ByteBuffer
    private var depth = 0

    init(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.bytes = bytes
        out = ByteBufferAllocator().buffer(capacity: 64 + bytes.count / 2)
    }

    struct Field {
        var field: DataShape.Field
        var ordinal: Int
    }

    // MARK: Tables

    mutating func table(_ reader: inout JSONReader) throws(JSONError) {
        guard try reader.peek() == .object else { throw reader.error("expected an object: an infotable, or one row") }
        try descend(reader)
        defer { ascend() }
        var scan = reader
        let members = try scanMembers(&scan)
        if !members.isTable {
            try bareRow(&reader)
            return
        }
        var fields: [DataShape.Field] = []
        if let at = members.shape {
            var shape = JSONReader(bytes, position: at)
            fields = try fieldDefinitions(&shape)
        } else if let at = members.rows {
            var rows = JSONReader(bytes, position: at)
            fields = try inferredFields(&rows)
        }
        for field in fields { out.writeWireField(field) }
        out.writeWireFlag(false)
        if let at = members.rows {
            var rows = JSONReader(bytes, position: at)
            try self.rows(&rows, fields: fields)
        }
        out.writeWireFlag(false)
        reader = scan
    }

    /// Where an object's members that matter stand.
    private struct Members {
        var rows: Int?
        var shape: Int?
        var coordinates = 0
        var isTable: Bool { rows != nil || shape != nil }
    }

    private func scanMembers(_ reader: inout JSONReader) throws(JSONError) -> Members {
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

    private mutating func rows(_ reader: inout JSONReader, fields: [DataShape.Field]) throws(JSONError) {
        let columns = Columns(fields)
        try reader.beginArray()
        var firstRow = true
        while try reader.nextElement(&firstRow) {
            let (row, written) = (reader, out.writerIndex)
            if try rowInOrder(&reader, columns) { continue }
            reader = row
            out.moveWriterIndex(to: written)
            try rowInAnyOrder(&reader, columns)
        }
    }

    private struct Columns {
        let fields: [DataShape.Field]
        let names: [[UInt8]]
        let places: [String: Int]

        init(_ fields: [DataShape.Field]) {
            self.fields = fields
            names = fields.map { Array($0.name.utf8) }
            places = Dictionary(fields.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
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
        for _ in column..<columns.fields.count { out.writeInteger(BaseType.nothing.rawValue) }
        return true
    }

    private func isEqual(_ range: Range<Int>, _ name: [UInt8]) -> Bool {
        guard range.count == name.count else { return false }
        for index in name.indices where name[index] != bytes[range.lowerBound + index] { return false }
        return true
    }

    private mutating func rowInAnyOrder(_ reader: inout JSONReader, _ columns: Columns) throws(JSONError) {
        var places = [Int](repeating: -1, count: columns.fields.count)
        try reader.beginObject()
        var first = true
        while let key = try reader.nextKey(&first) {
            if let column = columns.places[key] { places[column] = reader.startOfNext() }
            try reader.skipValue()
        }
        out.writeWireFlag(true)
        out.writeInteger(UInt16(places.count))
        for (place, field) in zip(places, columns.fields) {
            guard place >= 0 else {
                out.writeInteger(BaseType.nothing.rawValue)
                continue
            }
            var cell = JSONReader(bytes, position: place)
            try value(&cell, as: field.baseType, field: field.name)
        }
    }

    // MARK: Shapes

    /// `{"fieldDefinitions": {…}}` or `{"fieldDefinitions": […]}`, ordered by `ordinal`.
    private mutating func fieldDefinitions(_ reader: inout JSONReader) throws(JSONError) -> [DataShape.Field] {
        var fields: [Field] = []
        try reader.beginObject()
        var first = true
        while let key = try reader.nextKey(&first) {
            guard key == "fieldDefinitions" else {
                try reader.skipValue()
                continue
            }
            var firstField = true
            if try reader.peek() == .array {
                try reader.beginArray()
                while try reader.nextElement(&firstField) { fields.append(try field(&reader, name: nil)) }
            } else {
                try reader.beginObject()
                while let name = try reader.nextKey(&firstField) { fields.append(try field(&reader, name: name)) }
            }
        }
        guard fields.count <= UInt16.max else { throw reader.error("a data shape of more than 65535 fields") }
        // sorted(by:) is stable, so that equal ordinals keep the order of the text.
        return fields.sorted { $0.ordinal < $1.ordinal }.map(\.field)
    }

    private mutating func field(_ reader: inout JSONReader, name: String?) throws(JSONError) -> Field {
        var result = Field(field: .init(name ?? "", .string), ordinal: 0)
        let start = reader.startOfNext()
        try reader.beginObject()
        var first = true
        while let key = try reader.nextKey(&first) {
            let kind = try reader.peek()
            switch (key, kind) {
            case ("name", .string): result.field.name = try reader.string()
            case ("description", .string): result.field.description = try reader.string()
            case ("baseType", .string):
                let at = reader.startOfNext()
                let text = try reader.string()
                guard let type = BaseType(name: text) else {
                    throw JSONError(offset: at, message: "unknown base type \"\(text)\"")
                }
                result.field.baseType = type
            case ("ordinal", .number): result.ordinal = Int(exactly: JSONNumber.double(bytes[try reader.number()]).rounded()) ?? 0
            case ("aspects", .object): result.field.aspects = try aspects(&reader)
            default: try reader.skipValue()
            }
        }
        guard !result.field.name.isEmpty else { throw JSONError(offset: start, message: "a field definition without a name") }
        return result
    }

    private func aspects(_ reader: inout JSONReader) throws(JSONError) -> [DataShape.Aspect] {
        var aspects: [DataShape.Aspect] = []
        try reader.beginObject()
        var first = true
        while let name = try reader.nextKey(&first) {
            switch try reader.peek() {
            case .null: try reader.null()
            case .bool: aspects.append(.init(name, .boolean(try reader.bool())))
            case .number: aspects.append(.init(name, .number(JSONNumber.double(bytes[try reader.number()]))))
            case .string: aspects.append(.init(name, .string(try reader.string())))
            case .object, .array:
                aspects.append(.init(name, .text(.json, String(decoding: bytes[try reader.skipValue()], as: UTF8.self))))
            }
        }
        guard aspects.count <= UInt16.max else { throw reader.error("more than 65535 aspects") }
        return aspects
    }

    // MARK: Inference

    /// Fields in the order in which they appear, typed by their first value that is not null.
    private struct InferredFields {
        var fields: [DataShape.Field] = []
        var columns: [String: Int] = [:]
    }

    private mutating func bareRow(_ reader: inout JSONReader) throws(JSONError) {
        var scan = reader
        var inferred = InferredFields()
        try inferRow(&scan, into: &inferred)
        for field in inferred.fields { out.writeWireField(field) }
        out.writeWireFlag(false)
        if !inferred.fields.isEmpty {
            out.writeWireFlag(true)
            out.writeInteger(UInt16(inferred.fields.count))
            try reader.beginObject()
            var first = true
            while let key = try reader.nextKey(&first) {
                // Of a member that comes twice the first counts.
                guard let column = inferred.columns.removeValue(forKey: key) else {
                    try reader.skipValue()
                    continue
                }
                try value(&reader, as: inferred.fields[column].baseType, field: key)
            }
        }
        out.writeWireFlag(false)
        reader = scan
    }

    private func inferredFields(_ reader: inout JSONReader) throws(JSONError) -> [DataShape.Field] {
        var inferred = InferredFields()
        try reader.beginArray()
        var first = true
        while try reader.nextElement(&first) { try inferRow(&reader, into: &inferred) }
        return inferred.fields
    }

    private func inferRow(_ reader: inout JSONReader, into inferred: inout InferredFields) throws(JSONError) {
        try reader.beginObject()
        var first = true
        while let key = try reader.nextKey(&first) {
            guard !key.isEmpty else { throw reader.error("a member without a name") }
            let type = try inferredType(&reader)
            if let index = inferred.columns[key] {
                if inferred.fields[index].baseType == .nothing { inferred.fields[index].baseType = type }
            } else {
                guard inferred.fields.count < 4096 else { throw reader.error("more than 4096 members without a data shape") }
                inferred.columns[key] = inferred.fields.count
                inferred.fields.append(.init(key, type))
            }
        }
    }

    /// Reads past one value and tells the base type that stands for it (alwayson.md §5).
    func inferredType(_ reader: inout JSONReader) throws(JSONError) -> BaseType {
        let kind = try reader.peek()
        var scan = reader
        try reader.skipValue()
        switch kind {
        case .null: return .nothing
        case .bool: return .boolean
        case .number: return .number
        case .string: return .string
        case .array: return .json
        case .object:
            let members = try scanMembers(&scan)
            if members.isTable { return .infotable }
            return members.coordinates == 2 ? .location : .json
        }
    }

    mutating func descend(_ reader: JSONReader) throws(JSONError) {
        guard depth < WireReader.maximumDepth else { throw reader.error("nested deeper than \(WireReader.maximumDepth)") }
        depth += 1
    }

    mutating func ascend() { depth -= 1 }
}
