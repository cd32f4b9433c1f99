import NIOConcurrencyHelpers
import NIOCore

/// The open connections of a server: counts them against the limit, and ends them in order when the server stops.
final class ServerQuiescing: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: any Channel] = [:]
        var stopping = false
        var drained: EventLoopPromise<Void>?
    }

    private let state = NIOLockedValueBox(State())

    var isStopping: Bool { state.withLockedValue { $0.stopping } }

    var count: Int { state.withLockedValue { $0.connections.count } }

    /// - Returns: the number of connections, this one included.
    func opened(_ channel: any Channel) -> Int {
        state.withLockedValue {
            $0.connections[ObjectIdentifier(channel)] = channel
            return $0.connections.count
        }
    }

    func closed(_ channel: any Channel) {
        let drained = state.withLockedValue { state -> EventLoopPromise<Void>? in
            state.connections[ObjectIdentifier(channel)] = nil
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
            return Array(state.connections.values)
        }
        if open.isEmpty { promise.succeed() }
        for channel in open { channel.pipeline.fireUserInboundEventTriggered(StopEvent()) }
        let timeout = loop.scheduleTask(in: limit) { for channel in open { channel.close(promise: nil) } }
        try? await promise.futureResult.get()
        timeout.cancel()
    }

    struct StopEvent: Sendable {}
}
