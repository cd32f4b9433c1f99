package import NIOCore

/// One message of a tunnel that carries several connections (Documentation/tunnels.md): a byte that says what it is, four for the
/// connection, and what belongs to it. Each is a binary WebSocket message.
package enum TunnelFrame: Sendable, Equatable {
    /// A new connection, numbered upwards from 1 by the end that opens them. Either end may send `window` bytes at once.
    case open(UInt32)
    /// The connection stands at the other end.
    case accept(UInt32)
    case data(UInt32, ByteBuffer)
    /// So many bytes more may come.
    case credit(UInt32, UInt32)
    /// Nothing more comes in this direction.
    case end(UInt32)
    /// The connection is broken, or never came about; why, in UTF-8.
    case reset(UInt32, String)
    /// Sent back as it is.
    case ping(UInt64)
    case pong(UInt64)

    /// Bytes that may be sent on a connection before the first credit for it.
    package static let window = 65_536
    /// Most bytes of one message.
    package static let maximumSize = 65_536 + headerSize
    static let headerSize = 5
    private static let longestReason = 256

    private enum Kind: UInt8 {
        case open = 1, accept, data, credit, end, reset, ping, pong
    }

    package static func encode(_ frame: TunnelFrame, into buffer: inout ByteBuffer) {
        func start(_ kind: Kind, _ id: UInt32) { buffer.writeMultipleIntegers(kind.rawValue, id) }
        switch frame {
        case .open(let id): start(.open, id)
        case .accept(let id): start(.accept, id)
        case .data(let id, let bytes):
            start(.data, id)
            buffer.writeImmutableBuffer(bytes)
        case .credit(let id, let bytes):
            start(.credit, id)
            buffer.writeInteger(bytes)
        case .end(let id): start(.end, id)
        case .reset(let id, let reason):
            start(.reset, id)
            buffer.writeString(String(decoding: reason.utf8.prefix(longestReason), as: UTF8.self))
        case .ping(let token):
            start(.ping, 0)
            buffer.writeInteger(token)
        case .pong(let token):
            start(.pong, 0)
            buffer.writeInteger(token)
        }
    }

    /// - Throws: `TunnelFault` for everything that `encode` does not make.
    package static func decode(_ message: ByteBuffer) throws(TunnelFault) -> TunnelFrame {
        var rest = message
        guard message.readableBytes <= maximumSize else { throw TunnelFault("a tunnel message of \(message.readableBytes) bytes") }
        guard let (type, id) = rest.readMultipleIntegers(as: (UInt8, UInt32).self), let kind = Kind(rawValue: type) else {
            throw TunnelFault("a tunnel message that is none")
        }
        guard (id == 0) == (kind == .ping || kind == .pong) else { throw TunnelFault("a tunnel message for connection \(id)") }
        switch kind {
        case .data:
            guard rest.readableBytes > 0 else { throw TunnelFault("a tunnel message without data") }
            return .data(id, rest)
        case .reset:
            guard rest.readableBytes <= longestReason else { throw TunnelFault("a reason of \(rest.readableBytes) bytes") }
            return .reset(id, String(buffer: rest))
        case .credit:
            guard let bytes = rest.readInteger(as: UInt32.self), bytes > 0, rest.readableBytes == 0 else {
                throw TunnelFault("a credit that is none")
            }
            return .credit(id, bytes)
        case .ping, .pong:
            guard let token = rest.readInteger(as: UInt64.self), rest.readableBytes == 0 else { throw TunnelFault("a ping that is none") }
            return kind == .ping ? .ping(token) : .pong(token)
        case .open, .accept, .end:
            guard rest.readableBytes == 0 else { throw TunnelFault("bytes behind a tunnel message") }
            return kind == .open ? .open(id) : kind == .accept ? .accept(id) : .end(id)
        }
    }

    /// Bytes of a connection that a message carries: what whoever passes messages on counts.
    package static func payload(of message: ByteBuffer) -> Int {
        message.getInteger(at: message.readerIndex, as: UInt8.self) == Kind.data.rawValue ? max(message.readableBytes - headerSize, 0) : 0
    }

    /// Whether a message opens a connection.
    package static func isOpen(_ message: ByteBuffer) -> Bool {
        message.getInteger(at: message.readerIndex, as: UInt8.self) == Kind.open.rawValue
    }
}

/// What the other end of a tunnel did that it may not: the tunnel ends.
package struct TunnelFault: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
