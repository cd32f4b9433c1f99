import CZlib
import NIOCore
import Secrets

/// How a segment looks on disk. All integers are big-endian.
///
/// ```
/// header   "EdgeStor" | version u32 | number u64 | first sequence u64 | boot 16 bytes | salt 16 bytes | crc u32
/// frame    mark u32 | length of the body u32 | crc u32 over length and body, begun with the salt | body
/// message  1 | flags u8 | label u8 | key length u16 | sequence u64 | wall i64 | uptime i64 | key | payload
/// footer   2 | last sequence u64 | messages u32 | keys u32 | { key length u16 | key | messages u32 | bytes u64 }
/// trailer  offset of the footer u64 | mark u32 | the header again: the last bytes of a segment that was closed in order
/// ```
/// The salt makes a frame that a payload carries, or that an older file left on the disk, no frame of this segment.
enum SegmentFormat {
    static let magic: [UInt8] = Array("EdgeStor".utf8)
    static let version: UInt32 = 1
    static let headerSize = 64
    static let frameSize = 12
    static let messageSize = 29
    static let trailerSize = 12 + headerSize
    static let mark: UInt32 = 0xED9E_5705
    static let footerMark: UInt32 = 0xED9E_F007
    /// Messages that one segment numbers at most, removed ones included; and where numbers end.
    static let mostNumbers: UInt64 = 1 << 28
    static let lastNumber: UInt64 = 1 << 62
    /// A longer body is none.
    static let longestBody = 64 << 20

    static func name(of number: UInt64) -> String { hexadecimal(number) + ".seg" }
    static func removalsName(of number: UInt64) -> String { hexadecimal(number) + ".ack" }
    static func rewriteName(of number: UInt64) -> String { hexadecimal(number) + ".new" }

    static func number(of name: String) -> UInt64? {
        guard name.utf8.count == 20, name.hasSuffix(".seg") else { return nil }
        return UInt64(name.prefix(16), radix: 16)
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func checksum(_ bytes: UnsafeRawBufferPointer, begun seed: UInt32 = 0) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_z(uLong(seed), bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count))
    }
}

struct SegmentHeader: Equatable {
    let number: UInt64
    let firstSequence: UInt64
    let boot: [UInt8]
    let salt: [UInt8]
    /// What the checksums of this segment begin with.
    let seed: UInt32
    /// The numbers that its messages may have.
    var numbers: Range<UInt64> { firstSequence..<firstSequence + SegmentFormat.mostNumbers }

    var encoded: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeBytes(SegmentFormat.magic)
        buffer.writeInteger(SegmentFormat.version)
        buffer.writeInteger(number)
        buffer.writeInteger(firstSequence)
        buffer.writeBytes(boot)
        buffer.writeBytes(salt)
        buffer.writeInteger(buffer.withUnsafeReadableBytes { SegmentFormat.checksum($0) })
        return buffer
    }

    init(number: UInt64, firstSequence: UInt64, boot: [UInt8], salt: [UInt8]) {
        self.number = number
        self.firstSequence = firstSequence
        self.boot = boot
        self.salt = salt
        seed = salt.withUnsafeBytes { SegmentFormat.checksum($0) }
    }

    /// nil where the bytes are no header of this version.
    init?(_ bytes: ByteBuffer) {
        var bytes = bytes
        guard var whole = bytes.readSlice(length: SegmentFormat.headerSize) else { return nil }
        let checked = whole.getSlice(at: 0, length: SegmentFormat.headerSize - 4)!.withUnsafeReadableBytes { SegmentFormat.checksum($0) }
        guard whole.readBytes(length: 8) == SegmentFormat.magic, whole.readInteger() == SegmentFormat.version,
            let number = whole.readInteger(as: UInt64.self),
            let first = whole.readInteger(as: UInt64.self), let boot = whole.readBytes(length: 16), let salt = whole.readBytes(length: 16),
            whole.readInteger() == checked, number < SegmentFormat.lastNumber, first < SegmentFormat.lastNumber
        else { return nil }
        self.init(number: number, firstSequence: first, boot: boot, salt: salt)
    }
}

/// A message as it lies in a segment.
struct SegmentMessage {
    var sequence: UInt64
    var time: StoredTime
    var label: UInt8
    var isSealed: Bool
    var key: String
    var payload: ByteBuffer

    static func size(key: Int, payload: Int, isSealed: Bool) -> Int {
        SegmentFormat.frameSize + SegmentFormat.messageSize + key + payload + (isSealed ? RecordSealer.overhead : 0)
    }

    private var flags: UInt8 { (time.isSynchronized ? 1 : 0) | (isSealed ? 2 : 0) }

    /// What a sealed payload is bound to: its place, so that none can be put in another's.
    var associated: [UInt8] {
        var bytes = ByteBuffer()
        bytes.writeInteger(label)
        bytes.writeInteger(sequence)
        bytes.writeInteger(time.wall)
        bytes.writeString(key)
        return Array(bytes.readableBytesView)
    }

    func encode(into buffer: inout ByteBuffer, seed: UInt32) {
        buffer.writeFrame(seed: seed) { buffer in
            buffer.writeInteger(UInt8(1))
            buffer.writeInteger(flags)
            buffer.writeInteger(label)
            buffer.writeInteger(UInt16(truncatingIfNeeded: key.utf8.count))
            buffer.writeInteger(sequence)
            buffer.writeInteger(time.wall)
            buffer.writeInteger(time.uptime)
            buffer.writeString(key)
            buffer.writeImmutableBuffer(payload)
        }
    }

