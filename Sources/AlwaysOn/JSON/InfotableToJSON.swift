public import NIOCore
import Formats

extension EncodedInfotable {
    /// Which of its two members the JSON form begins with: a gateway answers rows first, a platform the data shape
    /// (ems.md §6.3).
    public enum Order: Sendable { case rowsFirst, shapeFirst }

    /// Appends the ThingWorx JSON form (alwayson.md §5), written straight from the wire form.
    public func writeJSON(into out: inout ByteBuffer, order: Order = .rowsFirst) {
        let start = out.writerIndex
        do {
            try WireReader.withReader(bytes, limits: nil) { reader in
                let writer = InfotableJSONWriter(order: order)
                try writer.table(&reader, into: &out)
            }
        } catch {
            out.moveWriterIndex(to: EncodedInfotable.unreachable(error, start))
            out.writeStaticString("{}")
        }
    }

    /// The whole table in the form that REST gives.
    /// - Parameter order: which member comes first.
    public func json(order: Order = .rowsFirst) -> ByteBuffer {
        var out = ByteBufferAllocator().buffer(capacity: 128 + 2 * bytes.readableBytes)
        writeJSON(into: &out, order: order)
        return out
    }

    /// The JSON form in pieces of about `size` bytes, each made when it is asked for: what an infotable takes while it is
    /// sent stays near its wire form.
    public func jsonPieces(order: Order = .rowsFirst, size: Int = 65_536) -> JSONPieces { JSONPieces(self, order: order, size: size) }

    /// The first row as a bare object, `{}` when there is none: the parameters of a service as device hosts take them.
    public func firstRowJSON() -> ByteBuffer {
        var out = ByteBufferAllocator().buffer(capacity: 64 + 2 * bytes.readableBytes)
        do {
            try WireReader.withReader(bytes, limits: nil) { reader in
                let writer = InfotableJSONWriter(order: .rowsFirst)
                try writer.firstRow(&reader, into: &out)
            }
        } catch {
            return EncodedInfotable.unreachable(error, ByteBuffer(string: "{}"))
        }
        return out
    }
}

extension Infotable {
    /// - Throws: `WireError` as `EncodedInfotable` does.
    public func json(order: EncodedInfotable.Order = .rowsFirst) throws(WireError) -> ByteBuffer {
        try EncodedInfotable(self).json(order: order)
    }
}

/// The JSON form of an infotable, piece by piece.
public struct JSONPieces: Sequence, IteratorProtocol, Sendable {
    private enum Place {
        case begin
        /// Offset of the next row's marker.
        case rows(Int, isFirst: Bool)
        case end
    }

    private let table: EncodedInfotable
    private let writer: InfotableJSONWriter
    private let size: Int
    private var place = Place.begin
    private var keys = ByteBuffer()
    private var keyEnds: [Int] = []

    init(_ table: EncodedInfotable, order: EncodedInfotable.Order, size: Int) {
        self.table = table
        self.size = size
        writer = InfotableJSONWriter(order: order)
    }

    /// The next piece; nil at the end.
    public mutating func next() -> ByteBuffer? {
        if case .end = place { return nil }
        var out = ByteBufferAllocator().buffer(capacity: size + 1024)
        do {
            switch place {
            case .begin: try begin(into: &out)
            case .rows(let offset, let isFirst): try rows(from: offset, isFirst, into: &out)
            case .end: break
            }
        } catch {
            place = EncodedInfotable.unreachable(error, .end)
        }
        return out
    }

    private mutating func begin(into out: inout ByteBuffer) throws {
        let start = try WireReader.withReader(table.bytes, limits: nil) { reader in
            var shape = reader
            (keys, keyEnds) = try writer.keys(&reader)
            out.writeInteger(UInt8(ascii: "{"))
            if writer.order == .shapeFirst {
                try writer.dataShape(&shape, into: &out)
                out.writeInteger(UInt8(ascii: ","))
            }
            out.writeStaticString("\"rows\":[")
            return reader.position
        }
        try rows(from: start, true, into: &out)
    }

