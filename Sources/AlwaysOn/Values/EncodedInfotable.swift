public import NIOCore

/// An infotable in its wire form, validated and not decoded.
///
/// What is only passed on stays in this form: a slice of the message it came in. `decoded()` makes a tree of it,
/// `writeJSON` writes its JSON form without one.
public struct EncodedInfotable: Sendable, Equatable {
    /// The wire form, without the content type byte before it.
    public let bytes: ByteBuffer

    public init(_ table: Infotable) {
        var buffer = ByteBuffer()
        buffer.writeWireInfotable(table)
        bytes = buffer
    }

    /// - Throws: `WireError` when the bytes do not begin with a complete infotable. What follows it is left out.
    public init(validating buffer: ByteBuffer) throws {
        bytes = try WireReader.withReader(buffer) { reader in
            try reader.skipInfotable()
            return reader.slice(0..<reader.position)
        }
    }

    init(trusted bytes: ByteBuffer) { self.bytes = bytes }

    public func decoded() -> Infotable {
        do {
            return try WireReader.withReader(bytes) { try $0.infotable() }
        } catch {
            preconditionFailure("bytes that were validated do not decode: \(error)")
        }
    }
}
