/// A tunnel that a user has opened, as the platform knows it.
package struct TunnelSession: Sendable, Equatable {
    package enum State: String, Sendable {
        /// The edge was asked, or one of both ends is not there yet.
        case starting = "STARTING"
        case active = "ACTIVE"
        case completed = "COMPLETED"
        case cancelled = "CANCELLED"
        case failed = "ERROR"

        package var isEnd: Bool { self != .starting && self != .active }
    }

    /// What kind of end the edge has.
    package enum Edge: Sendable, Equatable {
        case asked
        /// One socket for all connections.
        case joined
        /// A socket for each connection, as SDK edges have them.
        case single
    }

    /// Bytes of a block.
    package static let largestBlock = 65_536

    package let id: String
    package let thing: String
    /// Empty: only a target was named.
    package var name = ""
    package let user: String
    /// The application key with which it was opened; it ends with it.
    package var key: String?
    package let target: TunnelTarget
    /// 0: one; below 0: no limit.
    package var connects = -1
    /// Raw bytes of one text message.
    package var blockSize = 8192
    /// Milliseconds.
    package var idleTimeout = 300_000
    package var readTimeout = 10
    /// Milliseconds since 1970 UTC.
    package let startTime: Int
    package var endTime: Int?
    package var state = State.starting
    package var code = 0
    package var message = ""
    package var edge = Edge.asked
    package var hasUser = false
    /// Bytes from the user to the edge, and back.
    package var sent = 0
    package var received = 0
    package var connections = 0
    /// Milliseconds since 1970 UTC by which both ends have to be there.
    package var deadline: Int
    package var lastTraffic: Int

    package init(id: String, thing: String, user: String, target: TunnelTarget, startTime: Int, patience: Int) {
        (self.id, self.thing, self.user, self.target, self.startTime) = (id, thing, user, target, startTime)
        deadline = startTime + patience
        lastTraffic = startTime
    }

    package func duration(now: Int) -> Int { max((endTime ?? now) - startTime, 0) }

    /// Why it is over at this time; nil: it is not.
    package func expiry(now: Int) -> (code: Int, reason: String)? {
        if state == .starting, now >= deadline {
            return (504, edge == .asked ? "the edge did not open its end in time" : "nobody came to use it")
        }
        if state == .active, idleTimeout > 0, now - lastTraffic >= idleTimeout {
            return (408, "nothing was sent for \(idleTimeout / 1000) s")
        }
        return nil
    }
}
