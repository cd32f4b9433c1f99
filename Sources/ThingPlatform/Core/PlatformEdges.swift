import AlwaysOn
package import AlwaysOnTransport
import Formats
import NetworkSupport
import NIOCore
import Secrets
import ThingModel

/// Connections of edges: authenticating, binding, losing them.
extension Platform {
    /// Things that are told at once that they are bound; the others wait, so that thousands do not flood one edge.
    private static let notificationsAtOnce = 16
    /// Names without a Thing that the log names, of one BIND.
    private static let unknownNamed = 10
    /// Things that one connection may have before it can make no more of its own (gateways that no model names).
    private static let mostBindings = 65_536

    package func handle(_ event: PlatformConnection.Event, of connection: PlatformConnection) {
        switch event {
        case .authenticate(let header, let auth): authenticate(header, auth, connection)
        case .bind(let header, let bind):
            // The answer first: an edge that is not told of its binding expects no requests.
            connection.respond(self.bind(bind, by: connection), to: header)
            notifyNext(connection.id)
            _ = committed()
        case .unbind(let header, let bind):
            connection.respond(unbind(bind, by: connection), to: header)
            _ = committed()
        case .request(let header, let request):
            guard let edge = edges[connection.id] else { return connection.respond(Response(.unauthorized), to: header) }
            edges[connection.id]?.lastUsed = Platform.now()
            // A key that was taken back, or has expired, is not good for what comes after.
            guard model.isGood(key: edge.keyName, now: edges[connection.id]?.lastUsed ?? 0) else {
                connection.respond(Response(.unauthorized, reason: "the application key is not valid any more"), to: header)
                return connection.close(.init(.policyViolation, "the application key is not valid any more"))
            }
            perform(request, as: model.principal(edge.principal.user), edge: connection.id).whenSuccess {
                connection.respond($0, to: header)
            }
        case .refusedMessage(let text): logger.warning("connection \(connection.id): \(text)")
        case .closed(let text): closed(connection, text)
        }
    }

    private func authenticate(_ header: Header, _ auth: Auth, _ connection: PlatformConnection) {
        let outcome =
            auth.applicationKey.map { signIn(key: Secret($0), from: connection.remoteAddress) } ?? .refused("AUTH without the claim appKey")
        switch outcome {
        case .accepted(let principal, let key):
            let now = Platform.now()
            figures.connections += 1
            edges[connection.id] = Edge(connection: connection, principal: principal, keyName: key, since: now, lastUsed: now)
            watch(connection)
            note(
                EventRecord(
                    time: now, source: "", name: "Connected",
                    data: Platform.data(of: connection, ["user": .string(principal.user), "key": .string(key)])))
            logger.info(
                "connection \(connection.id) from \(connection.remoteAddress?.text ?? "?") authenticated with key \(key) as \(principal.user)"
            )
            connection.accept(header)
        case .refused(let cause):
            figures.keyRefusals += 1
            refusals.note("connection \(connection.id) from \(connection.remoteAddress?.text ?? "?") refused: \(cause)")
            audit(
                "SignInRefused", "", ["address": .string(connection.remoteAddress?.ipAddress ?? "?"), "reason": .string(cause)],
                isFrequent: true)
            connection.refuse(header)
        }
    }

    private func closed(_ connection: PlatformConnection, _ text: String) {
        let known = edges.removeValue(forKey: connection.id) != nil
        let things = bindings.disconnected(connection.id)
        for name in things { disconnect(name, text) }
        if known {
            logger.info("connection \(connection.id) closed: \(text); \(things.count) Things unbound")
            note(
                EventRecord(
                    time: Platform.now(), source: "", name: "Disconnected", data: Platform.data(of: connection, ["reason": .string(text)])))
        } else {
            logger.info("connection \(connection.id) closed before it was authenticated: \(text)")
        }
        for name in things { bindWaiting(name) }
        _ = committed()
    }

