/// The tunnels of a platform: who opened them, which sockets belong to them, how they end. An edge that knows one connection in a
/// tunnel has a leg for each of a user's connections, which the edge takes for tunnels of their own.
package struct TunnelTable: Sendable {
    package struct Limits: Sendable {
        package var all = 1000
        package var ofUser = 100
        package var ofThing = 100
        /// Legs of one tunnel.
        package var legs = 32

        package init() {}
    }

    package enum Refusal: Error, Sendable, Equatable {
        case unknown
        /// The place is taken: the first socket keeps it.
        case taken
    }

    /// A socket that an edge was asked for.
    package struct Leg: Sendable, Equatable {
        package enum State: Sendable, Equatable {
            case asked
            /// It stands, and no connection uses it.
            case free
            case used
        }

        package let session: String
        package var state = State.asked
    }

    package var limits = Limits()
    private var sessions: [String: TunnelSession] = [:]
    private var legs: [String: Leg] = [:]

    package init() {}

    package subscript(id: String) -> TunnelSession? { sessions[id] }

    package var isEmpty: Bool { sessions.isEmpty }
    package var count: Int { sessions.count }

    /// Oldest first.
    package var all: [TunnelSession] { sessions.values.sorted { ($0.startTime, $0.id) < ($1.startTime, $1.id) } }

    package func leg(_ id: String) -> Leg? { legs[id] }

    /// Legs of a session, those that are asked for among them.
    package func legs(of session: String) -> [String] { legs.filter { $0.value.session == session }.keys.sorted() }

    /// - Throws: `TunnelFault` where there are too many.
    package mutating func add(_ session: TunnelSession) throws(TunnelFault) {
        guard sessions.count < limits.all else { throw TunnelFault("\(limits.all) tunnels are open already") }
        guard sessions.values.count(where: { $0.user == session.user }) < limits.ofUser else {
            throw TunnelFault("\(session.user) has \(limits.ofUser) tunnels open already")
        }
        guard sessions.values.count(where: { $0.thing == session.thing }) < limits.ofThing else {
            throw TunnelFault("\(limits.ofThing) tunnels to \(session.thing) are open already")
        }
        sessions[session.id] = session
        legs[session.id] = Leg(session: session.id)
    }

    // MARK: Sockets

    /// An edge opens its end.
    /// - Parameter carriesMany: whether all connections of the tunnel go through it.
    package mutating func edgeJoined(_ id: String, carriesMany: Bool) throws(Refusal) -> TunnelSession {
        guard let leg = legs[id], var session = sessions[leg.session] else { throw .unknown }
        guard leg.state == .asked else { throw .taken }
        // A further leg is of the same kind as the first.
        guard session.edge == .asked || (session.edge == .single && !carriesMany) else { throw .taken }
        session.edge = carriesMany ? .joined : .single
        legs[id]?.state = .free
        return becomeActive(&session)
    }

    /// The user opens his end.
    package mutating func userJoined(_ id: String) throws(Refusal) -> TunnelSession {
        guard var session = sessions[id] else { throw .unknown }
        guard !session.hasUser else { throw .taken }
        session.hasUser = true
        return becomeActive(&session)
    }

    private mutating func becomeActive(_ session: inout TunnelSession) -> TunnelSession {
        if session.hasUser, session.edge != .asked { session.state = .active }
        sessions[session.id] = session
        return session
    }

    /// A connection wants a leg.
    /// - Parameter makeID: for one that the edge has to be asked for.
    /// - Returns: the leg, and whether it stands already; nil: there are too many, or the connections are used up.
    package mutating func takeLeg(of id: String, makeID: () -> String) -> (leg: String, isOpen: Bool)? {
        guard let session = sessions[id] else { return nil }
        if let most = TunnelStart.most(connects: session.connects), session.connections >= most { return nil }
        let own = legs(of: id)
        if let free = own.first(where: { legs[$0]?.state == .free }) {
            legs[free]?.state = .used
            sessions[id]?.connections += 1
            return (free, true)
        }
        guard own.count < limits.legs else { return nil }
        sessions[id]?.connections += 1
        let leg = makeID()
        legs[leg] = Leg(session: id)
        return (leg, false)
    }

    /// A leg that was asked for a connection has come: it is that connection's.
    package mutating func useLeg(_ id: String) { legs[id]?.state = .used }

    package mutating func removeLeg(_ id: String) { legs[id] = nil }

    // MARK: Bytes and end

    /// What went through it so far, and when something did last.
    package mutating func note(_ id: String, sent: Int, received: Int, connections: Int, lastTraffic: Int) {
        guard var session = sessions[id] else { return }
        (session.sent, session.received) = (sent, received)
        // A leg counts when it is asked for.
        session.connections = max(session.connections, connections)
        session.lastTraffic = max(session.lastTraffic, lastTraffic)
        sessions[id] = session
    }

    /// - Returns: what came of it, once; nil: it has ended already.
    package mutating func end(_ id: String, _ state: TunnelSession.State, code: Int, _ message: String, now: Int) -> TunnelSession? {
        guard var session = sessions.removeValue(forKey: id) else { return nil }
        for leg in legs(of: id) { legs[leg] = nil }
        session.state = state
        session.code = code
        session.message = message
        session.endTime = now
        return session
    }
}
