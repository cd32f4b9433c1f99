import AlwaysOn
import AlwaysOnTransport
import LogSupport
import Logging
import MessageStore
import NIOCore
import NIOPosix

/// Keeping requests that cannot be sent, and delivering them later (ems.md §4.7, Documentation/store.md).
extension Gateway {
    private static let openAgainAfter = TimeAmount.seconds(60)

    // MARK: Opening and closing

    /// Opens the stores, if there are to be any. What keeps them from opening does not keep the gateway from running: it is tried again.
    package func openStore() async {
        guard configuration.offlineStore.isEnabled, outbox == nil else { return }
        let (settings, keyFile, mayMakeKey, loop) = (
            configuration.offlineStore, host.file.keyFile, configuration.applicationKey != nil, loop
        )
        do {
            let stores = try await NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
                try OfflineStores.open(settings, keyFile: keyFile, mayMakeKey: mayMakeKey, on: loop)
            }.get()
            take(stores, settings)
        } catch {
            logger.error("offline_msg_store: \(error). Until then requests are refused while there is no connection")
            storeRetry = loop.scheduleTask(in: Gateway.openAgainAfter) { Task { await self.openStore() } }
        }
    }

    private func take(_ stores: OfflineStores, _ settings: GatewayConfiguration.OfflineStore) {
        outbox = Outbox(stores: stores, delivery: Delivery(settings.delivery))
        for (store, directory) in [
            (stores.waiting, settings.directory), (stores.refused, "\(settings.directory)/\(OfflineStores.refusedDirectory)"),
        ] {
            store.onReports = { [logger, unstored] in
                for report in $0 {
                    // A disk that says no does so all the time.
                    if case .failed(let text) = report {
                        unstored.note(text)
                    } else {
                        logger.log(level: report.level, "\(directory): \(report.text)")
                    }
                }
            }
        }
        stores.refused.onGone = { [unstored] in
            unstored.note("\($0.values.reduce(0, +)) requests that the platform had refused have made room for newer ones, or are damaged")
        }
        stores.waiting.onGone = { gone in self.assumeIsolated { $0.went(gone) } }
        stores.waiting.start()
        stores.refused.start()
        let status = stores.waiting.status
        if status.messages > 0 { logger.info("\(status.messages) stored requests wait for the platform (\(status.bytes) bytes)") }
        if isConnected { beginDelivery(binds: 0) }
    }

    private func went(_ gone: [String: Int]) {
        for (name, count) in gone.sorted(by: { $0.key < $1.key }).prefix(10) {
            logger.warning("\(count) stored requests of \(name) are gone: too old, no room, or damaged")
        }
        for name in gone.keys where outbox?.stores.waiting.count(of: name) == 0 { outbox?.delivery.emptied(name) }
    }

    /// Once nothing more comes in: what was accepted gets to the disk.
    package func closeStore() async {
        storeRetry?.cancel()
        guard let outbox else { return }
        outbox.timer?.task.cancel()
        outbox.graceTimer?.cancel()
        try? await outbox.stores.waiting.close().get()
        try? await outbox.stores.refused.close().get()
        self.outbox = nil
    }

    /// Waits as long as `drain_on_stop` allows for what is stored to be delivered.
    func drainBeforeStop() async {
        let most = configuration.offlineStore.drainOnStop
        guard most > .zero, isConnected, let outbox, !outbox.stores.waiting.isEmpty else { return }
        let drained = loop.makePromise(of: Void.self)
        self.outbox?.drained = drained
        let limit = loop.scheduleTask(in: most) { drained.succeed() }
        try? await drained.futureResult.get()
        limit.cancel()
        self.outbox?.drained = nil
    }

    // MARK: Accepting

    /// A request that may be repeated: sent where that is possible and in order, else kept.
    func handleStorable(_ request: Request, _ identity: MessageIdentity?) -> EventLoopFuture<Response> {
        guard let waiting = outbox?.stores.waiting, let identity = identity ?? outbox?.identities.next(for: request.entityName) else {
            return handleOnline(request)
        }
        var request = request
        request.headers.append(identity.field)
        if !waiting.isEmpty, configuration.offlineStore.order == .strict, waiting.count(of: request.entityName) > 0 {
            return keep(request)
        }
        let identified = request
        return handleOnline(request).flatMap { response in
            guard response.origin == .unanswered else { return self.loop.makeSucceededFuture(response) }
            return self.assumeIsolated { $0.keep(identified) }
        }
    }

    private func keep(_ request: Request) -> EventLoopFuture<Response> {
        guard let outbox else { return loop.makeSucceededFuture(.unanswered(.serviceUnavailable, reason: "not connected to the platform")) }
        let label = StoredRequest.label(of: request, isOfBoundThing: registry.bindingOfThing(request.entityName) != nil)
        let message = NewMessage(
            key: request.entityName, label: label.rawValue, payload: StoredRequest.encoded(request), time: SystemClock.shared.now)
        return outbox.stores.waiting.append(message).map { _ in
            self.assumeIsolated { gateway in
                gateway.outbox?.delivery.stored()
                gateway.deliver()
            }
            var response = Response(.success)
            response.origin = .stored
            return response
        }.flatMapErrorThrowing { error in
            self.assumeIsolated { $0.unstored.note("a request for \(request.entityName) was not stored: \(error)") }
            return .unanswered(.serviceUnavailable, reason: "not connected to the platform, and not stored: \(error)")
        }
    }

    // MARK: Delivering

    /// The platform has accepted the key, and so many BINDs are on their way.
    func beginDelivery(binds: Int) {
        guard outbox != nil else { return }
        outbox?.unansweredBinds = binds
        outbox?.onlineSince = loop.now
        let grace = configuration.offlineStore.waitForThings
        outbox?.graceTimer?.cancel()
        outbox?.graceTimer = loop.scheduleTask(in: grace) { self.assumeIsolated { $0.recheckDeliveries() } }
        openDelivery()
    }

    func bindAnswered(more binds: Int) {
        guard let unanswered = outbox?.unansweredBinds else { return }
        outbox?.unansweredBinds = max(unanswered - 1 + binds, 0)
        openDelivery()
        recheckDeliveries()
    }

    /// What is bound later is waited for one by one; all that is bound at the start, together.
    private func openDelivery() {
        guard outbox?.unansweredBinds == 0 else { return }
        outbox?.delivery.open()
        deliver()
    }

    func endDelivery() {
        outbox?.delivery.close()
        outbox?.unansweredBinds = nil
        outbox?.timer?.task.cancel()
        outbox?.timer = nil
        outbox?.graceTimer?.cancel()
    }

    private func recheckDeliveries() {
        guard let blocked = outbox?.delivery.blocked else { return }
        outbox?.delivery.unblock(blocked.filter { mayDeliver(to: $0, []) })
        deliver()
    }

    /// The platform has the Thing by now: what is stored for it need not wait any longer.
    func confirmed(_ name: String) {
        outbox?.delivery.resume(name)
        outbox?.delivery.resume("*" + name)
        deliver()
    }

    /// A Thing that is registered here has to be bound. One that was is waited for; any other needs no binding.
    private func mayDeliver(to name: String, _ label: StoredRequest.Label) -> Bool {
        switch registry.bindingOfThing(name) {
        case .bound: true
        case .some: false
        case nil:
            !label.contains(.isOfBoundThing) || loop.now - (outbox?.onlineSince ?? .distantPast) >= configuration.offlineStore.waitForThings
        }
    }

    func deliver() {
        guard outbox != nil, outbox?.unansweredBinds != nil else { return }
        perform(outbox?.delivery.next(loop.now) ?? [])
        if let drained = outbox?.drained, outbox?.stores.waiting.isEmpty == true { drained.succeed() }
        scheduleDelivery()
    }

    private func scheduleDelivery() {
        guard let deadline = outbox?.delivery.nextDeadline(loop.now), deadline < outbox?.timer?.deadline ?? .distantFuture else { return }
        outbox?.timer?.task.cancel()
        outbox?.timer = (
            deadline,
            loop.scheduleTask(deadline: deadline) {
                self.assumeIsolated { gateway in
                    gateway.outbox?.timer = nil
                    gateway.deliver()
                }
            }
        )
    }

    private func perform(_ actions: [Delivery.Action]) {
        guard let outbox else { return }
        for action in actions {
            switch action {
            case .read(let cursor, let wanted): read(cursor, wanted, outbox)
            case .send(let key, let batch): send(batch, of: key)
            case .remove(let messages): remove(messages, outbox)
            case .setAside(let message, let response): setAside(message, response, outbox)
            }
        }
    }

    private func read(_ cursor: SegmentLog.Cursor, _ wanted: MessageStore.Wanted, _ outbox: Outbox) {
        let round = outbox.delivery.round
        let found = outbox.stores.waiting.read(from: cursor, bytes: Delivery.readBytes, messages: Delivery.readMessages, wanted: wanted)
        found.whenSuccess { found in
            self.assumeIsolated { gateway in
                guard var delivery = gateway.outbox?.delivery else { return }
                delivery.found(found, round: round) { gateway.mayDeliver(to: $0, $1) }
                gateway.outbox?.delivery = delivery
                gateway.deliver()
            }
        }
    }

    private func send(_ batch: PushBatch, of key: String) {
        let response: EventLoopFuture<Response>
        if case .open(let connection) = link, connection.isOnline, closing == nil {
            response = send(batch.request, over: connection, timeout: configuration.connection.messageTimeout)
        } else {
            response = loop.makeSucceededFuture(.unanswered(.serviceUnavailable, reason: "not connected to the platform"))
        }
        response.whenSuccess { response in
            self.assumeIsolated { gateway in
                guard gateway.outbox != nil else { return }
                // A Thing that is still to be made is no fault of the request's.
                let isMissing = response.status == .notFound && gateway.registry.mayBeMissing(key)
                let response = isMissing ? Response(.serviceUnavailable, reason: response.reasonText) : response
                gateway.perform(gateway.outbox?.delivery.answered(key, response, now: gateway.loop.now) ?? [])
                gateway.deliver()
            }
        }
    }

    private func remove(_ messages: [StoredMessage], _ outbox: Outbox) {
        guard let key = messages.first?.key else { return }
        outbox.stores.waiting.remove(messages).whenSuccess {
            self.assumeIsolated { gateway in
                guard gateway.outbox?.stores.waiting.count(of: key) == 0 else { return }
                gateway.outbox?.delivery.emptied(key)
                if gateway.outbox?.drained != nil { gateway.deliver() }
            }
        }
    }

    /// Kept where people find it, so that it is in nobody's way.
    private func setAside(_ message: StoredMessage, _ response: Response, _ outbox: Outbox) {
        let reason = "\(response.status)\(response.reasonText.map { ", \($0)" } ?? "")"
        logger.warning(
            "the platform refuses a stored request for \(message.key) again and again (\(reason)): it is set aside, see `edgectl store list`"
        )
        var payload = message.payload
        if var request = StoredRequest.decoded(message.payload) {
            request.headers.append(
                .init(name: StoredRequest.refusalHeader, value: String(decoding: reason.utf8.prefix(120), as: UTF8.self)))
            payload = StoredRequest.encoded(request)
        }
        let refused = NewMessage(key: message.key, label: message.label, payload: payload, time: message.time)
        outbox.stores.refused.append(refused).whenComplete { result in
            self.assumeIsolated { gateway in
                switch result {
                case .success: if let outbox = gateway.outbox { gateway.remove([message], outbox) }
                case .failure(let error):
                    gateway.logger.error("a refused request for \(message.key) could not be set aside and stays where it is: \(error)")
                }
            }
        }
    }
}

extension StoreReport {
    var level: Logger.Level {
        switch self {
        case .torn: .info
        case .failed: .warning
        case .damaged, .unopened, .foreign: .error
        }
    }

    var text: String {
        switch self {
        case .damaged(let messages, let bytes, let file):
            "\(bytes) bytes cannot be read and were set aside as \(file); \(messages.map { "they held \($0) requests that were not delivered yet" } ?? "how many requests they held cannot be told")"
        case .torn(let bytes, let file):
            "the last \(bytes) bytes of \(file) were not written whole, as when the power fails: nobody had been told that they were stored"
        case .unopened(let messages, let file):
            "\(messages) stored requests were encrypted with another key: \(file) is kept, bring back that key and name it as before"
        case .foreign(let file): "a file of another version is kept as \(file)"
        case .failed(let text): text
        }
    }
}
