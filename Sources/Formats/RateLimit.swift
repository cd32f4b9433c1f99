public import NIOCore

/// Spreads bytes over time. What is taken beyond the rate is paid by waiting, in the order in which it was taken.
public struct RateLimit: Sendable {
    /// Bytes a second; nil: as fast as it goes.
    private let rate: Int?
    private var free = NIODeadline.uptimeNanoseconds(0)
    /// So much may come at once after a pause.
    private static let burst = TimeAmount.milliseconds(100)

    public init(_ rate: Int?) { self.rate = rate.flatMap { $0 > 0 ? $0 : nil } }

    /// How long to wait before so many bytes.
    public mutating func take(_ bytes: Int, now: NIODeadline) -> TimeAmount {
        guard let rate else { return .zero }
        let start = max(free, now - RateLimit.burst)
        let cost = Int64(Double(bytes) / Double(rate) * 1e9)
        free = start + .nanoseconds(cost)
        return max(start - now, .zero)
    }
}
