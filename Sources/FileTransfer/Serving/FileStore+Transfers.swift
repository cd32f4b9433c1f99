import Formats
import Glibc
import NIOCore

/// Beginning and ending transfers.
extension FileStore {
    func start(_ start: TransferStart) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        guard !start.transfer.isEmpty, start.transfer.utf8.count <= 256 else {
            throw TransferFailure(.noTransfer, "expected a transfer id of 1 to 256 bytes")
        }
        guard start.size ?? 0 <= settings.maximumFileSize else {
            throw TransferFailure(.tooLarge, "\(start.path): \(start.size ?? 0) bytes, \(settings.maximumFileSize) are allowed")
        }
        let (tree, inside) = try layout.locate(start.path)
        // The same transfer comes again after its connection was lost: this end may not have noticed.
        if let old = table.entries[start.key], old.start.path == start.path, streams[start.key] != nil {
            return end(start.key, reason: "begun anew", keeps: true).flatMap { [self] in perform(.start(start)) }
        }
        try table.begin(start, now: loop.now)
        table.use(start.key, now: loop.now)
        let (layout, settings) = (layout, settings)
        let work = SerialWork(on: pool)
        let hash = StreamHash(withMD5: start.withMD5, pool: pool, on: loop)
        return work.run(on: loop) { () throws -> Stream.Side in
            switch start.direction {
            case .read: return .reading(ReadStream(try tree.open(inside), tree.seen(inside), hash: hash))
            case .write: return .writing(try FileStore.part(for: start, tree, inside, layout, settings, hash))
            }
        }.flatMapThrowing { [self] side in
            // It may have been cancelled meanwhile.
            guard table.entries[start.key] != nil else {
                if case .writing(let part) = side { part.discard() }
                throw TransferFailure(.cancelled, "\(start.path): cancelled")
            }
            table.used(start.key, now: loop.now)
            streams[start.key] = Stream(work: work, hash: hash, side: side)
            counters.started += 1
            schedule()
            onEvent(.started(start))
            return .done
        }.flatMapErrorThrowing { [self] error in
            _ = table.end(start.key)
            throw error
        }
    }

    /// Looks whether a file can come, before it does.
    static func part(
        for start: TransferStart, _ tree: FileTree, _ inside: FilePath, _ layout: FileLayout, _ settings: Settings, _ hash: StreamHash
    )
        throws -> StagedFile
    {
        let (directory, name) = try tree.parent(of: inside)
        if let there = try? directory.status(of: name, ""), let obstacle = tree.obstacle(there, inside) { throw obstacle }
        guard directory.canWrite(".") else { throw TransferFailure(errno: EACCES, "\(start.path)") }
        let keeps = start.isResumable ? Int(WallClock.milliseconds()) + Int(settings.keepsParts.nanoseconds / 1_000_000) : 0
        let part = try StagedFile(
            name: FileLayout.fileName(ofPartFor: start.path, transfer: start.transfer), in: layout.staging,
            record: StagedFile.Record(transfer: start.transfer, target: "\(start.path)", keepUntil: keeps), hash: hash)
        let free = try min(layout.staging.freeSpace(), tree.freeSpace())
        guard let size = start.size, size - part.size > free - settings.reserve else { return part }
        if part.size == 0 { part.discard() }
        throw TransferFailure(.noSpace, "\(start.path): \(size) bytes, and \(free) are free")
    }

    func complete(_ id: String?, _ target: FilePath?) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        guard let key = table.find(transfer: id, target: target) else { throw table.unknown(id ?? "\(target ?? .root)") }
        guard let entry = table.end(key) else { return loop.makeSucceededFuture(.done) }
        let stream = streams.removeValue(forKey: key)
        counters.completed += 1
        onEvent(.completed(entry.start, bytes: entry.bytes))
        // A part that nobody moved is nobody's.
        guard let stream, case .writing(let part) = stream.side else { return loop.makeSucceededFuture(.done) }
        return stream.work.run(on: loop) {
            part.discard()
            return .done
        }
    }

    func cancel(_ id: String?, _ target: FilePath?) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        guard let key = table.find(transfer: id, target: target) else { throw table.unknown(id ?? "\(target ?? .root)") }
        return end(key, reason: "cancelled by the other end", keeps: false).map { .done }
    }

    func end(_ key: TransferKey, reason: String, keeps: Bool) -> EventLoopFuture<Void> {
        guard let entry = table.end(key) else { return loop.makeSucceededVoidFuture() }
        counters.failed += 1
        onEvent(.ended(entry.start, reason: reason))
        guard let stream = streams.removeValue(forKey: key), case .writing(let part) = stream.side else {
            return loop.makeSucceededVoidFuture()
        }
        let isKept = keeps && entry.start.isResumable
        return stream.work.run(on: loop) { if isKept { try part.checkpoint() } else { part.discard() } }.recover { _ in }
    }

    /// Ends what nobody has used for too long.
    func schedule() {
        guard let deadline = table.nextDeadline, timer.map({ deadline < $0.deadline }) ?? true else { return }
        timer?.task.cancel()
        timer = (deadline, loop.scheduleTask(deadline: deadline) { [weak self] in self?.expire() })
    }

    func expire() {
        timer = nil
        for entry in table.idle(loop.now) {
            _ = end(entry.start.key, reason: "nothing came for \(table.idleTimeout.nanoseconds / 1_000_000) ms", keeps: true)
        }
        schedule()
    }
}
