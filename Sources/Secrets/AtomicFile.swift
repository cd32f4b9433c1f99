package import Glibc

/// A file operation that failed: which, on what, and the system's reason.
package struct FileFailure: Error, CustomStringConvertible, Sendable {
    package let operation: String
    package let path: String
    package let code: Int32

    package init(_ operation: String, _ path: String, code: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    package var isMissing: Bool { code == ENOENT }
    package var description: String { "cannot \(operation) \(path): \(String(cString: strerror(code)))" }
}

/// Whole files, read and replaced so that a crash leaves the old content or the new, never a piece.
package enum AtomicFile {
    /// - Throws: `FileFailure`.
    package static func read(_ path: String, limit: Int = 64 << 20) throws -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileFailure("read", path) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(file, &block, block.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileFailure("read", path) }
            guard count > 0 else { return bytes }
            bytes += block[..<count]
            guard bytes.count <= limit else { throw FileFailure("read", path, code: EFBIG) }
        }
    }

    /// Makes a directory, with those on the way to it; one that is there is fine.
    /// - Throws: `FileFailure`.
    package static func makeDirectory(_ path: String) throws {
        var status = stat()
        if stat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFDIR else { throw FileFailure("make the directory", path, code: EEXIST) }
            return
        }
        let parent = directory(of: path)
        if parent != path { try makeDirectory(parent) }
        // Another one may have been faster.
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw FileFailure("make the directory", path) }
    }

    /// Writes a temporary file beside `path`, syncs it and renames it over `path`. Where that is a symbolic link, the file
    /// that it leads to is replaced and the link stays.
    ///
    /// - Parameter mode: of a new file; an existing file keeps its mode and owner.
    /// - Throws: `FileFailure`; `path` is then as it was.
    package static func replace(_ path: String, with bytes: [UInt8], mode: mode_t = 0o600) throws {
        let path = try target(of: path)
        let temporary = try write(bytes, beside: path, mode: mode)
        guard rename(temporary, path) == 0 else {
            let failure = FileFailure("replace", path)
            unlink(temporary)
            throw failure
        }
        syncDirectory(of: path)
    }

    /// Like `replace`, but only when nothing is there yet.
    /// - Returns: whether the file was made.
    package static func create(_ path: String, with bytes: [UInt8], mode: mode_t = 0o600) throws -> Bool {
        let temporary = try write(bytes, beside: path, mode: mode)
        defer { unlink(temporary) }
        guard link(temporary, path) == 0 else {
            if errno == EEXIST { return false }
            throw FileFailure("create", path)
        }
        syncDirectory(of: path)
        return true
    }

    /// The file that a path leads to by symbolic links.
    private static func target(of path: String) throws -> String {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK else { return path }
        guard let resolved = realpath(path, nil) else { throw FileFailure("follow the link", path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    /// Whether the file has other names (hard links), which keep its content when it is replaced.
    package static func hasOtherNames(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_nlink > 1
    }

    package static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func write(_ bytes: [UInt8], beside path: String, mode: mode_t) throws -> String {
        let temporary = "\(path).\(getpid())-\(UInt32.random(in: .min ... .max)).tmp"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)
        guard file >= 0 else { throw FileFailure("write", temporary) }
        do {
            defer { close(file) }
            var old = stat()
            if stat(path, &old) == 0 {
                _ = fchown(file, old.st_uid, old.st_gid)
                fchmod(file, old.st_mode & 0o7777)
            } else {
                fchmod(file, mode)
            }
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw FileFailure("write", temporary) }
                rest = rest.dropFirst(count)
            }
            guard fsync(file) == 0 else { throw FileFailure("sync", temporary) }
            return temporary
        } catch {
            unlink(temporary)
            throw error
        }
    }

    private static func syncDirectory(of path: String) {
        let directory = open(directory(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }
}
