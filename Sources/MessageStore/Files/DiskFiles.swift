import Glibc
import NIOCore

/// A directory on disk that one process at a time may write to.
package final class DiskFiles: StoreFiles {
    private static let lockName = "lock"

    private let path: String
    private let directory: CInt
    private let lock: CInt

    /// Opens the directory, makes it where it is missing, and takes its lock.
    ///
    /// - Parameter reading: nothing is made and no lock is taken: for a look beside the process that owns it.
    /// - Throws: `StoreFailure`: it cannot be made or written to, or another process has it.
    package init(_ path: String, reading: Bool = false) throws(StoreFailure) {
        self.path = path
        if !reading { try DiskFiles.make(path) }
        directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw DiskFiles.failure("open", path) }
        guard !reading else {
            lock = -1
            return
        }
        lock = openat(directory, DiskFiles.lockName, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else {
            let failure = DiskFiles.failure("write to", path)
            close(directory)
            throw failure
        }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let owner = DiskFiles.owner(lock)
            close(lock)
            close(directory)
            throw StoreFailure(.inUse, "\(path) is in use by another process\(owner): give each gateway a directory of its own")
        }
        let owner = "\(getpid())\n"
        _ = ftruncate(lock, 0)
        _ = owner.withCString { pwrite(lock, $0, owner.utf8.count, 0) }
    }

    deinit {
        if lock >= 0 { close(lock) }
        close(directory)
    }

    private static func make(_ path: String) throws(StoreFailure) {
        var parent = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: false) {
            parent += part
            if !parent.isEmpty, mkdir(parent, 0o700) != 0, errno != EEXIST, errno != EROFS, errno != EACCES {
                throw failure("make the directory", parent)
            }
            parent += "/"
        }
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("make the directory", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw StoreFailure(.system(ENOTDIR), "\(path) is no directory") }
        guard status.st_uid == geteuid() || status.st_mode & 0o022 == 0 else {
            throw StoreFailure(
                .system(EPERM),
                "\(path) belongs to the user \(status.st_uid) and others may write to it: whoever can write there can forge messages")
        }
    }

    private static func owner(_ lock: CInt) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(lock, &bytes, bytes.count, 0)
        let digits = bytes.prefix(max(count, 0)).prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return digits.isEmpty ? "" : " (\(String(decoding: digits, as: UTF8.self)))"
    }

    static func failure(_ what: String, _ path: String, code: Int32 = errno) -> StoreFailure {
        StoreFailure(.system(code), "cannot \(what) \(path): \(String(cString: strerror(code)))")
    }

    // MARK: StoreFiles

    package func names() throws(StoreFailure) -> [String] {
        // A descriptor of its own: one that is shared keeps its place.
        let descriptor = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, let entries = fdopendir(descriptor) else { throw DiskFiles.failure("list", path) }
        defer { closedir(entries) }
        var names: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != "..", name != DiskFiles.lockName { names.append(name) }
        }
        return names
    }

    package func create(_ name: String) throws(StoreFailure) -> any StoreFile { try file(name, O_RDWR | O_CREAT | O_EXCL) }

    package func open(_ name: String) throws(StoreFailure) -> any StoreFile { try file(name, lock >= 0 ? O_RDWR : O_RDONLY) }

    private func file(_ name: String, _ flags: CInt) throws(StoreFailure) -> DiskFile {
        let descriptor = openat(directory, name, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw DiskFiles.failure("open", "\(path)/\(name)") }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw StoreFailure(.system(EINVAL), "\(path)/\(name) is no file")
        }
        return DiskFile(descriptor, path: "\(path)/\(name)", size: Int(status.st_size))
    }

    package func rename(_ name: String, to other: String) throws(StoreFailure) {
        guard renameat(directory, name, directory, other) == 0 else { throw DiskFiles.failure("rename", "\(path)/\(name)") }
    }

    package func remove(_ name: String) throws(StoreFailure) {
        guard unlinkat(directory, name, 0) == 0 || errno == ENOENT else { throw DiskFiles.failure("remove", "\(path)/\(name)") }
    }

    package func syncDirectory() throws(StoreFailure) {
        guard fsync(directory) == 0 else { throw DiskFiles.failure("sync", path) }
    }
}

private final class DiskFile: StoreFile {
    private let descriptor: CInt
    private let path: String
    private(set) var size: Int

    init(_ descriptor: CInt, path: String, size: Int) {
        self.descriptor = descriptor
        self.path = path
        self.size = size
    }

    deinit { close(descriptor) }

    func append(_ bytes: ByteBuffer) throws(StoreFailure) {
        var code: Int32 = 0
        bytes.withUnsafeReadableBytes { bytes in
            var written = 0
            while written < bytes.count, code == 0 {
                let count = pwrite(descriptor, bytes.baseAddress! + written, bytes.count - written, off_t(size))
                if count > 0 {
                    written += count
                    size += count
                } else if count == 0 || errno != EINTR {
                    code = count == 0 ? EIO : errno
                }
            }
        }
        if code != 0 { throw DiskFiles.failure("write to", path, code: code) }
    }

    func sync() throws(StoreFailure) {
        guard fdatasync(descriptor) == 0 else { throw DiskFiles.failure("sync", path) }
        // What is written to a file that somebody has removed is safe from power cuts, and gone with this process.
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_nlink > 0 else { throw DiskFiles.failure("find", path, code: ENOENT) }
    }

    func truncate(to size: Int) throws(StoreFailure) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw DiskFiles.failure("shorten", path) }
        self.size = size
    }

    func read(at offset: Int, count: Int) throws(StoreFailure) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var code: Int32 = 0
        while buffer.readableBytes < count, code == 0 {
            let start = offset + buffer.readableBytes
            let read = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count - buffer.readableBytes) { bytes in
                let read = pread(descriptor, bytes.baseAddress!, min(bytes.count, offset + count - start), off_t(start))
                if read < 0, errno != EINTR { code = errno }
                return max(read, 0)
            }
            if read == 0, code == 0 { break }
        }
        if code != 0 { throw DiskFiles.failure("read", path, code: code) }
        return buffer
    }
}
