import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Checksums of a file that is read or written block by block, computed beside that on another thread.
final class StreamHash: @unchecked Sendable {
    private let withMD5: Bool
    private let loop: any EventLoop
    private let work: SerialWork
    /// Used on `work` alone.
    private var sums: RunningChecksums
    private let backlog = NIOLockedValueBox(0)
    /// Bytes that may wait before whoever sends them waits too.
    private static let mostWaiting = 1 << 20

    init(withMD5: Bool, pool: NIOThreadPool, on loop: any EventLoop) {
        self.withMD5 = withMD5
        self.loop = loop
        work = SerialWork(on: pool)
        sums = RunningChecksums(withMD5: withMD5)
    }

    /// Blocks that do not follow each other are left out: the file is read again at the end then.
    func take(_ bytes: ByteBuffer, at offset: Int) {
        backlog.withLockedValue { $0 += bytes.readableBytes }
        _ = work.run(on: loop) { [self] in
            if offset == sums.count { sums.take(bytes) }
            backlog.withLockedValue { $0 -= bytes.readableBytes }
        }
    }

    func restart() { _ = work.run(on: loop) { [self] in sums = RunningChecksums(withMD5: withMD5) } }

    /// At once where little waits, else when all that was given so far is hashed.
    func room() -> EventLoopFuture<Void> {
        guard backlog.withLockedValue({ $0 }) > StreamHash.mostWaiting else { return loop.makeSucceededVoidFuture() }
        return work.run(on: loop) {}
    }

    /// - Parameter size: of the file; where other bytes than those were given it is read again.
    func values(of file: Descriptor, size: Int, _ what: String) -> EventLoopFuture<FileChecksums> {
        work.run(on: loop) { [self] in sums.count == size ? sums.values : try RunningChecksums.of(file, withMD5: withMD5, what) }
    }
}
