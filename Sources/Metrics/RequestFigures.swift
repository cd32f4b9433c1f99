package import NIOCore

/// Requests that come one way: how many are under way, how they were answered, and how long that took.
package struct RequestFigures: Sendable, Equatable {
    package private(set) var inFlight = 0
    /// By HTTP status.
    package private(set) var answered: [Int: Int] = [:]
    package private(set) var duration = Histogram()

    package init() {}

    package mutating func began() { inFlight += 1 }

    package mutating func ended(_ status: Int, after time: TimeAmount) {
        inFlight -= 1
        // A peer that makes up statuses does not make up time series.
        answered[(100..<600).contains(status) ? status : 599, default: 0] += 1
        duration.observe(time)
    }
}

extension MetricsText {
    /// Families of requests, by the way that they come.
    package mutating func add(_ requests: KeyValuePairs<String, RequestFigures>, prefix: String) {
        family(.counter, "\(prefix)_requests_total", "Requests that were answered, by the way that they came and their HTTP status.") {
            family in
            for (direction, figures) in requests {
                for (status, count) in figures.answered.sorted(by: { $0.key < $1.key }) {
                    family.sample(["direction": direction, "status": String(status)], count)
                }
            }
        }
        family(.histogram, "\(prefix)_request_duration_seconds", "How long requests took from their last byte to the answer's first.") {
            family in
            for (direction, figures) in requests { family.histogram(["direction": direction], figures.duration) }
        }
        family(.gauge, "\(prefix)_requests_in_flight", "Requests that have no answer yet.") { family in
            for (direction, figures) in requests { family.sample(["direction": direction], figures.inFlight) }
        }
    }
}
