import NIOCore

/// What is asked of single files, those that are being put together among them.
extension FileStore {
    /// A transfer that writes.
    private struct Writer {
        let key: TransferKey
        let part: StagedFile
        let work: SerialWork
        let hash: StreamHash
    }

    /// The transfer that puts together the part that a path names; nil where it names none.
    private func writer(of path: FilePath) throws(TransferFailure) -> Writer? {
        guard let name = FileLayout.partName(path) else { return nil }
        guard let writer = table.writer(ofPart: name).flatMap(writer) else {
            throw TransferFailure(.notFound, "\(path): no transfer puts together such a file")
        }
        return writer
    }

    private func writer(_ key: TransferKey) -> Writer? {
        guard let stream = streams[key], case .writing(let part) = stream.side else { return nil }
        return Writer(key: key, part: part, work: stream.work, hash: stream.hash)
    }

    /// The transfer that writes, by its id where there is one, else by its part.
    private func writer(_ id: String?, _ path: FilePath) throws(TransferFailure) -> Writer? {
        guard let id, !id.isEmpty else { return try writer(of: path) }
        guard let writer = writer(TransferKey(id: id, direction: .write)) else { throw table.unknown(id) }
        return writer
    }

    /// Work on a part, in its turn.
    private func use(
        _ writer: Writer, bytes: Int = 0, after pause: TimeAmount = .zero, _ work: @escaping @Sendable (StagedFile) throws -> FileAnswer
    ) -> EventLoopFuture<FileAnswer> {
        let part = writer.part
        return use(writer.key, writer.work, bytes: bytes, after: pause) { try work(part) }
    }

    private func use(
        _ key: TransferKey, _ work: SerialWork, bytes: Int = 0, after pause: TimeAmount = .zero,
        _ what: @escaping @Sendable () throws -> FileAnswer
    ) -> EventLoopFuture<FileAnswer> {
        let begin = { [loop] in work.run(on: loop, what) }
        return tracked(key, bytes: bytes) { pause > .zero ? loop.scheduleTask(in: pause, {}).futureResult.flatMap(begin) : begin() }
    }

    /// A transfer is not idle while something is done for it.
    private func tracked<Result>(_ key: TransferKey, bytes: Int = 0, _ begin: () -> EventLoopFuture<Result>) -> EventLoopFuture<Result> {
        table.use(key, bytes: bytes, now: loop.now)
        let done = begin()
        done.whenComplete { [self] _ in
            table.used(key, now: loop.now)
            schedule()
        }
        return done
    }

    // MARK: Looking

