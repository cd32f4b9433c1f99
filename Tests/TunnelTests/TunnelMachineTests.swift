import Formats
import NIOCore
import TestKit
import Testing

@testable import Tunnels

@Suite struct TunnelMachineTests {
    @Test(arguments: UInt64(1)...40) func everythingArrivesInOrderBothWays(seed: UInt64) throws {
        var tunnel = SimulatedTunnel(seed: seed)
        tunnel.lineLength = Int.random(in: 1...8, using: &tunnel.random)
        let count = Int.random(in: 1...6, using: &tunnel.random)
        for id in 1...UInt32(count) {
            let there = SimulatedTunnel.bytes(Int.random(in: 0...400_000, using: &tunnel.random), seed: seed &+ UInt64(id))
            let back = SimulatedTunnel.bytes(Int.random(in: 0...400_000, using: &tunnel.random), seed: seed &* 31 &+ UInt64(id))
            tunnel.acceptor.locals[id] = .init(toSend: back)
            let opened = tunnel.open(sending: there)
            #expect(opened == id)
        }
        let sent = (tunnel.opener.locals.mapValues(\.toSend), tunnel.acceptor.locals.mapValues(\.toSend))
        try tunnel.run()
        for id in 1...UInt32(count) {
            let (near, far) = (tunnel.opener.locals[id], tunnel.acceptor.locals[id])
            #expect(far?.received.count == sent.0[id]?.count && far?.received == sent.0[id])
            #expect(near?.received.count == sent.1[id]?.count && near?.received == sent.1[id])
            for local in [near, far] { #expect(local?.sawEnd == true && local?.isClosed == true && local?.abortText == nil) }
        }
        #expect(tunnel.opener.machine.connectionCount == 0 && tunnel.acceptor.machine.connectionCount == 0)
        #expect(tunnel.opener.wasAccepted.count == count)
        #expect(tunnel.budget.count == 0, "what windows grew by is given back")
    }

    @Test func oneThatTakesNothingHoldsUpNoOther() throws {
        var limits = TunnelMachine.Limits()
        limits.window = TunnelFrame.window
        var tunnel = SimulatedTunnel(seed: 7, limits: limits)
        let bytes = SimulatedTunnel.bytes(1_000_000, seed: 1)
        for id in [UInt32(1), 2, 3] {
            tunnel.acceptor.locals[id] = .init()
            tunnel.acceptor.locals[id]?.takes = id != 2
            let opened = tunnel.open(sending: bytes)
            #expect(opened == id)
        }
        try tunnel.run()
        #expect(tunnel.acceptor.locals[1]?.received == bytes && tunnel.acceptor.locals[3]?.received == bytes)
        let stalled = tunnel.acceptor.locals[2]
        #expect(stalled?.mostUntaken == TunnelFrame.window && stalled?.isClosed == false)
        #expect(tunnel.opener.machine.connectionCount == 1)
    }

    @Test func windowsGrowWhereTheWayIsLongAndNotBeyondTheBudget() throws {
        var window = CreditWindow(maximum: 1 << 20, budget: ByteBudget(most: 200_000))
        var now = NIODeadline.uptimeNanoseconds(0)
        for _ in 0..<100 {
            let isAllowed = window.received(window.size / 2)
            #expect(isAllowed)
            _ = window.taken(window.size / 2, roundTrip: .milliseconds(100), now: now)
            now = now + .milliseconds(1)
        }
        // 64 KiB and twice what was borrowed: another doubling would take 256 KiB more.
        #expect(window.size == 262_144)
        // Where a whole window comes at once, one comes in each round trip.
        var whole = CreditWindow(maximum: 8 << 20, budget: ByteBudget(most: 1 << 30))
        for _ in 0..<20 {
            let isAllowed = whole.received(whole.size)
            #expect(isAllowed)
            _ = whole.taken(whole.size, roundTrip: .milliseconds(20), now: now)
            now = now + .microseconds(20_100)
        }
        #expect(whole.size == 8 << 20)
        var near = CreditWindow(maximum: 1 << 20, budget: ByteBudget(most: 1 << 30))
        for _ in 0..<100 {
            let isAllowed = near.received(near.size / 2)
            #expect(isAllowed)
            _ = near.taken(near.size / 2, roundTrip: .microseconds(100), now: now)
            now = now + .milliseconds(1)
        }
        #expect(near.size == TunnelFrame.window, "the way is short: more on it would only wait")
    }

    /// Bytes a second over a line of 125 MB/s by pieces of 64 KiB, taken as they come: what the window makes of the way.
    private func rate(roundTrip milliseconds: Int64, window: Int) -> Double {
        var credits = CreditWindow(maximum: window, budget: ByteBudget(most: 1 << 30))
        let (half, piece) = (TimeAmount.microseconds(milliseconds * 500), 65_504)
        let perPiece = TimeAmount.nanoseconds(Int64(Double(piece) / 0.125))
        var (now, credit, sent) = (NIODeadline.uptimeNanoseconds(0), TunnelFrame.window, 0)
        var arriving: [(time: NIODeadline, bytes: Int)] = []
        var granted: [(time: NIODeadline, bytes: Int)] = []
        let end = now + .seconds(10)
        while now < end {
            while let first = granted.first, first.time <= now { credit += granted.removeFirst().bytes }
            while let first = arriving.first, first.time <= now {
                _ = credits.received(first.bytes)
                let grant = credits.taken(first.bytes, roundTrip: half * 2, now: first.time)
                if grant > 0 { granted.append((first.time + half, grant)) }
                arriving.removeFirst()
            }
            let count = min(credit, piece)
            if count > 0 {
                credit -= count
                sent += count
                arriving.append((now + perPiece + half, count))
                now = now + perPiece
            } else {
                now = min(arriving.first?.time ?? end, granted.first?.time ?? end)
            }
        }
        return Double(sent) / 10
    }

    @Test("What a window lets through is used, but for a small part", arguments: [(20, 0.95), (100, 0.5), (200, 0.25)])
    func aLongLineIsUsed(roundTrip: Int64, share: Double) {
        let rate = rate(roundTrip: roundTrip, window: 8 << 20)
        #expect(rate > share * 125e6, "\(rate / 1e6) MB/s at \(roundTrip) ms")
    }

    @Test func whoSendsMoreThanHeMayEndsTheTunnel() throws {
        var machine = TunnelMachine(role: .acceptor, limits: .init(), budget: ByteBudget(most: 0), now: .now())
        _ = try machine.received(message(.open(1)), now: .now())
        _ = machine.connected(1)
        let most = ByteBuffer(repeating: 1, count: TunnelFrame.window)
        let written = try machine.received(message(.data(1, most)), now: .now())
        #expect(written == [.write(1, most)])
        #expect(throws: TunnelFault.self) { try machine.received(message(.data(1, ByteBuffer(bytes: [1]))), now: .now()) }
    }

    @Test func faultsOfTheOtherEnd() {
        let frames: [[TunnelFrame]] = [
            [.open(2)], [.open(1), .open(1)], [.open(1), .open(3)], [.data(1, ByteBuffer(bytes: [1]))], [.open(1), .accept(1)],
            [.credit(9, 1)],
            [.open(1), .end(1), .end(1)], [.open(1), .end(1), .data(1, ByteBuffer(bytes: [1]))], [.open(1), .credit(1, .max)],
        ]
        for sequence in frames {
            var machine = TunnelMachine(role: .acceptor, limits: .init(), budget: ByteBudget(most: 0), now: .now())
            #expect(throws: TunnelFault.self, "\(sequence)") {
                for frame in sequence { _ = try machine.received(message(frame), now: .now()) }
            }
        }
    }

