import NIOCore

/// Wakes a session at its next deadline. A timer that is set too early is left alone: the session then just finds
/// nothing due, which costs less than setting it anew for every message.
struct SessionTimer {
    private var scheduled: Scheduled<Void>?
    private var due = NIODeadline.distantFuture

    mutating func schedule(_ deadline: NIODeadline, on loop: any EventLoop, _ wake: @escaping @Sendable () -> Void) {
        guard deadline < due else { return }
        scheduled?.cancel()
        due = deadline
        scheduled = loop.scheduleTask(deadline: deadline, wake)
    }

    mutating func fired() {
        scheduled = nil
        due = .distantFuture
    }

    mutating func cancel() {
        scheduled?.cancel()
        fired()
    }
}
