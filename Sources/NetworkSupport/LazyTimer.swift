package import NIOCore

/// Wakes somebody at a deadline that often moves. A timer that is set too early is left alone: who is woken then finds
/// nothing due and sets it again, which costs less than setting it anew for every message.
package struct LazyTimer {
    private var scheduled: Scheduled<Void>?
    private var due = NIODeadline.distantFuture

    package init() {}

    /// Whether `schedule` would set the timer anew: asked first, nothing is made for it in vain.
    package func needs(_ deadline: NIODeadline) -> Bool { deadline < due }

    package mutating func schedule(_ deadline: NIODeadline, on loop: any EventLoop, _ wake: @escaping @Sendable () -> Void) {
        guard deadline < due else { return }
        scheduled?.cancel()
        due = deadline
        scheduled = loop.scheduleTask(deadline: deadline, wake)
    }

    /// To be called first by whoever is woken.
    package mutating func fired() {
        scheduled = nil
        due = .distantFuture
    }

    package mutating func cancel() {
        scheduled?.cancel()
        fired()
    }
}
