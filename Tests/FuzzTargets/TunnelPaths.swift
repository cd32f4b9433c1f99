import Formats
import NIOCore
import Tunnels

/// What comes through tunnels, and what is asked of them.
enum TunnelPaths {
    static func run(_ bytes: [UInt8]) {
        guard let kind = bytes.first else { return }
        let rest = bytes.dropFirst()
        switch kind % 4 {
        case 0: frames(rest, role: .acceptor)
        case 1: frames(rest, role: .opener)
        case 2:
            guard let raw = try? TextPayload.bytes(ByteBuffer(bytes: rest)) else { return }
            let again = TextPayload.messages(raw, most: 57).compactMap { try? TextPayload.bytes($0) }
            precondition(again.reduce(0) { $0 + $1.readableBytes } == raw.readableBytes, "other bytes than went in")
        default:
            let text = String(decoding: rest, as: UTF8.self)
            guard let target = try? TunnelTarget(text) else {
                if let nowhere = try? TunnelTarget(host: "h", port: 1) {
                    var start = TunnelStart(id: "t", target: nowhere)
                    try? start.take(connection: text)
                }
                _ = try? TunnelPolicy([text])
                return
            }
            // What can be named can be allowed, and is what it says.
            precondition((try? TunnelTarget("\(target)")) == target, "\(target) is read otherwise than it is written")
            _ = TunnelPolicy.standard(deviceHost: target.host).allows(target)
            if let policy = try? TunnelPolicy([text]) { precondition(policy.allows(target), "\(text) does not allow itself") }
        }
    }

    /// Messages, each with two bytes of length before it, at an end whose connections take what comes by halves.
    private static func frames(_ bytes: ArraySlice<UInt8>, role: TunnelMachine.Role) {
        var limits = TunnelMachine.Limits()
        limits.connections = 8
        let budget = ByteBudget(most: 1 << 20)
        var now = NIODeadline.uptimeNanoseconds(1)
        var machine = TunnelMachine(role: role, limits: limits, budget: budget, now: now)
        var untaken: [UInt32: [Int]] = [:]
        var reads: [UInt32: Int] = [:]
        func perform(_ actions: [TunnelMachine.Action]) {
            for action in actions {
                switch action {
                case .connect(let id): if id % 3 == 0 { machine.failed(id, "no") } else { perform(machine.connected(id) ?? []) }
                case .read(let id):
                    reads[id, default: 0] += 1
                    // Somebody has so much to say, and no more, whatever credit he is given.
                    let isMore = id % 2 == 0 && reads[id, default: 0] <= 20
                    if isMore { machine.read(id, ByteBuffer(repeating: 7, count: 5000)) } else { machine.ended(id) }
                case .write(let id, let data): untaken[id, default: []].append(data.readableBytes)
                case .close(let id), .abort(let id, _): untaken[id] = nil
                case .accepted, .endWriting: break
                }
            }
        }
        if role == .opener { for _ in 0..<3 { if let (_, actions) = machine.open() { perform(actions) } } }
        var rest = ByteBuffer(bytes: bytes)
        while let length = rest.readInteger(as: UInt16.self), let message = rest.readSlice(length: min(Int(length), rest.readableBytes)) {
            now = now + .microseconds(50)
            guard let actions = try? machine.received(message, now: now) else { break }
            perform(actions)
            for (id, pieces) in untaken where pieces.count > 1 {
                untaken[id]?.removeFirst()
                perform(machine.taken(id, pieces[0], now: now))
            }
            var sent = 0
            while let (_, actions) = machine.next(now: now) {
                perform(actions)
                sent += 1
                precondition(sent < 10_000, "one message brings about messages without end")
            }
            precondition(untaken.values.allSatisfy { $0.reduce(0, +) <= (1 << 20) + TunnelFrame.window }, "more than a window waits")
            precondition(machine.connectionCount <= 2 * limits.connections, "more connections than there may be")
        }
        _ = machine.abandon("over")
        precondition(budget.count == 0, "what windows grew by is not given back")
    }
}
