import Formats
import NIOCore
import TestKit
import Testing

@testable import Tunnels

/// Two ends and a line between them that keeps order, takes so much and no more, and is as slow as chance wants it.
struct SimulatedTunnel {
    /// Whoever uses a connection, on one of both sides.
    struct Local {
        var toSend: [UInt8] = []
        var isReadAsked = false
        var hasEnded = false
        var received: [UInt8] = []
        /// Written to it and not taken.
        var untaken: [Int] = []
        var mostUntaken = 0
        /// Whether it takes anything.
        var takes = true
        var sawEnd = false
        var isClosed = false
        var abortText: String?
    }

    struct Side {
        var machine: TunnelMachine
        var locals: [UInt32: Local] = [:]
        /// On their way to this side.
        var line: [ByteBuffer] = []
        var refuses: Set<UInt32> = []
        /// Connections that are being made.
        var connecting: [UInt32] = []
        var wasAccepted: Set<UInt32> = []
    }

    var opener: Side
    var acceptor: Side
    var random: SeededGenerator
    var now = NIODeadline.uptimeNanoseconds(1_000_000)
    /// Messages that the line holds in each direction.
    var lineLength = 4
    let budget: ByteBudget

    init(seed: UInt64, limits: TunnelMachine.Limits = .init(), windows: Int = 8 << 20) {
        random = SeededGenerator(seed: seed)
        budget = ByteBudget(most: windows)
        opener = Side(machine: TunnelMachine(role: .opener, limits: limits, budget: budget, now: now))
        acceptor = Side(machine: TunnelMachine(role: .acceptor, limits: limits, budget: budget, now: now))
    }

    static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    mutating func open(sending bytes: [UInt8]) -> UInt32? {
        guard let (id, actions) = opener.machine.open() else { return nil }
        opener.locals[id] = Local(toSend: bytes)
        SimulatedTunnel.perform(actions, &opener, now)
        return id
    }

    /// One thing that may happen, by chance.
    /// - Returns: whether there was one.
    mutating func step() throws -> Bool {
        now = now + .microseconds(Int64.random(in: 1...500, using: &random))
        var happened = false
        for isOpener in [true, false].shuffled(using: &random) {
            happened = try isOpener ? stepSide(\.opener, \.acceptor) || happened : stepSide(\.acceptor, \.opener) || happened
        }
        return happened
    }

    mutating func run(most: Int = 1_000_000) throws {
        for _ in 0..<most where try !step() { return }
        Issue.record("it does not come to an end")
    }

    private mutating func stepSide(
        _ own: WritableKeyPath<SimulatedTunnel, Side>, _ other: WritableKeyPath<SimulatedTunnel, Side>
    ) throws
        -> Bool
    {
        var happened = false
        while self[keyPath: other].line.count < lineLength, let (message, actions) = self[keyPath: own].machine.next(now: now) {
            #expect(message.readableBytes <= TunnelFrame.maximumSize)
            self[keyPath: other].line.append(message)
            SimulatedTunnel.perform(actions, &self[keyPath: own], now)
            happened = true
        }
        happened = happened || !self[keyPath: own].line.isEmpty || !self[keyPath: own].connecting.isEmpty
        if !self[keyPath: own].connecting.isEmpty, Int.random(in: 0..<8, using: &random) == 0 { connect(own) }
        if !self[keyPath: own].line.isEmpty, Bool.random(using: &random) {
            let message = self[keyPath: own].line.removeFirst()
            SimulatedTunnel.perform(try self[keyPath: own].machine.received(message, now: now), &self[keyPath: own], now)
        }
        for id in self[keyPath: own].locals.keys.sorted() {
            happened = stepLocal(id, own) || happened
        }
        return happened
    }

    private mutating func connect(_ own: WritableKeyPath<SimulatedTunnel, Side>) {
        let id = self[keyPath: own].connecting.removeFirst()
        guard !self[keyPath: own].refuses.contains(id) else { return self[keyPath: own].machine.failed(id, "refused") }
        if self[keyPath: own].locals[id] == nil { self[keyPath: own].locals[id] = Local() }
        SimulatedTunnel.perform(self[keyPath: own].machine.connected(id) ?? [], &self[keyPath: own], now)
    }

    private mutating func stepLocal(_ id: UInt32, _ own: WritableKeyPath<SimulatedTunnel, Side>) -> Bool {
        guard var local = self[keyPath: own].locals[id], !local.isClosed, !self[keyPath: own].connecting.contains(id) else { return false }
        var happened = false
        if local.takes, !local.untaken.isEmpty {
            let count = local.untaken.removeFirst()
            self[keyPath: own].locals[id] = local
            SimulatedTunnel.perform(self[keyPath: own].machine.taken(id, count, now: now), &self[keyPath: own], now)
            happened = true
            local = self[keyPath: own].locals[id] ?? local
        }
        if local.isReadAsked, !local.toSend.isEmpty {
            let count = min(local.toSend.count, Int.random(in: 1...65_536, using: &random))
            local.isReadAsked = false
            let bytes = ByteBuffer(bytes: local.toSend.prefix(count))
            local.toSend.removeFirst(count)
            self[keyPath: own].locals[id] = local
            self[keyPath: own].machine.read(id, bytes)
            return true
        }
        if local.isReadAsked, local.toSend.isEmpty, !local.hasEnded {
            local.hasEnded = true
            self[keyPath: own].locals[id] = local
            self[keyPath: own].machine.ended(id)
            return true
        }
        self[keyPath: own].locals[id] = local
        return happened
    }

    static func perform(_ actions: [TunnelMachine.Action], _ side: inout Side, _ now: NIODeadline) {
        for action in actions {
            switch action {
            case .connect(let id):
                side.connecting.append(id)
            case .accepted(let id): side.wasAccepted.insert(id)
            case .read(let id):
                #expect(side.locals[id]?.isReadAsked == false, "asked to read twice")
                side.locals[id]?.isReadAsked = true
            case .write(let id, let bytes):
                #expect(side.locals[id] != nil, "written to nobody")
                side.locals[id]?.received += bytes.readableBytesView
                side.locals[id]?.untaken.append(bytes.readableBytes)
                guard var local = side.locals[id] else { continue }
                local.mostUntaken = max(local.mostUntaken, local.untaken.reduce(0, +))
                side.locals[id] = local
            case .endWriting(let id): side.locals[id]?.sawEnd = true
            case .close(let id): side.locals[id]?.isClosed = true
            case .abort(let id, let reason):
                side.locals[id]?.isClosed = true
                side.locals[id]?.abortText = reason
            }
        }
    }
}
