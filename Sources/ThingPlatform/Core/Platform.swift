package import AlwaysOn
import AlwaysOnTransport
import FileTransfer
import Formats
import LogSupport
package import Logging
package import NIOCore
import Secrets
package import ThingModel
import Tunnels

/// The platform's core: owns the model and the connections of edges, decides on rights, routes requests.
///
/// It lives on one event loop together with its server: what arrives there enters by `assumeIsolated`. The rules are values that it
/// owns: model, bindings, sign-ins, feeds, what is to be kept.
package actor Platform {
    package nonisolated let loop: any EventLoop
    private nonisolated let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    let logger: Logger
    var settings: PlatformSettings
    var model: PlatformModel
    var bindings = BindingTable()
    var edges: [UInt32: Edge] = [:]
    /// What edges have sent, by Thing.
    var seen: [String: SeenMessages] = [:]
    var credentials = Credentials()
    let feeds = FeedTable()
    var repositories = FileRepositories(root: nil)
    var transfers = TransferJobs()
    var runners: [String: TransferRunner] = [:]
    var transferWaiters: [String: [EventLoopPromise<TransferJob>]] = [:]
    var transferTimer: Scheduled<Void>?
    var tunnels = TunnelTable()
    var tunnelRunners: [String: TunnelRunner] = [:]
    var tunnelSweep: RepeatedTask?
    /// What windows of connections grow by whose tunnels end here.
    let tunnelBudget = ByteBudget(most: 32 << 20)
    /// Since the start; bytes of those that have ended.
    var tunnelsOpened = 0
    var tunnelBytes = 0
    var commits = CommitQueue()
    var figures = PlatformFigures()
    let journal: ValueJournal?
    let store: any ModelStore
    let started = Platform.now()
    /// Where backups lie; nil where there is no file to copy.
    package var backupDirectory: String?
    var lastFrequentAudit: Int64 = 0
    var subscriptionsRunning = 0
    /// Connections that are asked whether they live.
    var probed: Set<UInt32> = []
    private var lastID: UInt32 = 0
    private var retry: Scheduled<Void>?
    var soon: Scheduled<Void>?
    /// Lines about keys that are not accepted and names that are not bound: strangers decide how many there are.
    nonisolated let refusals: ThrottledLog

    /// - Parameters:
    ///   - seed: the model of a store in which there is none yet.
    ///   - journal: gets every value that is taken.
    ///   - recallsFromJournal: whether it tells which requests were worked on before: where the store forgets.
    ///   - executor: the loop's own where there is none; an embedded loop has none.
    /// - Throws: what the store says is wrong with the model.
    package init(
        store: any ModelStore, seed: PlatformModel? = nil, settings: PlatformSettings = PlatformSettings(), journal: ValueJournal? = nil,
        recallsFromJournal: Bool = true, logger: Logger, on loop: any EventLoop, executor: (any SerialExecutor)? = nil
    ) throws {
        self.loop = loop
        self.executor = executor ?? loop.executor
        self.logger = logger
        self.store = store
        self.journal = journal
        refusals = ThrottledLog(logger, level: .warning)
        let stored = try store.load()
        var model = PlatformModel()
        var settings = settings
        var seen: [String: SeenMessages] = [:]
        if stored.isNew {
            if let seed { model = seed }
        } else {
            for complaint in model.take(stored) { logger.error("not taken from the store: \(complaint)") }
            for write in stored.entities where write.collection == EntityWrite.settings {
                if let json = write.document.flatMap({ try? JSONValue(parsing: $0) }) { settings.take(json) }
            }
            let jobs = stored.entities.filter { $0.collection == Platform.transferCollection }
            transfers.restore(
                jobs.compactMap { write in write.document.flatMap { TransferJob(id: write.name, document: $0) } },
                now: Int(WallClock.milliseconds()))
            for (thing, text) in stored.seen { seen[thing] = SeenMessages(text: text) }
        }
        if recallsFromJournal {
            journal?.forEachOrigin {
                seen[$0.thing, default: SeenMessages()].insert($0.identity, as: $0.name, answered: Response(.success))
            }
        }
        (self.model, self.settings, self.seen) = (model, settings, seen)
        for name in self.model.things.keys {
            guard case .datetime(let time)? = self.model.values[name, "lastConnection"]?.value else { continue }
            self.model.modify(name) { $0.lastConnection = time }
        }
    }

    /// Milliseconds since 1970 UTC.
    package static func now() -> Int64 { WallClock.milliseconds() }

    package func nextConnectionID() -> UInt32 {
        repeat { lastID = lastID >= 0x7FFF_FFFF ? 1 : lastID + 1 } while edges[lastID] != nil
        return lastID
    }

    /// Closes all connections of edges. What was taken is kept when the future is there.
    package func stop() -> EventLoopFuture<Void> {
        endTunnels(.cancelled, code: 503, "the platform stops") { _ in true }
        for edge in edges.values { edge.connection.close(.init(.goingAway, "the platform stops")) }
        feeds.closeAll()
        retry?.cancel()
        soon?.cancel()
        transferTimer?.cancel()
        // None begins in the place of those that end.
        transfers.limits.running = 0
        let interrupted = TransferFailure(.interrupted, "the platform stops")
        for runner in runners.values { runner.fail(interrupted) }
        return repositories.stop(on: loop).flatMap { self.assumeIsolated { $0.committed() } }
    }

    // MARK: Keeping

    /// When everything that was changed so far is kept.
    package func committed() -> EventLoopFuture<Void> {
        if model.hasChanges { for write in model.takeChanges() { keep(write) } }
        let future = commits.committed(on: loop)
        submit()
        return future
    }

    func keep(_ write: EntityWrite) {
        commits.batch.entities.append(write)
        commits.batch.size += write.name.utf8.count + (write.document?.utf8.count ?? 0)
    }

    private func submit() {
        guard commits.inFlight == nil else { return }
        fillInSeen()
        guard let (batch, promise) = commits.next(on: loop) else { return }
        store.commit(batch, on: loop).whenComplete { result in
            self.assumeIsolated { $0.finished(result, promise) }
        }
    }

    private func finished(_ result: Result<Void, any Error>, _ promise: EventLoopPromise<Void>) {
        switch result {
        case .success:
            commits.finished(nil)
            figures.storeFailure = nil
            promise.succeed()
            submit()
        case .failure(let error):
            commits.finished(error)
            figures.failedBatches += 1
            figures.storeFailure = "\(error)"
            promise.fail(error)
            logger.error("not kept, tried again in a second: \(error)")
            retry?.cancel()
            retry = loop.scheduleTask(in: .seconds(1)) { self.assumeIsolated { $0.submit() } }
        }
    }

    /// Answers once all that it brought about is kept.
    func afterCommit(_ response: Response) -> EventLoopFuture<Response> {
        guard commits.inFlight != nil || !commits.batch.isEmpty || model.hasChanges else { return answer(response) }
        return committed().map { response }.recover { error in Response(.serviceUnavailable, reason: "\(error)") }
    }

    // MARK: Requests

    /// Answers a request of a user.
    ///
    /// - Parameter edge: the connection that it came by, when it came from an edge: what an edge writes is not written
    ///   back to it (ems.md §6.2).
    package func perform(
        _ request: Request, as principal: Principal, edge: UInt32? = nil, address: String = "", key: String? = nil
    ) -> EventLoopFuture<Response> {
        guard let entity = entity(of: request) else {
            return answer(Response(.notFound, reason: "the platform has no \(request.entityType.collection ?? "such collection")"))
        }
        if let refusal = refusal(of: request, on: entity, for: principal, edge: edge) { return answer(refusal) }
        let caller = Caller(principal: principal, edge: edge, key: key, address: address)
        let response = work(request, on: entity, for: caller)
        return request.method == .get ? response : response.flatMap { response in self.assumeIsolated { $0.afterCommit(response) } }
    }

    /// The entity that a request is for: a Thing may be named by its identifier.
    func entity(of request: Request) -> EntityRef? {
        guard let kind = EntityKind(request.entityType) else { return nil }
        guard kind == .thing, model[thing: request.entityName] == nil, let thing = model.thing(bound: request.entityName) else {
            return EntityRef(kind, request.entityName)
        }
        return EntityRef(.thing, thing.name)
    }

    private func work(_ request: Request, on entity: EntityRef, for caller: Caller) -> EventLoopFuture<Response> {
        guard entity.kind == .thing, let thing = model[thing: entity.name] else {
            guard request.characteristic == .service else { return answer(attribute(request, of: entity)) }
            return invoke(request, on: entity, for: caller)
        }
        // What joins several sorts out itself which of them came before.
        if request.isPush { return answer(push(request, on: thing)) }
        guard caller.edge != nil else { return work(request, on: thing, for: caller, .live) }
        return performOnce(request, on: thing) { work(request, on: thing, for: caller, $0) }
    }

    private func work(_ request: Request, on thing: Thing, for caller: Caller, _ delivery: Delivery) -> EventLoopFuture<Response> {
        guard thing.isEnabled || request.characteristic == .service else {
            return answer(Response(.internalError, reason: "Thing [\(thing.name)] is not running."))
        }
        return switch request.characteristic {
        case .property:
            switch request.method {
            case .get: read(request.name, of: thing, for: caller.principal)
            case .delete: reset(request.name, of: thing)
            default: write(request, to: thing, edge: caller.edge, delivery)
            }
        case .service: invoke(request, on: EntityRef(.thing, thing.name), for: caller)
        case .event: answer(fire(request, on: thing))
        }
    }

    // MARK: Rights

    /// What is answered to a request of which the head tells that it leads nowhere; nil where content has to be looked at.
    package func refusal(of request: Request, for principal: Principal) -> Response? {
        guard let entity = entity(of: request) else {
            return Response(.notFound, reason: "the platform has no \(request.entityType.collection ?? "such collection")")
        }
        return refusal(of: request, on: entity, for: principal, edge: nil)
    }

    private func refusal(of request: Request, on entity: EntityRef, for principal: Principal, edge: UInt32?) -> Response? {
        guard exists(entity) else { return Response(.notFound, reason: entity.notFoundText) }
        let need = need(of: request, on: entity)
        switch need {
        case .impossible:
            return Response(.methodNotAllowed, reason: "\(request.method) does not go with \(request.characteristic.collection)")
        case .noSuchService: return Response(.notFound, reason: "there is no service \(request.name) on \(entity.name)")
        case .judgedLater: return nil
        case .right(let right):
            // The connection that stands for the Thing says itself what its values are.
            if request.isPush, let edge, bindings.connection(of: entity.name) == edge { return nil }
            let resource = request.name.isEmpty || request.name == "*" ? nil : request.name
            return refusal(of: right, on: entity, resource: resource, for: principal)
        }
    }

    /// - Returns: nil where it is allowed.
    func refusal(of right: Right, on entity: EntityRef, resource: String? = nil, for principal: Principal) -> Response? {
        guard !model.allows(right, on: entity, resource: resource, for: principal) else { return nil }
        let text = "\(principal.user) may not \(right.rawValue) \(entity.name)"
        refusals.note(text)
        audit(
            "refused", entity.name,
            ["user": .string(principal.user), "right": .string(right.rawValue), "resource": .string(resource ?? "*")], isFrequent: true)
        return Response(.forbidden, reason: text)
    }

    func exists(_ entity: EntityRef) -> Bool {
        switch entity.kind {
        case .resource: ServiceTables.resources[entity.name] != nil
        case .subsystem: ServiceTables.subsystems[entity.name] != nil
        case .log: ServiceTables.logs.contains(entity.name)
        case .thing: model[thing: entity.name] != nil
        default: model.has(entity)
        }
    }

    func answer(_ response: Response) -> EventLoopFuture<Response> { loop.makeSucceededFuture(response) }

    // MARK: Edges

    struct Edge {
        let connection: PlatformConnection
        var principal: Principal
        var keyName = ""
        let since: Int64
        var lastUsed: Int64
        /// Things that are still to be told that they are bound.
        var toNotify: Set<String> = []
        var notifying = 0
    }

    /// Passes a request on over the connection that bound the Thing, and over no other.
    func forward(_ request: Request, to thing: Thing, timeout: Int64 = 0) -> EventLoopFuture<Response> {
        guard let id = bindings.connection(of: thing.name), let edge = edges[id] else {
            return answer(Response(.serviceUnavailable, reason: "\(thing.name) is not connected"))
        }
        var request = request
        request.entityName = bindings.boundName(of: thing.name) ?? thing.name
        figures.toEdges.began()
        let since = NIODeadline.now()
        let response = edge.connection.request(request, timeout: timeout > 0 ? .milliseconds(timeout) : settings.requestTimeout)
        response.whenSuccess { response in
            self.assumeIsolated { $0.figures.toEdges.ended(response.status.httpStatus, after: .now() - since) }
        }
        return response
    }
}

/// Who makes a request, and by which way.
struct Caller: Sendable {
    var principal: Principal
    /// The connection, where it is an edge.
    var edge: UInt32?
    /// The application key that it was made with.
    var key: String?
    var address = ""
}

extension Request {
    fileprivate var isPush: Bool { characteristic == .service && name == "UpdateSubscribedPropertyValues" }
}