    private mutating func rows(from offset: Int, _ isFirst: Bool, into out: inout ByteBuffer) throws {
        var isFirst = isFirst
        let next = try WireReader.withReader(table.bytes, at: offset, limits: nil) { reader -> Int? in
            while out.readableBytes < size {
                guard try reader.flag("a row marker") else { return nil }
                if !isFirst { out.writeInteger(UInt8(ascii: ",")) }
                isFirst = false
                try writer.row(&reader, keys: keys, keyEnds: keyEnds, into: &out)
            }
            return reader.position
        }
        if let next {
            place = .rows(next, isFirst: isFirst)
            return
        }
        place = .end
        out.writeInteger(UInt8(ascii: "]"))
        if writer.order == .rowsFirst {
            out.writeInteger(UInt8(ascii: ","))
            try WireReader.withReader(table.bytes, limits: nil) { reader in
                try writer.dataShape(&reader, into: &out)
            }
        }
        out.writeInteger(UInt8(ascii: "}"))
    }
}

struct InfotableJSONWriter {
    let order: EncodedInfotable.Order

    init(order: EncodedInfotable.Order) { self.order = order }

    func table(_ reader: inout WireReader, into out: inout ByteBuffer) throws {
        var shape = reader
        let (keys, keyEnds) = try keys(&reader)
        out.writeInteger(UInt8(ascii: "{"))
        if order == .shapeFirst {
            try dataShape(&shape, into: &out)
            out.writeInteger(UInt8(ascii: ","))
        }
        try rows(&reader, keys: keys, keyEnds: keyEnds, into: &out)
        if order == .rowsFirst {
            out.writeInteger(UInt8(ascii: ","))
            try dataShape(&shape, into: &out)
        }
        out.writeInteger(UInt8(ascii: "}"))
    }

    func firstRow(_ reader: inout WireReader, into out: inout ByteBuffer) throws {
        let (keys, keyEnds) = try keys(&reader)
        if try reader.flag("a row marker") {
            try row(&reader, keys: keys, keyEnds: keyEnds, into: &out)
        } else {
            out.writeStaticString("{}")
        }
    }

    /// The members' names with quotes and colon: each row repeats them, they are escaped once.
    func keys(_ reader: inout WireReader) throws -> (ByteBuffer, ends: [Int]) {
        var keys = ByteBuffer()
        var ends: [Int] = []
        while try reader.flag("a field marker") {
            keys.writeInteger(UInt8(ascii: "\""))
            keys.writeEscapedJSON(reader[try reader.stringRange()])
            keys.writeStaticString("\":")
            ends.append(keys.writerIndex)
            try reader.skipString()
            try reader.skipFieldType()
        }
        return (keys, ends)
    }

    private func rows(
        _ reader: inout WireReader, keys: ByteBuffer, keyEnds: [Int], into out: inout ByteBuffer
    ) throws {
        out.writeStaticString("\"rows\":[")
        var firstRow = true
        while try reader.flag("a row marker") {
            if !firstRow { out.writeInteger(UInt8(ascii: ",")) }
            firstRow = false
            try row(&reader, keys: keys, keyEnds: keyEnds, into: &out)
        }
        out.writeInteger(UInt8(ascii: "]"))
    }

    fileprivate func row(
        _ reader: inout WireReader, keys: ByteBuffer, keyEnds: [Int], into out: inout ByteBuffer
    ) throws {
        out.writeInteger(UInt8(ascii: "{"))
        let count = try reader.rowLength(width: keyEnds.count)
        var keyStart = 0
        for column in keyEnds.indices {
            if column > 0 { out.writeInteger(UInt8(ascii: ",")) }
            let from = keyStart
            keys.withUnsafeReadableBytes { raw in
                _ = out.writeBytes(UnsafeRawBufferPointer(rebasing: raw[from..<keyEnds[column]]))
            }
            keyStart = keyEnds[column]
            if column < count { try value(&reader, into: &out) } else { out.writeStaticString("null") }
        }
        out.writeInteger(UInt8(ascii: "}"))
    }

