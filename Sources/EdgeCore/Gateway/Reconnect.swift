package import NIOCore

/// When to try the platform again (alwayson.md §10): full-jitter exponential backoff, so that a fleet that lost its
/// platform does not return in one wave, and never faster than the configured interval.
package struct Reconnect: Sendable {
    package enum Decision: Sendable, Equatable {
        case retry(after: TimeAmount)
        case giveUp
    }

    private let interval: TimeAmount
    private let cap: TimeAmount
    private let retries: Int
    private var failures = 0

    /// - Parameters:
    ///   - interval: shortest wait.
    ///   - retries: attempts after the first failure; negative: for ever.
    package init(interval: TimeAmount, retries: Int) {
        self.interval = interval
        self.retries = retries
        cap = max(interval, min(.seconds(60), interval * 30))
    }

    package mutating func succeeded() { failures = 0 }

    /// - Parameter random: from 0 to 1.
    package mutating func failed(random: Double) -> Decision {
        failures += 1
        if retries >= 0, failures > retries { return .giveUp }
        let doubled = Double(interval.nanoseconds) * Double(1 << min(failures - 1, 20))
        let spread = min(doubled, Double(cap.nanoseconds)) - Double(interval.nanoseconds)
        return .retry(after: interval + .nanoseconds(Int64(spread * random)))
    }

    /// The application key was refused: asking again sooner than the cap only fills the platform's log.
    package mutating func refused() -> Decision {
        failures += 1
        if retries >= 0, failures > retries { return .giveUp }
        return .retry(after: cap)
    }
}
