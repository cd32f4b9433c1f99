import NIOConcurrencyHelpers

/// Runs one script's jobs one after the other on the pool's threads.
final class ScriptExecutor: SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isScheduled = false
    }

    private let pool: ElasticThreadPool
    private let state = NIOLockedValueBox(State())

    init(pool: ElasticThreadPool) { self.pool = pool }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let schedule = state.withLockedValue { state -> Bool in
            state.jobs.append(job)
            defer { state.isScheduled = true }
            return !state.isScheduled
        }
        if schedule { pool.submit { self.drain() } }
    }

    /// What is there now; what comes meanwhile waits for its turn behind other scripts.
    private func drain() {
        let jobs = state.withLockedValue { state -> [UnownedJob] in
            defer { state.jobs = [] }
            return state.jobs
        }
        for job in jobs { job.runSynchronously(on: asUnownedSerialExecutor()) }
        let again = state.withLockedValue { state -> Bool in
            state.isScheduled = !state.jobs.isEmpty
            return state.isScheduled
        }
        if again { pool.submit { self.drain() } }
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }
}
