import NIOCore
import Secrets

/// One file of a store as it is known in memory: what lies in it by key, and what of that has been removed.
struct Segment {
    struct Tally {
        let name: String
        /// In the file.
        var messages = 0
        var bytes = 0
        /// Of these, not removed.
        var live = 0
        var liveBytes = 0
    }

    let header: SegmentHeader
    /// Counts how often the file was written anew: offsets of before mean nothing then.
    var generation = 0
    /// Where its messages end.
    var end = SegmentFormat.headerSize
    var lastSequence: UInt64
    private(set) var tallies: [Tally] = []
    private var indices: [String: Int] = [:]
    private(set) var live = 0
    private(set) var liveBytes = 0
    private(set) var messages = 0
    private var removed: [UInt64] = []
    /// Places that are known to hold no messages: where they begin and end.
    var holes: [Int: Int] = [:]

    init(header: SegmentHeader) {
        self.header = header
        lastSequence = header.firstSequence - 1
    }

    var number: UInt64 { header.number }

    mutating func add(key: String, messages count: Int = 1, bytes: Int) -> Int {
        let index = self.index(of: key)
        tallies[index].messages += count
        tallies[index].live += count
        tallies[index].bytes += bytes
        tallies[index].liveBytes += bytes
        messages += count
        live += count
        liveBytes += bytes
        return index
    }

    private mutating func index(of key: String) -> Int {
        if let index = indices[key] { return index }
        indices[key] = tallies.count
        tallies.append(Tally(name: key))
        return tallies.count - 1
    }

    func index(ofKnown key: String) -> Int? { indices[key] }

    // MARK: Removed messages

    func isRemoved(_ sequence: UInt64) -> Bool {
        guard header.numbers.contains(sequence) else { return true }
        let bit = Int(sequence - header.firstSequence)
        return bit / 64 < removed.count && removed[bit / 64] & 1 << UInt64(bit % 64) != 0
    }

    /// - Returns: false where it was removed before, or never was.
    mutating func remove(_ sequence: UInt64, key index: Int, bytes: Int) -> Bool {
        guard sequence >= header.firstSequence, sequence <= lastSequence, tallies.indices.contains(index), !isRemoved(sequence) else {
            return false
        }
        let bit = Int(sequence - header.firstSequence)
        if bit / 64 >= removed.count { removed += Array(repeating: 0, count: bit / 64 + 1 - removed.count) }
        removed[bit / 64] |= 1 << UInt64(bit % 64)
        tallies[index].live -= 1
        tallies[index].liveBytes -= bytes
        live -= 1
        liveBytes -= bytes
        return true
    }

    /// So many are left of a key, as the file showed.
    mutating func correct(_ key: String, live count: Int, bytes: Int) {
        guard let index = indices[key] else { return }
        live += count - tallies[index].live
        liveBytes += bytes - tallies[index].liveBytes
        tallies[index].live = count
        tallies[index].liveBytes = bytes
    }

    var footer: SegmentFooter {
        SegmentFooter(
            lastSequence: lastSequence, messages: messages,
            keys: tallies.map { .init(name: $0.name, messages: $0.messages, bytes: $0.bytes) })
    }
}

/// One removal on disk: `sequence u64 | key's number in the segment u32 | bytes u32 | crc u32`.
struct SegmentRemoval {
    static let size = 20

    var sequence: UInt64
    var key: Int
    var bytes: Int

    func encode(into buffer: inout ByteBuffer, seed: UInt32) {
        let start = buffer.writerIndex
        buffer.writeInteger(sequence)
        buffer.writeInteger(UInt32(truncatingIfNeeded: key))
        buffer.writeInteger(UInt32(truncatingIfNeeded: bytes))
        let checksum = buffer.viewBytes(at: start, length: 16)!.withUnsafeBytes { SegmentFormat.checksum($0, begun: seed) }
        buffer.writeInteger(checksum)
    }

    /// The removals at the front of `bytes`, up to the first that is damaged or of another file, and where they end.
    static func list(_ bytes: ByteBuffer, seed: UInt32) -> (removals: [SegmentRemoval], end: Int) {
        var rest = bytes
        var removals: [SegmentRemoval] = []
        while rest.readableBytes >= size {
            let checksum = rest.viewBytes(at: rest.readerIndex, length: 16)!.withUnsafeBytes { SegmentFormat.checksum($0, begun: seed) }
            guard let sequence = rest.readInteger(as: UInt64.self), let key = rest.readInteger(as: UInt32.self),
                let size = rest.readInteger(as: UInt32.self),
                rest.readInteger() == checksum
            else { break }
            removals.append(SegmentRemoval(sequence: sequence, key: Int(key), bytes: Int(size)))
        }
        return (removals, removals.count * size)
    }
}
