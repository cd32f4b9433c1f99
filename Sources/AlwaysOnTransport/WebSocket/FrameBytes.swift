import NIOCore
import NIOWebSocket

/// Frames as bytes (RFC 6455 §5.2), masked as many bytes at a time as the processor takes: NIO's own encoder takes one.
enum FrameBytes {
    /// A payload of so many bytes leaves in one piece with its header; a longer one that is not masked is not copied.
    private static let joined = 1024

    /// What a frame is on the wire, in one buffer or two.
    static func encode(
        _ opcode: WebSocketOpcode, _ payload: ByteBuffer, fin: Bool, rsv1: Bool, mask: WebSocketMaskingKey?, allocator: ByteBufferAllocator
    ) -> (first: ByteBuffer, second: ByteBuffer?) {
        let length = payload.readableBytes
        let isJoined = mask != nil || length <= joined
        var bytes = allocator.buffer(capacity: 14 + (isJoined ? length : 0))
        bytes.writeInteger((fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | UInt8(webSocketOpcode: opcode))
        let marker: UInt8 = mask == nil ? 0 : 0x80
        if length < 126 {
            bytes.writeInteger(marker | UInt8(truncatingIfNeeded: length))
        } else if length <= Int(UInt16.max) {
            bytes.writeInteger(marker | 126)
            bytes.writeInteger(UInt16(truncatingIfNeeded: length))
        } else {
            bytes.writeInteger(marker | 127)
            bytes.writeInteger(UInt64(length))
        }
        if let mask {
            bytes.writeBytes(mask)
            bytes.write(payload, masked: mask)
        } else if isJoined {
            bytes.writeImmutableBuffer(payload)
        }
        return (bytes, isJoined ? nil : payload)
    }

    /// A frame's payload as its sender had it.
    static func payload(of frame: WebSocketFrame, allocator: ByteBufferAllocator) -> ByteBuffer {
        guard let mask = frame.maskKey else { return frame.data }
        var bytes = allocator.buffer(capacity: frame.data.readableBytes)
        bytes.write(frame.data, masked: mask)
        return bytes
    }
}

extension ByteBuffer {
    fileprivate mutating func write(_ payload: ByteBuffer, masked mask: WebSocketMaskingKey) {
        let length = payload.readableBytes
        guard length > 0 else { return }
        let key = Array(mask)
        let word = key.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
        let wide = SIMD8<UInt32>(repeating: word)
        let step = MemoryLayout<SIMD8<UInt32>>.size
        writeWithUnsafeMutableBytes(minimumWritableBytes: length) { target in
            payload.withUnsafeReadableBytes { source in
                var place = 0
                while place + step <= length {
                    let block = source.loadUnaligned(fromByteOffset: place, as: SIMD8<UInt32>.self) ^ wide
                    target.storeBytes(of: block, toByteOffset: place, as: SIMD8<UInt32>.self)
                    place += step
                }
                while place < length {
                    target[place] = source[place] ^ key[place & 3]
                    place += 1
                }
            }
            return length
        }
    }
}
