package import AlwaysOnSession
package import AlwaysOnTransport
package import Formats
package import NIOCore
package import Tunnels

/// A tunnel's end that carries several connections: performs what `TunnelMachine` decides.
///
/// Confined to its socket's event loop.
package final class TunnelLink: TunnelSocketOwner, TunnelLocalOwner, @unchecked Sendable {
    package enum Event {
        /// A connection wants to be made: answer with `connected` or `refused`.
        case connect(UInt32)
        /// The other end has made a connection.
        case accepted(UInt32)
        case closed(UInt32, reason: String?)
        /// The last one.
        case ended(String)
    }

    private let socket: TunnelSocket
    private let onEvent: (TunnelLink, Event) -> Void
    private let counters: TunnelCounters
    private let limit: TunnelRate
    private var machine: TunnelMachine
    private var locals: [UInt32: any TunnelLocal] = [:]
    /// Those that something was written to.
    private var unflushed: [UInt32] = []
    private var ticker: RepeatedTask?
    private var isPumping = false
    private var pause: Scheduled<Void>?
    private var endText: String?

    /// - Parameters:
    ///   - budget: what windows grow by, shared with other tunnels.
    ///   - rate: bytes a second, shared with other tunnels.
    package init(
        _ socket: TunnelSocket, role: TunnelMachine.Role, limits: TunnelMachine.Limits, budget: ByteBudget, counters: TunnelCounters,
        rate: TunnelRate = TunnelRate(nil), onEvent: @escaping (TunnelLink, Event) -> Void
    ) {
        (self.socket, self.counters, limit, self.onEvent) = (socket, counters, rate, onEvent)
        machine = TunnelMachine(role: role, limits: limits, budget: budget, now: socket.loop.now)
    }

    package var connectionCount: Int { machine.connectionCount }
    package var hasRoom: Bool { machine.hasRoom && endText == nil }

    package func start() {
        let bound = NIOLoopBound(self, eventLoop: socket.loop)
        let interval = machine.limits.pingInterval
        ticker = socket.loop.scheduleRepeatedTask(initialDelay: interval, delay: .nanoseconds(max(interval.nanoseconds / 3, 1))) { _ in
            bound.value.tick()
        }
        socket.start(self)
        socket.resume()
        pump()
    }

    /// Ends the tunnel in order: connections that are open break.
    package func end(_ reason: String, code: CloseReason.Code = .normal) {
        guard endText == nil else { return }
        endText = reason
        ticker?.cancel()
        pause?.cancel()
        perform(machine.abandon(reason))
        socket.close(CloseReason(code, reason))
    }

    // MARK: Connections

    /// - Parameter make: the local side, by its number.
    /// - Returns: whether there was room.
    package func open(_ make: (UInt32) -> (any TunnelLocal)?) -> Bool {
        guard endText == nil, let (id, actions) = machine.open() else { return false }
        guard let local = make(id) else {
            machine.failed(id, "the connection was closed")
            pump()
            return true
        }
        locals[id] = local
        counters.addConnection()
        perform(actions)
        pump()
        return true
    }

    package func connected(_ id: UInt32, _ local: any TunnelLocal) {
        guard endText == nil, let actions = machine.connected(id) else { return local.abort() }
        locals[id] = local
        counters.addConnection()
        perform(actions)
        flushLocals()
        pump()
    }

    package func refused(_ id: UInt32, _ reason: String) {
        machine.failed(id, reason)
        pump()
    }

    package func read(_ bytes: ByteBuffer, from id: UInt32) {
        counters.addSent(bytes.readableBytes, now: socket.loop.now)
        machine.read(id, bytes)
        pump()
    }

    package func ended(_ id: UInt32) {
        machine.ended(id)
        pump()
    }

    package func taken(_ bytes: Int, by id: UInt32) {
        limit.pay(bytes, incoming: true, on: socket.loop) { [self] in
            perform(machine.taken(id, bytes, now: socket.loop.now))
            pump()
        }
    }

    package func failed(_ id: UInt32, _ reason: String) {
        guard locals.removeValue(forKey: id) != nil else { return }
        machine.failed(id, reason)
        onEvent(self, .closed(id, reason: reason))
        pump()
    }

    // MARK: Socket

    package func received(_ message: WebSocketMessage, from socket: TunnelSocket) {
        guard endText == nil else { return }
        guard case .binary(let bytes) = message else { return fail(TunnelFault("a text message in a binary tunnel")) }
        do throws(TunnelFault) {
            perform(try machine.received(bytes, now: socket.loop.now))
        } catch {
            fail(error)
        }
    }

    package func readComplete(_ socket: TunnelSocket) {
        flushLocals()
        pump()
    }

    private func flushLocals() {
        let touched = unflushed
        unflushed.removeAll(keepingCapacity: true)
        for id in touched { locals[id]?.flush() }
    }

    package func becameWritable(_ socket: TunnelSocket) { pump() }

    package func closed(_ socket: TunnelSocket, _ reason: String) {
        ticker?.cancel()
        pause?.cancel()
        let text = endText ?? reason
        endText = text
        perform(machine.abandon(text))
        onEvent(self, .ended(text))
    }

    private func fail(_ fault: TunnelFault) { end(fault.description, code: .protocolError) }

    // MARK: Work

    private func tick() {
        do throws(TunnelFault) {
            try machine.tick(now: socket.loop.now)
        } catch {
            return fail(error)
        }
        pump()
    }

    /// Sends what there is to send, for as long as it is taken.
    private func pump() {
        guard !isPumping, pause == nil, endText == nil else { return }
        isPumping = true
        defer { isPumping = false }
        var hasWritten = false
        while socket.isWritable, let (message, actions) = machine.next(now: socket.loop.now) {
            socket.write(.binary(message))
            hasWritten = true
            perform(actions)
            let wait = limit.take(TunnelFrame.payload(of: message), incoming: false, now: socket.loop.now)
            guard wait == .zero else {
                hold(for: wait)
                break
            }
        }
        if hasWritten { socket.flush() }
    }

    private func hold(for wait: TimeAmount) {
        let bound = NIOLoopBound(self, eventLoop: socket.loop)
        pause = socket.loop.scheduleTask(in: wait) {
            bound.value.pause = nil
            bound.value.pump()
        }
    }

    private func perform(_ actions: [TunnelMachine.Action]) {
        for action in actions {
            switch action {
            case .connect(let id): onEvent(self, .connect(id))
            case .accepted(let id): onEvent(self, .accepted(id))
            case .read(let id): locals[id]?.read()
            case .write(let id, let bytes):
                counters.addReceived(bytes.readableBytes, now: socket.loop.now)
                locals[id]?.write(bytes)
                unflushed.append(id)
            case .endWriting(let id): locals[id]?.endWriting()
            case .close(let id):
                locals.removeValue(forKey: id)?.close()
                onEvent(self, .closed(id, reason: nil))
            case .abort(let id, let reason):
                locals.removeValue(forKey: id)?.abort()
                onEvent(self, .closed(id, reason: reason))
            }
        }
    }
}
