import AlwaysOnTransport
import Formats
import NIOCore
import NIOHTTP1
import NIOPosix
import NetworkSupport
import Tunnels

/// One tunnel at a gateway: its WebSocket, and the connections that are made for it.
///
/// Confined to its event loop, but for what its counters say.
final class EdgeTunnel: @unchecked Sendable {
    private enum Link {
        case opening
        case many(TunnelLink)
        case single(SingleLink)
        case over
    }

    let start: TunnelStart
    let counters = TunnelCounters()
    private let settings: EdgeTunnels.Settings
    private let budget: ByteBudget
    private let rate: TunnelRate
    private let loop: any EventLoop
    private let onEvent: @Sendable (EdgeTunnels.Event) -> Void
    private let began: NIODeadline
    private var link = Link.opening
    private var idle: RepeatedTask?
    /// It was ended before it was open.
    private var endText: String?

    init(
        _ start: TunnelStart, settings: EdgeTunnels.Settings, budget: ByteBudget, rate: TunnelRate, on loop: any EventLoop,
        onEvent: @escaping @Sendable (EdgeTunnels.Event) -> Void
    ) {
        (self.start, self.settings, self.budget, self.rate, self.loop, self.onEvent) = (start, settings, budget, rate, loop, onEvent)
        began = loop.now
    }

    func open(_ endpoint: PlatformEndpoint, headers: HTTPHeaders) {
        TunnelUpgrade.open(endpoint, headers: headers, chunk: start.chunkSize, on: loop).whenComplete { [self] result in
            switch result {
            case .success(let (socket, carriesMany)): opened(socket, carriesMany)
            case .failure(let error): over("\(error)")
            }
        }
    }

    private func opened(_ socket: TunnelSocket, _ carriesMany: Bool) {
        if let endText {
            socket.close(.init(.normal, endText))
            return over(endText)
        }
        watchIdle()
        if carriesMany {
            var limits = TunnelMachine.Limits()
            limits.connections = settings.maximumConnections
            limits.connects = TunnelStart.most(connects: start.connects)
            let link = TunnelLink(socket, role: .acceptor, limits: limits, budget: budget, counters: counters, rate: rate) {
                [self] link, event in
                switch event {
                case .connect(let id): connect(id, for: link)
                case .closed(let id, let reason): onEvent(.closed(id, reason: reason))
                case .accepted: break
                case .ended(let reason): over(reason)
                }
            }
            self.link = .many(link)
            link.start()
        } else {
            let link = SingleLink(socket, connects: start.connects, chunk: start.chunkSize, counters: counters, rate: rate) {
                [self] link, event in
                switch event {
                case .connect(let id): connect(id, for: link)
                case .closed(let id, let reason): onEvent(.closed(id, reason: reason))
                case .tell(let command): onEvent(.tell(command))
                case .ended(let reason): over(reason)
                }
            }
            self.link = .single(link)
            link.start()
        }
    }

    private func connect(_ id: UInt32, for owner: any TunnelLocalOwner) {
        let target = start.target
        let bound = NIOLoopBound(owner, eventLoop: loop)
        let bootstrap = LocalConnection.prepare(ClientBootstrap(group: loop)).connectTimeout(settings.connectTimeout)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(LocalConnection(channel))
                }
            }
        bootstrap.connect(host: target.host, port: target.port).whenComplete { [self] result in
            let owner = bound.value
            do {
                let channel = try result.get()
                let connection = try channel.pipeline.syncOperations.handler(type: LocalConnection.self)
                guard connection.attach(id, to: owner) else { throw ChannelError.ioOnClosedChannel }
                onEvent(.connected(id))
                owner.connected(id, connection)
            } catch {
                let text = "\(target) cannot be reached: \(NetworkErrorText.describe(error))"
                onEvent(.refused(id, text))
                owner.refused(id, text)
            }
        }
    }

    // MARK: Asked by the platform

    func command(_ command: SingleTunnel.Command) -> Bool {
        switch link {
        case .single(let link): return link.command(command)
        // Connections come through the tunnel itself.
        case .many: return true
        case .opening, .over: return false
        }
    }

    func end(_ reason: String, telling command: SingleTunnel.Command? = nil) {
        switch link {
        case .opening: endText = reason
        case .many(let link): link.end(reason)
        case .single(let link): link.end(reason, telling: command)
        case .over: break
        }
    }

    private func watchIdle() {
        guard start.idleTimeout > 0 else { return }
        let timeout = TimeAmount.milliseconds(Int64(start.idleTimeout))
        let step = TimeAmount.milliseconds(Int64(min(max(start.idleTimeout / 4, 10), 1000)))
        let opened = loop.now
        idle = loop.scheduleRepeatedTask(initialDelay: step, delay: step) { [self] task in
            guard loop.now - max(counters.lastTraffic, opened) >= timeout else { return }
            task.cancel()
            end("nothing was sent for \(start.idleTimeout) ms", telling: .cancel)
        }
    }

    private func over(_ reason: String) {
        if case .over = link { return }
        link = .over
        idle?.cancel()
        onEvent(.ended(reason))
    }

    /// How long it has been.
    var age: TimeAmount { NIODeadline.now() - began }
}
