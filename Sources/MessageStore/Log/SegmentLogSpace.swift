import Formats
import NIOCore
import Secrets

/// What is not wanted any more, or cannot be read: giving space back, and setting damage aside.
extension SegmentLog {
    // MARK: Age and size

    /// Removes what is older than `limits.maximumAge`.
    ///
    /// - Returns: in how many milliseconds the oldest message will be; nil where there is none, or nothing gets too old.
    package func expire() -> Int64? {
        guard let most = limits.maximumAge else { return nil }
        while true {
            let found = read(from: Cursor(), bytes: 65_536, isWanted: { _, _ in true })
            var old: [StoredMessage] = []
            for message in found.messages {
                let age = age(of: message)
                guard age >= most else {
                    forget(old, &expired)
                    return most - age
                }
                old.append(message)
            }
            forget(old, &expired)
            if found.isAtEnd || old.isEmpty { return nil }
        }
    }

    /// Milliseconds since it was stored. A wall clock that was set meanwhile does not count where there is a better one.
    private func age(of message: StoredMessage) -> Int64 {
        let now = clock.now
        return message.isOfThisBoot ? now.uptime - message.time.uptime : max(now.wall - message.time.wall, 0)
    }

    func dropOldest(_ wanted: Int) {
        var freed = 0
        while freed < wanted {
            let found = read(from: Cursor(), bytes: wanted - freed, isWanted: { _, _ in true })
            guard !found.messages.isEmpty else { return }
            freed += found.messages.reduce(0) { $0 + $1.size }
            forget(found.messages, &dropped)
        }
    }

    private func forget(_ messages: [StoredMessage], _ counter: inout Int) {
        for (key, count) in remove(messages) {
            counter += count
            gone[key, default: 0] += count
        }
    }

    // MARK: Files

    /// Files in which nothing is wanted go, except the one that is being written.
    func dropEmptySegments() {
        guard !isReading else { return }
        let empty = segments.filter { $0.live == 0 && !(active != nil && $0.number == segments.last?.number) }
        guard !empty.isEmpty else { return }
        segments.removeAll { segment in empty.contains { $0.number == segment.number } }
        do throws(StoreFailure) {
            for segment in empty { try files.remove(SegmentFormat.name(of: segment.number)) }
            // Were the removals gone first, a power cut would bring all the messages back.
            try files.syncDirectory()
            for segment in empty {
                removalFiles[segment.number] = nil
                sealers[segment.number] = nil
                try files.remove(SegmentFormat.removalsName(of: segment.number))
            }
        } catch {
            reports.append(.failed("\(error)"))
        }
    }

    /// A file of which little is wanted is written anew where files take much more room than what is in them.
    func tidy() {
        let onDisk = segments.reduce(0) { $0 + $1.end }
        guard onDisk > 2 * bytes + 2 * limits.segmentSize else { return }
        let lastIndex = active == nil ? segments.count : segments.count - 1
        guard let index = segments[..<lastIndex].indices.first(where: { segments[$0].liveBytes * 4 < segments[$0].end }) else { return }
        let (found, _) = messages(of: segments[index])
        rewrite(index, with: found)
    }

    /// Puts a file in the place of a segment that holds the wanted ones of these messages alone.
    func rewrite(_ index: Int, with found: [(message: SegmentMessage, size: Int)]) {
        let old = segments[index]
        let header = SegmentHeader(number: old.number, firstSequence: old.header.firstSequence, boot: old.header.boot, salt: random())
        var new = Segment(header: header)
        new.generation = old.generation + 1
        new.lastSequence = old.lastSequence
        var bytes = header.encoded
        for (message, size) in found where !old.isRemoved(message.sequence) {
            var message = message
            if message.isSealed {
                guard let plain = sealer(of: old.header)?.open(message.payload, number: message.sequence, associated: message.associated),
                    let sealer = ring.map({ RecordSealer($0, salt: header.salt) })
                else { continue }
                message.payload = sealer.seal(plain, number: message.sequence, associated: message.associated)
            }
            message.encode(into: &bytes, seed: header.seed)
            _ = new.add(key: message.key, bytes: size)
        }
        new.end = bytes.readableBytes
        bytes.writeImmutableBuffer(new.footer.encoded(at: new.end, header: header))
        let name = SegmentFormat.rewriteName(of: old.number)
        do throws(StoreFailure) {
            try? files.remove(name)
            let file = try files.create(name)
            try file.append(bytes)
            try file.sync()
            try files.rename(name, to: SegmentFormat.name(of: old.number))
        } catch {
            try? files.remove(name)
            return reports.append(.failed("\(error)"))
        }
        // Either file will do after a power cut: both hold all that is wanted.
        do throws(StoreFailure) { try files.syncDirectory() } catch { reports.append(.failed("\(error)")) }
        // Its removals were of the file that is gone; they say nothing of this one, as it has another salt.
        removalFiles[old.number] = nil
        sealers[old.number] = nil
        try? files.remove(SegmentFormat.removalsName(of: old.number))
        segments[index] = new
        dropEmptySegments()
    }

