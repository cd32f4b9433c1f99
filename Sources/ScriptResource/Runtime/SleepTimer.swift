import NIOConcurrencyHelpers
import NIOCore

/// Wakes sleeping scripts. Those that sleep for long share their wakings: a thousand main loops that pause for half a
/// second each need a hundred timers a second, and not two thousand.
final class SleepTimer: Sendable {
    /// Sleeps of at least `longSleep` end on a multiple of this.
    static let grid = TimeAmount.milliseconds(10)
    static let longSleep = TimeAmount.milliseconds(100)

    private let loop: any EventLoop
    private let waiting = NIOLockedValueBox<[UInt64: [@Sendable () -> Void]]>([:])

    init(loop: any EventLoop) { self.loop = loop }

    /// Runs `wake` on the event loop after that time, never earlier.
    func schedule(in amount: TimeAmount, _ wake: @escaping @Sendable () -> Void) {
        guard amount >= SleepTimer.longSleep else {
            loop.scheduleTask(in: amount, wake)
            return
        }
        let grid = UInt64(SleepTimer.grid.nanoseconds)
        let end = (loop.now + amount).uptimeNanoseconds
        let slot = (end + grid - 1) / grid * grid
        let isFirst = waiting.withLockedValue { waiting in
            waiting[slot, default: []].append(wake)
            return waiting[slot]!.count == 1
        }
        guard isFirst else { return }
        loop.scheduleTask(deadline: .uptimeNanoseconds(slot)) {
            for wake in self.waiting.withLockedValue({ $0.removeValue(forKey: slot) }) ?? [] { wake() }
        }
    }
}
