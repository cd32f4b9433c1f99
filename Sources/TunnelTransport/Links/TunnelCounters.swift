import Formats
package import NIOCore
import Synchronization

/// What went through a tunnel; read on other threads than it is counted on.
package final class TunnelCounters: Sendable {
    private let out = Atomic<Int>(0)
    private let inwards = Atomic<Int>(0)
    private let connections = Atomic<Int>(0)
    private let traffic = Atomic<UInt64>(0)

    package init() {}

    /// Bytes from here into the tunnel, and out of it.
    package var sent: Int { out.load(ordering: .relaxed) }
    package var received: Int { inwards.load(ordering: .relaxed) }
    package var connectionCount: Int { connections.load(ordering: .relaxed) }
    /// When bytes went through it last; the beginning of time where none did.
    package var lastTraffic: NIODeadline { .uptimeNanoseconds(traffic.load(ordering: .relaxed)) }

    package func addSent(_ bytes: Int, now: NIODeadline) {
        out.add(bytes, ordering: .relaxed)
        traffic.store(now.uptimeNanoseconds, ordering: .relaxed)
    }

    package func addReceived(_ bytes: Int, now: NIODeadline) {
        inwards.add(bytes, ordering: .relaxed)
        traffic.store(now.uptimeNanoseconds, ordering: .relaxed)
    }

    package func addConnection() { connections.add(1, ordering: .relaxed) }
}

/// Bytes a second that tunnels of one loop take together, in each direction.
///
/// Confined to that loop.
package final class TunnelRate: @unchecked Sendable {
    private var incoming: RateLimit
    private var outgoing: RateLimit

    package init(_ bytesPerSecond: Int?) { (incoming, outgoing) = (RateLimit(bytesPerSecond), RateLimit(bytesPerSecond)) }

    /// Goes on once so many bytes are paid for: at once, where there is no need to wait.
    func pay(_ bytes: Int, incoming isIncoming: Bool, on loop: any EventLoop, then goOn: @escaping () -> Void) {
        let wait = take(bytes, incoming: isIncoming, now: loop.now)
        guard wait > .zero else { return goOn() }
        let bound = NIOLoopBound(goOn, eventLoop: loop)
        loop.scheduleTask(in: wait) { bound.value() }
    }

    func take(_ bytes: Int, incoming isIncoming: Bool, now: NIODeadline) -> TimeAmount {
        isIncoming ? incoming.take(bytes, now: now) : outgoing.take(bytes, now: now)
    }
}
