import Glibc

/// Keeps a second program from the same database: each has the model in memory, and would not hear of what the other changes.
final class DatabaseLock: Sendable {
    private let descriptor: CInt

    /// - Throws: `StoreFailure` where another program has it, or the file cannot be made.
    init(_ path: String) throws {
        let file = path + ".lock"
        descriptor = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreFailure("\(file): \(String(cString: strerror(errno)))") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            Glibc.close(descriptor)
            throw StoreFailure(code == EWOULDBLOCK ? "\(path) is in use by another program" : "\(file): \(String(cString: strerror(code)))")
        }
    }

    /// Another program may have it.
    func release() { flock(descriptor, LOCK_UN) }

    deinit { Glibc.close(descriptor) }
}
