import CFiles
import Glibc
import NIOCore

/// An open file or directory, closed with its last reference: its number is used here alone, where it cannot be closed meanwhile.
final class Descriptor: Sendable {
    private let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// - Parameter what: the file as it is called in an error.
    func status(_ what: String) throws(TransferFailure) -> stat {
        var status = stat()
        guard fstat(number, &status) == 0 else { throw TransferFailure(errno: errno, what) }
        return status
    }

    /// - Throws: `TransferFailure` where there is none of that name.
    func status(of name: String, _ what: String) throws(TransferFailure) -> stat {
        var status = stat()
        guard fstatat(number, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { throw TransferFailure(errno: errno, what) }
        return status
    }

    /// Opens a name in this directory, never by a symbolic link, and never waiting for whoever is behind a pipe.
    func open(_ name: String, _ flags: Int32, mode: mode_t = 0o644, _ what: String) throws(TransferFailure) -> Descriptor {
        let opened = openat(number, name, flags | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode)
        guard opened >= 0 else { throw TransferFailure(errno: errno, what) }
        return Descriptor(opened)
    }

    func sync(_ what: String) throws(TransferFailure) {
        while fsync(number) != 0 {
            guard errno == EINTR else { throw TransferFailure(errno: errno, what) }
        }
    }

    func syncData(_ what: String) throws(TransferFailure) {
        while fdatasync(number) != 0 {
            guard errno == EINTR else { throw TransferFailure(errno: errno, what) }
        }
    }

    func truncate(to size: Int, _ what: String) throws(TransferFailure) {
        guard ftruncate(number, size) == 0 else { throw TransferFailure(errno: errno, what) }
    }

    /// Writes all of it at an offset. After an error a part of it may be there.
    func write(_ bytes: ByteBuffer, at offset: Int, _ what: String) throws(TransferFailure) {
        var offset = offset
        var rest = bytes
        while rest.readableBytes > 0 {
            let (written, code) = rest.withUnsafeReadableBytes { (pwrite(number, $0.baseAddress, $0.count, offset), errno) }
            guard written > 0 else {
                if written < 0, code == EINTR { continue }
                throw TransferFailure(errno: written < 0 ? code : EIO, what)
            }
            rest.moveReaderIndex(forwardBy: written)
            offset += written
        }
    }

    /// As many bytes as there are, at most `count`.
    func read(at offset: Int, count: Int, _ what: String) throws(TransferFailure) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        while buffer.readableBytes < count {
            let place = offset + buffer.readableBytes
            let wanted = count - buffer.readableBytes
            var (got, code) = (0, Int32(0))
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { space in
                (got, code) = (pread(number, space.baseAddress, wanted, place), errno)
                return max(got, 0)
            }
            if got == 0 { break }
            if got < 0, code != EINTR { throw TransferFailure(errno: code, what) }
        }
        return buffer
    }

    func setMode(_ mode: mode_t) { fchmod(number, mode) }

    /// The system begins to write a part of it to the disk.
    func writeOut(from offset: Int, count: Int) { files_write_out(number, offset, count) }

    /// The system reads ahead.
    func willBeReadThrough() { posix_fadvise(number, 0, 0, POSIX_FADV_SEQUENTIAL) }
}

// MARK: Directories

extension Descriptor {
    func canWrite(_ name: String) -> Bool { faccessat(number, name, W_OK, 0) == 0 }

    func makeDirectory(_ name: String, _ what: String) throws(TransferFailure) {
        guard mkdirat(number, name, 0o755) == 0 else { throw TransferFailure(errno: errno, what) }
    }

    /// - Returns: 0, or what the system says.
    @discardableResult
    func unlink(_ name: String, isDirectory: Bool = false) -> Int32 {
        unlinkat(number, name, isDirectory ? AT_REMOVEDIR : 0) == 0 ? 0 : errno
    }

    /// In one step. Two names of one directory, or of two.
    ///
    /// - Returns: 0, or what the system says: `EEXIST` where something is there that is not to be replaced, `EXDEV` between file systems.
    func rename(_ name: String, to directory: Descriptor, _ newName: String, overwrite: Bool) -> Int32 {
        let result =
            overwrite ? renameat(number, name, directory.number, newName) : files_rename_new(number, name, directory.number, newName)
        return result == 0 ? 0 : errno
    }

    /// Names of what is in it, at most so many; those that are no UTF-8 are left out.
    func names(most: Int, _ what: String) throws(TransferFailure) -> [String] {
        let copy = openat(number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = fdopendir(copy) else { throw TransferFailure(errno: errno, what) }
        defer { closedir(stream) }
        var names: [String] = []
        while names.count < most, let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                pointer.withMemoryRebound(to: UInt8.self, capacity: 256) {
                    String(validating: UnsafeBufferPointer(start: $0, count: strlen($0)), as: UTF8.self)
                }
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Bytes that may still be written on its file system.
    func freeSpace(_ what: String) throws(TransferFailure) -> Int {
        var status = statvfs()
        guard fstatvfs(number, &status) == 0 else { throw TransferFailure(errno: errno, what) }
        return Int(clamping: UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize)).partialValue)
    }
}
