import AlwaysOnTransport
import EdgeREST
import Formats
import NIOCore
import NIOHTTP1
import NetworkSupport
import TunnelTransport
import Tunnels

/// A user's end of tunnels to one target: opens one at the platform when a connection needs it, and another when that is lost or used up.
///
/// Confined to its event loop.
final class TunnelClient: @unchecked Sendable {
    enum Event: Sendable {
        case opened(tunnel: String)
        case lost(String)
        case connected(Int)
        /// `reason`: why it broke; nil: it ended in order.
        case closed(Int, sent: Int, received: Int, reason: String?)
    }

    private let client: RestClient
    private let endpoint: PlatformEndpoint
    private let key: String
    private let parameters: JSONObject
    let loop: any EventLoop
    private let onEvent: @Sendable (Event) -> Void
    private let budget = ByteBudget(most: 64 << 20)
    private var link: TunnelLink?
    private var opening: EventLoopFuture<TunnelLink>?
    /// Those that take no more connections and still have some.
    private var retired: [TunnelLink] = []
    private var connections: [ObjectIdentifier: [UInt32: (number: Int, local: LocalConnection)]] = [:]
    private var count = 0
    private var isOver = false
    /// Completed once every tunnel has closed.
    private var ended: EventLoopPromise<Void>?

    /// - Parameters:
    ///   - endpoint: the platform; its path is of no importance.
    ///   - parameters: of StartTunnel.
    init(
        _ client: RestClient, endpoint: PlatformEndpoint, key: String, parameters: JSONObject, on loop: any EventLoop,
        onEvent: @escaping @Sendable (Event) -> Void
    ) {
        (self.client, self.endpoint, self.key, self.parameters, self.loop, self.onEvent) = (
            client, endpoint, key, parameters, loop, onEvent
        )
    }

    // MARK: Connections

    /// Takes a connection through a tunnel. The future fails where there is none for it; the connection is broken off then.
    func carry(_ local: LocalConnection) -> EventLoopFuture<Void> {
        loop.preconditionInEventLoop()
        return available().flatMapThrowing { [self] link in
            guard link.open({ id in add(local, id, to: link) }) else { throw RestError("the tunnel takes no more connections") }
        }.flatMapErrorThrowing { error in
            local.abort()
            throw error
        }
    }

    private func add(_ local: LocalConnection, _ id: UInt32, to link: TunnelLink) -> (any TunnelLocal)? {
        guard local.attach(id, to: link) else { return nil }
        count += 1
        connections[ObjectIdentifier(link), default: [:]][id] = (count, local)
        return local
    }

    // MARK: Tunnels

    /// One with room for a connection.
    private func available() -> EventLoopFuture<TunnelLink> {
        if let link {
            if link.hasRoom { return loop.makeSucceededFuture(link) }
            // Its connections go on; when they are over, so is it.
            self.link = nil
            retired.append(link)
            endRetired()
        }
        if let opening { return opening }
        let made = open()
        opening = made
        made.whenComplete { [self] result in
            opening = nil
            guard case .success(let link) = result else { return }
            if isOver { link.end("ended by the user") } else { self.link = link }
        }
        return made
    }

    private func open() -> EventLoopFuture<TunnelLink> {
        let started = loop.makePromise(of: JSONValue.self)
        let (client, parameters) = (client, parameters)
        started.completeWithTask {
            guard let row = try await client.rows("Subsystems", "TunnelSubsystem", "StartTunnel", parameters).first else {
                throw RestError("the platform did not say which tunnel it opened")
            }
            return row
        }
        return started.futureResult.flatMap { [self] row in
            guard let id = row["tunnelId"]?.string, TunnelStart.isID(id) else {
                return loop.makeFailedFuture(RestError("a tunnel without an id"))
            }
            var endpoint = endpoint
            endpoint.path = "\(TunnelUpgrade.userPath)/\(id)"
            return TunnelUpgrade.open(endpoint, headers: ["appKey": key], chunk: TunnelFrame.window, on: loop).flatMapThrowing {
                [self] socket, carriesMany in
                guard carriesMany else { throw RestError("the platform does not know tunnels of several connections") }
                return start(socket, id, connects: row["numConnects"]?.int ?? -1)
            }
        }
    }

    private func start(_ socket: TunnelSocket, _ id: String, connects: Int) -> TunnelLink {
        var limits = TunnelMachine.Limits()
        limits.connects = TunnelStart.most(connects: connects)
        let link = TunnelLink(socket, role: .opener, limits: limits, budget: budget, counters: TunnelCounters()) { [self] link, event in
            happened(event, on: link)
        }
        onEvent(.opened(tunnel: id))
        link.start()
        return link
    }

    private func happened(_ event: TunnelLink.Event, on link: TunnelLink) {
        let name = ObjectIdentifier(link)
        switch event {
        case .connect: break
        case .accepted(let id): if let known = connections[name]?[id] { onEvent(.connected(known.number)) }
        case .closed(let id, let reason):
            guard let (number, local) = connections[name]?.removeValue(forKey: id) else { return }
            onEvent(.closed(number, sent: local.bytesRead, received: local.bytesWritten, reason: reason))
            endRetired()
        case .ended(let reason):
            connections[name] = nil
            retired.removeAll { $0 === link }
            if self.link === link {
                self.link = nil
                if !isOver { onEvent(.lost(reason)) }
            }
            endIfDone()
        }
    }

    private func endRetired() {
        for link in retired where link.connectionCount == 0 { link.end("its connections are used up") }
    }

    /// How long the platform may take to close its side.
    private static let farewell = TimeAmount.seconds(2)

    /// Ends all tunnels in order.
    func end() -> EventLoopFuture<Void> {
        isOver = true
        let promise = loop.makePromise(of: Void.self)
        ended = promise
        for link in [link].compactMap({ $0 }) + retired { link.end("ended by the user") }
        endIfDone()
        let limit = loop.scheduleTask(in: TunnelClient.farewell) { promise.succeed() }
        return promise.futureResult.always { _ in limit.cancel() }
    }

    private func endIfDone() { if link == nil, retired.isEmpty { ended?.succeed() } }
}
