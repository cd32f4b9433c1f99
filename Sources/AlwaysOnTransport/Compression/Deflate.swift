package import AlwaysOnSession
import CZlib
package import NIOCore

/// Compresses messages (RFC 7692 §7.2.1): raw deflate, flushed after each message, without the trailing 00 00 FF FF.
///
/// Takes 64 KiB once the first message was compressed: a window of 8 KiB, which a receiver with any window of at least
/// that reads, and little memory for matches, which suits messages of some hundred bytes.
package final class Deflater {
    private static let windowBits = 13
    private static let memoryLevel: Int32 = 6

    private let windowBits: Int
    private let takesOverContext: Bool
    private let stream: UnsafeMutablePointer<z_stream>
    private var isReady = false

    package init(windowBits: Int, takesOverContext: Bool) {
        self.windowBits = min(windowBits, Deflater.windowBits)
        self.takesOverContext = takesOverContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
    }

    deinit {
        if isReady { deflateEnd(stream) }
        stream.deallocate()
    }

    package func compress(_ message: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        // Nothing to flush would write nothing: an empty message is one zero byte (§7.2.3.6).
        guard message.readableBytes > 0 else { return ByteBuffer(integer: UInt8(0)) }
        prepare()
        // 5 bytes a stored block of 16 KiB and more than enough for the flush.
        var output = allocator.buffer(capacity: message.readableBytes + message.readableBytes / 1000 + 64)
        message.withUnsafeReadableBytes { input in
            stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
            stream.pointee.avail_in = UInt32(input.count)
            repeat { fill(&output) } while stream.pointee.avail_out == 0
        }
        output.moveWriterIndex(to: output.writerIndex - 4)
        if !takesOverContext { deflateReset(stream) }
        return output
    }

    private func prepare() {
        guard !isReady else { return }
        let result = zlib_deflate_init(stream, 1, Int32(-windowBits), Deflater.memoryLevel)
        precondition(result == Z_OK, "deflate takes every window from 9 bits up")
        isReady = true
    }

    private func fill(_ output: inout ByteBuffer) {
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: 64) { space in
            stream.pointee.next_out = space.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = UInt32(space.count)
            deflate(stream, Z_SYNC_FLUSH)
            return space.count - Int(stream.pointee.avail_out)
        }
    }
}

/// Decompresses messages (RFC 7692 §7.2.2). Takes some 7 KiB and the window once the first message came.
package final class Inflater {
    private let windowBits: Int32
    /// What the sender took away.
    private static let flush = ByteBuffer(bytes: [0, 0, 0xFF, 0xFF])

    private let takesOverContext: Bool
    private let stream: UnsafeMutablePointer<z_stream>
    private var isReady = false

    /// - Parameter windowBits: of the sender's compressor, 8 to 15.
    package init(windowBits: Int = 15, takesOverContext: Bool) {
        self.windowBits = Int32(truncatingIfNeeded: windowBits)
        self.takesOverContext = takesOverContext
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
    }

    deinit {
        if isReady { inflateEnd(stream) }
        stream.deallocate()
    }

    /// - Parameter limit: longest message that comes out.
    /// - Throws: `CloseReason`: 1009 above the limit, 1007 when the bytes are no deflate stream.
    package func decompress(_ message: ByteBuffer, limit: Int, allocator: ByteBufferAllocator) throws(CloseReason) -> ByteBuffer {
        try prepare()
        var output = allocator.buffer(capacity: min(limit, message.readableBytes * 4 + 64))
        for part in [message, Inflater.flush] {
            try part.withUnsafeReadableBytes { input throws(CloseReason) in try inflateAll(input, into: &output, limit: limit) }
        }
        if !takesOverContext { inflateReset(stream) }
        return output
    }

    private func prepare() throws(CloseReason) {
        guard !isReady else { return }
        guard zlib_inflate_init(stream, -windowBits) == Z_OK else { throw CloseReason(.internalError, "no memory to decompress") }
        isReady = true
    }

    private func inflateAll(_ input: UnsafeRawBufferPointer, into output: inout ByteBuffer, limit: Int) throws(CloseReason) {
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(input.count)
        repeat {
            let result = step(&output)
            guard output.readableBytes <= limit else {
                throw CloseReason(.messageTooLarge, "a message of more than \(limit) bytes when decompressed")
            }
            switch result {
            case Z_OK, Z_BUF_ERROR: break
            // A block that says it is the last one does not end the message (§7.2.3.5).
            case Z_STREAM_END: inflateResetKeep(stream)
            default: throw CloseReason(.invalidData, "a compressed message is damaged")
            }
            if result == Z_BUF_ERROR, stream.pointee.avail_out > 0 { break }
        } while stream.pointee.avail_in > 0 || stream.pointee.avail_out == 0
    }

    private func step(_ output: inout ByteBuffer) -> Int32 {
        var result = Z_OK
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: 256) { space in
            stream.pointee.next_out = space.bindMemory(to: UInt8.self).baseAddress
            stream.pointee.avail_out = UInt32(space.count)
            result = inflate(stream, Z_SYNC_FLUSH)
            return space.count - Int(stream.pointee.avail_out)
        }
        return result
    }
}
