import Glibc
import NIOCore

/// A directory and all that is below it, and no way out: each step of a path is opened from the one before, and symbolic links are
/// not followed, whenever they are put there (alwayson.md §8). The directory itself may be one: whoever configures it decides that.
///
/// All of it blocks.
package struct FileTree: Sendable {
    /// Entries of one listing; more are an error.
    static let mostEntries = 20_000
    /// Entries that one request has looked at.
    private static let mostLookedAt = 200_000

    package let root: String
    /// What errors have before a path in it.
    private let seenAs: String

    /// - Parameter root: a directory, looked for anew at each use: it may be mounted later, or made anew.
    package init(_ root: String, seenAs: String = "") {
        self.root = root
        self.seenAs = seenAs
    }

    /// A path as whoever asked for it knows it.
    func seen(_ path: FilePath) -> String { path.isRoot && !seenAs.isEmpty ? seenAs : "\(seenAs)\(path)" }

    // MARK: Looking

    func directory(_ path: FilePath) throws(TransferFailure) -> Descriptor {
        let opened = Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw TransferFailure(errno: errno, seen(path)) }
        var directory = Descriptor(opened)
        for name in path.components { directory = try step(into: name, from: directory, path) }
        return directory
    }

    private func step(into name: String, from directory: Descriptor, _ path: FilePath) throws(TransferFailure) -> Descriptor {
        do throws(TransferFailure) { return try directory.open(name, O_RDONLY | O_DIRECTORY, seen(path)) } catch {
            // The system says of a link that it is no directory.
            if error.kind == .wrongKind, let status = try? directory.status(of: name, ""), status.kind == S_IFLNK {
                throw TransferFailure(errno: ELOOP, seen(path))
            }
            throw error
        }
    }

    /// The directory that holds a path's last name.
    func parent(of path: FilePath) throws(TransferFailure) -> (directory: Descriptor, name: String) {
        guard let name = path.name else { throw TransferFailure(.badPath, "\(seen(path)): expected a path to something in a directory") }
        return (try directory(path.parent), name)
    }

    /// - Throws: `TransferFailure`, where there is nothing, or something that is neither file nor directory.
    func info(_ path: FilePath) throws(TransferFailure) -> FileInfo {
        guard !path.isRoot else { return try directory(path).status(seen(path)).info(path, isReadOnly: false) }
        let (directory, name) = try parent(of: path)
        let status = try directory.status(of: name, seen(path))
        guard status.isFile || status.isDirectory else { throw refusal(of: status, path) }
        return status.info(path, isReadOnly: !directory.canWrite(name))
    }

    func refusal(of status: stat, _ path: FilePath) -> TransferFailure {
        status.kind == S_IFLNK
            ? TransferFailure(errno: ELOOP, seen(path)) : TransferFailure(.forbidden, "\(seen(path)): is neither a file nor a directory")
    }

    /// What keeps something that is there from being replaced by a file; nil: nothing.
    func obstacle(_ status: stat, _ path: FilePath) -> TransferFailure? {
        status.isFile ? nil : status.isDirectory ? TransferFailure(errno: EISDIR, seen(path)) : refusal(of: status, path)
    }

    /// Files and directories in a directory, by name; what is neither is left out, as are names that are no UTF-8.
    func entries(_ path: FilePath) throws(TransferFailure) -> [FileInfo] {
        let directory = try directory(path)
        let names = try directory.names(most: FileTree.mostEntries + 1, seen(path))
        guard names.count <= FileTree.mostEntries else {
            throw TransferFailure(.tooLarge, "\(seen(path)): more than \(FileTree.mostEntries) entries")
        }
        return names.compactMap { name in
            guard let status = try? directory.status(of: name, ""), status.isFile || status.isDirectory else { return nil }
            return status.info(FilePath(components: path.components + [name]), isReadOnly: !directory.canWrite(name))
        }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    /// All directories below one, each before what is in it.
    func directories(below path: FilePath) throws(TransferFailure) -> [FileInfo] {
        var found: [FileInfo] = []
        var open = [path]
        var looked = 0
        while let next = open.popLast() {
            let entries = try entries(next)
            looked += entries.count
            let inside = entries.filter(\.isDirectory)
            found += inside
            guard found.count <= FileTree.mostEntries, looked <= FileTree.mostLookedAt else {
                throw TransferFailure(
                    .tooLarge, "\(seen(path)): more than \(FileTree.mostEntries) directories, or \(FileTree.mostLookedAt) entries in them")
            }
            open += inside.reversed().map(\.path)
        }
        return found
    }

    func open(_ path: FilePath, _ flags: Int32 = O_RDONLY) throws(TransferFailure) -> Descriptor {
        let (directory, name) = try parent(of: path)
        let file = try directory.open(name, flags, seen(path))
        if let obstacle = obstacle(try file.status(seen(path)), path) { throw obstacle }
        return file
    }

    /// Bytes that may still be written here.
    func freeSpace() throws(TransferFailure) -> Int { try directory(.root).freeSpace(seen(.root)) }
}
