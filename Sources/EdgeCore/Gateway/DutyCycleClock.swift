package import NIOCore

/// When a gateway that is connected for a part of the time only leaves the network (ems.md §4.6).
package struct DutyCycleClock: Sendable {
    package enum Decision: Sendable, Equatable {
        case stay(lookAgain: NIODeadline)
        case leave(for: TimeAmount)
    }

    private let settings: GatewayConfiguration.DutyCycle
    private let idleTime: TimeAmount
    private var connectedUntil = NIODeadline.distantPast
    /// The end of the off phase that a local request interrupted.
    private var restUntil: NIODeadline?
    private var lastFromPlatform = NIODeadline.distantPast
    private var lastTraffic = NIODeadline.distantPast

    /// - Parameter idleTime: quiet time before leaving, `message_idle_time`.
    package init(_ settings: GatewayConfiguration.DutyCycle, idleTime: TimeAmount) {
        self.settings = settings
        self.idleTime = idleTime
    }

    private var on: TimeAmount { .nanoseconds(settings.period.nanoseconds / 100 * Int64(settings.percent)) }
    private var off: TimeAmount { settings.period - on }

    /// Online: an on phase begins, or goes on for as long as a local request needs when it interrupted an off phase.
    package mutating func connected(now: NIODeadline) {
        lastTraffic = now
        if let restUntil, now < restUntil {
            connectedUntil = now
        } else {
            restUntil = nil
            connectedUntil = now + on
        }
    }

    package mutating func heardPlatform(now: NIODeadline) {
        lastFromPlatform = now
        lastTraffic = now
    }

    package mutating func traffic(now: NIODeadline) { lastTraffic = now }

    /// - Parameter isBusy: whether a request waits for its answer.
    package mutating func check(now: NIODeadline, isBusy: Bool) -> Decision {
        guard now >= connectedUntil else { return .stay(lookAgain: connectedUntil) }
        let pause = max(idleTime, .milliseconds(10))
        if isBusy { return .stay(lookAgain: now + pause) }
        // A request that interrupted an off phase does not start another wait for the platform.
        let afterPlatform = restUntil == nil && lastFromPlatform > .distantPast ? lastFromPlatform + settings.delay : .distantPast
        let quiet = max(afterPlatform, lastTraffic + idleTime)
        guard now >= quiet else { return .stay(lookAgain: quiet) }
        if let restUntil, now < restUntil { return .leave(for: restUntil - now) }
        restUntil = now + off
        return .leave(for: off)
    }
}
