import AlwaysOn
import NIOCore
import ThingModel

/// A value of one series, as it is kept.
struct HistoryValue: Sendable {
    /// Of the property that it belongs to.
    var series: Int64
    /// Milliseconds since 1970 UTC.
    var time: Int64
    var value: Value
    var quality: String

    /// What a chart draws: numbers, and truth values as 0 and 1.
    var number: Double? {
        switch value {
        case .number(let double): double.isFinite ? double : nil
        case .integer(let integer): Double(integer)
        case .boolean(let bool): bool ? 1 : 0
        default: nil
        }
    }

    var timed: TimedValue { TimedValue(value: value, time: time, quality: quality) }
}

extension ByteBuffer {
    /// A whole number in as few bytes as it takes, small ones of either sign in one.
    mutating func writeVariable(_ number: Int64) {
        var rest = UInt64(bitPattern: number << 1 ^ number >> 63)
        while rest >= 0x80 {
            writeInteger(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        writeInteger(UInt8(truncatingIfNeeded: rest))
    }

    mutating func readVariable() -> Int64? {
        readWithUnsafeReadableBytes { bytes in
            var place = 0
            let number = ByteBuffer.variable(bytes, &place)
            return (place, number)
        }
    }

    /// Values behind each other: series and time each as the difference to the one before.
    mutating func write(_ values: some Sequence<HistoryValue>) {
        var (series, time): (Int64, Int64) = (0, 0)
        for value in values {
            let start = writerIndex
            writeVariable(value.series &- series)
            writeVariable(value.time &- time)
            let quality = value.quality == "GOOD" ? "" : value.quality
            writeInteger(UInt8(truncatingIfNeeded: min(quality.utf8.count, 255)))
            writeBytes(quality.utf8.prefix(255))
            guard writeWireValue(value.value) else {
                moveWriterIndex(to: start)
                continue
            }
            (series, time) = (value.series, value.time)
        }
    }

    /// - Returns: those up to the first that cannot be read.
    mutating func readHistory() -> [HistoryValue] {
        var values: [HistoryValue] = []
        forEachHistoryValue { values.append($0) }
        return values
    }

    /// Values up to the first that cannot be read.
    mutating func forEachHistoryValue(_ body: (HistoryValue) -> Void) {
        var (series, time): (Int64, Int64) = (0, 0)
        while readableBytes > 0 {
            guard let seriesStep = readVariable(), let timeStep = readVariable(), let length = readInteger(as: UInt8.self),
                let quality = length == 0 ? "GOOD" : readString(length: Int(length)), let value = readNumber() ?? readWireValue()
            else { return }
            series &+= seriesStep
            time &+= timeStep
            body(HistoryValue(series: series, time: time, value: value, quality: quality))
        }
    }

    /// A NUMBER, which most values are; nil, with nothing read, where the next is something else.
    private mutating func readNumber() -> Value? {
        guard getInteger(at: readerIndex, as: UInt8.self) == BaseType.number.rawValue,
            let bits = getInteger(at: readerIndex + 1, as: UInt64.self)
        else { return nil }
        moveReaderIndex(forwardBy: 9)
        return .number(Double(bitPattern: bits))
    }

    /// Times and numbers alone, as charts want them, straight from the bytes; whatever is no number is passed over.
    func forEachNumber(_ body: (_ time: Int64, _ number: Double) -> Void) {
        var rest = self
        let end = withUnsafeReadableBytes { bytes -> (place: Int, time: Int64)? in
            var (place, time) = (0, 0 as Int64)
            while place < bytes.count {
                let start = place
                guard ByteBuffer.variable(bytes, &place) != nil, let step = ByteBuffer.variable(bytes, &place), place + 10 <= bytes.count,
                    bytes[place] == 0,
                    bytes[place + 1] == BaseType.number.rawValue
                else { return (start, time) }
                time &+= step
                let number = Double(bitPattern: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: place + 2, as: UInt64.self)))
                place += 10
                if number.isFinite { body(time, number) }
            }
            return nil
        }
        // From the first that is something else on, the long way.
        guard let end else { return }
        rest.moveReaderIndex(forwardBy: end.place)
        rest.forEachHistoryValue { value in if let number = value.number { body(end.time &+ value.time, number) } }
    }

    private static func variable(_ bytes: UnsafeRawBufferPointer, _ place: inout Int) -> Int64? {
        var result: UInt64 = 0
        for shift in stride(from: 0 as UInt64, to: 64, by: 7) {
            guard place < bytes.count else { return nil }
            let byte = bytes[place]
            place += 1
            result |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return Int64(bitPattern: result >> 1) ^ -Int64(bitPattern: result & 1) }
        }
        return nil
    }
}
