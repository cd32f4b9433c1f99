import AlwaysOn
import AlwaysOnTransport
import Formats
import LogSupport
import NIOCore
import Secrets
import ThingModel
import TunnelTransport
import Tunnels

/// Tunnels from users to what edges reach (alwayson.md §9): opening, joining both ends, ending.
extension Platform {
    /// Seconds that both ends may take to come, where nobody says otherwise.
    static let tunnelPatience = 60
    private static let peerName = "thingplatform"

    /// Asks the edge for its end.
    ///
    /// - Returns: the tunnel, as soon as the edge has agreed; fails with `ServiceFailure`.
    func openTunnel(_ session: TunnelSession) throws -> EventLoopFuture<TunnelSession> {
        guard let thing = model[thing: session.thing], bindings.connection(of: thing.name) != nil else {
            throw ServiceFailure(.serviceUnavailable, "\(session.thing) is not connected")
        }
        do throws(TunnelFault) { try tunnels.add(session) } catch { throw ServiceFailure(.serviceUnavailable, error.description) }
        let id = session.id
        tunnelsOpened += 1
        tunnelRunners[id] = TunnelRunner(
            id, blockSize: session.blockSize, budget: tunnelBudget,
            wantsLeg: { [weak self] connection, runner in self?.assumeIsolated { $0.openLeg(of: id, for: connection, runner) } },
            onLegEnd: { [weak self] leg in self?.assumeIsolated { $0.legEnded(leg) } },
            onEnd: { [weak self] reason in self?.assumeIsolated { $0.endTunnel(id, .completed, code: 200, reason) } })
        audit("TunnelRequested", thing.name, session.summary)
        watchTunnels()
        return askForTunnel(id, session, connects: session.connects, thing).flatMapThrowing { response in
            try self.assumeIsolated { platform in
                guard response.status.isSuccess else {
                    let reason = response.reasonText ?? "\(response.status)"
                    platform.endTunnel(id, .failed, code: Int(response.status.httpStatus), reason)
                    throw ServiceFailure(response.status, "\(session.thing): \(reason)")
                }
                guard let open = platform.tunnels[id] else { throw ServiceFailure(.serviceUnavailable, "the tunnel was ended") }
                return open
            }
        }
    }

    private func askForTunnel(_ leg: String, _ session: TunnelSession, connects: Int, _ thing: Thing) -> EventLoopFuture<Response> {
        var start = TunnelStart(id: leg, target: session.target)
        start.connects = connects
        start.user = session.user
        let row: KeyValuePairs<String, Value> = [
            "tid": .string(leg), "type": .string("tcp"), "chunksize": .integer(Int32(clamping: session.blockSize)),
            "idle_timeout": .integer(Int32(clamping: session.idleTimeout)), "read_timeout": .integer(Int32(clamping: session.readTimeout)),
            "connection": .string(JSONValue.object(start.connection).description),
        ]
        return forward(tunnelRequest("StartTunnel", thing.name, Infotable(row: row)), to: thing)
    }

    private func tunnelRequest(_ service: String, _ thing: String, _ table: Infotable) -> Request {
        Request(.post, thing, .service, service, content: try? EncodedInfotable(table))
    }

    // MARK: Sockets

    /// An edge opens its end. Whether it may was judged before.
    func edgeJoined(_ leg: String, _ socket: TunnelSocket, carriesMany: Bool) throws(TunnelTable.Refusal) {
        let session = try tunnels.edgeJoined(leg, carriesMany: carriesMany)
        guard let runner = tunnelRunners[session.id] else { throw .unknown }
        if carriesMany {
            runner.edgeJoined(socket)
        } else {
            if runner.legJoined(leg, socket) { tunnels.useLeg(leg) }
            if session.hasUser { runner.startLegs(connects: session.connects) }
        }
        if session.state == .active { tunnelActive(session) }
    }

