import Logging
import LuaRuntime
import NIOConcurrencyHelpers
import NIOCore

/// Says which scripts run for long without a pause, and where they are (lsr.md §3).
///
/// A script that does so keeps its own callers waiting and a thread busy, nothing else; so it is told of, and not stopped.
final class ScriptWatchdog: Sendable {
    /// One script under watch.
    final class Watched: Sendable {
        private struct Report {
            var run: UInt64 = 0
            var hasLooked = false
            var isTold = false
        }

        private let activity: LuaActivity
        private let limit: UInt64
        private let logger: Logger
        private let report = NIOLockedValueBox(Report())

        /// - Parameter limit: how long a run may take.
        init(_ state: LuaState, limit: TimeAmount, logger: Logger) {
            activity = state.activity
            self.limit = UInt64(limit.nanoseconds)
            self.logger = logger
            state.whenLookedAt { [weak self] traceback in self?.tell(traceback) }
        }

        /// Looks at a run that takes too long; what cannot be looked at by the time of the next check is told without.
        /// - Returns: whether it is one that was not told of before.
        func check(at now: UInt64) -> Bool {
            guard let since = activity.runningSince, now > since, now - since > limit else { return false }
            let (isNew, isUnanswered) = report.withLockedValue { report -> (Bool, Bool) in
                if report.run != since {
                    report = Report(run: since)
                    return (true, false)
                }
                defer { report.hasLooked = true }
                return (false, !report.hasLooked && !report.isTold)
            }
            if isNew { activity.look(ifRunningSince: since) }
            if isUnanswered {
                logger.warning(
                    "has run for more than \(limit / 1_000_000) ms without a pause; it is in compiled code or waits for the system, so there is no traceback (maxInstructions would stop compiled code)"
                )
            }
            return isNew
        }

        private func tell(_ traceback: String) {
            report.withLockedValue { $0.isTold = true }
            // The first line is a heading; innermost first.
            let places = traceback.split(separator: "\n").dropFirst().map { $0.drop { $0 == "\t" } }.joined(separator: ", called from ")
            logger.warning("has run for more than \(limit / 1_000_000) ms without a pause; it is at \(places)")
        }
    }

    private static let interval = TimeAmount.seconds(1)

    private let watched = NIOLockedValueBox<[String: Watched]>([:])
    private let task: RepeatedTask

    /// - Parameter found: called for each run that takes too long.
    init(on loop: any EventLoop, found: @escaping @Sendable () -> Void) {
        let watched = watched
        task = loop.scheduleRepeatedTask(initialDelay: ScriptWatchdog.interval, delay: ScriptWatchdog.interval) { _ in
            let now = LuaActivity.now()
            for script in watched.withLockedValue({ Array($0.values) }) {
                if script.check(at: now) { found() }
            }
        }
    }

    func watch(_ name: String, _ script: Watched?) { watched.withLockedValue { $0[name] = script } }

    func stop() { task.cancel() }
}
