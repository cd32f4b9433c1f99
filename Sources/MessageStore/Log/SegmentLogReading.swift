import NIOCore
import Secrets

extension SegmentLog {
    /// What a look into the store found.
    package struct Found: Sendable {
        package var messages: [StoredMessage] = []
        /// From where the next look goes on.
        package var cursor = Cursor()
        /// Whether there was nothing more behind the cursor.
        package var isAtEnd = false

        package init() {}
    }

    private static let pieceSize = 262_144

    /// The messages behind a cursor in the order in which they were stored: at least one where there is one, about `bytes` at most.
    ///
    /// - Parameter isWanted: asked for each message that is there, with its key.
    package func read(from start: Cursor, bytes most: Int, messages count: Int = .max, isWanted: (String, UInt64) -> Bool) -> Found {
        var found = Found()
        found.cursor = start
        var size = 0
        while size < most, found.messages.count < count {
            guard
                let index = segments.firstIndex(where: {
                    $0.number >= found.cursor.segment && ($0.number > found.cursor.segment || mayHoldMore($0, found.cursor))
                })
            else {
                found.isAtEnd = true
                break
            }
            let segment = segments[index]
            if found.cursor.segment != segment.number || found.cursor.generation != segment.generation
                || found.cursor.offset < SegmentFormat.headerSize
            {
                found.cursor.segment = segment.number
                found.cursor.generation = segment.generation
                found.cursor.offset = SegmentFormat.headerSize
            }
            guard segment.tallies.contains(where: { $0.live > 0 && isWanted($0.name, .max) }) else {
                found.cursor.offset = segment.end
                continue
            }
            readPiece(of: index, into: &found, size: &size, most, count, isWanted)
        }
        return found
    }

    private func mayHoldMore(_ segment: Segment, _ cursor: Cursor) -> Bool {
        cursor.generation != segment.generation || cursor.offset < segment.end
    }

    private func readPiece(
        of index: Int, into found: inout Found, size: inout Int, _ most: Int, _ count: Int, _ isWanted: (String, UInt64) -> Bool
    ) {
        let segment = segments[index]
        let seed = segment.header.seed
        var wanted = SegmentLog.pieceSize
        while true {
            let offset = found.cursor.offset
            let piece = contents(of: segment, from: offset, count: min(wanted, segment.end - offset))
            var position = piece.readerIndex
            let end = piece.writerIndex
            while position < end, size < most, found.messages.count < count {
                switch piece.frame(at: position, seed: seed) {
                case .body(kind: 1, let body, let length):
                    guard let message = SegmentMessage(body) else { return mend(index, at: found.cursor.offset) }
                    // A file that was mended meanwhile is read from its beginning again.
                    let isNew = message.sequence > found.messages.last?.place.sequence ?? 0
                    if isNew, !segment.isRemoved(message.sequence), isWanted(message.key, message.sequence) {
                        guard let stored = stored(message, size: length, in: segment) else { return setUnopenedAside(index) }
                        found.messages.append(stored)
                        size += length
                    }
                    position += length
                    found.cursor.offset += length
                case .body(_, _, let length):
                    position += length
                    found.cursor.offset += length
                case .incomplete(let length) where found.cursor.offset + length <= segment.end:
                    // The piece ends within it.
                    if position > piece.readerIndex { return }
                    wanted = length
                    position = end + 1
                case .incomplete, .none:
                    if let end = segment.holes[found.cursor.offset] {
                        found.cursor.offset = end
                        return
                    }
                    return mend(index, at: found.cursor.offset)
                }
            }
            if position <= end { return }
        }
    }

    private func stored(_ message: SegmentMessage, size: Int, in segment: Segment) -> StoredMessage? {
        var payload = message.payload
        if message.isSealed {
            guard let plain = sealer(of: segment.header)?.open(payload, number: message.sequence, associated: message.associated) else {
                return nil
            }
            payload = plain
        }
        return StoredMessage(
            place: .init(segment: segment.number, sequence: message.sequence), key: message.key, label: message.label, time: message.time,
            isOfThisBoot: segment.header.boot == clock.boot, payload: payload, size: size)
    }

    /// Bytes of a segment. Where the disk gives none back they are zero, so that only those are lost.
    func contents(of segment: Segment, from offset: Int, count: Int) -> ByteBuffer {
        let name = SegmentFormat.name(of: segment.number)
        do throws(StoreFailure) {
            let file = try self.file(of: segment)
            do throws(StoreFailure) { return padded(try file.read(at: offset, count: count), to: count) } catch {
                reports.append(.failed("\(error)"))
                var bytes = ByteBufferAllocator().buffer(capacity: count)
                var position = offset
                while position < offset + count {
                    let size = min(4096 - position % 4096, offset + count - position)
                    let block = try? file.read(at: position, count: size)
                    bytes.writeImmutableBuffer(padded(block ?? ByteBuffer(), to: size))
                    position += size
                }
                return bytes
            }
        } catch {
            reports.append(.failed("\(name): \(error)"))
            return padded(ByteBuffer(), to: count)
        }
    }

    private func file(of segment: Segment) throws(StoreFailure) -> any StoreFile {
        if let active, segments.last?.number == segment.number { return active.file }
        if let open = reading, open.number == segment.number, open.generation == segment.generation { return open.file }
        let file = try files.open(SegmentFormat.name(of: segment.number))
        reading = (segment.number, segment.generation, file)
        return file
    }

    private func padded(_ bytes: ByteBuffer, to count: Int) -> ByteBuffer {
        guard bytes.readableBytes < count else { return bytes }
        var bytes = bytes
        bytes.writeRepeatingByte(0, count: count - bytes.readableBytes)
        return bytes
    }

    /// Whatever can be read in a segment, from its beginning to its end.
    func messages(of segment: Segment) -> (messages: [(message: SegmentMessage, size: Int)], bad: [Range<Int>]) {
        let bytes = contents(of: segment, from: 0, count: segment.end)
        return SegmentScan.all(bytes, from: SegmentFormat.headerSize, seed: segment.header.seed)
    }
}

/// Looking for messages in bytes of which some may be damaged.
enum SegmentScan {
    static func all(
        _ bytes: ByteBuffer, from start: Int, seed: UInt32
    ) -> (
        messages: [(message: SegmentMessage, size: Int)], bad: [Range<Int>]
    ) {
        var found: [(message: SegmentMessage, size: Int)] = []
        var bad: [Range<Int>] = []
        var position = bytes.readerIndex + start
        while position < bytes.writerIndex {
            switch bytes.frame(at: position, seed: seed) {
            case .body(kind: 1, let body, let size):
                if let message = SegmentMessage(body) { found.append((message, size)) }
                position += size
            case .body(_, _, let size): position += size
            case .incomplete, .none:
                let next = nextFrame(in: bytes, after: position, seed: seed)
                bad.append(position - bytes.readerIndex..<next - bytes.readerIndex)
                position = next
            }
        }
        return (found, bad)
    }

    /// Where the next whole frame begins; the end where there is none.
    private static func nextFrame(in bytes: ByteBuffer, after start: Int, seed: UInt32) -> Int {
        var position = start + 1
        let first = UInt8(truncatingIfNeeded: SegmentFormat.mark >> 24)
        while position < bytes.writerIndex {
            guard let view = bytes.viewBytes(at: position, length: bytes.writerIndex - position), let next = view.firstIndex(of: first)
            else { break }
            position = next
            if case .body = bytes.frame(at: position, seed: seed) { return position }
            position += 1
        }
        return bytes.writerIndex
    }
}
