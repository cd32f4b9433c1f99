import CZlib
import NIOCore

/// Files in the form that `tar -xz` reads: ustar, compressed by gzip.
struct TarArchive {
    private static let block = 512

    private var bytes = ByteBuffer()
    /// Seconds since 1970, of all files.
    private let time: Int

    init(time: Int) { self.time = time }

    /// - Parameter name: at most 100 bytes.
    mutating func add(_ name: String, _ content: ByteBuffer) {
        var header = [UInt8](repeating: 0, count: TarArchive.block)
        func put(_ text: String, at offset: Int, length: Int) {
            for (index, byte) in text.utf8.prefix(length).enumerated() { header[offset + index] = byte }
        }
        put(name, at: 0, length: 100)
        put(TarArchive.octal(0o600, 7), at: 100, length: 7)
        put(TarArchive.octal(0, 7), at: 108, length: 7)
        put(TarArchive.octal(0, 7), at: 116, length: 7)
        put(TarArchive.octal(content.readableBytes, 11), at: 124, length: 11)
        put(TarArchive.octal(time, 11), at: 136, length: 11)
        // The checksum counts its own field as blanks.
        put("        ", at: 148, length: 8)
        put("0", at: 156, length: 1)
        put("ustar\0" + "00", at: 257, length: 8)
        put("\(TarArchive.octal(header.reduce(0) { $0 + Int($1) }, 6))\0 ", at: 148, length: 8)
        bytes.writeBytes(header)
        bytes.writeImmutableBuffer(content)
        bytes.writeRepeatingByte(0, count: (TarArchive.block - content.readableBytes % TarArchive.block) % TarArchive.block)
    }

    private static func octal(_ number: Int, _ digits: Int) -> String {
        let text = String(number, radix: 8)
        return String(repeating: "0", count: max(digits - text.utf8.count, 0)) + text
    }

    /// The whole archive, compressed; nil where zlib has no memory.
    func compressed() -> ByteBuffer? {
        var plain = bytes
        plain.writeRepeatingByte(0, count: 2 * TarArchive.block)
        var stream = z_stream()
        // 16 more than the window: with gzip's header and trailer.
        guard
            deflateInit2_(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return nil }
        defer { deflateEnd(&stream) }
        let most = Int(deflateBound(&stream, UInt(plain.readableBytes)))
        var packed = ByteBuffer()
        let status = plain.withUnsafeMutableReadableBytes { input -> Int32 in
            stream.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.avail_in = UInt32(truncatingIfNeeded: input.count)
            var status: Int32 = Z_OK
            packed.writeWithUnsafeMutableBytes(minimumWritableBytes: most) { output in
                stream.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_out = UInt32(truncatingIfNeeded: output.count)
                status = deflate(&stream, Z_FINISH)
                return output.count - Int(stream.avail_out)
            }
            return status
        }
        return status == Z_STREAM_END ? packed : nil
    }
}
