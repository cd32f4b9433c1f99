package import AlwaysOn
import AlwaysOnTransport
import Formats
import Glibc
import LogSupport
package import Logging
package import NIOCore
package import Secrets

/// The platform's core: owns the model and the connections of edges, decides on rights, routes requests.
///
/// It lives on one event loop together with its server: what arrives there enters by `assumeIsolated`.
package actor Platform {
    package nonisolated let loop: any EventLoop
    private nonisolated let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    struct Edge {
        let connection: PlatformConnection
        var principal: Principal?
        var keyName = ""
        /// Things that are still to be told that they are bound.
        var toNotify: Set<String> = []
        var notifying = 0
    }

    let logger: Logger
    let requestTimeout: TimeAmount
    var model: PlatformModel
    var bindings = BindingTable()
    var edges: [UInt32: Edge] = [:]
    /// What edges have sent, by Thing.
    var seen: [String: SeenMessages] = [:]
    let journal: ValueJournal?
    private var lastID: UInt32 = 0
    /// Lines about keys that are not accepted and names that are not bound: strangers decide how many there are.
    nonisolated let refusals: ThrottledLog

    /// - Parameter executor: the loop's own where there is none; an embedded loop has none.
    /// - Parameter journal: gets every value that is taken.
    /// - Throws: what the store says is wrong with the model.
    package init(
        store: any ModelStore, journal: ValueJournal? = nil, requestTimeout: TimeAmount = .seconds(30), logger: Logger, on loop: any EventLoop,
        executor: (any SerialExecutor)? = nil
    ) throws {
        self.loop = loop
        self.executor = executor ?? loop.executor
        self.logger = logger
        self.requestTimeout = requestTimeout
        refusals = ThrottledLog(logger, level: .warning)
        model = try store.load()
        self.journal = journal
        var seen: [String: SeenMessages] = [:]
        journal?.forEachOrigin { seen[$0.thing, default: SeenMessages()].insert($0.identity, as: $0.name, answered: Response(.success)) }
        self.seen = seen
    }

    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    package func authenticate(_ key: Secret, from address: SocketAddress?) -> Authentication {
        model.authenticate(key, from: address, now: Platform.now())
    }

    package func nextConnectionID() -> UInt32 {
        repeat { lastID = lastID >= 0x7FFF_FFFF ? 1 : lastID + 1 } while edges[lastID] != nil
        return lastID
    }

    /// Closes all connections of edges.
    package func stop() {
        for edge in edges.values { edge.connection.close(.init(.goingAway, "the platform stops")) }
    }

    // MARK: Requests

    /// Answers a request of a user.
    ///
    /// - Parameter edge: the connection that it came by, when it came from an edge: what an edge writes is not written
    ///   back to it (ems.md §6.2).
    package func perform(_ request: Request, as principal: Principal, edge: UInt32? = nil) -> EventLoopFuture<Response> {
        switch (request.entityType, request.entityName) {
        case (.thing, let name):
            guard let thing = model[thing: name] ?? model.thing(bound: name) else {
                return answer(Response(.notFound, reason: "there is no Thing \(name)"))
            }
            return perform(request, on: thing, as: principal, edge: edge)
        case (.resource, "EntityServices"): return answer(performEntityService(request, as: principal))
        default:
            return answer(Response(.notFound, reason: "there is no \(request.entityType.collection ?? "entity") \(request.entityName)"))
        }
    }

    private func perform(_ request: Request, on thing: Thing, as principal: Principal, edge: UInt32?) -> EventLoopFuture<Response> {
        // The connection that stands for the Thing says itself what its values are.
        let isPush = request.characteristic == .service && request.method == .post && request.name == "UpdateSubscribedPropertyValues"
        let isOwn = isPush && edge != nil && bindings.connection(of: thing.name) == edge
        if !isOwn, let refusal = refusal(of: request, on: thing.name, for: principal) { return answer(refusal) }
        // What joins several sorts out itself which of them came before.
        if isPush || edge == nil { return work(request, on: thing, edge: edge, .live) }
        return performOnce(request, on: thing) { work(request, on: thing, edge: edge, $0) }
    }

    private func work(_ request: Request, on thing: Thing, edge: UInt32?, _ delivery: Delivery) -> EventLoopFuture<Response> {
        switch request.characteristic {
        case .property: request.method == .get ? read(request.name, of: thing) : write(request, to: thing, edge: edge, delivery)
        case .service: invoke(request, on: thing)
        case .event: answer(fire(request, on: thing))
        }
    }

    /// What is answered to a request of which the head tells that it leads nowhere; nil where content has to be looked at.
    package func refusal(of request: Request, for principal: Principal) -> Response? {
        switch (request.entityType, request.entityName) {
        case (.thing, let name):
            guard let thing = model[thing: name] ?? model.thing(bound: name) else { return Response(.notFound, reason: "there is no Thing \(name)") }
            return refusal(of: request, on: thing.name, for: principal)
        case (.resource, "EntityServices"):
            return ServiceRights.ofEntities[request.name] == nil ? Response(.notFound, reason: "EntityServices has no service \(request.name)") : nil
        default: return Response(.notFound, reason: "there is no \(request.entityType.collection ?? "entity") \(request.entityName)")
        }
    }

    private func refusal(of request: Request, on thing: String, for principal: Principal) -> Response? {
        let right = ServiceRights.right(for: request) ?? .read
        guard model.rules.allow(right, on: thing, for: principal) else {
            refusals.note("\(principal.user) may not \(right.rawValue) \(thing)")
            return Response(.forbidden, reason: "\(principal.user) may not \(right.rawValue) \(thing)")
        }
        guard ServiceRights.right(for: request) == nil else { return nil }
        return Response(.methodNotAllowed, reason: "\(request.method) does not go with \(request.characteristic.collection)")
    }

    func answer(_ response: Response) -> EventLoopFuture<Response> { loop.makeSucceededFuture(response) }

    /// Passes a request on over the connection that bound the Thing, and over no other.
    func forward(_ request: Request, to thing: Thing) -> EventLoopFuture<Response> {
        guard let id = bindings.connection(of: thing.name), let edge = edges[id] else {
            return answer(Response(.serviceUnavailable, reason: "\(thing.name) is not connected"))
        }
        var request = request
        request.entityName = bindings.boundName(of: thing.name) ?? thing.name
        return edge.connection.request(request, timeout: requestTimeout)
    }

    private func fire(_ request: Request, on thing: Thing) -> Response {
        let parameters = request.content.map { content in
            let size = content.bytes.readableBytes
            return size > 4096 ? "(\(size) bytes)" : String(buffer: content.firstRowJSON())
        } ?? "{}"
        logger.info("event \(thing.name)/\(request.name) \(parameters)")
        return Response(.success)
    }

    // MARK: Collections

    /// Names, templates and state of all Things that this user may read.
    package func listThings(for principal: Principal) -> Response {
        var table = Infotable(DataShape([
            .init("name", .thingName), .init("description", .string), .init("thingTemplate", .thingTemplateName), .init("isConnected", .boolean),
            .init("lastConnection", .datetime),
        ]))
        for thing in model.things.values.sorted(by: { $0.name < $1.name }) where model.rules.allow(.read, on: thing.name, for: principal) {
            let last = thing.lastConnection.map { Value.datetime($0) } ?? .nothing
            table.append([
                .text(.thingName, thing.name), .string(thing.description), .text(.thingTemplateName, thing.template),
                model.isRemote(thing) ? .boolean(thing.isConnected) : .nothing, last,
            ])
        }
        return .success(table)
    }

    private func performEntityService(_ request: Request, as principal: Principal) -> Response {
        guard request.characteristic == .service, request.method == .post else {
            return Response(.methodNotAllowed, reason: "EntityServices has services only")
        }
        let parameters = request.content?.decoded()
        guard let name = parameters?.first("name")?.stringValue, !name.isEmpty else {
            return Response(.badRequest, reason: "\(request.name): expected a string \"name\"")
        }
        guard name.utf8.count <= InputLimits.standard.nameBytes else {
            return Response(.badRequest, reason: "\(request.name): a name of more than \(InputLimits.standard.nameBytes) bytes")
        }
        guard let right = ServiceRights.ofEntities[request.name] else { return Response(.notFound, reason: "EntityServices has no service \(request.name)") }
        guard model.rules.allow(right, on: name, for: principal) else {
            return Response(.forbidden, reason: "\(principal.user) may not \(right.rawValue) \(name)")
        }
        switch request.name {
        case "CreateThing":
            let template = parameters?.first("thingTemplateName")?.stringValue ?? "GenericThing"
            guard model.templates[template] != nil else { return Response(.notFound, reason: "there is no template \(template)") }
            guard model[thing: name] == nil else { return Response(.preconditionFailed, reason: "\(name) exists already") }
            var thing = model.makeThing(name, template: template)
            thing.description = parameters?.first("description")?.stringValue ?? ""
            if let identifier = parameters?.first("identifier")?.stringValue, !identifier.isEmpty {
                guard identifier.utf8.count <= InputLimits.standard.nameBytes else {
                    return Response(.badRequest, reason: "an identifier of more than \(InputLimits.standard.nameBytes) bytes")
                }
                guard model.thing(identifier: identifier) == nil else {
                    return Response(.preconditionFailed, reason: "another Thing has the identifier \(identifier)")
                }
                thing.identifier = identifier
            }
            thing.discovers = thing.properties.isEmpty
            model[thing: name] = thing
            created(thing)
            return Response(.success)
        case "DeleteThing":
            guard let thing = model[thing: name] else { return Response(.notFound, reason: "there is no Thing \(name)") }
            deleted(thing)
            return Response(.success)
        default: return Response(.notFound, reason: "EntityServices has no service \(request.name)")
        }
    }
}
