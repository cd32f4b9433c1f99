import Formats
import NIOCore

extension ByteBuffer {
    /// Length, then UTF-8 (alwayson.md §3).
    mutating func writeWireString(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            writeWireStringLength(bytes.count)
            writeBytes(UnsafeRawBufferPointer(bytes))
        }
    }

    mutating func writeWireStringLength(_ length: Int) {
        if length < 0x80 {
            writeInteger(UInt8(length))
        } else {
            writeInteger(UInt32(truncatingIfNeeded: length) | 0x8000_0000)
        }
    }

    mutating func writeWireFlag(_ flag: Bool) { writeInteger(flag ? 1 : 0, as: UInt8.self) }

    mutating func writeWireDouble(_ value: Double) { writeInteger(value.bitPattern) }

    mutating func writeWireBytes(_ bytes: ByteBuffer) {
        writeInteger(UInt32(bytes.readableBytes))
        writeImmutableBuffer(bytes)
    }

    mutating func writeWireLocation(_ location: Location) {
        writeWireDouble(location.longitude)
        writeWireDouble(location.latitude)
        writeWireDouble(location.elevation)
    }
}

/// Writes values and infotables in their wire form, within limits.
struct WireEncoder {
    var out: ByteBuffer
    var meter: CostMeter

    init(_ out: ByteBuffer, _ meter: CostMeter) {
        self.out = out
        self.meter = meter
    }

    /// Base type, then content.
    mutating func value(_ value: Value) throws(LimitExceeded) {
        out.writeInteger(value.baseType.rawValue)
        switch value {
        case .nothing: break
        case .text(_, let text):
            try room(for: text.utf8.count)
            out.writeWireString(text)
        case .number(let double): out.writeWireDouble(double)
        case .boolean(let bool): out.writeWireFlag(bool)
        case .datetime(let time), .timespan(let time): out.writeInteger(time)
        case .integer(let integer): out.writeInteger(integer)
        case .location(let location): out.writeWireLocation(location)
        case .blob(let bytes), .image(let bytes):
            try room(for: bytes.readableBytes)
            out.writeWireBytes(bytes)
        case .variant(let inner):
            try meter.descend()
            try self.value(inner)
            meter.ascend()
        case .infotable(let table): try infotable(table)
        }
    }

    /// Before something long is written: what is made of values that are kept need not stand in proportion to any input.
    private func room(for length: Int) throws(LimitExceeded) {
        guard out.readableBytes + length <= meter.limits.wireBytes else {
            throw LimitExceeded("an infotable of more than \(meter.limits.wireBytes) bytes")
        }
    }

    mutating func infotable(_ table: Infotable) throws(LimitExceeded) {
        try room(for: table.cells.count)
        try meter.descend()
        let names = try shape(table.shape.fields)
        let width = UInt16(table.shape.fields.count)
        for row in 0..<table.rowCount {
            try meter.row(emptyCells: 0, names: names)
            out.writeWireFlag(true)
            out.writeInteger(width)
            for value in table[row: row] { try self.value(value) }
        }
        out.writeWireFlag(false)
        meter.ascend()
    }

    /// - Returns: bytes of a row's member names in JSON.
    mutating func shape(_ fields: [DataShape.Field]) throws(LimitExceeded) -> Int {
        try meter.check(fields: fields.count, "fields in a data shape")
        var names = 0
        for field in fields {
            try self.field(field)
            names += CostMeter.jsonLength(ofName: field.name.utf8)
        }
        out.writeWireFlag(false)
        return names
    }

    private mutating func field(_ field: DataShape.Field) throws(LimitExceeded) {
        try meter.check(fields: field.aspects.count, "aspects of a field")
        out.writeWireFlag(true)
        out.writeWireString(field.name)
        out.writeWireString(field.description)
        out.writeInteger(field.baseType.rawValue)
        out.writeInteger(UInt16(field.aspects.count))
        for aspect in field.aspects {
            out.writeWireString(aspect.name)
            try value(aspect.value)
        }
    }
}
