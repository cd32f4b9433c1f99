public import Formats
public import NIOCore

/// An infotable in its wire form, validated and not decoded.
///
/// What is only passed on stays in this form: a slice of the message it came in. `decoded()` makes a tree of it,
/// `writeJSON` writes its JSON form without one. Both of its forms are within the limits that it was made with, so that
/// whoever has one need not ask again.
public struct EncodedInfotable: Sendable, Equatable {
    /// The wire form, without the content type byte before it.
    public let bytes: ByteBuffer

    /// - Throws: `WireError` (4.13) where the table is more than the limits allow: nested too deep, too wide, too long.
    public init(_ table: Infotable, limits: InputLimits = .standard) throws(WireError) {
        var encoder = WireEncoder(ByteBuffer(), CostMeter(limits, inputBytes: 0))
        do throws(LimitExceeded) {
            try encoder.infotable(table)
            try encoder.meter.finish(wireBytes: encoder.out.readableBytes)
        } catch {
            throw WireError(error, offset: encoder.out.readableBytes)
        }
        bytes = encoder.out
    }

    /// - Throws: `WireError` when the bytes do not begin with a complete infotable that is within the limits. What follows it is left out.
    public init(validating buffer: ByteBuffer, limits: InputLimits = .standard) throws {
        bytes = try WireReader.withReader(buffer, limits: limits) { reader in
            try reader.judgeInfotable()
            return reader.slice(0..<reader.position)
        }
    }

    init(trusted bytes: ByteBuffer) { self.bytes = bytes }

    /// The same as a value. Costs time and memory in proportion to its size.
    public func decoded() -> Infotable {
        do {
            return try WireReader.withReader(bytes, limits: nil) { try $0.infotable() }
        } catch {
            return EncodedInfotable.unreachable(error, Infotable(DataShape([])))
        }
    }

    /// Bytes that were judged read without an error. Were that ever untrue, one message is to suffer, not the program.
    static func unreachable<Result>(_ error: any Error, _ result: Result) -> Result {
        assertionFailure("an infotable that was validated does not decode: \(error)")
        return result
    }
}