    static func data(of connection: PlatformConnection, _ more: JSONObject = [:]) -> String {
        var object: JSONObject = ["connection": .int(connection.id), "address": .string(connection.remoteAddress?.ipAddress ?? "")]
        for member in more.members { object[member.name] = member.value }
        return JSONValue.object(object).description
    }

    // MARK: Bind

    private func bind(_ bind: Bind, by connection: PlatformConnection) -> Response {
        guard let principal = edges[connection.id].map({ model.principal($0.principal.user) }) else { return Response(.unauthorized) }
        var forbidden: [String] = []
        var unknown: [String] = []
        var taken: [String] = []
        if let gateway = bind.gateway, !bindGateway(gateway, by: connection, principal) { forbidden.append(gateway.name) }
        for name in bind.names {
            guard !name.isEmpty, name.utf8.count <= InputLimits.standard.nameBytes else {
                forbidden.append(name)
                continue
            }
            let thing = model.thing(bound: name)
            // Whether an identifier that no Thing has may be bound shows when there is one.
            let isOpen = thing == nil && name.utf8.first == UInt8(ascii: "*")
            guard isOpen || model.allows(.bind, on: thing?.name ?? name, for: principal), thing.map({ model.isRemote($0) }) ?? true else {
                forbidden.append(name)
                continue
            }
            if let thing, let holder = holder(of: thing.name, besides: connection) {
                // It has it as soon as the other turns out not to live any more.
                if bindings.remember(name, for: connection.id, of: principal.user) { probe(holder, of: thing.name) }
                taken.append(name)
            } else if let thing {
                connect(thing.name, as: name, by: connection)
            } else if bindings.remember(name, for: connection.id, of: principal.user) {
                unknown.append(name)
            } else {
                forbidden.append(name)
            }
        }
        for name in unknown.prefix(Platform.unknownNamed) {
            logger.info("connection \(connection.id) binds \(NameList([name])), which no Thing is called: it is bound when one is created")
        }
        if unknown.count > Platform.unknownNamed {
            logger.info("connection \(connection.id) binds \(unknown.count - Platform.unknownNamed) more names that no Thing is called")
        }
        if !taken.isEmpty {
            logger.warning("connection \(connection.id): \(NameList(taken)) of another connection, which keeps it for as long as it lives")
            if forbidden.isEmpty {
                return Response(
                    .forbidden, reason: "bound by another connection, which keeps it for as long as it lives: \(NameList(taken))")
            }
        }
        guard forbidden.isEmpty else {
            logger.warning("connection \(connection.id): \(principal.user) may not bind \(NameList(forbidden))")
            return Response(.forbidden, reason: "not bound: \(NameList(forbidden))")
        }
        return Response(.success)
    }

    /// A gateway binds itself: to a Thing made from EMSGateway, or to one that is made for as long as it is bound.
    private func bindGateway(_ gateway: Bind.Gateway, by connection: PlatformConnection, _ principal: Principal) -> Bool {
        guard (1...InputLimits.standard.nameBytes).contains(gateway.name.utf8.count), model.allows(.bind, on: gateway.name, for: principal)
        else { return false }
        if let thing = model.thing(bound: gateway.name) {
            guard model.template(thing.template, isA: "EMSGateway") else { return false }
        } else {
            guard model.template(gateway.type, isA: "EMSGateway"), bindings.things(of: connection.id).count < Platform.mostBindings else {
                return false
            }
            var thing = Thing(name: gateway.name, template: gateway.type)
            thing.isEphemeral = true
            model.put(thing)
        }
        if let holder = holder(of: gateway.name, besides: connection) {
            if bindings.remember(gateway.name, for: connection.id, of: principal.user) { probe(holder, of: gateway.name) }
            return false
        }
        connect(gateway.name, as: gateway.name, by: connection)
        return true
    }

    private func unbind(_ bind: Bind, by connection: PlatformConnection) -> Response {
        for name in bind.names + (bind.gateway.map { [$0.name] } ?? []) {
            bindings.forget(name, of: connection.id)
            guard let thing = model.thing(bound: name), bindings.unbind(thing.name, from: connection.id) else { continue }
            disconnect(thing.name, "unbound by the edge")
            bindWaiting(thing.name)
        }
        return Response(.success)
    }

