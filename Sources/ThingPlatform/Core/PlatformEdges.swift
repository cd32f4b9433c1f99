import AlwaysOn
package import AlwaysOnTransport
import Formats
import NetworkSupport
import NIOCore
import Secrets

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
        case .unbind(let header, let bind): connection.respond(unbind(bind, by: connection), to: header)
        case .request(let header, let request):
            guard let principal = edges[connection.id]?.principal else { return connection.respond(Response(.unauthorized), to: header) }
            perform(request, as: principal, edge: connection.id).whenSuccess { connection.respond($0, to: header) }
        case .refusedMessage(let text): logger.warning("connection \(connection.id): \(text)")
        case .closed(let text): closed(connection, text)
        }
    }

    private func authenticate(_ header: Header, _ auth: Auth, _ connection: PlatformConnection) {
        let outcome = auth.applicationKey.map { authenticate(Secret($0), from: connection.remoteAddress) } ?? .refused("AUTH without the claim appKey")
        switch outcome {
        case .accepted(let principal, let key):
            edges[connection.id] = Edge(connection: connection, principal: principal, keyName: key)
            logger.info("connection \(connection.id) from \(connection.remoteAddress?.text ?? "?") authenticated with key \(key) as \(principal.user)")
            connection.accept(header)
        case .refused(let cause):
            refusals.note("connection \(connection.id) from \(connection.remoteAddress?.text ?? "?") refused: \(cause)")
            connection.refuse(header)
        }
    }

    private func closed(_ connection: PlatformConnection, _ text: String) {
        let known = edges.removeValue(forKey: connection.id) != nil
        let things = bindings.disconnected(connection.id)
        for name in things { disconnect(name) }
        if known { logger.info("connection \(connection.id) closed: \(text); \(things.count) Things unbound") } else {
            logger.info("connection \(connection.id) closed before it was authenticated: \(text)")
        }
    }

    // MARK: Bind

    private func bind(_ bind: Bind, by connection: PlatformConnection) -> Response {
        guard let principal = edges[connection.id]?.principal else { return Response(.unauthorized) }
        var forbidden: [String] = []
        var unknown: [String] = []
        if let gateway = bind.gateway, !bindGateway(gateway, by: connection, principal) { forbidden.append(gateway.name) }
        for name in bind.names {
            guard !name.isEmpty, name.utf8.count <= InputLimits.standard.nameBytes else {
                forbidden.append(name)
                continue
            }
            let thing = model.thing(bound: name)
            // Whether an identifier that no Thing has may be bound shows when there is one.
            let isOpen = thing == nil && name.utf8.first == UInt8(ascii: "*")
            guard isOpen || model.rules.allow(.bind, on: thing?.name ?? name, for: principal), thing.map({ model.isRemote($0) }) ?? true else {
                forbidden.append(name)
                continue
            }
            if let thing {
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
        guard forbidden.isEmpty else {
            logger.warning("connection \(connection.id): \(principal.user) may not bind \(NameList(forbidden))")
            return Response(.forbidden, reason: "not bound: \(NameList(forbidden))")
        }
        return Response(.success)
    }

    /// A gateway binds itself: to a Thing made from EMSGateway, or to one that is made for as long as it is bound.
    private func bindGateway(_ gateway: Bind.Gateway, by connection: PlatformConnection, _ principal: Principal) -> Bool {
        guard (1...InputLimits.standard.nameBytes).contains(gateway.name.utf8.count), model.rules.allow(.bind, on: gateway.name, for: principal) else { return false }
        if let thing = model.thing(bound: gateway.name) {
            guard model.template(thing.template, isA: "EMSGateway") else { return false }
        } else {
            guard model.template(gateway.type, isA: "EMSGateway"), bindings.things(of: connection.id).count < Platform.mostBindings else { return false }
            var thing = model.makeThing(gateway.name, template: gateway.type)
            thing.isEphemeral = true
            model[thing: gateway.name] = thing
        }
        connect(gateway.name, as: gateway.name, by: connection)
        return true
    }

    private func unbind(_ bind: Bind, by connection: PlatformConnection) -> Response {
        for name in bind.names + (bind.gateway.map { [$0.name] } ?? []) {
            bindings.forget(name, of: connection.id)
            guard let thing = model.thing(bound: name), bindings.unbind(thing.name, from: connection.id) else { continue }
            disconnect(thing.name)
        }
        return Response(.success)
    }

    private func connect(_ thing: String, as name: String, by connection: PlatformConnection) {
        switch bindings.bind(thing, as: name, to: connection.id) {
        case .again: return
        case .takenOver(let other): logger.warning("\(thing): connection \(connection.id) took it over from connection \(other)")
        case .bound: logger.info("\(thing) is bound to connection \(connection.id)")
        }
        model.modify(thing) {
            $0.isConnected = true
            $0.lastConnection = Platform.now()
        }
        edges[connection.id]?.toNotify.insert(thing)
    }

    private func disconnect(_ name: String) {
        if model[thing: name]?.isEphemeral == true {
            model[thing: name] = nil
        } else {
            model.modify(name) { $0.isConnected = false }
        }
        logger.info("\(name) is not connected any more")
    }

    // MARK: Things that come and go

    func created(_ thing: Thing) {
        guard model.isRemote(thing) else { return }
        let names = [thing.name] + (thing.identifier.map { ["*\($0)"] } ?? [])
        // The right to an identifier shows when a Thing has it.
        let mayBind = { (id: UInt32) in self.edges[id]?.principal.map { self.model.rules.allow(.bind, on: thing.name, for: $0) } ?? false }
        guard let (id, name) = bindings.claim(names, where: mayBind), let edge = edges[id] else { return }
        connect(thing.name, as: name, by: edge.connection)
        notifyNext(id)
    }

    func deleted(_ thing: Thing) {
        if let id = bindings.connection(of: thing.name), let name = bindings.boundName(of: thing.name), bindings.unbind(thing.name, from: id) {
            _ = bindings.remember(name, for: id, of: edges[id]?.principal?.user ?? "")
        }
        model[thing: thing.name] = nil
        seen[thing.name] = nil
    }

    // MARK: Synchronising

    /// Tells each Thing that was bound that it may push now (alwayson.md §6), discovering its properties first.
    private func notifyNext(_ id: UInt32) {
        while let edge = edges[id], edge.notifying < Platform.notificationsAtOnce, let name = edge.toNotify.first {
            edges[id]?.toNotify.remove(name)
            guard let thing = model[thing: name], bindings.connection(of: name) == id else { continue }
            edges[id]?.notifying += 1
            let discovered = thing.discovers
                ? forward(Request(.post, name, .service, "GetMetadata"), to: thing).map { response in self.assumeIsolated { $0.adopt(response, for: name) } }
                : loop.makeSucceededVoidFuture()
            discovered.flatMap { self.assumeIsolated { $0.forward(Request(.post, name, .service, "NotifyPropertyUpdate"), to: thing) } }
                .whenComplete { _ in
                    self.assumeIsolated { platform in
                        platform.edges[id]?.notifying -= 1
                        platform.notifyNext(id)
                    }
                }
        }
    }
}
