import Formats
import NIOCore

/// Data shapes of JSON: as they are written, or as they follow from the values.
extension InfotableJSONEncoder {
    // MARK: Written

    /// `{"fieldDefinitions": {…}}` or `{"fieldDefinitions": […]}`, ordered by `ordinal`.
    mutating func fieldDefinitions(_ reader: inout JSONReader) throws(JSONError) -> [DataShape.Field] {
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
        return aspects
    }

    // MARK: Inferred

    /// Fields in the order in which they appear, typed by their first value that is not null.
    private struct InferredFields {
        var fields: [DataShape.Field] = []
        var columns: [String: Int] = [:]
    }

    mutating func bareRow(_ reader: inout JSONReader) throws(JSONError) {
        var scan = reader
        var inferred = InferredFields()
        try inferRow(&scan, into: &inferred)
        _ = try shape(inferred.fields, reader)
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

    /// `{"<name>": <value>}` as a table, for a value that stands alone.
    mutating func cell(_ reader: inout JSONReader, name: String) throws(JSONError) {
        try descend(reader)
        var scan = reader
        let type = try inferredType(&scan)
        _ = try shape([.init(name, type)], reader)
        out.writeMultipleIntegers(1 as UInt8, 1 as UInt16)
        try value(&reader, as: type, field: name)
        out.writeWireFlag(false)
        wire.meter.ascend()
    }

    mutating func shape(_ fields: [DataShape.Field], _ reader: JSONReader) throws(JSONError) -> Int {
        do throws(LimitExceeded) { return try wire.shape(fields) } catch { throw JSONError(error, offset: reader.position) }
    }

    func inferredFields(_ reader: inout JSONReader) throws(JSONError) -> [DataShape.Field] {
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
                guard inferred.fields.count < wire.meter.limits.inferredFields else {
                    let limit = LimitExceeded("more than \(wire.meter.limits.inferredFields) members without a data shape")
                    throw JSONError(limit, offset: reader.position)
                }
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
}
