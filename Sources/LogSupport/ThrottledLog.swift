package import Logging
import NIOConcurrencyHelpers

/// Lines that strangers can bring about as often as they like: one a second at most, which says how many went unsaid before it.
package final class ThrottledLog: Sendable {
    private struct State {
        var last: ContinuousClock.Instant?
        var unsaid = 0
    }

    private let logger: Logger
    private let level: Logger.Level
    private let state = NIOLockedValueBox(State())

    package init(_ logger: Logger, level: Logger.Level) {
        self.logger = logger
        self.level = level
    }

    package func note(_ text: @autoclosure () -> String, now: ContinuousClock.Instant = .now) {
        let unsaid = state.withLockedValue { state -> Int? in
            guard state.last.map({ now - $0 >= .seconds(1) }) ?? true else {
                state.unsaid += 1
                return nil
            }
            defer { (state.last, state.unsaid) = (now, 0) }
            return state.unsaid
        }
        guard let unsaid else { return }
        let text = text()
        logger.log(level: level, "\(text)\(unsaid > 0 ? " (and \(unsaid) lines like it)" : "")")
    }
}
