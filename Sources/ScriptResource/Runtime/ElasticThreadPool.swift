import Glibc
import NIOConcurrencyHelpers
import Synchronization

/// Threads for code that may block: as many as there are cores while all of them get on, more when work waits and
/// every thread is held up, by a script that loops or by one that waits for a program.
package final class ElasticThreadPool: Sendable {
    package typealias Work = @Sendable () -> Void

    private struct State {
        var queue: [Work] = []
        var head = 0
        var threads = 0
        var idle = 0

        var isEmpty: Bool { head == queue.count }

        mutating func pop() -> Work? {
            guard !isEmpty else { return nil }
            defer {
                head += 1
                if head > 1024, head * 2 > queue.count {
                    queue.removeFirst(head)
                    head = 0
                }
            }
            return queue[head]
        }
    }

    /// Work waits no longer than this for a thread of a pool whose threads are all held up.
    private static let patienceMilliseconds: Int32 = 20

    private let minimum: Int
    private let maximum: Int
    private let state = NIOLockedValueBox(State())
    private let wake: Semaphore
    private let lastStart = Atomic<UInt64>(0)

    package init(minimum: Int, maximum: Int = 512) {
        self.minimum = minimum
        self.maximum = maximum
        wake = Semaphore()
        for _ in 0..<minimum { startThread() }
        startWarden()
    }

    package func submit(_ work: @escaping Work) {
        state.withLockedValue { $0.queue.append(work) }
        wake.signal()
    }

    package var threadCount: Int { state.withLockedValue { $0.threads } }

    private func startThread() {
        state.withLockedValue { $0.threads += 1 }
        Thread.start { [self] in
            while true {
                state.withLockedValue { $0.idle += 1 }
                wake.wait()
                let work = state.withLockedValue { state -> Work? in
                    state.idle -= 1
                    return state.pop()
                }
                lastStart.add(1, ordering: .relaxed)
                work?()
                // A thread beyond the minimum goes when there is nothing left to do.
                let leaves = state.withLockedValue { state -> Bool in
                    guard state.threads > minimum, state.isEmpty, state.idle > 0 else { return false }
                    state.threads -= 1
                    return true
                }
                if leaves { return }
            }
        }
    }

    /// Adds a thread whenever nothing was started for a while although work waits.
    private func startWarden() {
        Thread.start { [self] in
            var seen: UInt64 = 0
            while true {
                usleep(UInt32(ElasticThreadPool.patienceMilliseconds) * 1000)
                let started = lastStart.load(ordering: .relaxed)
                let isStuck = state.withLockedValue { !$0.isEmpty && $0.idle == 0 && $0.threads < maximum }
                if isStuck, started == seen { startThread() }
                seen = started
            }
        }
    }
}

private enum Thread {
    /// Starts a detached thread with a small stack: Lua keeps its own.
    static func start(_ body: @escaping @Sendable () -> Void) {
        final class Box { let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body } }
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, 1 << 20)
        var thread = pthread_t()
        let box = Unmanaged.passRetained(Box(body)).toOpaque()
        let status = pthread_create(
            &thread, &attributes,
            { context in
                // Programs that a script starts get this thread's signals, blocked or not; a blocked one could not end them.
                var none = sigset_t()
                sigemptyset(&none)
                pthread_sigmask(SIG_SETMASK, &none, nil)
                Unmanaged<Box>.fromOpaque(context!).takeRetainedValue().body()
                return nil
            }, box)
        precondition(status == 0, "no thread could be started: \(String(cString: strerror(status)))")
        pthread_attr_destroy(&attributes)
    }
}

/// A counting semaphore of the system's.
private final class Semaphore: @unchecked Sendable {
    private let handle = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(handle, 0, 0) }

    deinit {
        sem_destroy(handle)
        handle.deallocate()
    }

    func signal() { sem_post(handle) }

    func wait() { while sem_wait(handle) != 0, errno == EINTR {} }
}
