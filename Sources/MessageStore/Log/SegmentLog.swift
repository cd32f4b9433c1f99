package import NIOCore
package import Secrets

/// What a store holds at most, and for how long.
package struct StoreLimits: Sendable, Equatable {
    package enum WhenFull: Sendable, Equatable {
        case refuseNewest
        case dropOldest
    }

    /// Bytes of all messages together, with what surrounds them on disk.
    package var maximumSize = 65_535
    /// nil: for ever. In milliseconds.
    package var maximumAge: Int64?
    package var whenFull = WhenFull.refuseNewest

    package init() {}

    /// A file is closed at this size, and removed when nothing in it is wanted any more.
    var segmentSize: Int { min(max(maximumSize / 16, 16_384), 16 << 20) }
}

/// A message that is to be stored.
package struct NewMessage: Sendable {
    /// Messages of one key keep their order. At most 65,535 bytes.
    package var key: String
    /// A byte of the owner's.
    package var label: UInt8
    package var payload: ByteBuffer
    package var time: StoredTime

    package init(key: String, label: UInt8 = 0, payload: ByteBuffer, time: StoredTime) {
        self.key = key
        self.label = label
        self.payload = payload
        self.time = time
    }
}

/// A message that was stored.
package struct StoredMessage: Sendable {
    /// Where it lies.
    package struct Place: Sendable, Hashable, Comparable {
        package var segment: UInt64
        package var sequence: UInt64

        package init(segment: UInt64, sequence: UInt64) {
            self.segment = segment
            self.sequence = sequence
        }

        package static func < (left: Place, right: Place) -> Bool { left.sequence < right.sequence }
    }

    package var place: Place
    package var key: String
    package var label: UInt8
    package var time: StoredTime
    /// Whether the machine has not been started anew since: then `time.uptime` compares with that of now.
    package var isOfThisBoot: Bool
    package var payload: ByteBuffer
    /// Bytes that it takes of the store.
    package var size: Int

    package init(place: Place, key: String, label: UInt8, time: StoredTime, isOfThisBoot: Bool, payload: ByteBuffer, size: Int) {
        self.place = place
        self.key = key
        self.label = label
        self.time = time
        self.isOfThisBoot = isOfThisBoot
        self.payload = payload
        self.size = size
    }
}

/// What happened to a store that its owner is to say in the log.
package enum StoreReport: Sendable, Equatable {
    /// Something could not be read and was set aside. `messages`: how many it held; nil where nothing tells.
    case damaged(messages: Int?, bytes: Int, file: String)
    /// The end of a file was not written whole, as after a power cut.
    case torn(bytes: Int, file: String)
    /// Messages that were sealed with a key that is not there.
    case unopened(messages: Int, file: String)
    /// A file of another version.
    case foreign(file: String)
    /// What should have been done and did not work, and does no harm yet.
    case failed(String)
}

