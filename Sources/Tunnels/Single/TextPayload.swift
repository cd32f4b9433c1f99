package import Formats
package import NIOCore

/// Bytes of a tunnel as SDK edges have them: Base64 in text messages (alwayson.md §9).
package enum TextPayload {
    /// What an edge leaves free of the size that was agreed on.
    package static let reserve = 16

    /// - Parameter most: raw bytes of one message.
    package static func messages(_ bytes: ByteBuffer, most: Int) -> [ByteBuffer] {
        var (rest, messages) = (bytes, [ByteBuffer]())
        while let piece = rest.readSlice(length: min(rest.readableBytes, max(most, 1))), piece.readableBytes > 0 {
            var text = ByteBufferAllocator().buffer(capacity: (piece.readableBytes + 2) / 3 * 4)
            piece.withUnsafeReadableBytes { text.writeBase64($0) }
            messages.append(text)
        }
        return messages
    }

    /// - Throws: `TunnelFault` where it is no Base64.
    package static func bytes(_ message: ByteBuffer) throws(TunnelFault) -> ByteBuffer {
        let decoded = message.withUnsafeReadableBytes { raw in Base64.decode(raw.bindMemory(to: UInt8.self)) }
        guard let decoded else { throw TunnelFault("a text message of \(message.readableBytes) bytes that is no Base64") }
        return ByteBuffer(bytes: decoded)
    }

    /// Longest text message that may come where so many raw bytes were agreed on.
    package static func longestMessage(chunk: Int) -> Int { (max(chunk, 8192) + 2) / 3 * 4 * 2 }
}
