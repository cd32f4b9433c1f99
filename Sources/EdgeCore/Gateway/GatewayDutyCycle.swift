import AlwaysOn
import AlwaysOnTransport
import NIOCore

/// A local request that came while the gateway was off the network.
struct WaitingRequest {
    let request: Request
    let promise: EventLoopPromise<Response>
    let deadline: NIODeadline
}

/// Leaving the network and coming back, as `duty_cycle` and `connect_on_demand` want it (ems.md §4.6).
extension Gateway {
    func tracked(_ response: EventLoopFuture<Response>) -> EventLoopFuture<Response> {
        runningCount += 1
        duty.traffic(now: loop.now)
        response.whenComplete { _ in
            self.assumeIsolated { gateway in
                gateway.runningCount -= 1
                gateway.duty.traffic(now: gateway.loop.now)
            }
        }
        return response
    }

    func beginDuty() {
        guard configuration.dutyCycle.isOn else { return }
        duty.connected(now: loop.now)
        checkDuty()
    }

    private func checkDuty() {
        guard case .open(let connection) = link, closing == nil, stopping == nil else { return }
        switch duty.check(now: loop.now, isBusy: runningCount > 0 || tunnels.count > 0 || files.map { $0.activeCount > 0 } ?? false) {
        case .stay(let deadline):
            dutyTimer = loop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.checkDuty() } }
        case .leave(let rest):
            logger.info(
                "leaving the network for \(rest.nanoseconds / 1_000_000) ms, as duty_cycle wants it: \(registry.boundCount) Things are unbound"
            )
            perform(registry.unbindAll())
            closing = .toRest(rest)
            connection.close(.init(.normal, "duty cycle"))
        }
    }

    func rest(for amount: TimeAmount) {
        link = .resting(loop.scheduleTask(in: amount) { self.assumeIsolated { $0.connect(after: .zero) } })
        // What came while the connection was being closed opens the next one.
        if !waiting.isEmpty { wake() }
    }

    func handleOffline(_ request: Request) -> EventLoopFuture<Response> {
        let isOff = if case .resting = link { true } else { closing != nil }
        guard isOff || !waiting.isEmpty, configuration.dutyCycle.isOn else {
            return loop.makeSucceededFuture(.unanswered(.serviceUnavailable, reason: "not connected to the platform"))
        }
        guard configuration.connection.connectOnDemand else {
            return loop.makeSucceededFuture(
                .unanswered(.serviceUnavailable, reason: "off the network as duty_cycle wants it; connect_on_demand would connect"))
        }
        guard waiting.count < configuration.connection.maximumRequestsInFlight else {
            return loop.makeSucceededFuture(
                .unanswered(.serviceUnavailable, reason: "\(waiting.count) requests are waiting for a connection already"))
        }
        let promise = loop.makePromise(of: Response.self)
        let limit = configuration.connection.connectTimeout + configuration.connection.messageTimeout
        waiting.append(WaitingRequest(request: request, promise: promise, deadline: loop.now + limit))
        wake()
        return promise.futureResult
    }

    private func wake() {
        guard case .resting(let timer) = link else { return }
        timer.cancel()
        logger.info("a local request connects to the platform (connect_on_demand)")
        connect(after: .zero)
    }

    /// The connection is there: what waited for it is sent.
    func sendWaiting(over connection: EdgeConnection) {
        let requests = waiting
        waiting = []
        for waiting in requests {
            send(waiting.request, over: connection, timeout: waiting.deadline - loop.now).cascade(to: waiting.promise)
        }
    }

    /// No connection came about.
    func failWaiting(_ text: String) {
        let requests = waiting
        waiting = []
        for waiting in requests { waiting.promise.succeed(.unanswered(.serviceUnavailable, reason: text)) }
    }
}
