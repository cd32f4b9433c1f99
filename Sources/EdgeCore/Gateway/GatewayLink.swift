import AlwaysOn
import AlwaysOnSession
import AlwaysOnTransport
import LogSupport
import NIOCore
import Secrets

/// The connection to the platform: opening, losing, opening again.
extension Gateway {
    func connect(after delay: TimeAmount) {
        link = .waiting(loop.scheduleTask(in: delay) { self.assumeIsolated { $0.connect() } })
    }

    private func connect() {
        guard let key = configuration.applicationKey else { return }
        link = .connecting
        figures.attempts += 1
        logger.info("connecting to \(endpoint.url)")
        var session = EdgeConnection.Session.Configuration()
        session.limits.maximumMessageSize = configuration.connection.maximumMessageSize
        session.limits.chunkSize = configuration.connection.chunkSize
        session.limits.maximumRequestsInFlight = configuration.connection.maximumRequestsInFlight
        session.limits.staleChunksAfter = configuration.connection.messageTimeout * 5
        session.controlTimeout = configuration.connection.messageTimeout
        session.pingInterval = configuration.connection.pingRate
        session.pongTimeout = configuration.connection.pongTimeout
        EdgeConnector.connect(to: endpoint, applicationKey: key.reveal(), session: session, on: loop) { connection, event in
            self.assumeIsolated { $0.handle(event, of: connection) }
        }.whenComplete { result in
            self.assumeIsolated { $0.connected(result) }
        }
    }

    private func connected(_ result: Result<EdgeConnection, any Error>) {
        switch (result, link) {
        case (.success(let connection), .connecting): link = .open(connection)
        case (.success(let connection), _): connection.close(.init(.normal, "the gateway stops"))
        case (.failure(let error), .connecting): failed("\(error)")
        case (.failure, _): break
        }
    }

    private func handle(_ event: EdgeConnection.Event, of connection: EdgeConnection) {
        switch event {
        case .online:
            figures.connections += 1
            lastFailure = nil
            reconnect.succeeded()
            servers.succeeded()
            lastRefusal = nil
            bindRetryPause = nil
            link = .open(connection)
            logger.info("connected to \(endpoint.url) and authenticated")
            let binds = registry.online()
            perform(binds)
            sendWaiting(over: connection)
            beginDelivery(binds: Gateway.bindMessages(in: binds))
            beginDuty()
            scheduleReturn()
        case .refused:
            wasRefused = true
            figures.keyRefusals += 1
            lastFailure = "the platform refused the application key"
            logRefusal()
        case .bindAnswered(let bind, let response):
            if response.status.isSuccess { audit("bound", bind) }
            let more = registry.answered(bind, response)
            perform(more)
            bindAnswered(more: Gateway.bindMessages(in: more))
        case .unbindAnswered(let bind, let response):
            audit("unbound", bind)
            if !response.status.isSuccess { logger.debug("UNBIND of \(bind.names.count) Things was answered \(response.status)") }
        case .request(let header, let request):
            duty.heardPlatform(now: loop.now)
            if outbox != nil, registry.confirm(request.entityName) { confirmed(request.entityName) }
            var response = handleRemote(request)
            if logger.logLevel == .trace { trace(request, number: header.requestID, .fromPlatform, response) }
            if configuration.dutyCycle.isOn { response = tracked(response) }
            // A response belongs to the connection that the request came by, and dies with it.
            response.whenSuccess { connection.respond($0, to: header) }
        case .refusedMessage(let text): logger.warning("from the platform: \(text)")
        case .closed(let text): closed(text, connection)
        }
    }

    private func closed(_ text: String, _ connection: EdgeConnection) {
        figures.ended(connection)
        registry.offline()
        endDelivery()
        tunnels.end("the connection to the platform was lost")
        bindRetry?.cancel()
        bindRetry = nil
        for timer in [dutyTimer, returnTimer] { timer?.cancel() }
        if let stopping {
            link = .stopped
            logger.info("disconnected from the platform")
            stopping.succeed()
            return
        }
        if let closing {
            self.closing = nil
            switch closing {
            case .toRest(let amount): rest(for: amount)
            case .toReconnect: connect(after: .zero)
            }
            return
        }
        if wasRefused {
            wasRefused = false
            failWaiting("the platform refused the application key")
            retry(reconnect.refused(), because: nil)
        } else {
            failed("the connection to \(endpoint.url) was lost: \(text)")
        }
    }

    private func failed(_ text: String) {
        figures.failures += 1
        lastFailure = text
        let from = endpoint.url
        if servers.failed() {
            logger.warning("\(text). Trying \(endpoint.url) instead of \(from)")
            return connect(after: .zero)
        }
        failWaiting(text)
        retry(reconnect.failed(random: .random(in: 0...1)), because: text)
    }

    private func retry(_ decision: Reconnect.Decision, because text: String?) {
        switch decision {
        case .retry(let delay):
            if let text { logger.warning("\(text). Trying again in \(delay.nanoseconds / 1_000_000) ms") }
            connect(after: delay)
        case .giveUp:
            logger.error("\(text ?? "the application key was refused"). `connect_retries` are used up, giving up")
            giveUp()
        }
    }

    /// Once a minute at most, and without the key.
    private func logRefusal() {
        let now = loop.now
        if lastRefusal.map({ now - $0 >= .seconds(60) }) ?? true {
            lastRefusal = now
            logger.log(level: .audit, "authentication at \(endpoint.url) failed")
            logger.error(
                "\(endpoint.url) refused the application key (`appKey`): check that it exists there, is enabled, has not expired and may be used from this address; trying again, the platform's log says what is wrong"
            )
        }
    }

    // MARK: Binding

    private func audit(_ what: String, _ bind: Bind) {
        let names = bind.names + (bind.gateway.map { [$0.name] } ?? [])
        logger.log(
            level: .audit, "\(what) \(names.prefix(5).joined(separator: ", "))\(names.count > 5 ? " and \(names.count - 5) more" : "")")
    }

    func perform(_ actions: [Registry.Action]) {
        for action in actions {
            switch action {
            case .bind(let messages): if case .open(let connection) = link { messages.forEach(connection.bind) }
            case .unbind(let messages): if case .open(let connection) = link { messages.forEach(connection.unbind) }
            case .refused(let name, let response, let again):
                logger.log(
                    level: again ? .debug : .warning,
                    "the platform refused to bind \(name): \(response.status)\(response.reasonText.map { ", \($0)" } ?? ""). Check that a Thing of that name exists, is made from RemoteThing (a gateway: EMSGateway) and that the application key's user may bind it; it is tried again and again"
                )
                scheduleBindRetry()
            }
        }
    }

    static func bindMessages(in actions: [Registry.Action]) -> Int {
        actions.reduce(0) { count, action in if case .bind(let messages) = action { count + messages.count } else { count } }
    }

    private func scheduleBindRetry() {
        guard bindRetry == nil else { return }
        // Things that the platform does not know for long are asked for less and less often.
        let pause = bindRetryPause ?? configuration.connection.retryInterval
        bindRetryPause = min(pause * 2, max(.seconds(60), configuration.connection.retryInterval))
        bindRetry = loop.scheduleTask(in: pause) {
            self.assumeIsolated { gateway in
                gateway.bindRetry = nil
                gateway.perform(gateway.registry.retryRefused())
            }
        }
    }
}