    func userJoined(_ id: String, _ socket: TunnelSocket) throws(TunnelTable.Refusal) {
        let session = try tunnels.userJoined(id)
        guard let runner = tunnelRunners[id] else { throw .unknown }
        runner.userJoined(socket)
        if session.edge == .single { runner.startLegs(connects: session.connects) }
        if session.state == .active { tunnelActive(session) }
    }

    private func tunnelActive(_ session: TunnelSession) {
        logger.info("tunnel \(session.id) of \(session.user) to \(session.target) at \(session.thing) is open")
        audit("TunnelOpened", session.thing, session.summary)
    }

    // MARK: Legs

    private func openLeg(of id: String, for connection: UInt32, _ runner: TunnelRunner) {
        guard let session = tunnels[id], let thing = model[thing: session.thing] else {
            return runner.refuse(connection, "the tunnel is over")
        }
        guard let (leg, isOpen) = tunnels.takeLeg(of: id, makeID: Platform.makeTransferID) else {
            return runner.refuse(connection, "as many connections as the tunnel may have are open, or were made")
        }
        if isOpen { return runner.useFree(leg, for: connection) }
        runner.expect(leg, for: connection)
        askForTunnel(leg, session, connects: 1, thing).whenSuccess { response in
            guard !response.status.isSuccess else { return }
            runner.legRefused(leg, response.reasonText ?? "\(response.status)")
        }
        loop.scheduleTask(in: settings.requestTimeout) { runner.legRefused(leg, "the edge did not open its end in time") }
    }

    private func legEnded(_ leg: String) {
        guard let known = tunnels.leg(leg), let session = tunnels[known.session] else { return }
        completeLeg(leg, of: session, "the connection is over")
        tunnels.removeLeg(leg)
    }

    private func completeLeg(_ leg: String, of session: TunnelSession, _ reason: String) {
        guard let thing = model[thing: session.thing], bindings.connection(of: thing.name) != nil else { return }
        let row: KeyValuePairs<String, Value> = [
            "tid": .string(leg), "peer_name": .string(Platform.peerName),
            "connection": .string(JSONValue.object(["reason": .string(reason)]).description),
        ]
        _ = forward(tunnelRequest("CompleteTunnel", thing.name, Infotable(row: row)), to: thing)
    }

    /// What an edge says of a tunnel of its Thing.
    func tunnelCommand(_ leg: String, from thing: String, _ command: SingleTunnel.Command) throws {
        guard let known = tunnels.leg(leg), let session = tunnels[known.session], session.thing == thing else {
            throw ServiceFailure(.notFound, "there is no tunnel \(leg) of \(thing)")
        }
        guard session.edge == .single else {
            return endTunnel(session.id, command == .cancel ? .cancelled : .completed, code: 200, "ended by the edge: \(command.rawValue)")
        }
        completeLeg(leg, of: session, command == .cancel ? "idle" : "the connection is over")
        tunnelRunners[session.id]?.legEnding(leg)
    }

    // MARK: End

    /// Ends tunnels that fit.
    func endTunnels(_ state: TunnelSession.State, code: Int, _ reason: String, where isMeant: (TunnelSession) -> Bool) {
        for session in tunnels.all where isMeant(session) { endTunnel(session.id, state, code: code, reason) }
    }

    func endTunnel(_ id: String, _ state: TunnelSession.State, code: Int, _ reason: String) {
        noteTraffic(of: id)
        let legs = tunnels.legs(of: id)
        guard let session = tunnels.end(id, state, code: code, reason, now: Int(Platform.now())) else { return }
        tunnelRunners.removeValue(forKey: id)?.end(reason, isPlatformGoing: code == 503 && state == .cancelled)
        // Where its end carries everything, that was told by closing it.
        if session.edge != .joined { for leg in legs { completeLeg(leg, of: session, reason) } }
        tunnelBytes += session.sent + session.received
        if tunnels.isEmpty {
            tunnelSweep?.cancel()
            tunnelSweep = nil
        }
        audit("TunnelEnded", session.thing, session.summary)
        logger.info("tunnel \(id) of \(session.user) to \(session.target) at \(session.thing) ends as \(state.rawValue): \(reason)")
        let now = Platform.now()
        run(FiredEvent(thing: session.thing, name: "TunnelSession", property: "", data: Platform.table(of: [session], now: now), time: now))
        note(EventRecord(time: now, source: session.thing, name: "TunnelSession", data: JSONValue.object(session.summary).description))
    }

