import NIOCore

/// Opening what an earlier run left, whole or not.
extension SegmentLog {
    func load() throws(StoreFailure) {
        let names = try files.names()
        let present = Set(names)
        var scanned: [UInt64: [(message: SegmentMessage, size: Int)]] = [:]
        if !isReading { for name in names where name.hasSuffix(".new") { try? files.remove(name) } }
        for number in names.compactMap({ SegmentFormat.number(of: $0) }).sorted() {
            nextNumber = max(nextNumber, number + 1)
            guard var segment = open(number, &scanned) else { continue }
            if present.contains(SegmentFormat.removalsName(of: number)) { applyRemovals(to: &segment, scanned[number]) }
            nextSequence = max(nextSequence, segment.lastSequence + 1)
            segments.append(segment)
            messages += segment.live
            bytes += segment.liveBytes
            for tally in segment.tallies where tally.live > 0 { counts[tally.name, default: 0] += tally.live }
        }
        guard !isReading else { return }
        for (number, found) in scanned.sorted(by: { $0.key < $1.key }) {
            guard let index = segments.firstIndex(where: { $0.number == number }), !segments[index].holes.isEmpty else { continue }
            rewrite(index, with: found)
        }
        let numbers = Set(segments.map { SegmentFormat.removalsName(of: $0.number) })
        for name in names where name.hasSuffix(".ack") && !numbers.contains(name) { try? files.remove(name) }
        dropEmptySegments()
    }

    private func open(_ number: UInt64, _ scans: inout [UInt64: [(message: SegmentMessage, size: Int)]]) -> Segment? {
        let name = SegmentFormat.name(of: number)
        do throws(StoreFailure) {
            let file = try files.open(name)
            let size = file.size
            let tail =
                size >= SegmentFormat.headerSize + SegmentFormat.trailerSize
                ? try? file.read(at: size - SegmentFormat.trailerSize, count: SegmentFormat.trailerSize) : nil
            let copy = tail.flatMap { $0.getSlice(at: 12, length: SegmentFormat.headerSize) }
            let front = (try? file.read(at: 0, count: SegmentFormat.headerSize)) ?? ByteBuffer()
            guard let header = SegmentHeader(front) ?? copy.flatMap({ SegmentHeader($0) }), header.number == number else {
                return setAside(name, front, size: size)
            }
            if let tail, let segment = closed(header, file, size, tail) { return segment }
            let (segment, found) = scanned(header, file, size)
            scans[number] = found
            if segment.holes.isEmpty { finish(segment, file) }
            return segment
        } catch {
            reports.append(.failed("\(error)"))
            return nil
        }
    }

    /// A segment that was closed in order says itself what is in it.
    private func closed(_ header: SegmentHeader, _ file: any StoreFile, _ size: Int, _ tail: ByteBuffer) -> Segment? {
        guard let start = tail.getInteger(at: 0, as: UInt64.self), tail.getInteger(at: 8) == SegmentFormat.footerMark,
            start >= UInt64(SegmentFormat.headerSize), start < UInt64(size - SegmentFormat.trailerSize)
        else { return nil }
        let offset = Int(start)
        guard let bytes = try? file.read(at: offset, count: size - SegmentFormat.trailerSize - offset),
            case .body(kind: 2, let body, _) = bytes.frame(at: 0, seed: header.seed), let footer = SegmentFooter(body),
            header.numbers.contains(footer.lastSequence)
        else { return nil }
        var segment = Segment(header: header)
        segment.end = offset
        segment.lastSequence = max(footer.lastSequence, segment.lastSequence)
        for key in footer.keys { _ = segment.add(key: key.name, messages: key.messages, bytes: key.bytes) }
        return segment
    }

    /// One that was not is read from its beginning.
    private func scanned(_ header: SegmentHeader, _ file: any StoreFile, _ size: Int) -> (Segment, [(message: SegmentMessage, size: Int)]) {
        var segment = Segment(header: header)
        segment.end = size
        let bytes = contents(of: segment, from: 0, count: size)
        let (found, bad) = SegmentScan.all(bytes, from: SegmentFormat.headerSize, seed: header.seed)
        for (message, length) in found where header.numbers.contains(message.sequence) {
            segment.lastSequence = max(segment.lastSequence, message.sequence)
            _ = segment.add(key: message.key, bytes: length)
        }
        let name = SegmentFormat.name(of: header.number)
        // What is not whole at the end was being written when the power went, and nobody had been told that it was stored.
        if let last = bad.last, last.upperBound == size {
            segment.end = last.lowerBound
            reports.append(.torn(bytes: last.count, file: name))
        }
        // Numbers that are missing tell how many the damaged places held.
        var missing = Int(truncatingIfNeeded: segment.lastSequence &- header.firstSequence &+ 1) - found.count
        for range in bad where range.upperBound < size {
            segment.holes[range.lowerBound] = range.upperBound
            keepDamaged(
                bytes.getSlice(at: range.lowerBound, length: range.count) ?? ByteBuffer(), of: header.number, at: range.lowerBound,
                messages: max(missing, 0))
            missing = 0
        }
        return (segment, found)
    }

    /// Closes what was not closed, so that it need not be read again.
    private func finish(_ segment: Segment, _ file: any StoreFile) {
        guard !isReading, segment.live > 0 else { return }
        do throws(StoreFailure) {
            if segment.end < file.size { try file.truncate(to: segment.end) }
            try file.append(segment.footer.encoded(at: segment.end, header: segment.header))
            try file.sync()
        } catch {
            reports.append(.failed("\(error)"))
        }
    }

    /// - Parameter found: what there is in a segment that was not closed: a removal of what is not there any more means nothing.
    private func applyRemovals(to segment: inout Segment, _ found: [(message: SegmentMessage, size: Int)]?) {
        guard let file = try? files.open(SegmentFormat.removalsName(of: segment.number)),
            let bytes = try? file.read(at: 0, count: file.size)
        else { return }
        let removals = SegmentRemoval.list(bytes, seed: segment.header.seed).removals
        guard let found else {
            for removal in removals { _ = segment.remove(removal.sequence, key: removal.key, bytes: removal.bytes) }
            return
        }
        let there = Dictionary(found.map { ($0.message.sequence, ($0.message.key, $0.size)) }) { $1 }
        for removal in removals {
            guard let (key, size) = there[removal.sequence], let index = segment.index(ofKnown: key) else { continue }
            _ = segment.remove(removal.sequence, key: index, bytes: size)
        }
    }

    /// A file whose header says nothing is kept under another name. `front`: what stands where the header should.
    private func setAside(_ name: String, _ front: ByteBuffer, size: Int) -> Segment? {
        guard !isReading else { return nil }
        guard size > SegmentFormat.headerSize else {
            // Nothing had been stored in it yet.
            try? files.remove(name)
            return nil
        }
        var front = front
        let isForeign =
            front.readBytes(length: 8) == SegmentFormat.magic
            && front.readInteger(as: UInt32.self).map { $0 != SegmentFormat.version } == true
        let kept = "\(isForeign ? "version" : "damaged")-\(dateText)-\(name)"
        do throws(StoreFailure) {
            try files.rename(name, to: kept)
            reports.append(isForeign ? .foreign(file: kept) : .damaged(messages: nil, bytes: size, file: kept))
        } catch {
            reports.append(.failed("\(error)"))
        }
        return nil
    }
}
