import Glibc
import NIOConcurrencyHelpers

/// Runs one script's jobs one after the other on the pool's threads.
final class ScriptExecutor: SerialExecutor {
    private enum Work {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private struct State {
        var work: [Work] = []
        var isScheduled = false
        /// The thread that runs them right now.
        var thread: pthread_t?
    }

    private let pool: ElasticThreadPool
    private let state = NIOLockedValueBox(State())

    init(pool: ElasticThreadPool) { self.pool = pool }

    func enqueue(_ job: consuming ExecutorJob) { enqueue(.job(UnownedJob(job))) }

    /// Runs a closure in its turn, without the cost of a task.
    func submit(_ closure: @escaping @Sendable () -> Void) { enqueue(.closure(closure)) }

    private func enqueue(_ work: Work) {
        let schedule = state.withLockedValue { state -> Bool in
            state.work.append(work)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if schedule { pool.submit { self.drain() } }
    }

    /// What is there now; what comes meanwhile waits for its turn behind other scripts.
    private func drain() {
        let work = state.withLockedValue { state -> [Work] in
            defer { state.work = [] }
            state.thread = pthread_self()
            return state.work
        }
        for item in work {
            switch item {
            case .job(let job): job.runSynchronously(on: asUnownedSerialExecutor())
            case .closure(let closure): closure()
            }
        }
        leave()
    }

    private func leave() {
        let again = state.withLockedValue { state -> Bool in
            state.thread = nil
            state.isScheduled = !state.work.isEmpty
            return state.isScheduled
        }
        if again { pool.submit { self.drain() } }
    }

    /// Runs a closure right here when nothing else of the script runs or waits to run; it must be short and must not wait.
    /// - Returns: nil when the script is busy.
    func ifIdle<Result>(_ body: () -> Result) -> Result? {
        let isIdle = state.withLockedValue { state -> Bool in
            guard !state.isScheduled else { return false }
            state.isScheduled = true
            state.thread = pthread_self()
            return true
        }
        guard isIdle else { return nil }
        defer { leave() }
        return body()
    }

    /// For `assumeIsolated` in closures, which are no jobs of a task.
    func checkIsolated() {
        let thread = state.withLockedValue { $0.thread }
        precondition(thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false, "not on the script's executor")
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}
