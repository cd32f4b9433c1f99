import NIOCore

/// One side of a transfer: both may be at the same end.
struct TransferKey: Hashable, Sendable {
    let id: String
    let direction: TransferStart.Direction
}

extension TransferStart {
    var key: TransferKey { TransferKey(id: transfer, direction: direction) }
}

/// Which transfers are under way at one end. Decides which may begin, and which have been idle for too long.
struct ActiveTransfers {
    struct Entry: Sendable {
        let start: TransferStart
        /// By what its part is asked for, where it writes: with and without the `.part` that older platforms add to the path.
        let partSuffixes: [String]
        var lastUsed: NIODeadline
        var bytes: Int = 0
        /// Operations under way: it is not idle meanwhile.
        var working = 0
    }

    let most: Int
    let idleTimeout: TimeAmount
    private(set) var entries: [TransferKey: Entry] = [:]

    init(most: Int, idleTimeout: TimeAmount) {
        self.most = most
        self.idleTimeout = idleTimeout
    }

    /// - Throws: `TransferFailure`: another transfer writes to the same target, has the same id, or there are too many.
    mutating func begin(_ start: TransferStart, now: NIODeadline) throws(TransferFailure) {
        guard entries[start.key] == nil else { throw TransferFailure(.busy, "transfer \(start.transfer) is under way already") }
        if start.direction == .write,
            let other = entries.values.first(where: { $0.start.direction == .write && $0.start.path == start.path })
        {
            throw TransferFailure(.busy, "\(start.path): transfer \(other.start.transfer) writes to this file")
        }
        guard entries.count < most else { throw TransferFailure(.tooMany, "\(start.path): \(most) transfers are under way already") }
        let dotted = "." + start.path.components.joined(separator: ".")
        let suffixes = start.direction == .read ? [] : dotted.hasSuffix(".part") ? [dotted, dotted + ".part"] : [dotted + ".part"]
        entries[start.key] = Entry(start: start, partSuffixes: suffixes, lastUsed: now)
    }

    mutating func use(_ key: TransferKey, bytes: Int = 0, now: NIODeadline) {
        entries[key]?.lastUsed = now
        entries[key]?.bytes += bytes
        entries[key]?.working += 1
    }

    mutating func used(_ key: TransferKey, now: NIODeadline) {
        entries[key]?.lastUsed = now
        entries[key]?.working -= 1
    }

    func unknown(_ id: String) -> TransferFailure {
        TransferFailure(
            .noTransfer, "transfer \(id) is not known here, or nothing came for it for \(idleTimeout.nanoseconds / 1_000_000) ms")
    }

    mutating func end(_ key: TransferKey) -> Entry? { entries.removeValue(forKey: key) }

    /// The transfer that writes a part of this name.
    func writer(ofPart name: String) -> TransferKey? {
        let name = "." + name
        let fitting = entries.compactMap { key, entry in entry.partSuffixes.first { name.hasSuffix($0) }.map { (key, $0.utf8.count) } }
        // The end of a long path may be the whole of a short one.
        return fitting.max { $0.1 < $1.1 }?.0
    }

    /// The transfer that is to end: with the id and the path, else with one of both.
    func find(transfer: String?, target: FilePath?) -> TransferKey? {
        let named = entries.filter { $0.key.id == transfer }
        return named.first { $0.value.start.path == target }?.key ?? named.keys.first
            ?? entries.first { $0.value.start.path == target }?.key
    }

    func reader(of path: FilePath) -> TransferKey? { entries.first { $0.key.direction == .read && $0.value.start.path == path }?.key }

    /// What nobody has used for too long.
    func idle(_ now: NIODeadline) -> [Entry] { entries.values.filter { $0.working == 0 && now - $0.lastUsed >= idleTimeout } }

    /// When the next may be idle for too long.
    var nextDeadline: NIODeadline? { entries.values.filter { $0.working == 0 }.map { $0.lastUsed + idleTimeout }.min() }
}
