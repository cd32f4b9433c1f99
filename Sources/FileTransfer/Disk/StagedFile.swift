import Formats
import Glibc
import NIOCore

/// A file that is being put together. Beside it lies a record of how far it outlasts a power cut, and for whom.
///
/// Used by one thread at a time.
final class StagedFile: @unchecked Sendable {
    /// What is known of a part when the program starts anew.
    struct Record: Equatable {
        /// Bytes that are on disk for certain.
        var synced: Int = 0
        var transfer: String
        var target: String
        /// Milliseconds since 1970 UTC; the part is worth nothing afterwards.
        var keepUntil: Int

        var text: String {
            JSONValue.object([
                "transfer": .string(transfer), "target": .string(target), "synced": .int(synced), "keepUntil": .int(keepUntil),
            ]).description + "\n"
        }

        init(transfer: String, target: String, keepUntil: Int) {
            self.transfer = transfer
            self.target = target
            self.keepUntil = keepUntil
        }

        /// nil where it is none.
        init?(_ text: String) {
            guard let json = try? JSONValue(parsing: text), let transfer = json["transfer"]?.string, let target = json["target"]?.string,
                let synced = json["synced"]?.int, let keep = json["keepUntil"]?.int,
                synced >= 0
            else { return nil }
            (self.transfer, self.target, self.synced, keepUntil) = (transfer, target, synced, keep)
        }
    }

    /// Written bytes between two checkpoints.
    static let checkpointEvery: Int = 64 << 20
    /// Bytes after which the system is told to begin writing them to the disk.
    private static let writtenOutEvery: Int = 8 << 20

    private let directory: Descriptor
    private let name: String
    let what: String
    let file: Descriptor
    private let hash: StreamHash?
    private var record: Record
    private(set) var size: Int
    private var writtenOut: Int
    private var isSyncing = false
    /// How often it was begun anew.
    private var generation = 0
    private var failure: TransferFailure?
    /// It is in its place, or gone.
    private var hasEnded = false

    /// Goes on with what is there for the same transfer, else begins anew.
    ///
    /// - Parameter hash: gets what is written; nil: nobody asks for it.
    init(name: String, in staging: FileTree, record: Record, hash: StreamHash? = nil) throws(TransferFailure) {
        self.name = name
        self.hash = hash
        what = record.target
        directory = try staging.directory(.root)
        var record = record
        let old = StagedFile.record(of: name, in: directory)
        let resumes =
            old.map { $0.transfer.utf8.elementsEqual(record.transfer.utf8) && $0.target.utf8.elementsEqual(record.target.utf8) } ?? false
        if !resumes { StagedFile.remove(name, in: directory) }
        record.synced = resumes ? old?.synced ?? 0 : 0
        self.record = record
        // Not synced: until something else is, there is nothing that it says.
        try StagedFile.write(record, of: name, in: directory, syncs: false)
        do throws(TransferFailure) { file = try directory.open(name, O_RDWR | O_CREAT, what) } catch {
            if !resumes { StagedFile.remove(name, in: directory) }
            throw error
        }
        let there = Int(try file.status(what).st_size)
        size = min(there, record.synced)
        if there > size { try file.truncate(to: size, what) }
        writtenOut = size
    }

    // MARK: Records

    static let recordSuffix = ".state"

    static func record(of name: String, in directory: Descriptor) -> Record? {
        guard let file = try? directory.open(name + recordSuffix, O_RDONLY, name), let bytes = try? file.read(at: 0, count: 16_384, name)
        else { return nil }
        return Record(String(buffer: bytes))
    }

    private static func write(_ record: Record, of name: String, in directory: Descriptor, syncs: Bool = true) throws(TransferFailure) {
        let (new, place) = (name + ".new", name + recordSuffix)
        do throws(TransferFailure) {
            let file = try directory.open(new, O_WRONLY | O_CREAT | O_TRUNC, record.target)
            try file.write(ByteBuffer(string: record.text), at: 0, record.target)
            if syncs { try file.syncData(record.target) }
            let code = directory.rename(new, to: directory, place, overwrite: true)
            guard code == 0 else { throw TransferFailure(errno: code, record.target) }
        } catch {
            directory.unlink(new)
            throw error
        }
    }

    static func remove(_ name: String, in directory: Descriptor) {
        for file in [name, name + ".new", name + recordSuffix] { directory.unlink(file) }
    }

    /// Removes what earlier runs have left and nobody can go on with, parts and unfinished copies. At the start, before there are others.
    ///
    /// - Returns: targets of what was removed.
    static func removeLeftovers(
        in staging: FileTree, now: Int, copyOf: (String) -> (directory: Descriptor, name: String)?
    )
        throws(TransferFailure) -> [String]
    {
        let directory = try staging.directory(.root)
        let names = Set(try staging.entries(.root).filter { !$0.isDirectory }.map(\.name))
        // A power cut may leave a part whose record had not reached the disk.
        let orphans = names.filter { FileLayout.isPart($0) && !names.contains($0 + recordSuffix) }
        for name in orphans { remove(name, in: directory) }
        for name in parts(among: names) {
            if let copy = record(of: name, in: directory).flatMap({ copyOf($0.target) }) {
                copy.directory.unlink(FileTree.copyName(of: copy.name))
            }
        }
        return orphans + remove(parts(among: names), in: directory) { $0.keepUntil <= now }
    }