    @Test func whatComesForAConnectionThatIsOverIsNoFault() throws {
        var machine = TunnelMachine(role: .acceptor, limits: .init(), budget: ByteBudget(most: 0), now: .now())
        _ = try machine.received(message(.open(1)), now: .now())
        _ = machine.connected(1)
        machine.failed(1, "gone")
        let ignored = try machine.received(message(.data(1, ByteBuffer(bytes: [1]))), now: .now())
        #expect(ignored == [])
        while next(&machine) != nil {}
        for frame in [TunnelFrame.data(1, ByteBuffer(bytes: [1])), .credit(1, 5), .end(1), .reset(1, "too")] {
            let actions = try machine.received(message(frame), now: .now())
            #expect(actions.isEmpty)
        }
        #expect(machine.connectionCount == 0)
    }

    @Test func oneThatBreaksBreaksAtTheOtherEndToo() throws {
        var tunnel = SimulatedTunnel(seed: 3)
        tunnel.acceptor.refuses = [2]
        for _ in 1...3 { _ = tunnel.open(sending: SimulatedTunnel.bytes(1000, seed: 1)) }
        tunnel.opener.machine.failed(3, "broken")
        try tunnel.run()
        #expect(tunnel.opener.locals[2]?.abortText == "refused" && tunnel.acceptor.locals[3]?.abortText != "refused")
        let late = tunnel.acceptor.machine.connected(3)
        #expect(late == nil, "nobody wants it any more")
        #expect(tunnel.acceptor.locals[1]?.received.count == 1000)
        #expect(tunnel.opener.machine.connectionCount == 0 && tunnel.acceptor.machine.connectionCount == 0)
    }