    // MARK: First-in wins (alwayson.md §7)

    /// The connection that keeps a Thing from being bound by another.
    private func holder(of thing: String, besides connection: PlatformConnection) -> UInt32? {
        guard settings.firstInWins, let holder = bindings.connection(of: thing), holder != connection.id, edges[holder] != nil else {
            return nil
        }
        return holder
    }

    /// Asks a connection whether it lives: every edge answers GetMetadata. One that does not is let go.
    private func probe(_ holder: UInt32, of thing: String) {
        guard let edge = edges[holder], let name = bindings.boundName(of: thing), probed.insert(holder).inserted else { return }
        edge.connection.livesWithin(settings.bindProbe, asking: Request(.post, name, .service, "GetMetadata")).whenSuccess { lives in
            self.assumeIsolated { platform in
                platform.probed.remove(holder)
                guard !lives, platform.edges[holder] != nil else { return }
                platform.logger.warning("connection \(holder) does not answer, and another one binds \(thing): it is let go")
                edge.connection.abandon("it did not answer while another connection wanted its Things")
            }
        }
    }

    /// A Thing is free: whoever has waited for it for longest gets it.
    func bindWaiting(_ name: String) {
        guard let thing = model[thing: name], bindings.connection(of: name) == nil else { return }
        created(thing)
    }

    private func connect(_ thing: String, as name: String, by connection: PlatformConnection) {
        switch bindings.bind(thing, as: name, to: connection.id) {
        case .again: return
        case .takenOver(let other):
            endTunnels(.failed, code: 503, "another connection took \(thing) over") { $0.thing == thing }
            logger.warning("\(thing): connection \(connection.id) took it over from connection \(other)")
            noteBinding("Unbound", thing, ["connection": .int(other), "reason": "another connection took it over"])
        case .bound: logger.info("\(thing) is bound to connection \(connection.id)")
        }
        let now = Platform.now()
        model.modify(thing) {
            $0.isConnected = true
            $0.lastConnection = now
        }
        setConnected(true, thing, now)
        noteBinding(
            "Bound", thing,
            [
                "connection": .int(connection.id), "as": .string(name), "address": .string(connection.remoteAddress?.ipAddress ?? ""),
                "key": .string(edges[connection.id]?.keyName ?? ""),
            ])
        edges[connection.id]?.toNotify.insert(thing)
        // Transfers wait for it; they come after the answer to its BIND.
        if !transfers.queued.isEmpty { loop.execute { self.assumeIsolated { $0.pumpTransfers() } } }
    }

    private func disconnect(_ name: String, _ reason: String) {
        let now = Platform.now()
        endTunnels(.failed, code: 503, "\(name) is not connected any more: \(reason)") { $0.thing == name }
        noteBinding("Unbound", name, ["reason": .string(reason)])
        if model[thing: name]?.isEphemeral == true {
            model.removeThing(name)
        } else {
            model.modify(name) { $0.isConnected = false }
            setConnected(false, name, now)
        }
        logger.info("\(name) is not connected any more")
    }

    private func noteBinding(_ name: String, _ thing: String, _ data: JSONObject) {
        note(EventRecord(time: Platform.now(), source: thing, name: name, data: JSONValue.object(data).description))
    }

    /// A connection shows as a change of properties (platform.md §12).
    private func setConnected(_ isConnected: Bool, _ name: String, _ now: Int64) {
        guard let thing = model[thing: name] else { return }
        if isConnected, !thing.isEphemeral {
            let time = TimedValue(value: .datetime(now), time: now)
            _ = model.values.keep(time, of: "lastConnection", thing: name)
            commits.batch.values[PropertyRef(thing: name, property: "lastConnection")] = .some(time)
        }
        let value = { (state: Bool) in Value.infotable(Platform.vtq(TimedValue(value: .boolean(state), time: now))) }
        if !feeds.isEmpty {
            feeds.publish(TimedValue(value: .boolean(isConnected), time: now), of: PropertyRef(thing: name, property: "isConnected"))
        }
        run(
            FiredEvent(
                thing: name, name: "DataChange", property: "isConnected",
                data: Infotable(row: ["newValue": value(isConnected), "oldValue": value(!isConnected)]), time: now))
    }