/// A durable queue in a directory: files that are only written at their end, each removed when nothing in it is wanted any more.
///
/// What `append` has taken outlasts a power cut. What `remove` has taken outlasts the process; after a power cut it may be there again.
/// Damage costs what is damaged. Every call does its work at once, on the caller's thread.
package final class SegmentLog {
    /// A place between two messages, from which reading goes on.
    package struct Cursor: Sendable, Equatable {
        var segment: UInt64 = 0
        var generation = 0
        var offset = 0

        package init() {}
    }

    let files: any StoreFiles
    let clock: any StoreClock
    let ring: KeyRing?
    package var limits: StoreLimits
    private let random: () -> [UInt8]
    /// Another process owns the store: nothing is changed.
    let isReading: Bool
    var segments: [Segment] = []
    var active: ActiveSegment?
    var nextSequence: UInt64 = 1
    var nextNumber: UInt64 = 1
    /// The file that was read last.
    var reading: (number: UInt64, generation: Int, file: any StoreFile)?
    /// Files that removals are written to, of the segments that were last asked for.
    var removalFiles: [UInt64: any StoreFile] = [:]
    var sealers: [UInt64: RecordSealer] = [:]
    /// Messages that are there, by key.
    package internal(set) var counts: [String: Int] = [:]
    package internal(set) var messages = 0
    package internal(set) var bytes = 0
    /// Messages by key that went by other ways than `remove`, since it was last asked.
    var gone: [String: Int] = [:]
    var reports: [StoreReport] = []
    package internal(set) var expired = 0
    package internal(set) var dropped = 0

    /// The segment that is being written.
    struct ActiveSegment {
        let file: any StoreFile
        var isDirty = false
    }

    /// Opens what is in the directory: in proportion to the number of files, not of messages.
    ///
    /// - Parameter ring: seals what is stored; nil leaves it clear. Sealed messages open with it in either case.
    /// - Parameter isSealing: whether new messages are sealed.
    /// - Parameter isReading: nothing is changed, as another process owns the directory.
    /// - Parameter random: 16 bytes, other ones each time.
    /// - Throws: `StoreFailure` where the directory cannot be listed. Whatever is wrong with files in it does not keep it from opening.
    package init(
        files: any StoreFiles, clock: any StoreClock = SystemClock(), ring: KeyRing?, isSealing: Bool = true, limits: StoreLimits, isReading: Bool = false,
        random: @escaping () -> [UInt8] = { var generator = SystemRandomNumberGenerator(); return (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) } }
    ) throws(StoreFailure) {
        self.files = files
        self.clock = clock
        self.ring = ring
        self.isSealing = isSealing && ring != nil
        self.limits = limits
        self.random = random
        self.isReading = isReading
        try load()
    }

    package var isSealing: Bool

    /// What there is to say since it was last asked.
    package func takeReports() -> [StoreReport] {
        defer { reports = [] }
        return reports
    }

    func note(_ report: StoreReport) { reports.append(report) }

    /// How many messages of each key expired, were dropped or damaged since it was last asked.
    package func takeGone() -> [String: Int] {
        defer { gone = [:] }
        return gone
    }

    package var fileCount: Int { segments.count }

    // MARK: Appending

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
            for ((index, _), sequence) in zip(taken, sequences) { results[index] = .success(.init(segment: segments[segments.count - 1].number, sequence: sequence)) }
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
        if bytes + claimed + size > limits.maximumSize, limits.whenFull == .dropOldest { dropOldest(bytes + claimed + size - limits.maximumSize) }
        guard bytes + claimed + size > limits.maximumSize else { return nil }
        return StoreFailure(.full, "the store is full: \(messages) messages take \(bytes) of \(limits.maximumSize) bytes")
    }

    private func write(_ new: [(message: NewMessage, size: Int)], bytes size: Int, sync: Bool) throws(StoreFailure) -> [UInt64] {
        if let last = segments.last, active != nil, last.messages > 0, last.end + size > limits.segmentSize { closeActive() }
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
                sequence: first + UInt64(index), time: message.time, label: message.label, isSealed: sealer != nil, key: message.key, payload: message.payload)
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

    func newSalt() -> [UInt8] { random() }

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

    func sealer(of header: SegmentHeader) -> RecordSealer? {
        if let sealer = sealers[header.number] { return sealer }
        guard let ring else { return nil }
        if sealers.count > 8 { sealers = [:] }
        let sealer = RecordSealer(ring, salt: header.salt)
        sealers[header.number] = sealer
        return sealer
    }

    // MARK: Removing

    /// Removes messages that are done with.
    ///
    /// - Returns: how many of each key there were.
    @discardableResult
    package func remove(_ done: [StoredMessage]) -> [String: Int] {
        var removed: [String: Int] = [:]
        for (number, messages) in Dictionary(grouping: done, by: \.place.segment).sorted(by: { $0.key < $1.key }) {
            guard let index = segments.firstIndex(where: { $0.number == number }) else { continue }
            var buffer = ByteBuffer()
            for message in messages {
                guard let key = segments[index].index(ofKnown: message.key) else { continue }
                let removal = SegmentRemoval(sequence: message.place.sequence, key: key, bytes: message.size)
                guard take(removal, from: index) else { continue }
                removal.encode(into: &buffer, seed: segments[index].header.seed)
                removed[message.key, default: 0] += 1
            }
            note(buffer, of: segments[index].number, isLast: segments[index].live == 0)
        }
        dropEmptySegments()
        tidy()
        return removed
    }

    /// - Returns: whether it was there.
    func take(_ removal: SegmentRemoval, from index: Int) -> Bool {
        guard segments[index].remove(removal.sequence, key: removal.key, bytes: removal.bytes) else { return false }
        let key = segments[index].tallies[removal.key].name
        messages -= 1
        bytes -= removal.bytes
        if let count = counts[key], count > 1 { counts[key] = count - 1 } else { counts[key] = nil }
        return true
    }

    /// Writes removals down. Those of a file that goes at once need not be.
    private func note(_ removals: ByteBuffer, of number: UInt64, isLast: Bool) {
        guard removals.readableBytes > 0, !isLast || segments.last?.number == number else { return }
        do throws(StoreFailure) {
            if removalFiles[number] == nil {
                if removalFiles.count > 8 { removalFiles = [:] }
                removalFiles[number] = try removalFile(of: number)
            }
            try removalFiles[number]?.append(removals)
        } catch {
            // The worst that follows is that messages are delivered again after a start.
            removalFiles[number] = nil
            reports.append(.failed("\(error)"))
        }
    }

    private func removalFile(of number: UInt64) throws(StoreFailure) -> any StoreFile {
        let name = SegmentFormat.removalsName(of: number)
        guard try files.names().contains(name) else { return try files.create(name) }
        let file = try files.open(name)
        let seed = segments.first { $0.number == number }?.header.seed ?? 0
        let end = SegmentRemoval.list(try file.read(at: 0, count: file.size), seed: seed).end
        if end < file.size { try file.truncate(to: end) }
        return file
    }
}
