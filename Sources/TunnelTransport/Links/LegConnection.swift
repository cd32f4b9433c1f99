import AlwaysOnSession
package import AlwaysOnTransport
package import NIOCore
import Tunnels

/// A connection of a user's tunnel that goes to an edge by a WebSocket of its own, in Base64, as SDK edges have it.
///
/// Such a tunnel does not know half a connection: when the user sends nothing more, it is closed once the edge has been quiet for a while.
package final class LegConnection: TunnelLocal, TunnelSocketOwner, @unchecked Sendable {
    private static let mostUnasked = 1 << 20
    private static let quiet = TimeAmount.seconds(5)
    /// How long the edge may take to close after it was told that the tunnel is complete.
    private static let patience = TimeAmount.seconds(10)

    private let id: UInt32
    private let socket: TunnelSocket
    private let chunk: Int
    private weak var owner: (any TunnelLocalOwner)?
    private let onEnd: () -> Void
    private var untaken = 0
    private var isOver = false
    private var isReadAsked = false
    /// Bytes since somebody asked for some.
    private var unasked = 0
    private var lastRead: NIODeadline
    private var ending: RepeatedTask?

    /// - Parameters:
    ///   - chunk: raw bytes of one message.
    ///   - onEnd: once the socket is closed.
    package init(_ id: UInt32, _ socket: TunnelSocket, chunk: Int, owner: any TunnelLocalOwner, onEnd: @escaping () -> Void) {
        (self.id, self.socket, self.chunk, self.owner, self.onEnd) = (id, socket, chunk, owner, onEnd)
        lastRead = socket.loop.now
    }

    package func start() { socket.start(self) }

    // MARK: The tunnel's side

    package func read() {
        isReadAsked = true
        unasked = 0
        socket.resume()
    }

    package func write(_ bytes: ByteBuffer) {
        for message in TextPayload.messages(bytes, most: chunk) { socket.write(.text(message)) }
        untaken += bytes.readableBytes
    }

    package func flush() {
        socket.flush()
        // Not from within what the tunnel is just doing.
        let bound = NIOLoopBound(self, eventLoop: socket.loop)
        socket.loop.execute { if bound.value.socket.isWritable { bound.value.took() } }
    }

    private func took() {
        guard untaken > 0 else { return }
        let count = untaken
        untaken = 0
        owner?.taken(count, by: id)
    }

    package func endWriting() {
        let bound = NIOLoopBound(self, eventLoop: socket.loop)
        ending = socket.loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            let leg = bound.value
            if leg.socket.loop.now - leg.lastRead >= LegConnection.quiet { leg.endReading() }
        }
    }

    private func endReading() {
        guard !isOver else { return }
        close()
        owner?.ended(id)
    }

    package func close() {
        guard !isOver else { return }
        isOver = true
        ending?.cancel()
        socket.close(CloseReason(.normal, "the connection is over"))
    }

    package func abort() { close() }

    /// The edge has said that its connection is over, and was told that it may close: what it sent before is on its way.
    package func expectEnd() {
        let bound = NIOLoopBound(self, eventLoop: socket.loop)
        socket.loop.scheduleTask(in: LegConnection.patience) { bound.value.socket.close(CloseReason(.normal, "the edge did not close")) }
    }

    // MARK: Socket

    package func received(_ message: WebSocketMessage, from socket: TunnelSocket) {
        guard !isOver else { return }
        do throws(TunnelFault) {
            guard case .text(let text) = message else { throw TunnelFault("a binary message in a tunnel of text") }
            let bytes = try TextPayload.bytes(text)
            lastRead = socket.loop.now
            guard bytes.readableBytes > 0 else { return }
            isReadAsked = false
            unasked += bytes.readableBytes
            // The edge has closed, and all that the system held of it comes at once.
            guard unasked <= LegConnection.mostUnasked else { throw TunnelFault("\(unasked) bytes that the user does not take") }
            owner?.read(bytes, from: id)
        } catch {
            isOver = true
            ending?.cancel()
            socket.close(CloseReason(.invalidData, error.description))
            owner?.failed(id, "from the edge: \(error)")
        }
    }

    package func readComplete(_ socket: TunnelSocket) { if !isReadAsked, !isOver { socket.pause() } }

    package func becameWritable(_ socket: TunnelSocket) { took() }

    package func closed(_ socket: TunnelSocket, _ reason: String) {
        ending?.cancel()
        if !isOver {
            isOver = true
            if socket.wasClosedInOrder { owner?.ended(id) } else { owner?.failed(id, "the edge: \(reason)") }
        }
        onEnd()
    }
}