    /// Removes parts whose time has come. Those that are not to be kept at all are being written just now.
    ///
    /// - Returns: targets of what was removed.
    static func removeExpired(in staging: FileTree, now: Int, besides used: Set<String>) throws(TransferFailure) -> [String] {
        let names = Set(try staging.entries(.root).filter { !$0.isDirectory }.map(\.name))
        return remove(parts(among: names).filter { !used.contains($0) }, in: try staging.directory(.root)) {
            $0.keepUntil > 0 && $0.keepUntil <= now
        }
    }

    private static func parts(among names: Set<String>) -> [String] {
        names.filter { $0.hasSuffix(recordSuffix) }.map { String($0.dropLast(recordSuffix.count)) }
    }

    private static func remove(_ names: [String], in directory: Descriptor, where isOver: (Record) -> Bool) -> [String] {
        names.compactMap { name in
            guard let record = record(of: name, in: directory), isOver(record) else { return nil }
            remove(name, in: directory)
            return record.target
        }
    }

    // MARK: Writing

    /// - Throws: `TransferFailure` of kind `outOfOrder`, where bytes would be missing or there twice.
    func write(_ bytes: ByteBuffer, at offset: Int) throws(TransferFailure) {
        if let failure { throw failure }
        guard offset == size else {
            throw TransferFailure(.outOfOrder, "\(what): expected the block at offset \(size), found one at \(offset)")
        }
        do throws(TransferFailure) { try file.write(bytes, at: offset, what) } catch {
            // What came of it half is not there for whoever asks how far it is.
            try? file.truncate(to: size, what)
            throw error
        }
        size += bytes.readableBytes
        hash?.take(bytes, at: offset)
        if size - writtenOut >= StagedFile.writtenOutEvery {
            file.writeOut(from: writtenOut, count: size - writtenOut)
            writtenOut = size
        }
    }

    /// From here a transfer goes on after whatever happens.
    func checkpoint() throws(TransferFailure) {
        guard size > record.synced, !hasEnded else { return }
        try file.syncData(what)
        try noteSynced(size)
    }

    /// Bytes that are to be synced meanwhile, by `sync` on another thread; nil: none yet.
    func takeCheckpoint() -> Checkpoint? {
        guard !isSyncing, size - record.synced >= StagedFile.checkpointEvery else { return nil }
        isSyncing = true
        return Checkpoint(end: size, generation: generation)
    }

    struct Checkpoint: Sendable {
        fileprivate let end: Int
        fileprivate let generation: Int
    }

    /// May be called while another thread writes.
    func sync() throws(TransferFailure) { try file.syncData(what) }

    /// - Parameter failure: what went wrong with the sync: nothing is trusted any more then.
    func checkpointEnded(_ checkpoint: Checkpoint, _ failure: TransferFailure?) throws(TransferFailure) {
        isSyncing = false
        if let failure {
            self.failure = failure
        } else if checkpoint.generation == generation {
            try noteSynced(checkpoint.end)
        }
    }

    private func noteSynced(_ end: Int) throws(TransferFailure) {
        guard !hasEnded, end > record.synced, end <= size else { return }
        record.synced = end
        try StagedFile.write(record, of: name, in: directory)
    }

    func truncate() throws(TransferFailure) {
        try file.truncate(to: 0, what)
        (size, writtenOut) = (0, 0)
        hash?.restart()
        let wasSynced = record.synced > 0
        record.synced = 0
        generation += 1
        if wasSynced { try StagedFile.write(record, of: name, in: directory) }
    }

    /// Puts the file into its place, in one step where both are on one file system, and makes that outlast a power cut.
    func move(to target: FilePath, in tree: FileTree, overwrite: Bool) throws(TransferFailure) {
        if let failure { throw failure }
        let (to, newName) = try tree.parent(of: target)
        if let there = try? to.status(of: newName, "") {
            guard overwrite else { throw TransferFailure(errno: EEXIST, tree.seen(target)) }
            if let obstacle = tree.obstacle(there, target) { throw obstacle }
            // A program stays one that can be run.
            file.setMode(there.st_mode & 0o777)
        }
        try file.sync(what)
        switch directory.rename(name, to: to, newName, overwrite: overwrite) {
        case 0: try to.sync(tree.seen(target))
        case EXDEV: try FileTree.copy(file, to: newName, in: to, overwrite: overwrite, tree.seen(target))
        case let code: throw TransferFailure(errno: code, tree.seen(target))
        }
        discard()
    }

    func discard() {
        guard !hasEnded else { return }
        hasEnded = true
        StagedFile.remove(name, in: directory)
    }
}
