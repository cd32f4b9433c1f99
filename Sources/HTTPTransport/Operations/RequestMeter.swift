package import Metrics
import NIOConcurrencyHelpers
package import NIOCore

/// Counts what a server answers, from any of its loops.
package final class RequestMeter: Sendable {
    private let state = NIOLockedValueBox(RequestFigures())

    package init() {}

    package var figures: RequestFigures { state.withLockedValue { $0 } }

    func began() { state.withLockedValue { $0.began() } }
    func ended(_ status: Int, after time: TimeAmount) { state.withLockedValue { $0.ended(status, after: time) } }
}