    /// - Parameter body: without the byte that says it is a message.
    init?(_ body: ByteBuffer) {
        var body = body
        guard let flags = body.readInteger(as: UInt8.self), let label = body.readInteger(as: UInt8.self),
            let length = body.readInteger(as: UInt16.self),
            let sequence = body.readInteger(as: UInt64.self), let wall = body.readInteger(as: Int64.self),
            let uptime = body.readInteger(as: Int64.self),
            let key = body.readString(length: Int(length))
        else { return nil }
        self.init(
            sequence: sequence, time: StoredTime(wall: wall, uptime: uptime, isSynchronized: flags & 1 != 0), label: label,
            isSealed: flags & 2 != 0, key: key,
            payload: body)
    }

    init(sequence: UInt64, time: StoredTime, label: UInt8, isSealed: Bool, key: String, payload: ByteBuffer) {
        self.sequence = sequence
        self.time = time
        self.label = label
        self.isSealed = isSealed
        self.key = key
        self.payload = payload
    }
}

/// What a closed segment tells of itself, so that opening a store reads no messages.
struct SegmentFooter: Equatable {
    struct Key: Equatable {
        var name: String
        var messages: Int
        var bytes: Int
    }

    var lastSequence: UInt64
    var messages: Int
    var keys: [Key]

    /// Frame and trailer.
    func encoded(at offset: Int, header: SegmentHeader) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeFrame(seed: header.seed) { buffer in
            buffer.writeInteger(UInt8(2))
            buffer.writeInteger(lastSequence)
            buffer.writeInteger(UInt32(messages))
            buffer.writeInteger(UInt32(keys.count))
            for key in keys {
                buffer.writeInteger(UInt16(truncatingIfNeeded: key.name.utf8.count))
                buffer.writeString(key.name)
                buffer.writeInteger(UInt32(key.messages))
                buffer.writeInteger(UInt64(key.bytes))
            }
        }
        buffer.writeInteger(UInt64(offset))
        buffer.writeInteger(SegmentFormat.footerMark)
        buffer.writeImmutableBuffer(header.encoded)
        return buffer
    }

    /// - Parameter body: without the byte that says it is a footer.
    init?(_ body: ByteBuffer) {
        var body = body
        guard let last = body.readInteger(as: UInt64.self), let messages = body.readInteger(as: UInt32.self),
            let count = body.readInteger(as: UInt32.self)
        else { return nil }
        var keys: [Key] = []
        for _ in 0..<count {
            guard let length = body.readInteger(as: UInt16.self), let name = body.readString(length: Int(length)),
                let messages = body.readInteger(as: UInt32.self),
                let bytes = body.readInteger(as: UInt64.self)
            else { return nil }
            keys.append(Key(name: name, messages: Int(messages), bytes: Int(truncatingIfNeeded: bytes)))
        }
        self.init(lastSequence: last, messages: Int(messages), keys: keys)
    }

    init(lastSequence: UInt64, messages: Int, keys: [Key]) {
        self.lastSequence = lastSequence
        self.messages = messages
        self.keys = keys
    }
}

/// A frame that was found, or what is there instead.
enum SegmentFrame {
    /// The body's first byte and the rest.
    case body(kind: UInt8, ByteBuffer, size: Int)
    /// The bytes end within the frame; so many are needed.
    case incomplete(Int)
    case none
}

extension ByteBuffer {
    fileprivate mutating func writeFrame(seed: UInt32, _ body: (inout ByteBuffer) -> Void) {
        let start = writerIndex
        writeInteger(SegmentFormat.mark)
        writeInteger(UInt32(0))
        writeInteger(UInt32(0))
        body(&self)
        setInteger(UInt32(writerIndex - start - SegmentFormat.frameSize), at: start + 4)
        setInteger(checksum(ofFrameAt: start, length: writerIndex - start - SegmentFormat.frameSize, seed: seed), at: start + 8)
    }

    private func checksum(ofFrameAt start: Int, length: Int, seed: UInt32) -> UInt32 {
        withUnsafeReadableBytes { bytes in
            let start = start - readerIndex
            let begun = SegmentFormat.checksum(UnsafeRawBufferPointer(rebasing: bytes[start + 4..<start + 8]), begun: seed)
            let body = UnsafeRawBufferPointer(rebasing: bytes[start + SegmentFormat.frameSize..<start + SegmentFormat.frameSize + length])
            return SegmentFormat.checksum(body, begun: begun)
        }
    }

    /// The frame at an index of this buffer.
    func frame(at index: Int, seed: UInt32) -> SegmentFrame {
        let left = writerIndex - index
        guard left >= SegmentFormat.frameSize else { return .incomplete(SegmentFormat.frameSize) }
        guard getInteger(at: index) == SegmentFormat.mark, let length = getInteger(at: index + 4, as: UInt32.self), length > 0,
            length <= SegmentFormat.longestBody
        else {
            return .none
        }
        let size = SegmentFormat.frameSize + Int(length)
        guard left >= size else { return .incomplete(size) }
        guard getInteger(at: index + 8) == checksum(ofFrameAt: index, length: Int(length), seed: seed) else { return .none }
        let body = getSlice(at: index + SegmentFormat.frameSize + 1, length: Int(length) - 1)!
        return .body(kind: getInteger(at: index + SegmentFormat.frameSize)!, body, size: size)
    }
}
