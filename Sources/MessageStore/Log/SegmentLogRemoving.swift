import NIOCore

/// Noting which messages are done with, each file's in one beside it.
extension SegmentLog {
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
