import AlwaysOn
import Formats
import NIOCore

/// What the gateway answers itself (ems.md §6.6): the Thing `LocalEms` and the gateway entries of `auto_bind`.
extension Gateway {
    private static let name = "LocalEms"
    /// Things that a gateway knows at once, configured ones included.
    private static let mostThings = 65_536

    /// Whether requests for this Thing are the gateway's own business.
    package func answersItself(_ thing: String) -> Bool { thing == Gateway.name || registry.isGatewayAlias(thing) }

    /// nil when the request is for somebody else.
    func handleLocalEms(_ request: Request, from origin: Origin) -> EventLoopFuture<Response>? {
        guard request.entityType == .thing, answersItself(request.entityName) else { return nil }
        let answer: Response
        switch (request.characteristic, request.method, request.name) {
        case (.property, .get, "isConnected"), (.property, .get, ""), (.property, .get, "*"):
            answer = .success(Infotable("isConnected", .boolean(isConnected)))
        case (.property, .get, let name): answer = Response(.notFound, reason: "LocalEms has no property \"\(name)\"; it has isConnected")
        case (.property, _, _): answer = Response(.methodNotAllowed, reason: "the properties of LocalEms can only be read")
        case (.service, .post, let name): return invoke(name, ServiceInput(request.content), from: origin)
        case (.service, _, _): answer = Response(.methodNotAllowed, reason: "a service is invoked with POST")
        case (.event, _, _): answer = Response(.notFound, reason: "LocalEms has no events")
        }
        return loop.makeSucceededFuture(answer)
    }

    private func invoke(_ service: String, _ input: ServiceInput, from origin: Origin) -> EventLoopFuture<Response> {
        do {
            return try perform(service, input, from: origin)
        } catch let error as ServiceInput.Failure {
            return loop.makeSucceededFuture(Response(.badRequest, reason: "\(service): \(error.text)"))
        } catch {
            logger.error("\(service): \(error)")
            return loop.makeSucceededFuture(Response(.internalError, reason: "\(service): \(error)"))
        }
    }

    private func perform(_ service: String, _ input: ServiceInput, from origin: Origin) throws -> EventLoopFuture<Response> {
        let answer: Response
        switch service {
        case "AddEdgeThing": return try addEdgeThing(input)
        case "RemoveEdgeThing": return try removeEdgeThing(input)
        case "HasEdgeThing": answer = .result(.boolean(registry.contains(try input.required("name"))))
        case "GetEdgeThings": answer = edgeThings()
        case "GetMicroserverVersion": answer = .result(.string(host.version))
        case "GetLogData": answer = try logData(input)
        case "StartFileLogging": answer = try startFileLogging(input)
        case "StopFileLogging": answer = try stopFileLogging(input)
        case "GetConfiguration": answer = .result(.text(.json, "\(Formats.JSONValue.object(configurationInForce))"))
        case "UpdateConfiguration": return try updateConfiguration(input, replaces: try input.bool("replace", default: false), from: origin)
        case "ReplaceConfiguration": return try updateConfiguration(input, replaces: true, from: origin)
        case "ReloadConfiguration": return reloadConfiguration()
        case "Restart": answer = restart(from: origin)
        case "TestPort": return try testPort(input)
        case "RetryStoredRequests": return try retryStored(input)
        case "DropStoredRequests": return try dropStored(input)
        default: answer = Response(.notFound, reason: "LocalEms has no service \"\(service)\"")
        }
        return loop.makeSucceededFuture(answer)
    }

    // MARK: Things

    private func addEdgeThing(_ input: ServiceInput) throws -> EventLoopFuture<Response> {
        let thing = try input.edgeThing()
        guard thing.name != Gateway.name, !registry.isGatewayAlias(thing.name) else {
            throw ServiceInput.Failure(text: "\"name\": \(thing.name) is this gateway itself")
        }
        guard registry.contains(thing.name) || registry.count < Gateway.mostThings else {
            return loop.makeSucceededFuture(Response(.serviceUnavailable, reason: "\(registry.count) Things are registered already"))
        }
        return kept(register(thing), "AddEdgeThing")
    }

    private func removeEdgeThing(_ input: ServiceInput) throws -> EventLoopFuture<Response> {
        let name = try input.required("name")
        guard let done = remove(name) else { return loop.makeSucceededFuture(Response(.notFound, reason: "\"\(name)\" is not registered")) }
        return kept(done, "RemoveEdgeThing")
    }

    private func kept(_ done: EventLoopFuture<Void>, _ service: String) -> EventLoopFuture<Response> {
        done.map { Response(.success) }.flatMapErrorThrowing { [logger] error in
            logger.error("\(service): \(error)")
            return Response(.internalError, reason: "\(service): \(error)")
        }
    }

    private func edgeThings() -> Response {
        var table = Infotable(DataShape([.init("name", .string)]))
        for name in registry.names { table.append([.string(name)]) }
        return .success(table)
    }
}