    fileprivate func dataShape(_ reader: inout WireReader, into out: inout ByteBuffer) throws {
        out.writeStaticString("\"dataShape\":{\"fieldDefinitions\":{")
        var ordinal = 0
        while try reader.flag("a field marker") {
            if ordinal > 0 { out.writeInteger(UInt8(ascii: ",")) }
            let name = try reader.stringRange()
            quoted(reader[name], into: &out)
            out.writeStaticString(":{\"name\":")
            quoted(reader[name], into: &out)
            out.writeStaticString(",\"description\":")
            quoted(reader[try reader.stringRange()], into: &out)
            out.writeStaticString(",\"baseType\":\"")
            out.writeString(try reader.baseType().name)
            out.writeStaticString("\",\"ordinal\":")
            out.writeString(String(ordinal))
            out.writeStaticString(",\"aspects\":{")
            for index in 0..<(try reader.integer(UInt16.self)) {
                if index > 0 { out.writeInteger(UInt8(ascii: ",")) }
                quoted(reader[try reader.stringRange()], into: &out)
                out.writeInteger(UInt8(ascii: ":"))
                try value(&reader, into: &out)
            }
            out.writeStaticString("}}")
            ordinal += 1
        }
        out.writeStaticString("}}")
    }

    private func quoted(_ bytes: UnsafeBufferPointer<UInt8>, into out: inout ByteBuffer) {
        out.writeInteger(UInt8(ascii: "\""))
        out.writeEscapedJSON(bytes)
        out.writeInteger(UInt8(ascii: "\""))
    }

    func value(_ reader: inout WireReader, into out: inout ByteBuffer) throws {
        let type = try reader.baseType()
        switch type {
        case .nothing: out.writeStaticString("null")
        case .number: out.writeJSON(try reader.double())
        case .boolean: out.writeJSON(try reader.flag("a BOOLEAN"))
        case .datetime, .timespan: out.writeString(String(try reader.integer(Int64.self)))
        case .integer: out.writeString(String(try reader.integer(Int32.self)))
        case .location:
            let location = try reader.location()
            out.writeStaticString("{\"latitude\":")
            out.writeJSON(location.latitude)
            out.writeStaticString(",\"longitude\":")
            out.writeJSON(location.longitude)
            out.writeStaticString(",\"elevation\":")
            out.writeJSON(location.elevation)
            out.writeInteger(UInt8(ascii: "}"))
        case .blob, .image:
            out.writeInteger(UInt8(ascii: "\""))
            out.writeBase64(UnsafeRawBufferPointer(reader[try reader.bytesRange()]))
            out.writeInteger(UInt8(ascii: "\""))
        case .variant:
            out.writeStaticString("{\"baseType\":\"")
            var inner = reader
            out.writeString(try inner.baseType().name)
            out.writeStaticString("\",\"value\":")
            try value(&reader, into: &out)
            out.writeInteger(UInt8(ascii: "}"))
        case .infotable:
            try table(&reader, into: &out)
        case .json, .query, .schedule:
            let text = reader[try reader.stringRange()]
            if InfotableJSONWriter.isJSON(text) {
                out.writeBytes(UnsafeRawBufferPointer(text))
            } else {
                quoted(text, into: &out)
            }
        case .tags where order == .shapeFirst: tags(reader[try reader.stringRange()], into: &out)
        default:
            quoted(reader[try reader.stringRange()], into: &out)
        }
    }

    /// Tags as platforms write them: an array of objects. A text that is no list of `vocabulary:term` stays a text.
    private func tags(_ text: UnsafeBufferPointer<UInt8>, into out: inout ByteBuffer) {
        let all = text.isEmpty ? [] : text.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        guard all.allSatisfy({ $0.contains(UInt8(ascii: ":")) }) else { return quoted(text, into: &out) }
        out.writeInteger(UInt8(ascii: "["))
        for (index, tag) in all.enumerated() {
            if index > 0 { out.writeInteger(UInt8(ascii: ",")) }
            let colon = tag.firstIndex(of: UInt8(ascii: ":")) ?? tag.endIndex
            out.writeStaticString("{\"vocabulary\":")
            quoted(UnsafeBufferPointer(rebasing: tag[..<colon]), into: &out)
            out.writeStaticString(",\"vocabularyTerm\":")
            quoted(UnsafeBufferPointer(rebasing: tag[colon...].dropFirst()), into: &out)
            out.writeInteger(UInt8(ascii: "}"))
        }
        out.writeInteger(UInt8(ascii: "]"))
    }

    static func isJSON(_ text: UnsafeBufferPointer<UInt8>) -> Bool {
        // Deeper text stands as a string, so that the whole can be read again.
        var reader = JSONReader(text, maximumDepth: 128)
        do {
            try reader.skipValue()
            try reader.end()
            return true
        } catch {
            return false
        }
    }
}
