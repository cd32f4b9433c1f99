package import AlwaysOnSession
package import AlwaysOnTransport
import NIOCore
import Tunnels

/// Passes messages on between a user's end and an edge's: what is in them, and how many connections there are, is the ends' affair.
/// One end is read as far as the other takes what it sends.
package final class TunnelRelay: TunnelSocketOwner, @unchecked Sendable {
    /// What may wait for an end although nothing more is read: an end that has closed is read out at once.
    private static let mostWaiting = 1 << 20

    private let user: TunnelSocket
    private let edge: TunnelSocket
    private let counters: TunnelCounters
    private let onEnd: (String) -> Void
    private var openEnds = 2
    private var endText: String?

    /// - Parameters:
    ///   - counters: what the user sends counts as sent.
    ///   - onEnd: once both ends are closed.
    package init(user: TunnelSocket, edge: TunnelSocket, counters: TunnelCounters, onEnd: @escaping (String) -> Void) {
        (self.user, self.edge, self.counters, self.onEnd) = (user, edge, counters, onEnd)
    }

    package func start() {
        for socket in [user, edge] { socket.start(self) }
        for socket in [user, edge] { socket.resume() }
    }

    package func end(_ reason: String, code: CloseReason.Code = .normal) {
        endText = endText ?? reason
        for socket in [user, edge] { socket.close(CloseReason(code, reason)) }
    }

    private func other(_ socket: TunnelSocket) -> TunnelSocket { socket === user ? edge : user }

    package func received(_ message: WebSocketMessage, from socket: TunnelSocket) {
        guard endText == nil else { return }
        guard case .binary(let bytes) = message else { return end("a text message in a binary tunnel") }
        let target = other(socket)
        target.write(message)
        let payload = TunnelFrame.payload(of: bytes)
        if payload > 0 {
            let now = socket.loop.now
            if socket === user { counters.addSent(payload, now: now) } else { counters.addReceived(payload, now: now) }
        } else if socket === user, TunnelFrame.isOpen(bytes) {
            counters.addConnection()
        }
        guard !target.isWritable else { return }
        socket.pause()
        if target.waiting > TunnelRelay.mostWaiting { end("one end does not take what the other sent before it closed") }
    }

    package func readComplete(_ socket: TunnelSocket) { other(socket).flush() }

    package func becameWritable(_ socket: TunnelSocket) { other(socket).resume() }

    package func closed(_ socket: TunnelSocket, _ reason: String) {
        openEnds -= 1
        if openEnds > 0 { end(reason) }
        if openEnds == 0 { onEnd(endText ?? reason) }
    }
}
