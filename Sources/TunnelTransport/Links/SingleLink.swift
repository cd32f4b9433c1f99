import AlwaysOnSession
package import AlwaysOnTransport
package import NIOCore
package import Tunnels

/// An edge's end of a tunnel with one connection at a time, its bytes in Base64: performs what `SingleTunnel` decides.
///
/// Confined to its socket's event loop.
package final class SingleLink: TunnelSocketOwner, TunnelLocalOwner, @unchecked Sendable {
    package enum Event {
        /// A connection is to be made: answer with `connected` or `refused`.
        case connect(UInt32)
        /// The platform is to be told.
        case tell(SingleTunnel.Command)
        case closed(UInt32, reason: String)
        /// The last one.
        case ended(String)
    }

    /// Bytes that the local side may leave before nothing more is read for it, and at its end.
    private static let mostUntaken = 131_072
    private static let mostAtEnd = 1 << 20

    private let socket: TunnelSocket
    private let chunk: Int
    private let counters: TunnelCounters
    private let limit: TunnelRate
    private let onEvent: (SingleLink, Event) -> Void
    private var machine: SingleTunnel
    private var local: (id: UInt32, side: any TunnelLocal)?
    private var lastID: UInt32 = 0
    private var untaken = 0
    /// What came before the connection stood.
    private var early = ByteBuffer()
    private var isReadOwed = false
    private var endText: String?
    private var isOver = false

    /// - Parameters:
    ///   - connects: 0: one; below 0: no limit.
    ///   - chunk: raw bytes of one message.
    package init(
        _ socket: TunnelSocket, connects: Int, chunk: Int, counters: TunnelCounters, rate: TunnelRate,
        onEvent: @escaping (SingleLink, Event) -> Void
    ) {
        (self.socket, self.counters, limit, self.onEvent) = (socket, counters, rate, onEvent)
        self.chunk = max(chunk - TextPayload.reserve, 1)
        machine = SingleTunnel(connects: connects)
    }

    package func start() {
        socket.start(self)
        perform(machine.begin())
    }

    /// - Returns: whether it was possible.
    package func command(_ command: SingleTunnel.Command) -> Bool {
        let (isPossible, actions) = machine.command(command)
        perform(actions)
        return isPossible
    }

    package func end(_ reason: String, telling command: SingleTunnel.Command? = nil) { perform(machine.end(reason, telling: command)) }

    // MARK: The local side

    package func connected(_ id: UInt32, _ side: any TunnelLocal) {
        guard id == lastID, machine.state == .connecting else { return side.abort() }
        machine.connected()
        local = (id, side)
        untaken = early.readableBytes
        counters.addConnection()
        if untaken > 0 {
            side.write(early)
            side.flush()
            early = ByteBuffer()
        }
        side.read()
        if untaken < SingleLink.mostUntaken { socket.resume() }
    }

    package func refused(_ id: UInt32, _ reason: String) {
        guard id == lastID else { return }
        perform(machine.disconnected(reason))
    }

    package func read(_ bytes: ByteBuffer, from id: UInt32) {
        counters.addSent(bytes.readableBytes, now: socket.loop.now)
        for message in TextPayload.messages(bytes, most: chunk) { socket.write(.text(message)) }
        socket.flush()
        limit.pay(bytes.readableBytes, incoming: false, on: socket.loop) { [self] in readOn() }
    }

    private func readOn() {
        isReadOwed = !socket.isWritable
        if !isReadOwed { local?.side.read() }
    }

    /// Half a connection is not known in these tunnels.
    package func ended(_ id: UInt32) {
        guard local?.id == id else { return }
        local?.side.close()
        lose(id, "closed by the other side of it")
    }

    package func failed(_ id: UInt32, _ reason: String) {
        guard local?.id == id else { return }
        lose(id, reason)
    }

    private func lose(_ id: UInt32, _ reason: String) {
        local = nil
        onEvent(self, .closed(id, reason: reason))
        guard !isOver else { return }
        if endText == nil { socket.pause() }
        perform(machine.disconnected(reason))
    }

    package func taken(_ bytes: Int, by id: UInt32) {
        limit.pay(bytes, incoming: true, on: socket.loop) { [self] in
            guard local?.id == id else { return }
            untaken -= bytes
            if untaken < SingleLink.mostUntaken { socket.resume() }
        }
    }

    // MARK: Socket

    package func received(_ message: WebSocketMessage, from socket: TunnelSocket) {
        guard case .text(let text) = message else { return fail(TunnelFault("a binary message in a tunnel of text")) }
        do throws(TunnelFault) {
            let bytes = try TextPayload.bytes(text)
            guard bytes.readableBytes > 0 else { return }
            counters.addReceived(bytes.readableBytes, now: socket.loop.now)
            guard let local else { return try keep(bytes) }
            untaken += bytes.readableBytes
            local.side.write(bytes)
            if untaken >= SingleLink.mostUntaken { socket.pause() }
            // The platform has closed, and all that the system held of it comes at once.
            guard untaken < SingleLink.mostAtEnd else { throw TunnelFault("\(untaken) bytes that the target does not take") }
        } catch {
            fail(error)
        }
    }

    /// A platform that speaks first does not wait for the connection; between two nothing is meant for either.
    private func keep(_ bytes: ByteBuffer) throws(TunnelFault) {
        guard machine.state == .connecting else { return }
        early.writeImmutableBuffer(bytes)
        let count = early.readableBytes
        guard count <= SingleLink.mostAtEnd else { throw TunnelFault("\(count) bytes before the connection stood") }
    }

    package func readComplete(_ socket: TunnelSocket) { local?.side.flush() }

    package func becameWritable(_ socket: TunnelSocket) { if isReadOwed { readOn() } }

    package func closed(_ socket: TunnelSocket, _ reason: String) {
        isOver = true
        let side = local?.side
        local = nil
        // Closed in order, as either end may: what came is written. Lost: whoever is there should see it.
        if endText != nil || machine.state == .ended { side?.close() } else { side?.abort() }
        _ = machine.end(reason)
        onEvent(self, .ended(endText ?? reason))
    }

    private func fail(_ fault: TunnelFault) {
        endText = endText ?? fault.description
        _ = machine.end(fault.description)
        local?.side.abort()
        socket.close(CloseReason(.invalidData, fault.description))
    }

    // MARK: Work

    private func perform(_ actions: [SingleTunnel.Action]) {
        for action in actions {
            switch action {
            case .connect:
                lastID += 1
                onEvent(self, .connect(lastID))
            case .disconnect:
                guard let (id, side) = local else { continue }
                side.close()
                local = nil
                socket.pause()
                onEvent(self, .closed(id, reason: "disconnected by the platform"))
            case .tell(let command): onEvent(self, .tell(command))
            case .end(let reason):
                endText = endText ?? reason
                // What the platform still sends is delivered until it has closed as well.
                socket.close(CloseReason(.normal, reason))
            }
        }
    }
}
