import AlwaysOn
import NIOCore

/// Puts chunks together (alwayson.md §2). Sets are told apart by request id and direction, so they may interleave.
///
/// What is kept is copied out of the messages that it came in, so that it takes the memory that it counts.
struct ChunkAssembler {
    enum Outcome: Equatable {
        case incomplete
        /// The bytes of the whole message.
        case complete(ByteBuffer)
        case refused(Status, String)
    }

    private struct Key: Hashable {
        let requestID: UInt32
        let isRequest: Bool
    }

    private struct Set {
        let header: Header
        let count: UInt16
        let size: UInt16
        let entity: Chunk.Entity?
        let deadline: NIODeadline
        /// The message from its header on, as far as its chunks came without a gap.
        var whole: ByteBuffer
        var next: UInt16 = 1
        /// Chunks behind a gap.
        var early: [UInt16: ByteBuffer] = [:]
        /// Bytes of data, and what keeping them takes.
        var length = 0
        var kept = 0

        var isComplete: Bool { next > count }

        /// A chunk that comes twice counts once.
        mutating func add(_ number: UInt16, _ data: ByteBuffer) {
            guard number >= next, early[number] == nil else { return }
            length += data.readableBytes
            guard number == next else {
                kept += data.readableBytes + ChunkAssembler.overhead
                // A copy: the slice would keep the message that it came in.
                early[number] = ByteBuffer(bytes: data.readableBytesView)
                return
            }
            kept += data.readableBytes
            append(data)
            while let data = early.removeValue(forKey: next) {
                kept -= ChunkAssembler.overhead
                append(data)
            }
        }

        private mutating func append(_ data: ByteBuffer) {
            whole.writeImmutableBuffer(data)
            next += 1
        }
    }

    /// Bytes that an entry of its own takes beyond its content.
    private static let overhead = 128

    private let limits: SessionLimits
    private var sets: [Key: Set] = [:]
    /// Bytes of all sets.
    private(set) var kept = 0

    init(limits: SessionLimits) { self.limits = limits }

    var earliestDeadline: NIODeadline { sets.values.lazy.map(\.deadline).min() ?? .distantFuture }

    mutating func add(_ chunk: Chunk, now: NIODeadline) -> Outcome {
        let key = Key(requestID: chunk.header.requestID, isRequest: chunk.header.isRequest)
        var set: Set
        let before: Int
        if let known = sets.removeValue(forKey: key) {
            set = known
            before = known.kept
            guard known.count == chunk.count, known.size == chunk.size, known.header == chunk.header, known.entity == chunk.entity else {
                release(before)
                return .refused(.badRequest, "chunk \(chunk.number) contradicts the chunks before it")
            }
        } else {
            if let refusal = refusal(ofFirst: chunk) { return refusal }
            before = 0
            set = Set(
                header: chunk.header, count: chunk.count, size: chunk.size, entity: chunk.entity, deadline: now + limits.staleChunksAfter,
                whole: Chunk.beginning(of: chunk.header, entity: chunk.entity))
            set.kept = set.whole.readableBytes + ChunkAssembler.overhead
        }
        set.add(chunk.number, chunk.data)
        guard set.length <= limits.maximumMessageSize else {
            release(before)
            return .refused(.entityTooLarge, "the message is longer than \(limits.maximumMessageSize) bytes")
        }
        guard !set.isComplete else {
            release(before)
            return .complete(set.whole)
        }
        release(before)
        guard kept + set.kept <= limits.maximumIncomplete, limits.incomplete.take(set.kept) else {
            return .refused(.serviceUnavailable, "messages that are not complete take \(kept) bytes already")
        }
        kept += set.kept
        sets[key] = set
        return .incomplete
    }

    private func refusal(ofFirst chunk: Chunk) -> Outcome? {
        if let entity = chunk.entity, entity.name.utf8.count > limits.input.nameBytes {
            return .refused(.entityTooLarge, "an entity name of more than \(limits.input.nameBytes) bytes")
        }
        // What the fewest bytes of so many chunks come to; the last one may be short or empty.
        let capacity = max(1, Int(chunk.size) - Chunk.overhead - (chunk.entity.map { $0.name.utf8.count + 2 } ?? 0))
        guard (Int(chunk.count) - 1) * capacity <= limits.maximumMessageSize else {
            return .refused(
                .entityTooLarge, "\(chunk.count) chunks of \(chunk.size) bytes are more than \(limits.maximumMessageSize) bytes")
        }
        guard sets.count < limits.maximumChunkSets else {
            return .refused(.serviceUnavailable, "\(sets.count) messages are incomplete already")
        }
        return nil
    }

    private mutating func release(_ bytes: Int) {
        kept -= bytes
        limits.incomplete.give(bytes)
    }

    /// Drops sets that stayed incomplete and returns their headers.
    mutating func expire(_ now: NIODeadline) -> [Header] {
        let stale = sets.filter { $0.value.deadline <= now }
        for (key, set) in stale {
            sets[key] = nil
            release(set.kept)
        }
        return stale.values.map(\.header)
    }

    mutating func removeAll() {
        sets = [:]
        release(kept)
    }
}
