/// Runs an actor on the thread that calls it, which is one alone: an embedded event loop is no executor.
final class InlineExecutor: SerialExecutor {
    static let shared = InlineExecutor()

    func enqueue(_ job: UnownedJob) { job.runSynchronously(on: asUnownedSerialExecutor()) }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    func checkIsolated() {}
}
