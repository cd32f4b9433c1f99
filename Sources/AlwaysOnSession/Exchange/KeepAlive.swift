package import NIOCore

/// WebSocket pings (alwayson.md §1): one each `interval`; no pong within `timeout` and the connection counts as lost.
package struct KeepAlive: Sendable {
    package enum Action: Sendable, Equatable {
        case none
        case ping
        case lost
    }

    private let interval: TimeAmount
    private let timeout: TimeAmount
    private var nextPing: NIODeadline
    private var pongBy: NIODeadline?

    package init(interval: TimeAmount, timeout: TimeAmount, now: NIODeadline) {
        self.interval = interval
        self.timeout = timeout
        nextPing = now + interval
    }

    package var nextDeadline: NIODeadline { min(nextPing, pongBy ?? .distantFuture) }

    package mutating func pong() { pongBy = nil }

    package mutating func tick(_ now: NIODeadline) -> Action {
        if let pongBy, now >= pongBy { return .lost }
        guard now >= nextPing else { return .none }
        nextPing = now + interval
        pongBy = pongBy ?? now + timeout
        return .ping
    }
}