    func noteTraffic(of id: String) {
        guard let runner = tunnelRunners[id] else { return }
        let ago = (loop.now - runner.lastTraffic).nanoseconds / 1_000_000
        tunnels.note(
            id, sent: runner.sent, received: runner.received, connections: runner.connectionCount, lastTraffic: Int(Platform.now() - ago))
    }

    /// Ends what has had its time, or whose user may not have it any more.
    private func watchTunnels() {
        guard tunnelSweep == nil else { return }
        tunnelSweep = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { [weak self] _ in
            self?.assumeIsolated { $0.sweepTunnels() }
        }
    }

    private func sweepTunnels() {
        let now = Int(Platform.now())
        for id in tunnels.all.map(\.id) {
            noteTraffic(of: id)
            guard let session = tunnels[id] else { continue }
            if let (code, reason) = session.expiry(now: now) {
                endTunnel(id, session.state == .active ? .completed : .failed, code: code, reason)
            } else if let key = session.key, !model.isGood(key: key, now: Int64(now)) {
                endTunnel(id, .cancelled, code: 401, "the application key is not valid any more")
            } else if !mayTunnel(session, as: model.principal(session.user)) {
                endTunnel(id, .cancelled, code: 403, "\(session.user) may not open tunnels to \(session.thing) any more")
            }
        }
    }

    func mayTunnel(_ session: TunnelSession, as principal: Principal) -> Bool {
        model.users[session.user]?.isEnabled ?? false
            && model.allows(
                .tunnel, on: session.thing, resource: TunnelSession.resource(ofTunnel: session.name), for: principal)
    }

    // MARK: Rows

    /// With what has gone through them until now.
    func currentTunnels() -> [TunnelSession] {
        for session in tunnels.all { noteTraffic(of: session.id) }
        return tunnels.all
    }

    static func table(of sessions: [TunnelSession], now: Int64, address: (String) -> String = { _ in "" }) -> Infotable {
        Shapes.table(
            "TunnelSession",
            sessions.map { session in
                [
                    .string(session.id), .string(session.name), .string(session.thing), .string(session.user), .string(session.target.host),
                    .integer(Int32(clamping: session.target.port)), .string("TCP"), .string(session.state.rawValue),
                    .datetime(Int64(session.startTime)), session.endTime.map { .datetime(Int64($0)) } ?? .nothing,
                    .integer(Int32(clamping: session.duration(now: Int(now)))), .integer(Int32(clamping: session.connects)),
                    .number(Double(session.sent + session.received)), .integer(Int32(clamping: session.blockSize)),
                    .integer(Int32(clamping: session.readTimeout)), .integer(Int32(clamping: session.code)), .string(session.message),
                    .boolean(session.state.isEnd), .integer(Int32(clamping: session.idleTimeout)),
                    .integer(Int32(clamping: session.connections)), .string(address(session.id)),
                ]
            })
    }
}

extension TunnelSession {
    /// What the right to it is for. A tunnel without a name leads anywhere: it takes the right to all of them.
    static func resource(ofTunnel name: String) -> String { name.isEmpty ? "*" : name }

    /// What a line about it says.
    var summary: JSONObject {
        [
            "tunnelId": .string(id), "state": .string(state.rawValue), "user": .string(user), "target": .string("\(target)"),
            "bytesSent": .int(sent), "bytesReceived": .int(received), "connections": .int(connections), "message": .string(message),
        ]
    }
}
