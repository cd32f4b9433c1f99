package import MessageStore
import NIOCore
import TestKit

extension SeededGenerator {
    mutating func chance(_ one: Int) -> Bool { one > 0 && next() % UInt64(one) == 0 }
    mutating func below(_ bound: Int) -> Int { bound <= 0 ? 0 : Int(next() % UInt64(bound)) }
}

/// A directory on a disk that forgets what was not synced, in any order, tears what was being written, refuses, and can be stopped at
/// any operation (after Pillai et al., "All File Systems Are Not Created Equal", 2014).
package final class ModelFiles: StoreFiles {
    package enum End: Sendable {
        /// The process is gone; what it wrote is there.
        case kill
        /// The power is gone.
        case power
    }

    final class Node {
        /// As the process sees it.
        var bytes: [UInt8] = []
        /// As the disk has it for certain.
        var durable: [UInt8] = []
        /// What was done since the last sync.
        var pending: [Change] = []
    }

    enum Change {
        case write(at: Int, [UInt8])
        case truncate(Int)
    }

    private enum Entry {
        case add(String, Node)
        case remove(String)
        case rename(String, String)
    }

    var generator: SeededGenerator
    private var entries: [String: Node] = [:]
    private var durableEntries: [String: Node] = [:]
    private var pendingEntries: [Entry] = []
    /// Operations left before it ends; nil: it does not.
    package var operationsLeft: Int?
    /// One of so many operations fails; 0: none.
    package var failures = 0
    package private(set) var hasEnded = false
    package private(set) var operations = 0

    package init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    /// Begins anew with what the end of the process, or of the power, has left.
    package func restart(after end: End) {
        if end == .power { losePower() }
        hasEnded = false
        operationsLeft = nil
        for node in entries.values {
            node.durable = node.bytes
            node.pending = []
        }
        durableEntries = entries
        pendingEntries = []
    }

    private func losePower() {
        // Entries of a directory reach the disk in the order in which they were made, as journals write them; how many nobody knows.
        var kept = durableEntries
        for entry in pendingEntries.prefix(generator.below(pendingEntries.count + 1)) {
            switch entry {
            case .add(let name, let node): kept[name] = node
            case .remove(let name): kept[name] = nil
            case .rename(let name, let other):
                kept[other] = kept[name]
                kept[name] = nil
            }
        }
        entries = kept
        for (_, node) in entries.sorted(by: { $0.key < $1.key }) {
            var bytes = node.durable
            // What was written reaches the disk in any order, or not, or in part.
            for change in node.pending where !generator.chance(3) {
                switch change {
                case .truncate(let size):
                    if size < bytes.count { bytes.removeLast(bytes.count - size) }
                case .write(let offset, let written):
                    let count = generator.chance(2) ? written.count : generator.below(written.count + 1)
                    if bytes.count < offset { bytes += Array(repeating: 0, count: offset - bytes.count) }
                    var part = Array(written.prefix(count))
                    // The size may be there before the content is.
                    if generator.chance(4) { part = Array(repeating: 0, count: part.count) }
                    if bytes.count < offset + part.count { bytes += Array(repeating: 0, count: offset + part.count - bytes.count) }
                    bytes.replaceSubrange(offset..<offset + part.count, with: part)
                }
            }
            node.bytes = bytes
        }
    }

    /// Changes a byte somewhere in a file.
    package func damage(_ name: String, at offset: Int, to byte: UInt8) { entries[name]?.bytes[offset] = byte }

    package func put(_ name: String, _ bytes: [UInt8]) {
        let node = Node()
        node.bytes = bytes
        entries[name] = node
    }

    package func size(of name: String) -> Int { entries[name]?.bytes.count ?? 0 }
    package func bytes(of name: String) -> [UInt8] { entries[name]?.bytes ?? [] }

    package func shorten(_ name: String, to size: Int) { entries[name]?.bytes.removeLast(max(0, (entries[name]?.bytes.count ?? 0) - size)) }

    package var totalSize: Int { entries.values.reduce(0) { $0 + $1.bytes.count } }

    /// - Returns: whether this operation is the last, of which only a part is done.
    func step(_ what: String) throws(StoreFailure) -> Bool {
        guard !hasEnded else { throw StoreFailure(.system(5), "\(what): ended") }
        operations += 1
        if let left = operationsLeft {
            operationsLeft = left - 1
            if left <= 0 {
                hasEnded = true
                return true
            }
        }
        if failures > 0, generator.chance(failures) { throw StoreFailure(.system(28), "\(what): no space left on device") }
        return false
    }

    private func end() -> StoreFailure { StoreFailure(.system(5), "ended") }

    // MARK: StoreFiles

    package func names() throws(StoreFailure) -> [String] {
        guard !hasEnded else { throw end() }
        return entries.keys.sorted()
    }

    package func create(_ name: String) throws(StoreFailure) -> any StoreFile {
        let isLast = try step("create")
        guard entries[name] == nil else { throw StoreFailure(.system(17), "\(name) is there") }
        if isLast, generator.chance(2) { throw end() }
        let node = Node()
        entries[name] = node
        pendingEntries.append(.add(name, node))
        if isLast { throw end() }
        return ModelFile(node, self)
    }

    package func open(_ name: String) throws(StoreFailure) -> any StoreFile {
        guard !hasEnded else { throw end() }
        guard let node = entries[name] else { throw StoreFailure(.system(2), "\(name) is not there") }
        return ModelFile(node, self)
    }

    package func rename(_ name: String, to other: String) throws(StoreFailure) {
        let isLast = try step("rename")
        guard let node = entries[name] else { throw StoreFailure(.system(2), "\(name) is not there") }
        if isLast, generator.chance(2) { throw end() }
        entries[other] = node
        entries[name] = nil
        pendingEntries.append(.rename(name, other))
        if isLast { throw end() }
    }

    package func remove(_ name: String) throws(StoreFailure) {
        guard entries[name] != nil else { return }
        let isLast = try step("remove")
        if isLast, generator.chance(2) { throw end() }
        entries[name] = nil
        pendingEntries.append(.remove(name))
        if isLast { throw end() }
    }

    package func syncDirectory() throws(StoreFailure) {
        let isLast = try step("sync the directory")
        if isLast, generator.chance(2) { throw end() }
        pendingEntries = []
        durableEntries = entries
        if isLast { throw end() }
    }
}

