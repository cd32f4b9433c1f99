package import AlwaysOnTransport
import Formats
import Glibc
package import NIOCore
package import NIOHTTP1
import NIOPosix
package import Tunnels

/// The tunnels of a gateway. Their bytes go over a thread of their own, so that requests do not wait behind them.
///
/// Confined to the gateway's event loop: every call is made there, every event arrives there.
package final class EdgeTunnels: @unchecked Sendable {
    package struct Settings: Sendable {
        /// Connections at once in one tunnel.
        package var maximumConnections = 64
        package var connectTimeout = TimeAmount.seconds(10)
        /// Bytes a second in each direction, all tunnels together; nil: no bound.
        package var rate: Int?
        /// What windows of connections grow by, all together.
        package var windows = 32 << 20

        package init() {}
    }

    /// A tunnel, and for whom it is.
    package struct Info: Sendable {
        package let start: TunnelStart
        package let thing: String
        package let sent: Int
        package let received: Int
        package let connections: Int
        package let age: TimeAmount
    }

    package enum Event: Sendable {
        case opened
        case connected(UInt32)
        case refused(UInt32, String)
        case closed(UInt32, reason: String?)
        /// The platform is to be told.
        case tell(SingleTunnel.Command)
        case ended(String)
    }

    package let settings: Settings
    private let loop: any EventLoop
    private let onEvent: @Sendable (Info, Event) -> Void
    private let budget: ByteBudget
    private var tunnels: [String: (tunnel: EdgeTunnel, thing: String)] = [:]
    private var group: MultiThreadedEventLoopGroup?
    private let rate: TunnelRate
    private var emptied: EventLoopPromise<Void>?
    /// All that there were.
    package private(set) var countSoFar = 0

    package init(_ settings: Settings, on loop: any EventLoop, onEvent: @escaping @Sendable (Info, Event) -> Void) {
        (self.settings, self.loop, self.onEvent) = (settings, loop, onEvent)
        budget = ByteBudget(most: settings.windows)
        rate = TunnelRate(settings.rate)
    }

    package var count: Int { tunnels.count }
    package var all: [Info] { tunnels.values.map { info($0.tunnel, $0.thing) }.sorted { $0.start.id < $1.start.id } }

    private func info(_ tunnel: EdgeTunnel, _ thing: String) -> Info {
        let counters = tunnel.counters
        return Info(
            start: tunnel.start, thing: thing, sent: counters.sent, received: counters.received, connections: counters.connectionCount,
            age: tunnel.age)
    }

    package enum Refusal: Error, Sendable, Equatable {
        case tooMany(Int)
        case known
    }

    /// Opens the tunnel's WebSocket, after this has returned.
    /// - Parameter most: tunnels at once.
    package func start(
        _ start: TunnelStart, thing: String, at endpoint: PlatformEndpoint, headers: HTTPHeaders, most: Int
    ) throws(Refusal) {
        guard tunnels[start.id] == nil else { throw .known }
        guard tunnels.count < most, emptied == nil else { throw .tooMany(most) }
        let tunnelLoop = ownLoop()
        let tunnel = EdgeTunnel(start, settings: settings, budget: budget, rate: rate, on: tunnelLoop) { [self] event in
            loop.execute { self.happened(event, start.id) }
        }
        tunnels[start.id] = (tunnel, thing)
        countSoFar += 1
        onEvent(info(tunnel, thing), .opened)
        tunnelLoop.execute { tunnel.open(endpoint, headers: headers) }
    }

    private func happened(_ event: Event, _ id: String) {
        guard let (tunnel, thing) = tunnels[id] else { return }
        if case .ended = event { tunnels[id] = nil }
        onEvent(info(tunnel, thing), event)
        if tunnels.isEmpty { emptied?.succeed() }
    }

    /// - Returns: whether it was possible; nil: there is no such tunnel of this Thing.
    package func command(_ id: String, of thing: String, _ command: SingleTunnel.Command) -> EventLoopFuture<Bool>? {
        guard let (tunnel, owner) = tunnels[id], owner == thing else { return nil }
        return ownLoop().submit { tunnel.command(command) }.hop(to: loop)
    }

    /// - Returns: whether there is such a tunnel of this Thing.
    package func end(_ id: String, of thing: String, _ reason: String) -> Bool {
        guard let (tunnel, owner) = tunnels[id], owner == thing else { return false }
        ownLoop().execute { tunnel.end(reason) }
        return true
    }

    /// Ends all.
    package func end(_ reason: String) {
        for (tunnel, _) in tunnels.values { ownLoop().execute { tunnel.end(reason) } }
    }

    /// Ends all in order, and the thread with them.
    package func stop(_ reason: String) -> EventLoopFuture<Void> {
        let promise = loop.makePromise(of: Void.self)
        emptied = promise
        end(reason)
        if tunnels.isEmpty { promise.succeed() }
        let limit = loop.scheduleTask(in: .seconds(3)) { promise.succeed() }
        return promise.futureResult.always { [group] _ in
            limit.cancel()
            group?.shutdownGracefully { _ in }
        }
    }

    private func ownLoop() -> any EventLoop {
        if let group { return group.next() }
        let made = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        group = made
        // Requests come first.
        made.next().execute { setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 5) }
        return made.next()
    }
}
