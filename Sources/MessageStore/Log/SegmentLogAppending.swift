import NIOCore
import Secrets

/// Writing messages: only ever at the end of a file, and never to one of which an error was told.
extension SegmentLog {
    /// Stores messages, all of them with one write and one sync.
    ///
    /// - Returns: for each where it lies, or why it was not taken.
    package func append(_ new: [NewMessage], sync: Bool = true) -> [Result<StoredMessage.Place, StoreFailure>] {
        var results: [Result<StoredMessage.Place, StoreFailure>] = []
        var start = 0
        while start < new.count {
            // A batch that is larger than a file goes into several.
            var end = start
            var size = 0
            while end < new.count, end == start || size < limits.segmentSize {
                size += self.size(of: new[end])
                end += 1
            }
            results += appendGroup(new[start..<end], sync: sync)
            start = end
        }
        return results
    }

    private func size(of message: NewMessage) -> Int {
        SegmentMessage.size(key: message.key.utf8.count, payload: message.payload.readableBytes, isSealed: isSealing)
    }

    private func appendGroup(_ new: ArraySlice<NewMessage>, sync: Bool) -> [Result<StoredMessage.Place, StoreFailure>] {
        var taken: [(index: Int, size: Int)] = []
        var results: [Result<StoredMessage.Place, StoreFailure>] = []
        var claimed = 0
        for (index, message) in new.enumerated() {
            let size = self.size(of: message)
            if let refusal = refusal(size, claimed: claimed, key: message.key) {
                results.append(.failure(refusal))
                continue
            }
            claimed += size
            taken.append((index, size))
            results.append(.failure(StoreFailure(.closed, "not written")))
        }
        guard !taken.isEmpty else { return results }
        do {
            let sequences = try write(taken.map { (new[new.startIndex + $0.index], $0.size) }, bytes: claimed, sync: sync)
            for ((index, _), sequence) in zip(taken, sequences) {
                results[index] = .success(.init(segment: segments[segments.count - 1].number, sequence: sequence))
            }
        } catch {
            for (index, _) in taken { results[index] = .failure(error) }
        }
        return results
    }

    /// Why a message of so many bytes is not taken; room is made for it where that is wanted.
    private func refusal(_ size: Int, claimed: Int, key: String) -> StoreFailure? {
        guard size <= limits.maximumSize, size <= SegmentFormat.longestBody, key.utf8.count <= Int(UInt16.max) else {
            return StoreFailure(.tooLarge, "a message takes \(size) bytes, the store holds \(limits.maximumSize)")
        }
        if bytes + claimed + size > limits.maximumSize, limits.whenFull == .dropOldest {
            dropOldest(bytes + claimed + size - limits.maximumSize)
        }
        guard bytes + claimed + size > limits.maximumSize else { return nil }
        return StoreFailure(.full, "the store is full: \(messages) messages take \(bytes) of \(limits.maximumSize) bytes")
    }

    private func write(_ new: [(message: NewMessage, size: Int)], bytes size: Int, sync: Bool) throws(StoreFailure) -> [UInt64] {
        if let last = segments.last, active != nil, last.messages > 0,
            last.end + size > limits.segmentSize || !last.header.numbers.contains(nextSequence + UInt64(new.count))
        {
            closeActive()
        }
        let isNew = active == nil
        if isNew { try begin() }
        guard let active else { throw StoreFailure(.closed, "the store has no file to write to") }
        let last = segments.count - 1
        let header = segments[last].header
        let sealer = isSealing ? self.sealer(of: header) : nil
        var buffer = ByteBufferAllocator().buffer(capacity: size + SegmentFormat.headerSize)
        if isNew { buffer.writeImmutableBuffer(header.encoded) }
        let first = nextSequence
        for (index, (message, _)) in new.enumerated() {
            var record = SegmentMessage(
                sequence: first + UInt64(index), time: message.time, label: message.label, isSealed: sealer != nil, key: message.key,
                payload: message.payload)
            if let sealer { record.payload = sealer.seal(message.payload, number: record.sequence, associated: record.associated) }
            record.encode(into: &buffer, seed: header.seed)
        }
        // A number is used once, also where its message does not get to the disk: nonces are made of them.
        nextSequence += UInt64(new.count)
        do {
            try active.file.append(buffer)
            if sync { try active.file.sync() } else { self.active?.isDirty = true }
            if isNew { try files.syncDirectory() }
        } catch {
            abandonActive()
            throw error
        }
        segments[last].end = active.file.size
        segments[last].lastSequence = nextSequence - 1
        for (message, size) in new {
            _ = segments[last].add(key: message.key, bytes: size)
            counts[message.key, default: 0] += 1
        }
        messages += new.count
        bytes += size
        return (0..<new.count).map { first + UInt64($0) }
    }

    private func begin() throws(StoreFailure) {
        let header = SegmentHeader(number: nextNumber, firstSequence: nextSequence, boot: clock.boot, salt: random())
        let file = try files.create(SegmentFormat.name(of: header.number))
        nextNumber += 1
        segments.append(Segment(header: header))
        active = ActiveSegment(file: file)
    }

    /// After an error nobody knows what of a write got to the disk, nor whether the next sync would tell: the file is left as it was
    /// before, and nothing is written to it any more.
    private func abandonActive() {
        guard let active, let last = segments.last else { return }
        self.active = nil
        if last.messages == 0 {
            segments.removeLast()
            try? files.remove(SegmentFormat.name(of: last.number))
        } else {
            do { try active.file.truncate(to: last.end) } catch { reports.append(.failed("\(error)")) }
        }
    }

    /// Makes outlast a power cut what was appended without a sync.
    package func sync() throws(StoreFailure) {
        guard let active, active.isDirty else { return }
        do {
            try active.file.sync()
            self.active?.isDirty = false
        } catch {
            closeActive()
            throw error
        }
    }

    func closeActive() {
        guard let active, let last = segments.last else { return }
        self.active = nil
        do {
            if active.isDirty { try active.file.sync() }
            // Without a footer the file is read from its beginning at the next start.
            try active.file.append(last.footer.encoded(at: last.end, header: last.header))
        } catch {
            reports.append(.failed("\(error)"))
        }
        dropEmptySegments()
    }

    /// Closes the file that is being written, so that the next start reads no messages.
    package func close() {
        closeActive()
        removalFiles = [:]
    }
}
