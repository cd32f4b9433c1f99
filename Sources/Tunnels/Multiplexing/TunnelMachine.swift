package import Formats
package import NIOCore

/// One end of a tunnel that carries several connections: decides what is sent, read, written and ended. No connection waits for another:
/// each may have so many bytes on their way as the other end has room for, and those that have something to send take turns.
package struct TunnelMachine: Sendable {
    package enum Role: Sendable {
        /// Connections are made here, and opened through the tunnel.
        case opener
        /// Connections come through the tunnel, and are made onwards from here.
        case acceptor
    }

    package struct Limits: Sendable {
        /// Connections at once.
        package var connections = 128
        /// Connections in all; nil: as many as come.
        package var connects: Int?
        /// Bytes that one connection may have on their way, where the line is long.
        package var window = 8 << 20
        /// How often the other end is asked for a sign of life, and how often it may fail to give one.
        package var pingInterval = TimeAmount.seconds(15)
        package var missedPings = 3

        package init() {}
    }

    /// What is to be done with the local side of a connection.
    package enum Action: Equatable {
        case connect(UInt32)
        /// The other end has made the connection.
        case accepted(UInt32)
        case read(UInt32)
        case write(UInt32, ByteBuffer)
        case endWriting(UInt32)
        /// Both directions have ended in order.
        case close(UInt32)
        /// It broke at the other end, and whoever uses it should see that.
        case abort(UInt32, String)
    }

    package let role: Role
    package let limits: Limits
    private let budget: ByteBudget
    var streams: [UInt32: TunnelStream] = [:]
    /// Those with something to send, each once.
    var queue = CircularBuffer<UInt32>()
    private var lastID: UInt32 = 0
    /// nil: the other end may not be there yet.
    private var lastHeard: NIODeadline?
    var lastPing: NIODeadline?
    var owesPing = false
    /// Only the newest: an end that does not read cannot make this one keep its questions.
    var owesPong: UInt64?
    /// The shortest that was seen.
    package private(set) var roundTrip: TimeAmount?

    /// - Parameter budget: what windows grow by, shared with other tunnels.
    package init(role: Role, limits: Limits, budget: ByteBudget, now: NIODeadline) {
        (self.role, self.limits, self.budget) = (role, limits, budget)
        lastHeard = role == .opener ? now : nil
        owesPing = role == .opener
    }

    package var connectionCount: Int { streams.count }
    /// Whether another connection can be opened.
    package var hasRoom: Bool { streams.count < limits.connections && limits.connects.map { lastID < $0 } ?? true && lastID < .max }

    private func makeStream(isConnected: Bool) -> TunnelStream {
        TunnelStream(isConnected: isConnected, window: CreditWindow(maximum: limits.window, budget: budget))
    }

    // MARK: What happens here

    /// A connection was made here. It is read from at once: the other end has room for its first bytes.
    /// - Returns: nil where there is no room for it.
    package mutating func open() -> (id: UInt32, actions: [Action])? {
        guard role == .opener, hasRoom else { return nil }
        lastID += 1
        var stream = makeStream(isConnected: true)
        stream.owesAccept = true
        stream.isReading = true
        streams[lastID] = stream
        enqueue(lastID)
        return (lastID, [.read(lastID)])
    }

    /// The connection that was asked for stands.
    /// - Returns: nil where it is not wanted any more.
    package mutating func connected(_ id: UInt32) -> [Action]? {
        guard var stream = streams[id], !stream.isConnected, stream.owesReset == nil else { return nil }
        let early = stream.early
        stream.isConnected = true
        stream.owesAccept = true
        stream.early = ByteBuffer()
        streams[id] = stream
        enqueue(id)
        let writes: [Action] = early.readableBytes > 0 ? [.write(id, early)] : []
        return writes + (stream.otherEnded ? [.endWriting(id)] : []) + askToRead(id)
    }

    /// Bytes were read from the local side, as asked.
    package mutating func read(_ id: UInt32, _ bytes: ByteBuffer) {
        guard var stream = streams.removeValue(forKey: id) else { return }
        stream.isReading = false
        if stream.unsent.readableBytes == 0 { stream.unsent = bytes } else { stream.unsent.writeImmutableBuffer(bytes) }
        streams[id] = stream
        enqueue(id)
    }

    /// The local side sends nothing more.
    package mutating func ended(_ id: UInt32) {
        guard streams[id] != nil else { return }
        streams[id]?.isReading = false
        streams[id]?.hasEnded = true
        enqueue(id)
    }

    /// The local side has taken what was written to it.
    package mutating func taken(_ id: UInt32, _ bytes: Int, now: NIODeadline) -> [Action] {
        guard var stream = streams.removeValue(forKey: id) else { return [] }
        stream.untaken -= bytes
        if !stream.otherEnded { stream.owesCredit += stream.window.taken(bytes, roundTrip: roundTrip, now: now) }
        streams[id] = stream
        if stream.owesCredit > 0 { enqueue(id) }
        return closeIfOver(id)
    }

    /// The local side broke, or could not be reached.
    package mutating func failed(_ id: UInt32, _ reason: String) {
        guard var stream = streams.removeValue(forKey: id) else { return }
        stream.unsent = ByteBuffer()
        stream.owesReset = reason
        streams[id] = stream
        enqueue(id)
    }

    // MARK: What comes

    /// - Throws: `TunnelFault`: the tunnel is to be ended.
    package mutating func received(_ message: ByteBuffer, now: NIODeadline) throws(TunnelFault) -> [Action] {
        lastHeard = now
        switch try TunnelFrame.decode(message) {
        case .open(let id): return try opened(id)
        case .accept(let id):
            guard role == .opener else { throw TunnelFault("an answer to a connection that was not opened here") }
            return try known(id) ? [.accepted(id)] : []
        case .data(let id, let bytes): return try received(bytes, on: id)
        case .credit(let id, let bytes):
            guard try known(id), var stream = streams.removeValue(forKey: id) else { return [] }
            stream.credit += Int(bytes)
            streams[id] = stream
            guard stream.credit <= 1 << 30 else { throw TunnelFault("a credit of \(stream.credit) bytes") }
            enqueue(id)
            return askToRead(id)
        case .end(let id):
            guard try known(id) else { return [] }
            guard streams[id]?.otherEnded == false else { throw TunnelFault("a second end of connection \(id)") }
            streams[id]?.otherEnded = true
            streams[id]?.owesCredit = 0
            guard streams[id]?.isConnected == true else { return [] }
            return [.endWriting(id)] + closeIfOver(id)
        case .reset(let id, let reason):
            guard try known(id) else { return [] }
            remove(id)
            return [.abort(id, reason)]
        case .ping(let token): owesPong = token
        case .pong(let token):
            guard let sent = lastPing, token == sent.uptimeNanoseconds, now >= sent else { return [] }
            roundTrip = min(roundTrip ?? .hours(1), now - sent)
        }
        return []
    }

    /// Whether there is such a connection; one that is over already is no fault: the other end did not know yet.
    private func known(_ id: UInt32) throws(TunnelFault) -> Bool {
        guard id <= lastID else { throw TunnelFault("a message for connection \(id), which was never opened") }
        return streams[id].map { $0.owesReset == nil } ?? false
    }

    private mutating func opened(_ id: UInt32) throws(TunnelFault) -> [Action] {
        guard role == .acceptor, id == lastID &+ 1, id != 0 else { throw TunnelFault("connection \(id) is opened out of turn") }
        let isOne = hasRoom
        // Who is told that there is no room, and goes on all the same, is not worth the memory.
        guard isOne || streams.count < 2 * limits.connections else { throw TunnelFault("more connections than can be refused") }
        if lastID == 0 { owesPing = true }
        lastID = id
        var stream = makeStream(isConnected: false)
        if !isOne {
            let isUsedUp = limits.connects.map { id > $0 } ?? false
            stream.owesReset = isUsedUp ? "the tunnel's connections are used up" : "\(limits.connections) connections are open already"
        }
        streams[id] = stream
        guard isOne else {
            enqueue(id)
            return []
        }
        return [.connect(id)]
    }

    private mutating func received(_ bytes: ByteBuffer, on id: UInt32) throws(TunnelFault) -> [Action] {
        guard try known(id), var stream = streams.removeValue(forKey: id) else { return [] }
        defer { streams[id] = stream }
        guard !stream.otherEnded else { throw TunnelFault("bytes behind the end of connection \(id)") }
        guard stream.window.received(bytes.readableBytes) else {
            throw TunnelFault("more bytes on connection \(id) than it had credit for")
        }
        stream.untaken += bytes.readableBytes
        guard stream.isConnected else {
            stream.early.writeImmutableBuffer(bytes)
            return []
        }
        return [.write(id, bytes)]
    }

    // MARK: Time and end

    /// To be called a few times in each `pingInterval`.
    /// - Throws: `TunnelFault` where the other end gives no sign of life.
    package mutating func tick(now: NIODeadline) throws(TunnelFault) {
        guard let lastHeard else { return }
        let silence = now - lastHeard
        guard silence < limits.pingInterval * (limits.missedPings + 1) else {
            throw TunnelFault("the other end has given no sign of life for \(silence.nanoseconds / 1_000_000_000) s")
        }
        let isDue = now - max(lastPing ?? .uptimeNanoseconds(0), lastHeard) >= limits.pingInterval
        if isDue, role == .opener || !streams.isEmpty { owesPing = true }
    }

    /// The tunnel is gone: what its connections come to.
    package mutating func abandon(_ reason: String) -> [Action] {
        let ids = streams.keys.sorted()
        for id in ids { remove(id) }
        queue.removeAll()
        return ids.map { .abort($0, reason) }
    }
}