    // MARK: Things that come and go

    func created(_ thing: Thing) {
        guard model.isRemote(thing) else { return }
        let names = [thing.name] + (thing.identifier.map { ["*\($0)"] } ?? [])
        // The right to an identifier shows when a Thing has it.
        let mayBind = { (id: UInt32) in
            self.edges[id].map { self.model.allows(.bind, on: thing.name, for: self.model.principal($0.principal.user)) } ?? false
        }
        guard let (id, name) = bindings.claim(names, where: mayBind), let edge = edges[id] else { return }
        connect(thing.name, as: name, by: edge.connection)
        notifyNext(id)
    }

    func deleted(_ thing: Thing) {
        if let id = bindings.connection(of: thing.name), let name = bindings.boundName(of: thing.name),
            bindings.unbind(thing.name, from: id)
        {
            _ = bindings.remember(name, for: id, of: edges[id]?.principal.user ?? "")
        }
        endTransfers(of: thing.name)
        endTunnels(.cancelled, code: 410, "\(thing.name) was deleted") { $0.thing == thing.name }
        if isRepository(thing) { _ = repositories.remove(thing.name, on: loop) }
        model.removeThing(thing.name)
        seen[thing.name] = nil
        commits.batch.forget(thing.name)
    }

    /// What a Thing's edge is to push has changed.
    func tellEdge(of thing: String) {
        guard let id = bindings.connection(of: thing) else { return }
        edges[id]?.toNotify.insert(thing)
        notifyNext(id)
    }

    /// Ends what was begun with keys that have expired since.
    package func endExpired() {
        let now = Platform.now()
        for name in Set(edges.values.map(\.keyName)) where !model.isGood(key: name, now: now) {
            endSessions(of: EntityRef(.applicationKey, name), "the application key is not valid any more")
        }
        feeds.removeAll { $0.key.map { !model.isGood(key: $0, now: now) } ?? false }
    }

    /// Ends everything that a key, or a user, has begun.
    func endSessions(of entity: EntityRef, _ reason: String) {
        guard entity.kind == .user || entity.kind == .applicationKey else { return }
        credentials.forget(entity)
        feeds.removeAll { entity.kind == .user ? $0.user == entity.name : $0.key == entity.name }
        endTunnels(.cancelled, code: 401, reason) { entity.kind == .user ? $0.user == entity.name : $0.key == entity.name }
        for edge in edges.values where entity.kind == .user ? edge.principal.user == entity.name : edge.keyName == entity.name {
            edge.connection.close(.init(.policyViolation, reason))
        }
    }

    // MARK: Synchronising

    /// Tells each Thing that was bound that it may push now (alwayson.md §6), discovering its properties first.
    private func notifyNext(_ id: UInt32) {
        while let edge = edges[id], edge.notifying < Platform.notificationsAtOnce, let name = edge.toNotify.first {
            edges[id]?.toNotify.remove(name)
            guard let thing = model[thing: name], bindings.connection(of: name) == id else { continue }
            edges[id]?.notifying += 1
            let discovered =
                thing.discovers
                ? forward(Request(.post, name, .service, "GetMetadata"), to: thing).map { response in
                    self.assumeIsolated { $0.adopt(response, for: name) }
                }
                : loop.makeSucceededVoidFuture()
            discovered.flatMap { self.assumeIsolated { $0.forward(Request(.post, name, .service, "NotifyPropertyUpdate"), to: thing) } }
                .whenComplete { _ in
                    self.assumeIsolated { platform in
                        // What was discovered is kept.
                        _ = platform.committed()
                        platform.edges[id]?.notifying -= 1
                        platform.notifyNext(id)
                    }
                }
        }
    }
}
