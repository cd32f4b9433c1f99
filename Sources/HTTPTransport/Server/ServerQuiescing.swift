import NIOConcurrencyHelpers
import NIOCore

/// The open connections of a server: counts them against the limit, and ends them in order when the server stops.
final class ServerQuiescing: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: HTTPServerHandler] = [:]
        var stopping = false
        var drained: EventLoopPromise<Void>?
    }

    /// Connections beyond the limit that are told so; more are closed without a word.
    private static let told = 64

    private let state = NIOLockedValueBox(State())

    var isStopping: Bool { state.withLockedValue { $0.stopping } }

    var count: Int { state.withLockedValue { $0.connections.count } }

    enum Place {
        case free
        /// All places are taken by connections at work.
        case none(isTold: Bool)
    }

    /// A connection that opened; where all places are taken, that of the one without a request for longest.
    func opened(_ handler: HTTPServerHandler, most: Int, on loop: any EventLoop) -> Place {
        let open = state.withLockedValue { state -> [HTTPServerHandler] in
            state.connections[ObjectIdentifier(handler)] = handler
            return state.connections.count > most ? Array(state.connections.values) : []
        }
        guard !open.isEmpty else { return .free }
        // Their state may be looked at on their own loop alone.
        let waiting = open.filter { $0 !== handler && $0.eventLoop === loop }.compactMap { other in other.waitingSince.map { (other, $0) } }
        if let (longest, _) = waiting.min(by: { $0.1 < $1.1 }) {
            longest.giveWay()
            return .free
        }
        return .none(isTold: open.count <= most + ServerQuiescing.told)
    }

    func closed(_ handler: HTTPServerHandler) {
        let drained = state.withLockedValue { state -> EventLoopPromise<Void>? in
            state.connections[ObjectIdentifier(handler)] = nil
            guard state.connections.isEmpty else { return nil }
            defer { state.drained = nil }
            return state.drained
        }
        drained?.succeed()
    }

    /// Idle connections are closed now, the others when they have answered, all of them after `limit`.
    func stop(within limit: TimeAmount, on loop: any EventLoop) async {
        let promise = loop.makePromise(of: Void.self)
        let open = state.withLockedValue { state -> [any Channel] in
            state.stopping = true
            if !state.connections.isEmpty { state.drained = promise }
            return state.connections.values.map(\.channel)
        }
        if open.isEmpty { promise.succeed() }
        for channel in open { channel.pipeline.fireUserInboundEventTriggered(StopEvent()) }
        let timeout = loop.scheduleTask(in: limit) { for channel in open { channel.close(promise: nil) } }
        try? await promise.futureResult.get()
        timeout.cancel()
    }

    struct StopEvent: Sendable {}
}
