import NIOCore
import NIOPosix

/// Registered Things and the check that their device hosts still answer.
extension Gateway {
    /// - Returns: a future that succeeds once the registration is kept, where it is to be, and fails where it cannot.
    func register(_ thing: EdgeThing) -> EventLoopFuture<Void> {
        let wasPersistent = registry.registered(thing.name)?.persist == true
        perform(registry.register(thing))
        watch(thing)
        return thing.persist || wasPersistent ? keepRegistrations() : loop.makeSucceededVoidFuture()
    }

    /// - Returns: nil when no such Thing was there, else as `register`.
    func remove(_ name: String) -> EventLoopFuture<Void>? {
        let wasPersistent = registry.registered(name)?.persist == true
        guard let actions = registry.remove(name) else { return nil }
        perform(actions)
        return wasPersistent ? keepRegistrations() : loop.makeSucceededVoidFuture()
    }

    /// Writes the persistent registrations on another thread; those that come while it writes share the next time.
    private func keepRegistrations() -> EventLoopFuture<Void> {
        guard persistence != nil else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        unkept.append(promise)
        if keeping == nil { writeRegistrations() }
        return promise.futureResult
    }

    private func writeRegistrations() {
        guard let persistence, !unkept.isEmpty else { return }
        let (promises, things) = (unkept, registry.registered)
        unkept = []
        let written = NIOThreadPool.singleton.runIfActive(eventLoop: loop) { try persistence.save(things) }
        keeping = written
        written.whenComplete { result in
            self.assumeIsolated { gateway in
                gateway.keeping = nil
                for promise in promises { promise.completeWith(result) }
                gateway.writeRegistrations()
            }
        }
    }

    func restorePersistent() {
        do {
            for thing in try persistence?.load() ?? [] {
                perform(registry.register(thing))
                watch(thing)
            }
        } catch {
            logger.error("the persistent registrations cannot be read: \(error)")
        }
    }

    private func watch(_ thing: EdgeThing) {
        guard let interval = thing.keepAlive, interval > .zero else { return }
        monitor.watch(thing.deviceHost, interval: interval, now: loop.now)
        scheduleMonitor()
    }

    func suspect(_ host: DeviceHost) {
        monitor.suspect(host, now: loop.now)
        scheduleMonitor()
    }

    private func scheduleMonitor() {
        let deadline = monitor.nextDeadline
        guard deadline < monitorTimer?.deadline ?? .distantFuture else { return }
        monitorTimer?.task.cancel()
        monitorTimer = (deadline, loop.scheduleTask(deadline: deadline) { self.assumeIsolated { $0.checkDevices() } })
    }

    private func checkDevices() {
        monitorTimer = nil
        for (host, timeout) in monitor.due(loop.now) {
            devices.probe(host, timeout: timeout).whenComplete { result in
                let answered = if case .success = result { true } else { false }
                self.assumeIsolated { $0.checked(host, answered: answered) }
            }
        }
        scheduleMonitor()
    }

    private func checked(_ host: DeviceHost, answered: Bool) {
        switch monitor.checked(host, answered: answered, now: loop.now) {
        case .nothing: break
        case .found(let host):
            logger.info("\(host) answers again")
            perform(registry.found(host))
        case .lost(let host):
            let (names, actions) = registry.lost(host)
            logger.warning(
                "\(host) no longer answers: \(names.count) Things unbound (\(names.prefix(3).joined(separator: ", "))\(names.count > 3 ? ", …" : ""))"
            )
            perform(actions)
            if !registry.hasRegistrations(at: host) { monitor.forget(host) }
        }
        scheduleMonitor()
    }
}
