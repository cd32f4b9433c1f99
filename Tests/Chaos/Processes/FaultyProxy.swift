import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A TCP proxy that can cut, stall and slow down what passes through it.
final class FaultyProxy: Sendable {
    enum Fault: Sendable, Equatable {
        case none
        /// Bytes are taken and go nowhere, for as long as the connection lives: half-open in both directions.
        case silent
        /// Each piece waits so long; the two directions differ.
        case slow(TimeAmount)
        /// New connections are refused after they were accepted.
        case closed
    }

    private struct State {
        var fault = Fault.none
        var channels: [ObjectIdentifier: any Channel] = [:]
    }

    private let state = NIOLockedValueBox(State())
    private let server: any Channel
    let port: Int

    init(to target: Int) async throws {
        let state = state
        let group = MultiThreadedEventLoopGroup.singleton
        server = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { inbound in
                guard state.withLockedValue({ $0.fault }) != .closed else { return inbound.close() }
                return ClientBootstrap(group: inbound.eventLoop).channelOption(.autoRead, value: false).connect(
                    host: "127.0.0.1", port: target
                )
                .flatMap { outbound in
                    state.withLockedValue {
                        $0.channels[ObjectIdentifier(inbound)] = inbound
                        $0.channels[ObjectIdentifier(outbound)] = outbound
                    }
                    let forget = { @Sendable (channel: any Channel) in
                        _ = state.withLockedValue { $0.channels.removeValue(forKey: ObjectIdentifier(channel)) }
                    }
                    let fault = { @Sendable in state.withLockedValue { $0.fault } }
                    return inbound.pipeline.addHandler(Relay(to: outbound, isBackwards: false, fault: fault, ended: forget))
                        .flatMap { outbound.pipeline.addHandler(Relay(to: inbound, isBackwards: true, fault: fault, ended: forget)) }
                        .flatMap { outbound.setOption(.autoRead, value: true) }
                        .flatMap { inbound.setOption(.autoRead, value: true) }
                }
            }.bind(host: "127.0.0.1", port: 0).get()
        port = server.localAddress!.port!
    }

    func set(_ fault: Fault) { state.withLockedValue { $0.fault = fault } }

    /// Ends all connections, at once.
    func cut() {
        for channel in state.withLockedValue({ Array($0.channels.values) }) { channel.close(promise: nil) }
    }

    func stop() async {
        cut()
        try? await server.close()
    }
}

private final class Relay: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private struct State {
        /// Something was swallowed: nothing that follows it may pass either.
        var isBroken = false
        /// When the last piece that waits is due.
        var lastDue = NIODeadline.distantPast
    }

    private let other: any Channel
    private let isBackwards: Bool
    private let fault: @Sendable () -> FaultyProxy.Fault
    private let ended: @Sendable (any Channel) -> Void
    private let state = NIOLockedValueBox(State())

    init(
        to other: any Channel, isBackwards: Bool, fault: @escaping @Sendable () -> FaultyProxy.Fault,
        ended: @escaping @Sendable (any Channel) -> Void
    ) {
        self.other = other
        self.isBackwards = isBackwards
        self.fault = fault
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let (other, fault, now) = (other, fault(), NIODeadline.now())
        let due = state.withLockedValue { state -> NIODeadline? in
            if fault == .silent { state.isBroken = true }
            guard !state.isBroken else { return nil }
            var delay = TimeAmount.zero
            if case .slow(let amount) = fault { delay = isBackwards ? amount * 3 : amount }
            state.lastDue = max(now + delay, state.lastDue + .nanoseconds(1))
            return state.lastDue
        }
        guard let due else { return }
        if due <= now + .nanoseconds(1) {
            other.writeAndFlush(bytes, promise: nil)
        } else {
            other.eventLoop.scheduleTask(deadline: due) { other.writeAndFlush(bytes, promise: nil) }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended(context.channel)
        other.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
