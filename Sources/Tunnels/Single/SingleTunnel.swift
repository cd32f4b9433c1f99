/// A tunnel of one connection at a time, as SDK edges and platforms know it: what the edge does with its local side (alwayson.md §9).
package struct SingleTunnel: Sendable, Equatable {
    package enum State: Sendable, Equatable {
        case connecting
        case connected
        /// The last connection is over, and another may be asked for.
        case between
        case ended
    }

    package enum Command: String, Sendable {
        case connect = "CONNECT"
        case disconnect = "DISCONNECT"
        /// Nothing was sent for too long.
        case cancel = "CANCEL"
    }

    package enum Action: Sendable, Equatable {
        case connect
        /// Closes the local connection, once it has taken what came for it.
        case disconnect
        case tell(Command)
        /// Sends what was read, then closes the WebSocket in order.
        case end(String)
    }

    package private(set) var state = State.connecting
    /// Connections that may still be made; nil: as many as are asked for.
    package private(set) var left: Int?

    /// - Parameter connects: 0: one; below 0: no limit.
    package init(connects: Int) { left = TunnelStart.most(connects: connects) }

    /// The WebSocket stands.
    package mutating func begin() -> [Action] { connect() ?? [] }

    private mutating func connect() -> [Action]? {
        if let left {
            guard left > 0 else { return nil }
            self.left = left - 1
        }
        state = .connecting
        return [.connect]
    }

    package mutating func connected() { if state == .connecting { state = .connected } }

    /// It could not be reached, or is over.
    package mutating func disconnected(_ reason: String) -> [Action] {
        guard state == .connecting || state == .connected else { return [] }
        guard left != 0 else {
            state = .ended
            return [.tell(.disconnect), .end(reason)]
        }
        state = .between
        return [.tell(.disconnect)]
    }

    /// - Returns: whether it is possible (4.00 where not), and what is to be done in either case.
    package mutating func command(_ command: Command) -> (isPossible: Bool, actions: [Action]) {
        switch (command, state) {
        case (_, .ended), (.cancel, _): return (false, [])
        case (.connect, .between):
            if let actions = connect() { return (true, actions) }
            state = .ended
            return (false, [.end("no connections are left")])
        // It is repeated, or has been done already.
        case (.connect, .connecting), (.connect, .connected): return (true, [])
        case (.disconnect, .between):
            guard let actions = connect() else {
                state = .ended
                return (true, [.end("no connections are left")])
            }
            return (true, actions)
        case (.disconnect, .connecting), (.disconnect, .connected):
            if let actions = connect() { return (true, [.disconnect] + actions) }
            state = .ended
            return (true, [.disconnect, .end("disconnected by the platform")])
        }
    }

    /// The tunnel is over: completed by the platform, idle, lost.
    package mutating func end(_ reason: String, telling command: Command? = nil) -> [Action] {
        guard state != .ended else { return [] }
        state = .ended
        return (command.map { [.tell($0)] } ?? []) + [.end(reason)]
    }
}
