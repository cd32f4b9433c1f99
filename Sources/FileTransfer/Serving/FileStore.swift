import Formats
package import NIOCore
package import NIOPosix
import Secrets

/// Files of a Thing or a repository, and the transfers that are under way with them: performs what is asked, on threads that may block.
///
/// Confined to its event loop: every call must be made there, every future is completed there.
package final class FileStore: @unchecked Sendable {
    package struct Settings: Sendable {
        /// Bytes of a block that the other end is asked to send.
        package var blockSize = 128_000
        package var maximumFileSize: Int = 8_000_000_000
        /// Bytes on their way at once, where the other end can.
        package var window = 8 << 20
        package var idleTimeout: TimeAmount = .seconds(12)
        /// Bytes a second in each direction; nil: no bound.
        package var maximumRate: Int?
        package var mostTransfers = 64
        /// How long a part is kept for a transfer that goes on.
        package var keepsParts: TimeAmount = .hours(24)
        /// Bytes that a file system keeps free.
        package var reserve: Int = 16 << 20

        package init() {}
    }

    /// What an administrator wants to know.
    package enum Event: Sendable {
        case started(TransferStart)
        case completed(TransferStart, bytes: Int)
        case ended(TransferStart, reason: String)
        /// Somebody tried to leave a virtual directory.
        case refused(String)
        case leftoverRemoved(String)
    }

    struct Stream {
        let work: SerialWork
        let hash: StreamHash
        let side: Side

        enum Side {
            case reading(ReadStream)
            case writing(StagedFile)
        }
    }

    package let layout: FileLayout
    package private(set) var settings: Settings
    let loop: any EventLoop
    let pool: NIOThreadPool
    let onEvent: @Sendable (Event) -> Void
    var table: ActiveTransfers
    var streams: [TransferKey: Stream] = [:]
    var incoming: RateLimit
    var outgoing: RateLimit
    /// Files that were made in one piece.
    var created = 0
    var timer: (deadline: NIODeadline, task: Scheduled<Void>)?
    private var sweeping: RepeatedTask?
    package internal(set) var counters = FileCounters()

    package init(
        layout: FileLayout, settings: Settings, pool: NIOThreadPool, on loop: any EventLoop,
        onEvent: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        self.layout = layout
        self.settings = settings
        self.loop = loop
        self.pool = pool
        self.onEvent = onEvent
        table = ActiveTransfers(most: settings.mostTransfers, idleTimeout: settings.idleTimeout)
        incoming = RateLimit(settings.maximumRate)
        outgoing = RateLimit(settings.maximumRate)
    }

    /// For whoever keeps stores. Blocks.
    package static func makeDirectory(_ path: String) throws(TransferFailure) {
        do { try AtomicFile.makeDirectory(path) } catch { throw TransferFailure(.failed, "\(error)") }
    }

    /// Whether there is a directory that can be read. Blocks.
    package static func isDirectory(_ path: String) -> Bool { (try? FileTree(path).directory(.root)) != nil }

    /// With all that is in it, if it is there. Blocks.
    package static func removeDirectory(_ path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = parts.last.flatMap({ try? FilePath(String($0)) }), !name.isRoot else { return }
        try? FileTree(parts.count > 1 ? parts.dropLast().joined(separator: "/") + "/" : ".").removeDirectory(name)
    }

    package var activeCount: Int { table.entries.count }
    package var active: [TransferStart] { table.entries.values.map(\.start) }

    /// Makes the staging directory and removes what earlier runs have left in it, then and from time to time. The future fails where
    /// there is none.
    package func prepare() -> EventLoopFuture<Void> {
        let layout = layout
        sweeping = loop.scheduleRepeatedTask(initialDelay: FileStore.sweepEvery, delay: FileStore.sweepEvery) { [weak self] _ in
            self?.sweep()
        }
        return pool.runIfActive(eventLoop: loop) { () throws -> [String] in
            try FileStore.makeDirectory(layout.staging.root)
            return try StagedFile.removeLeftovers(in: layout.staging, now: Int(WallClock.milliseconds())) { target in
                guard let path = try? FilePath(target), let (tree, inside) = try? layout.locate(path) else { return nil }
                return try? tree.parent(of: inside)
            }
        }.map { [onEvent] removed in for target in removed { onEvent(.leftoverRemoved(target)) } }
    }

    private static let sweepEvery = TimeAmount.hours(1)

    private func sweep() {
        let staging = layout.staging
        let used = Set(table.entries.values.map { FileLayout.fileName(ofPartFor: $0.start.path, transfer: $0.start.transfer) })
        pool.runIfActive(eventLoop: loop) { try StagedFile.removeExpired(in: staging, now: Int(WallClock.milliseconds()), besides: used) }
            .whenSuccess { [onEvent] removed in for target in removed { onEvent(.leftoverRemoved(target)) } }
    }

    /// Ends all transfers; parts that may be gone on with are kept.
    package func stop() -> EventLoopFuture<Void> {
        timer?.task.cancel()
        timer = nil
        sweeping?.cancel()
        let ends = table.entries.keys.map { end($0, reason: "the program stops", keeps: true) }
        return EventLoopFuture.andAllComplete(ends, on: loop)
    }

    // MARK: Performing

    /// The future fails with a `TransferFailure`.
    package func perform(_ operation: FileOperation) -> EventLoopFuture<FileAnswer> { perform { () throws(TransferFailure) in operation } }

    /// Performs what is read from a request. A path that leads out is refused there already.
    package func perform(_ read: () throws(TransferFailure) -> FileOperation) -> EventLoopFuture<FileAnswer> {
        loop.preconditionInEventLoop()
        let answer: EventLoopFuture<FileAnswer>
        do throws(TransferFailure) {
            answer = try begin(try read())
        } catch {
            answer = loop.makeFailedFuture(error)
        }
        return answer.flatMapErrorThrowing { [self] error in
            let failure = error as? TransferFailure ?? TransferFailure(.failed, "\(error)")
            if failure.kind == .badPath || failure.isLink {
                counters.refusals += 1
                onEvent(.refused(failure.description))
            }
            throw failure
        }
    }

    private func begin(_ operation: FileOperation) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        switch operation {
        case .transferInfo:
            return loop.makeSucceededFuture(
                .transferInfo(
                    TransferInfo(blockSize: settings.blockSize, maximumFileSize: settings.maximumFileSize, window: settings.window)))
        case .start(let start): return try self.start(start)
        case .read(let path, let offset, let count, let id): return try read(path, offset: offset, count: count, id)
        case .write(let path, let offset, let bytes, let id): return try write(path, offset: offset, bytes, id)
        case .create(let path, let bytes, let overwrite): return try create(path, bytes, overwrite: overwrite)
        case .append(let path, let bytes): return try work(path) { try $0.append(bytes, to: $1) }
        case .complete(let id, let target): return try complete(id, target)
        case .cancel(let id, let target): return try cancel(id, target)
        case .info(let path): return try info(path)
        case .checksums(let path): return try checksums(path)
        case .move(let path, let target, let overwrite): return try move(path, to: target, overwrite: overwrite)
        case .remove(let path, let isStrict): return try remove(path, isStrict: isStrict)
        case .list(let path, let mask, let files, let directories): return try list(path, mask, files: files, directories: directories)
        case .structure(let path): return try structure(path)
        case .makeDirectory(let path): return try work(path) { try $0.makeDirectory($1, withParents: true) }
        case .removeDirectory(let path): return try work(path) { try $0.removeDirectory($1) }
        }
    }

    /// Work on a path that has an answer of no words.
    func work(
        _ path: FilePath, _ work: @escaping @Sendable (FileTree, FilePath) throws -> Void
    ) throws(TransferFailure) -> EventLoopFuture<
        FileAnswer
    > {
        let (tree, inside) = try layout.locate(path)
        return run {
            try work(tree, inside)
            return .done
        }
    }

    func run(_ work: @escaping @Sendable () throws -> FileAnswer) -> EventLoopFuture<FileAnswer> { pool.runIfActive(eventLoop: loop, work) }
}