    // MARK: Damage

    /// Something at an offset of a segment is no message: what is damaged is kept aside, what is whole stays.
    func mend(_ index: Int, at offset: Int) {
        let segment = segments[index]
        let bytes = contents(of: segment, from: 0, count: segment.end)
        let (found, bad) = SegmentScan.all(bytes, from: SegmentFormat.headerSize, seed: segment.header.seed)
        let lost = lostMessages(of: index, found)
        for range in bad {
            let isFirst = range.lowerBound == bad.first?.lowerBound
            keepDamaged(
                bytes.getSlice(at: range.lowerBound, length: range.count) ?? ByteBuffer(), of: segment.number, at: range.lowerBound,
                messages: isFirst ? lost : 0)
            segments[index].holes[range.lowerBound] = range.upperBound
        }
        if bad.isEmpty { segments[index].holes[offset] = segment.end }
        let isActive = active != nil && index == segments.count - 1
        if !isActive, !isReading { rewrite(index, with: found) }
    }

    /// Takes out of the counts what is not to be found any more.
    private func lostMessages(of index: Int, _ found: [(message: SegmentMessage, size: Int)]) -> Int {
        var there: [String: (messages: Int, bytes: Int)] = [:]
        for (message, size) in found where !segments[index].isRemoved(message.sequence) {
            there[message.key, default: (0, 0)].messages += 1
            there[message.key, default: (0, 0)].bytes += size
        }
        var lost = 0
        for tally in segments[index].tallies where tally.live > there[tally.name]?.messages ?? 0 {
            let missing = tally.live - (there[tally.name]?.messages ?? 0)
            lose(missing, tally.liveBytes - (there[tally.name]?.bytes ?? 0), key: tally.name)
            segments[index].correct(tally.name, live: there[tally.name]?.messages ?? 0, bytes: there[tally.name]?.bytes ?? 0)
            lost += missing
        }
        return lost
    }

    private func lose(_ count: Int, _ size: Int, key: String) {
        messages -= count
        bytes -= size
        gone[key, default: 0] += count
        let left = (counts[key] ?? 0) - count
        counts[key] = left > 0 ? left : nil
    }

    /// Messages that were sealed with a key that is not there: the file waits for it under another name.
    func setUnopenedAside(_ index: Int) {
        let segment = segments[index]
        if active != nil, index == segments.count - 1 { closeActive() }
        let name = SegmentFormat.name(of: segment.number)
        let kept = "unopened-\(dateText)-\(name)"
        if !isReading { do throws(StoreFailure) { try files.rename(name, to: kept) } catch { reports.append(.failed("\(error)")) } }
        for tally in segment.tallies where tally.live > 0 { lose(tally.live, tally.liveBytes, key: tally.name) }
        segments.removeAll { $0.number == segment.number }
        reports.append(.unopened(messages: segment.live, file: kept))
    }

    func keepDamaged(_ bytes: ByteBuffer, of number: UInt64, at offset: Int, messages: Int?) {
        let name = "damaged-\(dateText)-\(number)-\(offset).bin"
        reports.append(.damaged(messages: messages, bytes: bytes.readableBytes, file: name))
        guard !isReading else { return }
        do throws(StoreFailure) { try files.create(name).append(bytes) } catch { reports.append(.failed("\(error)")) }
    }

    /// For names of files: no colons.
    var dateText: String { UTCTime(milliseconds: clock.now.wall).iso8601.filter { $0 != ":" } }
}
