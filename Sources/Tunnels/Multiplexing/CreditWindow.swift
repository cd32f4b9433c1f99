package import Formats
package import NIOCore

/// How much the other end may send on one connection before somebody here has taken it.
///
/// It begins small and doubles while bytes are taken as fast as the way there and back lets them come: then the window, and not who takes
/// them, is what holds them up. What it grows by comes from a budget that all connections share.
package struct CreditWindow: Sendable {
    package private(set) var size: Int
    private let maximum: Int
    private let budget: ByteBudget
    /// What the other end may still send.
    package private(set) var open: Int
    /// What was taken since the last grant.
    private var taken = 0
    private var lastGrant: NIODeadline?
    private var borrowed = 0

    package init(size: Int = TunnelFrame.window, maximum: Int, budget: ByteBudget) {
        (self.size, self.maximum, self.budget) = (size, maximum, budget)
        open = size
    }

    /// - Returns: whether the other end was allowed to send them.
    package mutating func received(_ bytes: Int) -> Bool {
        guard bytes <= open else { return false }
        open -= bytes
        return true
    }

    /// - Parameter roundTrip: the way there and back without what waits on it; nil: not known yet.
    /// - Returns: what the other end is now granted; 0: nothing yet.
    package mutating func taken(_ bytes: Int, roundTrip: TimeAmount?, now: NIODeadline) -> Int {
        taken += bytes
        guard taken >= share else { return 0 }
        var grant = taken
        taken = 0
        if let roundTrip, let lastGrant, isShort(for: grant, in: now - lastGrant, roundTrip), size * 2 <= maximum, budget.take(size) {
            borrowed += size
            grant += size
            size *= 2
        }
        lastGrant = now
        open += grant
        return grant
    }

    /// What is granted at once: seldom where little is on its way, and soon where much is: else what just misses it lies idle.
    private var share: Int { max(size / 8, min(size / 2, 131_072)) }

    /// Whether, at the rate at which bytes were just taken, more than half of the window is on its way.
    private func isShort(for bytes: Int, in time: TimeAmount, _ roundTrip: TimeAmount) -> Bool {
        Double(bytes) * Double(roundTrip.nanoseconds) * 2 > Double(size) * Double(max(time.nanoseconds, 1))
    }

    /// Gives back what it had of the budget. To be called once, at the end.
    package mutating func end() {
        budget.give(borrowed)
        borrowed = 0
    }
}
