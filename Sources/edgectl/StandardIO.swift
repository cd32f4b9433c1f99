import EdgeREST
import Glibc
import NIOCore
import NIOPosix

/// Standard input and output as something that can be waited for: files, which cannot, get a pipe and a thread each.
struct StandardIO {
    let input: Int32
    let output: Int32
    /// When everything that was written to `output` is where it belongs.
    let flushed: EventLoopFuture<Void>

    /// - Throws: `RestError`.
    init(on loop: any EventLoop) throws {
        signal(SIGPIPE, SIG_IGN)
        if StandardIO.isFile(STDIN_FILENO) {
            let (out, into) = try StandardIO.pipe()
            _ = NIOThreadPool.singleton.runIfActive(eventLoop: loop) { StandardIO.copy(STDIN_FILENO, to: into) }
            input = out
        } else {
            input = dup(STDIN_FILENO)
        }
        if StandardIO.isFile(STDOUT_FILENO) {
            let (out, into) = try StandardIO.pipe()
            flushed = NIOThreadPool.singleton.runIfActive(eventLoop: loop) { StandardIO.copy(out, to: STDOUT_FILENO) }
            output = into
        } else {
            output = dup(STDOUT_FILENO)
            flushed = loop.makeSucceededVoidFuture()
            close(STDOUT_FILENO)
        }
        guard input >= 0, output >= 0 else {
            throw RestError("standard input and output cannot be used: \(String(cString: strerror(errno)))")
        }
    }

    private static func isFile(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    private static func pipe() throws -> (Int32, Int32) {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { throw RestError("there is no pipe: \(String(cString: strerror(errno)))") }
        return (ends[0], ends[1])
    }

    private static func copy(_ source: Int32, to target: Int32) {
        var block = [UInt8](repeating: 0, count: 65_536)
        defer {
            close(source)
            close(target)
        }
        while true {
            let got = read(source, &block, block.count)
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return }
            var sent = 0
            while sent < got {
                let count = block.withUnsafeBytes { write(target, $0.baseAddress?.advanced(by: sent), got - sent) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return }
                sent += count
            }
        }
    }
}
