package import NIOCore
import Formats

/// One value by itself in its wire form (alwayson.md §4), for whoever keeps values.
extension ByteBuffer {
    /// - Returns: false, with nothing written, where the value is more than a message may hold.
    package mutating func writeWireValue(_ value: Value) -> Bool {
        let start = writerIndex
        switch value {
        // What most values are, without an encoder around it.
        case .number(let double): writeMultipleIntegers(BaseType.number.rawValue, double.bitPattern)
        case .boolean(let bool): writeMultipleIntegers(BaseType.boolean.rawValue, bool ? 1 : 0 as UInt8)
        case .integer(let integer): writeMultipleIntegers(BaseType.integer.rawValue, integer)
        default:
            var encoder = WireEncoder(self, CostMeter(.standard, inputBytes: 0))
            // One copy of what was written before is spared.
            self = ByteBuffer()
            let isWithin: Bool
            do throws(LimitExceeded) {
                try encoder.value(value)
                isWithin = true
            } catch { isWithin = false }
            self = encoder.out
            if !isWithin { moveWriterIndex(to: start) }
            return isWithin
        }
        return true
    }

    /// Reads what `writeWireValue` wrote; nil where the bytes are something else.
    package mutating func readWireValue() -> Value? {
        let found: (Value, Int)? = try? WireReader.withReader(self, limits: .standard) { reader in
            var judge = reader
            try judge.skipValue()
            return (try reader.value(), reader.position)
        }
        guard let (value, length) = found else { return nil }
        moveReaderIndex(forwardBy: length)
        return value
    }
}
