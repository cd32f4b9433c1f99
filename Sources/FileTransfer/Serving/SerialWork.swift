import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// Work on one file, on threads that may block, in the order in which it was given. Whoever gives much gives the thread away only
/// when all of it is done.
final class SerialWork: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isRunning = false
    }

    private let pool: NIOThreadPool
    private let state = NIOLockedValueBox(State())

    init(on pool: NIOThreadPool) { self.pool = pool }

    func run<Result: Sendable>(on loop: any EventLoop, _ work: @escaping @Sendable () throws -> Result) -> EventLoopFuture<Result> {
        let promise = loop.makePromise(of: Result.self)
        let isFirst = state.withLockedValue { state in
            state.waiting.append { promise.completeWith(Swift.Result { try work() }) }
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if isFirst { pool.submit { [self] _ in drain() } }
        return promise.futureResult
    }

    /// Hashing takes all that it gets: whoever waits for a live request goes first. On Linux a thread has a priority of its own.
    private static let niceness: Int32 = 10

    private func drain() {
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, SerialWork.niceness)
        while let batch = next() {
            for work in batch { work() }
        }
    }

    private func next() -> [@Sendable () -> Void]? {
        state.withLockedValue { state in
            guard !state.waiting.isEmpty else {
                state.isRunning = false
                return nil
            }
            defer { state.waiting = [] }
            return state.waiting
        }
    }
}