    @Test func tooManyConnectionsAreRefusedAndTheirFloodEndsTheTunnel() throws {
        var limits = TunnelMachine.Limits()
        limits.connections = 2
        var machine = TunnelMachine(role: .acceptor, limits: limits, budget: ByteBudget(most: 0), now: .now())
        for id in UInt32(1)...4 {
            let actions = try machine.received(message(.open(id)), now: .now())
            #expect(actions == (id <= 2 ? [.connect(id)] : []))
        }
        #expect(throws: TunnelFault.self) { try machine.received(message(.open(5)), now: .now()) }
        var used = TunnelMachine.Limits()
        used.connects = 1
        var opener = TunnelMachine(role: .opener, limits: used, budget: ByteBudget(most: 0), now: .now())
        let (first, second) = (opener.open()?.id, opener.open()?.id)
        #expect(first == 1 && second == nil && !opener.hasRoom)
    }

    @Test func anEndThatNeverReadsIsAnsweredOnePing() throws {
        var machine = TunnelMachine(role: .acceptor, limits: .init(), budget: ByteBudget(most: 0), now: .now())
        for token in UInt64(1)...1000 { _ = try machine.received(message(.ping(token)), now: .now()) }
        let (first, second) = (next(&machine), next(&machine))
        #expect(first == .pong(1000) && second == nil)
    }

    @Test func silenceEndsTheTunnel() throws {
        let start = NIODeadline.uptimeNanoseconds(0)
        var machine = TunnelMachine(role: .opener, limits: .init(), budget: ByteBudget(most: 0), now: start)
        let (first, second) = (next(&machine, start), next(&machine, start))
        #expect(first == .ping(0) && second == nil)
        try machine.tick(now: start + .seconds(14))
        let early = next(&machine, start + .seconds(14))
        #expect(early == nil)
        try machine.tick(now: start + .seconds(15))
        let ping = next(&machine, start + .seconds(15))
        #expect(ping == .ping(15_000_000_000))
        _ = try machine.received(message(.pong(15_000_000_000)), now: start + .milliseconds(15_040))
        #expect(machine.roundTrip == .milliseconds(40))
        try machine.tick(now: start + .seconds(74))
        #expect(throws: TunnelFault.self) { try machine.tick(now: start + .seconds(76)) }
        // An end that waits for the other to come is patient.
        var waiting = TunnelMachine(role: .acceptor, limits: .init(), budget: ByteBudget(most: 0), now: start)
        try waiting.tick(now: start + .hours(1))
    }

    @Test func abandonedConnectionsAllBreak() {
        var machine = TunnelMachine(role: .opener, limits: .init(), budget: ByteBudget(most: 0), now: .now())
        for _ in 1...3 { _ = machine.open() }
        let broken = machine.abandon("lost")
        #expect(broken == [.abort(1, "lost"), .abort(2, "lost"), .abort(3, "lost")] && machine.connectionCount == 0)
    }

    private func message(_ frame: TunnelFrame) -> ByteBuffer {
        var buffer = ByteBuffer()
        TunnelFrame.encode(frame, into: &buffer)
        return buffer
    }

    private func next(_ machine: inout TunnelMachine, _ now: NIODeadline = .now()) -> TunnelFrame? {
        machine.next(now: now).flatMap { try? TunnelFrame.decode($0.message) }
    }
}
