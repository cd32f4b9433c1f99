package import NIOCore

/// How long things took, counted by upper bounds.
package struct Histogram: Sendable, Equatable {
    /// Seconds, each more than twice the one before it: from what a request on one machine takes to what a timeout is.
    package static let bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

    /// How many fell below each bound and not below the one before it.
    package private(set) var counts = [Int](repeating: 0, count: Histogram.bounds.count)
    package private(set) var count = 0
    /// Seconds of all together.
    package private(set) var sum = 0.0

    package init() {}

    package mutating func observe(_ time: TimeAmount) {
        let seconds = max(Double(time.nanoseconds) / 1e9, 0)
        count += 1
        sum += seconds
        if let index = Histogram.bounds.firstIndex(where: { seconds <= $0 }) { counts[index] += 1 }
    }
}
