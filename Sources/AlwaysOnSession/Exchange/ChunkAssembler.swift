import AlwaysOn
import NIOCore

/// Puts chunks together (alwayson.md §2). Sets are told apart by request id and direction, so they may interleave.
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
        var parts: [UInt16: ByteBuffer] = [:]
        var length = 0
    }

    private let limits: SessionLimits
    private var sets: [Key: Set] = [:]

    init(limits: SessionLimits) { self.limits = limits }

    var earliestDeadline: NIODeadline { sets.values.lazy.map(\.deadline).min() ?? .distantFuture }

    mutating func add(_ chunk: Chunk, now: NIODeadline) -> Outcome {
        let key = Key(requestID: chunk.header.requestID, isRequest: chunk.header.isRequest)
        var set: Set
        if let known = sets[key] {
            guard known.count == chunk.count, known.size == chunk.size, known.header == chunk.header, known.entity == chunk.entity
            else {
                sets[key] = nil
                return .refused(.badRequest, "chunk \(chunk.number) contradicts the chunks before it")
            }
            set = known
        } else {
            // What the fewest bytes of so many chunks come to; the last one may be short or empty.
            let capacity = max(1, Int(chunk.size) - Chunk.overhead - (chunk.entity.map { $0.name.utf8.count + 2 } ?? 0))
            guard (Int(chunk.count) - 1) * capacity <= limits.maximumMessageSize else {
                return .refused(.entityTooLarge, "\(chunk.count) chunks of \(chunk.size) bytes are more than \(limits.maximumMessageSize) bytes")
            }
            guard sets.count < limits.maximumChunkSets else {
                return .refused(.serviceUnavailable, "\(sets.count) messages are incomplete already")
            }
            set = Set(
                header: chunk.header, count: chunk.count, size: chunk.size, entity: chunk.entity,
                deadline: now + limits.staleChunksAfter)
        }
        if let before = set.parts.updateValue(chunk.data, forKey: chunk.number) { set.length -= before.readableBytes }
        set.length += chunk.data.readableBytes
        guard set.length <= limits.maximumMessageSize else {
            sets[key] = nil
            return .refused(.entityTooLarge, "the message is longer than \(limits.maximumMessageSize) bytes")
        }
        guard set.parts.count == Int(set.count) else {
            sets[key] = set
            return .incomplete
        }
        sets[key] = nil
        return .complete(Chunk.join(header: set.header, entity: set.entity, parts: (1...set.count).compactMap { set.parts[$0] }))
    }

    /// Drops sets that stayed incomplete and returns their headers.
    mutating func expire(_ now: NIODeadline) -> [Header] {
        let stale = sets.filter { $0.value.deadline <= now }
        for key in stale.keys { sets[key] = nil }
        return stale.values.map(\.header)
    }
}
