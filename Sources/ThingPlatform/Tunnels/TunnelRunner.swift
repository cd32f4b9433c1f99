import AlwaysOnSession
import AlwaysOnTransport
import Formats
import NIOCore
import TunnelTransport
import Tunnels

/// The sockets of one tunnel at the platform, and what joins them. Confined to the platform's loop.
final class TunnelRunner: @unchecked Sendable {
    /// Opens a leg for a connection, or says why there is none.
    typealias Legs = (UInt32, TunnelRunner) -> Void

    private let id: String
    private let blockSize: Int
    private let counters = TunnelCounters()
    private let budget: ByteBudget
    private let onEnd: (String) -> Void
    private let onLegEnd: (String) -> Void
    private let wantsLeg: Legs
    private var user: TunnelSocket?
    /// The edge's end for all connections.
    private var edge: TunnelSocket?
    /// Legs that stand and that no connection uses.
    private var free: [String: TunnelSocket] = [:]
    private var legs: [String: LegConnection] = [:]
    /// Connections that wait for a leg which the edge was asked for.
    private var waiting: [String: UInt32] = [:]
    private var relay: TunnelRelay?
    private var link: TunnelLink?
    private var isOver = false

    /// - Parameters:
    ///   - onEnd: the tunnel is over, and why.
    ///   - onLegEnd: a leg is: the edge may forget it.
    init(
        _ id: String, blockSize: Int, budget: ByteBudget, wantsLeg: @escaping Legs, onLegEnd: @escaping (String) -> Void,
        onEnd: @escaping (String) -> Void
    ) {
        (self.id, self.blockSize, self.budget, self.wantsLeg, self.onLegEnd, self.onEnd) = (
            id, blockSize, budget, wantsLeg, onLegEnd, onEnd
        )
    }

    /// Bytes from the user to the edge, and back: a link's own end is the edge's.
    var sent: Int { link == nil ? counters.sent : counters.received }
    var received: Int { link == nil ? counters.received : counters.sent }
    var connectionCount: Int { counters.connectionCount }
    var lastTraffic: NIODeadline { counters.lastTraffic }

    var address: String { user?.remoteAddress?.ipAddress ?? "" }

    // MARK: Sockets

    func userJoined(_ socket: TunnelSocket) {
        user = socket
        socket.keepAlive(every: .seconds(30))
        watch(socket) { $0.over("the user's end closed before the tunnel was open") }
        join()
    }

    func edgeJoined(_ socket: TunnelSocket) {
        edge = socket
        socket.keepAlive(every: .seconds(30))
        watch(socket) { $0.over("the edge's end closed before the tunnel was open") }
        join()
    }

    /// Two ends that carry many connections need each other; one of legs has them made as they are wanted.
    private func join() {
        guard relay == nil, let user, let edge else { return }
        let relay = TunnelRelay(user: user, edge: edge, counters: counters) { [weak self] in self?.over($0) }
        self.relay = relay
        relay.start()
    }

    /// - Returns: whether a connection waited for it.
    func legJoined(_ leg: String, _ socket: TunnelSocket) -> Bool {
        if let connection = waiting.removeValue(forKey: leg) {
            use(leg, socket, for: connection)
            return true
        }
        free[leg] = socket
        watch(socket) { runner in if runner.free.removeValue(forKey: leg) != nil { runner.onLegEnd(leg) } }
        return false
    }

    /// The user is there, and the edge has legs.
    func startLegs(connects: Int) {
        guard link == nil, let user else { return }
        var limits = TunnelMachine.Limits()
        limits.connects = TunnelStart.most(connects: connects)
        let link = TunnelLink(user, role: .acceptor, limits: limits, budget: budget, counters: counters) { [weak self] _, event in
            guard let self else { return }
            switch event {
            case .connect(let connection): wantsLeg(connection, self)
            case .accepted, .closed: break
            case .ended(let reason): over(reason)
            }
        }
        self.link = link
        link.start()
    }

    private func watch(_ socket: TunnelSocket, _ then: @escaping (TunnelRunner) -> Void) {
        let bound = NIOLoopBound((self, then), eventLoop: socket.loop)
        socket.whenClosed.whenComplete { _ in
            let (runner, then) = bound.value
            if runner.relay == nil, runner.link == nil || socket !== runner.user { then(runner) }
        }
    }

    // MARK: Legs

    /// One that stands already.
    func useFree(_ leg: String, for connection: UInt32) {
        guard let socket = free.removeValue(forKey: leg) else { return refuse(connection, "the edge's end is gone") }
        use(leg, socket, for: connection)
    }

    func expect(_ leg: String, for connection: UInt32) { waiting[leg] = connection }

    /// The edge was asked for a leg and will not make it.
    func legRefused(_ leg: String, _ reason: String) {
        guard let connection = waiting.removeValue(forKey: leg) else { return }
        refuse(connection, reason)
        onLegEnd(leg)
    }

    func refuse(_ connection: UInt32, _ reason: String) { link?.refused(connection, reason) }

    private func use(_ leg: String, _ socket: TunnelSocket, for connection: UInt32) {
        guard let link else { return socket.close(.init(.normal, "the tunnel is over")) }
        let local = LegConnection(connection, socket, chunk: blockSize, owner: link) { [weak self] in
            self?.legs[leg] = nil
            self?.onLegEnd(leg)
        }
        legs[leg] = local
        link.connected(connection, local)
        local.start()
    }

    /// The edge says that the connection of a leg is over.
    func legEnding(_ leg: String) {
        if let local = legs[leg] { return local.expectEnd() }
        free.removeValue(forKey: leg)?.close(.init(.normal, "the connection is over"))
    }

    // MARK: End

    func end(_ reason: String, isPlatformGoing: Bool = false) {
        guard !isOver else { return }
        isOver = true
        let code: CloseReason.Code = isPlatformGoing ? .goingAway : .normal
        relay?.end(reason, code: code)
        link?.end(reason, code: code)
        for socket in [user, edge].compactMap({ $0 }) + Array(free.values) { socket.close(CloseReason(code, reason)) }
        free = [:]
        for leg in legs.values { leg.close() }
    }

    private func over(_ reason: String) {
        guard !isOver else { return }
        end(reason)
        onEnd(reason)
    }
}
