import Glibc
import NIOCore

/// Changes, each in one step where the system has one.
extension FileTree {
    /// - Throws: `TransferFailure` of kind `exists`, where something of that name is there.
    func makeDirectory(_ path: FilePath, withParents: Bool) throws(TransferFailure) {
        if withParents, !path.parent.isRoot, (try? info(path.parent)) == nil { try makeDirectory(path.parent, withParents: true) }
        let (directory, name) = try parent(of: path)
        try directory.makeDirectory(name, seen(path))
        try directory.sync(seen(path))
    }

    /// - Returns: whether it was there.
    func removeFile(_ path: FilePath) throws(TransferFailure) -> Bool {
        let (directory, name) = try parent(of: path)
        switch directory.unlink(name) {
        case 0:
            try directory.sync(seen(path))
            return true
        case ENOENT: return false
        case let code: throw TransferFailure(errno: code, seen(path))
        }
    }

    /// With all that is in it. Links in it are removed, not followed.
    func removeDirectory(_ path: FilePath) throws(TransferFailure) {
        let (directory, name) = try parent(of: path)
        try empty(try directory.open(name, O_RDONLY | O_DIRECTORY, seen(path)), path, depth: 0)
        let code = directory.unlink(name, isDirectory: true)
        guard code == 0 else { throw TransferFailure(errno: code, seen(path)) }
        try directory.sync(seen(path))
    }

    private func empty(_ directory: Descriptor, _ path: FilePath, depth: Int) throws(TransferFailure) {
        guard depth < 128 else { throw TransferFailure(.tooLarge, "\(seen(path)): directories more than 128 deep") }
        while true {
            let names = try directory.names(most: 1000, seen(path))
            guard !names.isEmpty else { return }
            for name in names {
                let code = directory.unlink(name)
                if code == 0 || code == ENOENT { continue }
                guard code == EISDIR || code == EPERM else { throw TransferFailure(errno: code, seen(path)) }
                try empty(try directory.open(name, O_RDONLY | O_DIRECTORY, seen(path)), path, depth: depth + 1)
                let last = directory.unlink(name, isDirectory: true)
                guard last == 0 || last == ENOENT else { throw TransferFailure(errno: last, seen(path)) }
            }
        }
    }

    /// Moves a file or directory, between trees too. Between file systems a file is copied beside its target first.
    ///
    /// - Throws: `TransferFailure` of kind `exists`, where something is there that is not to be replaced.
    static func move(
        _ path: FilePath, in tree: FileTree, to target: FilePath, in targetTree: FileTree, overwrite: Bool
    )
        throws(TransferFailure)
    {
        let (from, name) = try tree.parent(of: path)
        let status = try from.status(of: name, tree.seen(path))
        guard status.isFile || status.isDirectory else { throw tree.refusal(of: status, path) }
        let (to, newName) = try targetTree.parent(of: target)
        if let there = try? to.status(of: newName, "") {
            guard overwrite else { throw TransferFailure(errno: EEXIST, targetTree.seen(target)) }
            if let obstacle = targetTree.obstacle(there, target) { throw obstacle }
            guard status.isFile else { throw TransferFailure(errno: ENOTDIR, targetTree.seen(target)) }
        }
        switch from.rename(name, to: to, newName, overwrite: overwrite) {
        case 0:
            try to.sync(targetTree.seen(target))
            try from.sync(tree.seen(path))
        case EXDEV where status.isFile:
            let file = try from.open(name, O_RDONLY, tree.seen(path))
            try copy(file, to: newName, in: to, overwrite: overwrite, targetTree.seen(target))
            _ = try tree.removeFile(path)
        case EXDEV: throw TransferFailure(.failed, "\(tree.seen(path)): a directory cannot be moved to another file system")
        case let code: throw TransferFailure(errno: code, targetTree.seen(target))
        }
    }

    /// Bytes that a copy has in memory.
    private static let copied = 1 << 20

    /// The name under which a copy is made before it takes its target's place.
    static func copyName(of name: String) -> String {
        ".\(name.utf8.count > 200 ? String(decoding: name.utf8.prefix(200), as: UTF8.self) : name).copying"
    }

    /// - Parameter what: the target as it is called in an error.
    static func copy(_ file: Descriptor, to name: String, in directory: Descriptor, overwrite: Bool, _ what: String) throws(TransferFailure)
    {
        let copyName = copyName(of: name)
        let copy = try directory.open(copyName, O_WRONLY | O_CREAT | O_TRUNC, what)
        do throws(TransferFailure) {
            var offset = 0
            while true {
                let bytes = try file.read(at: offset, count: copied, what)
                guard bytes.readableBytes > 0 else { break }
                try copy.write(bytes, at: offset, what)
                offset += bytes.readableBytes
            }
            copy.setMode(try file.status(what).st_mode & 0o777)
            try copy.sync(what)
            let code = directory.rename(copyName, to: directory, name, overwrite: overwrite)
            guard code == 0 else { throw TransferFailure(errno: code, what) }
            try directory.sync(what)
        } catch {
            directory.unlink(copyName)
            throw error
        }
    }
}

/// Writing in place, where that is what is asked for.
extension FileTree {
    /// Overwrites what is there, from an offset on. The file may not be there yet.
    func write(_ bytes: ByteBuffer, to path: FilePath, at offset: Int) throws(TransferFailure) {
        let file = try open(path, O_WRONLY | O_CREAT)
        try file.write(bytes, at: offset, seen(path))
        try file.syncData(seen(path))
    }

    func append(_ bytes: ByteBuffer, to path: FilePath) throws(TransferFailure) {
        let file = try open(path, O_WRONLY | O_CREAT)
        try file.write(bytes, at: Int(try file.status(seen(path)).st_size), seen(path))
        try file.syncData(seen(path))
    }
}
