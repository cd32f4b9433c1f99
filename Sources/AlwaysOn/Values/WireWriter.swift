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
            writeInteger(UInt32(length) | 0x8000_0000)
        }
    }

    mutating func writeWireFlag(_ flag: Bool) { writeInteger(flag ? 1 : 0, as: UInt8.self) }

    mutating func writeWireDouble(_ value: Double) { writeInteger(value.bitPattern) }

    mutating func writeWireBytes(_ bytes: ByteBuffer) {
        writeInteger(UInt32(bytes.readableBytes))
        writeImmutableBuffer(bytes)
    }

    /// Base type, then content.
    mutating func writeWireValue(_ value: Value) {
        writeInteger(value.baseType.rawValue)
        switch value {
        case .nothing: break
        case .text(_, let text): writeWireString(text)
        case .number(let double): writeWireDouble(double)
        case .boolean(let bool): writeWireFlag(bool)
        case .datetime(let time), .timespan(let time): writeInteger(time)
        case .integer(let integer): writeInteger(integer)
        case .location(let location): writeWireLocation(location)
        case .blob(let bytes), .image(let bytes): writeWireBytes(bytes)
        case .variant(let inner): writeWireValue(inner)
        case .infotable(let table): writeWireInfotable(table)
        }
    }

    mutating func writeWireLocation(_ location: Location) {
        writeWireDouble(location.longitude)
        writeWireDouble(location.latitude)
        writeWireDouble(location.elevation)
    }

    mutating func writeWireInfotable(_ table: Infotable) {
        for field in table.shape.fields { writeWireField(field) }
        writeWireFlag(false)
        let width = UInt16(table.shape.fields.count)
        for row in 0..<table.rowCount {
            writeWireFlag(true)
            writeInteger(width)
            for value in table[row: row] { writeWireValue(value) }
        }
        writeWireFlag(false)
    }

    mutating func writeWireField(_ field: DataShape.Field) {
        writeWireFlag(true)
        writeWireString(field.name)
        writeWireString(field.description)
        writeInteger(field.baseType.rawValue)
        writeInteger(UInt16(field.aspects.count))
        for aspect in field.aspects {
            writeWireString(aspect.name)
            writeWireValue(aspect.value)
        }
    }
}