final class ModelFile: StoreFile {
    private let node: ModelFiles.Node
    private let disk: ModelFiles

    init(_ node: ModelFiles.Node, _ disk: ModelFiles) {
        self.node = node
        self.disk = disk
    }

    var size: Int { node.bytes.count }

    func append(_ bytes: ByteBuffer) throws(StoreFailure) {
        let all = Array(bytes.readableBytesView)
        do throws(StoreFailure) {
            guard try disk.step("write") else { return write(all) }
        } catch {
            // A disk that is full has taken a part.
            if !disk.hasEnded { write(Array(all.prefix(disk.generator.below(all.count)))) }
            throw error
        }
        write(Array(all.prefix(disk.generator.below(all.count + 1))))
        throw StoreFailure(.system(5), "ended")
    }

    private func write(_ bytes: [UInt8]) {
        node.pending.append(.write(at: node.bytes.count, bytes))
        node.bytes += bytes
    }

    func sync() throws(StoreFailure) {
        let isLast = try disk.step("sync")
        if isLast, disk.generator.chance(2) { throw StoreFailure(.system(5), "ended") }
        node.durable = node.bytes
        node.pending = []
        if isLast { throw StoreFailure(.system(5), "ended") }
    }

    func truncate(to size: Int) throws(StoreFailure) {
        let isLast = try disk.step("truncate")
        if isLast, disk.generator.chance(2) { throw StoreFailure(.system(5), "ended") }
        node.bytes.removeLast(max(0, node.bytes.count - size))
        node.pending.append(.truncate(size))
        if isLast { throw StoreFailure(.system(5), "ended") }
    }

    func read(at offset: Int, count: Int) throws(StoreFailure) -> ByteBuffer {
        guard !disk.hasEnded else { throw StoreFailure(.system(5), "ended") }
        guard offset < node.bytes.count else { return ByteBuffer() }
        return ByteBuffer(bytes: node.bytes[offset..<min(offset + count, node.bytes.count)])
    }
}

/// A clock that stands where it is put.
package final class ModelClock: StoreClock, @unchecked Sendable {
    package var now = StoredTime(wall: 1_700_000_000_000, uptime: 1_000, isSynchronized: true)
    package var boot: [UInt8] = Array(repeating: 7, count: 16)

    package init() {}
}