    func info(_ path: FilePath) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        if let writer = try writer(of: path) { return use(writer) { .info(FileInfo(path: path, size: $0.size)) } }
        let layout = layout
        let (tree, inside) = try layout.locate(path)
        return run { .info(layout.seen(try tree.info(inside), from: path)) }
    }

    func checksums(_ path: FilePath) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        if let writer = try writer(of: path) {
            return checksums(writer.key, writer.work, writer.hash, of: writer.part.file, writer.part.what) { [part = writer.part] in
                part.size
            }
        }
        let (tree, inside) = try layout.locate(path)
        if let key = table.reader(of: path), let stream = streams[key], case .reading(let source) = stream.side {
            return checksums(key, stream.work, stream.hash, of: source.file, source.what) { try source.size() }
        }
        return run { .checksums(try RunningChecksums.of(try tree.open(inside), tree.seen(inside))) }
    }

    /// The size is looked at in its turn behind what was written, the checksums behind what was hashed.
    private func checksums(
        _ key: TransferKey, _ work: SerialWork, _ hash: StreamHash, of file: Descriptor, _ what: String,
        size: @escaping @Sendable () throws -> Int
    ) -> EventLoopFuture<FileAnswer> {
        tracked(key) { work.run(on: loop, size).flatMap { hash.values(of: file, size: $0, what) } }.map { .checksums($0) }
    }

    // MARK: Changing

    func move(_ path: FilePath, to target: FilePath, overwrite: Bool) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        let (targetTree, targetInside) = try layout.locate(target)
        if let writer = try writer(of: path) {
            return use(writer) {
                try $0.move(to: targetInside, in: targetTree, overwrite: overwrite)
                return .done
            }
        }
        let (tree, inside) = try layout.locate(path)
        return run {
            try FileTree.move(inside, in: tree, to: targetInside, in: targetTree, overwrite: overwrite)
            return .done
        }
    }

    func remove(_ path: FilePath, isStrict: Bool) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        if FileLayout.partName(path) != nil {
            // Whoever begins anew removes first what may be there.
            guard let writer = try? writer(of: path) else { return loop.makeSucceededFuture(.done) }
            return use(writer) {
                try $0.truncate()
                return .done
            }
        }
        return try work(path) { tree, inside in
            guard try tree.removeFile(inside) || !isStrict else { throw TransferFailure(.notFound, "\(tree.seen(inside)): does not exist") }
        }
    }

    /// A whole file, put into its place in one step; or the beginning of one that is being put together.
    func create(_ path: FilePath, _ bytes: ByteBuffer, overwrite: Bool) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        if let writer = try writer(of: path) {
            counters.bytesIn += bytes.readableBytes
            return use(writer, bytes: bytes.readableBytes, after: incoming.take(bytes.readableBytes, now: loop.now)) { part in
                if overwrite || part.size == 0 {
                    try part.truncate()
                    try part.write(bytes, at: 0)
                }
                return .done
            }
        }
        let (tree, inside) = try layout.locate(path)
        created += 1
        let transfer = "created \(created)"
        let name = FileLayout.fileName(ofPartFor: path, transfer: transfer)
        let record = StagedFile.Record(transfer: transfer, target: "\(path)", keepUntil: 0)
        let staging = layout.staging
        return run {
            // An existing file without overwrite stays, and that is no mistake (alwayson.md §8).
            if !overwrite, (try? tree.info(inside)) != nil { return .done }
            let part = try StagedFile(name: name, in: staging, record: record)
            do {
                try part.write(bytes, at: 0)
                try part.move(to: inside, in: tree, overwrite: overwrite)
            } catch {
                part.discard()
                throw error
            }
            return .done
        }
    }

    // MARK: Blocks

    /// Bytes that one read gives at most.
    private static let longestBlock = 4 << 20

    func read(_ path: FilePath, offset: Int, count: Int, _ id: String?) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        guard offset >= 0, count >= 0 else { throw TransferFailure(.outOfOrder, "\(path): expected an offset and a count from 0 on") }
        let count = min(count, FileStore.longestBlock)
        guard let id, !id.isEmpty else {
            let (tree, inside) = try layout.locate(path)
            return run { try ReadStream(try tree.open(inside), tree.seen(inside)).read(at: offset, count: count) }
        }
        let key = TransferKey(id: id, direction: .read)
        guard let stream = streams[key], case .reading(let source) = stream.side else { throw table.unknown(id) }
        counters.bytesOut += count
        return use(key, stream.work, bytes: count, after: outgoing.take(count, now: loop.now)) { try source.read(at: offset, count: count) }
            .flatMap { answer in stream.hash.room().map { answer } }
    }

    func write(_ path: FilePath, offset: Int, _ bytes: ByteBuffer, _ id: String?) throws(TransferFailure) -> EventLoopFuture<FileAnswer> {
        guard offset >= 0, offset + bytes.readableBytes <= settings.maximumFileSize else {
            throw TransferFailure(.tooLarge, "\(path): a file of more than \(settings.maximumFileSize) bytes")
        }
        guard let writer = try writer(id, path) else { return try work(path) { try $0.write(bytes, to: $1, at: offset) } }
        counters.bytesIn += bytes.readableBytes
        return use(writer, bytes: bytes.readableBytes, after: incoming.take(bytes.readableBytes, now: loop.now)) { [self] part in
            try part.write(bytes, at: offset)
            if let due = part.takeCheckpoint() { checkpoint(part, due, writer.work) }
            return .done
        }.flatMap { answer in writer.hash.room().map { answer } }
    }

    /// The disk takes its time, in which more blocks are written.
    private func checkpoint(_ part: StagedFile, _ due: StagedFile.Checkpoint, _ work: SerialWork) {
        pool.submit { [loop] _ in
            var failure: TransferFailure?
            do throws(TransferFailure) { try part.sync() } catch { failure = error }
            let outcome = failure
            _ = work.run(on: loop) { try part.checkpointEnded(due, outcome) }
        }
    }
}
