import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Hashing of passwords: beside the event loop, two at a time, and not more waiting than are served soon.
final class PasswordWork: Sendable {
    private let pool = NIOThreadPool(numberOfThreads: 2)
    private let waiting = NIOLockedValueBox(0)
    private static let most = 32

    init() { pool.start() }

    deinit { pool.shutdownGracefully { _ in } }

    func run<Result: Sendable>(on loop: any EventLoop, _ work: @escaping @Sendable () throws -> Result) -> EventLoopFuture<Result> {
        let hasRoom = waiting.withLockedValue { waiting in
            guard waiting < PasswordWork.most else { return false }
            waiting += 1
            return true
        }
        guard hasRoom else { return loop.makeFailedFuture(TooManyPasswords()) }
        let future = pool.runIfActive(eventLoop: loop, work)
        future.whenComplete { [waiting] _ in waiting.withLockedValue { $0 -= 1 } }
        return future
    }
}

struct TooManyPasswords: Error, CustomStringConvertible {
    var description: String { "too many passwords are being looked at: try again in a second" }
}
