import CLuaJIT
import Glibc
import Synchronization

/// Since when a state runs without a pause, and on which thread. May be asked from any thread.
package final class LuaActivity: Sendable {
    private struct Run {
        let thread: pthread_t
        let state: UInt
        let since: UInt64
    }

    private let run = Mutex<Run?>(nil)

    /// - Returns: false where it is under way already.
    func begin(_ state: OpaquePointer) -> Bool {
        run.withLock { run in
            guard run == nil else { return false }
            run = Run(thread: pthread_self(), state: UInt(bitPattern: state), since: LuaActivity.now())
            twlua_enter(state)
            return true
        }
    }

    func end() {
        run.withLock { run in
            twlua_enter(nil)
            run = nil
        }
    }

    /// When the present run began, in ns of the monotonic clock; nil while the state rests.
    package var runningSince: UInt64? { run.withLock { $0?.since } }

    /// Has the state say where it is (`LuaState.watch`), if the run that began then still goes on.
    package func look(ifRunningSince since: UInt64) {
        run.withLock { run in
            // While this is locked, the thread cannot leave the state.
            guard let run, run.since == since else { return }
            _ = twlua_look(run.thread, OpaquePointer(bitPattern: run.state))
        }
    }

    package static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
