import AlwaysOn
import Formats
import NIOCore
import ThingModel

/// Which services there are, and where.
enum ServiceTables {
    static let resources: [String: [String: Service]] = [
        "EntityServices": index(entityServices), "SearchFunctions": index(searchFunctions), "CurrentSessionInfo": index(currentSessionInfo),
        "DeviceFunctions": index(deviceFunctions), "InfoTableFunctions": index(infoTableFunctions),
        "PermissionServices": index(permissionFunctions),
    ]

    static let subsystems: [String: [String: Service]] = [
        "PlatformSubsystem": index(everySubsystem + platformSubsystem),
        "WSCommunicationsSubsystem": index(everySubsystem + communicationSubsystem),
        "UserManagementSubsystem": index(everySubsystem + userManagementSubsystem),
        "FileTransferSubsystem": index(everySubsystem + transferSubsystem),
        "TunnelSubsystem": index(everySubsystem + tunnelSubsystem),
    ]

    static let logs: Set<String> = []

    static let things = index(everyEntity + permissionServices + definitionServices + thingServices + valueServices + historyServices)
    static let remoteThings = index(remoteThingServices)
    static let tunnelThings = index(tunnelServices)
    static let repositories = index(repositoryServices)
    static let edgeControlledThings = index(edgeControlled)
    static let templates = index(everyEntity + permissionServices + definitionServices + implementingServices + templateServices)
    static let shapes = index(everyEntity + permissionServices + definitionServices + implementingServices)
    static let dataShapes = index(everyEntity + permissionServices + dataShapeServices)
    static let users = index(everyEntity + permissionServices + userServices)
    static let groups = index(everyEntity + permissionServices + groupServices)
    static let keys = index(everyEntity + permissionServices + keyServices)
    static let others = index(everyEntity + permissionServices)

    private static func index(_ services: [Service]) -> [String: Service] { Dictionary(services.map { ($0.name, $0) }) { $1 } }

    /// nil where the platform itself has none of that name there.
    static func service(_ name: String, on entity: EntityRef, in model: PlatformModel) -> Service? {
        if entity.kind == .thing {
            if let service = things[name] { return service }
            return model[thing: entity.name].flatMap { additional(to: $0, in: model)[name] }
        }
        return table(of: entity)[name]
    }

    /// Services that a Thing has because of what it is.
    private static func additional(to thing: Thing, in model: PlatformModel) -> [String: Service] {
        guard model.isRemote(thing) else { return model.template(thing.template, isA: "FileRepository") ? repositories : [:] }
        var all = remoteThings
        if model.shapes(of: thing).contains("EdgeControlled") { all.merge(edgeControlledThings) { $1 } }
        if model.hasTunnels(thing) { all.merge(tunnelThings) { $1 } }
        return all
    }

    private static func table(of entity: EntityRef) -> [String: Service] {
        switch entity.kind {
        case .thing: things
        case .thingTemplate: templates
        case .thingShape: shapes
        case .dataShape: dataShapes
        case .user: users
        case .group: groups
        case .applicationKey: keys
        case .project: others
        case .resource: resources[entity.name] ?? [:]
        case .subsystem: subsystems[entity.name] ?? [:]
        case .log: [:]
        }
    }

    /// All services of an entity that the platform has, the defined ones of a Thing among them.
    static func definitions(of entity: EntityRef, in model: PlatformModel) -> [String: ServiceDefinition] {
        var all = table(of: entity).mapValues(\.definition)
        guard entity.kind == .thing, let thing = model[thing: entity.name] else { return all }
        all.merge(additional(to: thing, in: model).mapValues(\.definition)) { $1 }
        // What the platform answers itself cannot be defined otherwise.
        return all.merging(thing.effective.services) { mine, _ in mine }
    }
}

extension Platform {
    /// Calls a service: one of the platform's, a defined one at the edge, or one that the edge is asked for by its name.
    func invoke(_ request: Request, on entity: EntityRef, for caller: Caller) -> EventLoopFuture<Response> {
        let parameters = request.content?.decoded() ?? Infotable(DataShape([]))
        if let service = ServiceTables.service(request.name, on: entity, in: model) {
            if entity.kind == .thing, let thing = model[thing: entity.name], !thing.isEnabled, Platform.needsRunning(request.name) {
                return answer(
                    Response(
                        .internalError,
                        reason: "Unable to Invoke Service \(request.name) on \(entity.name) : Thing [\(entity.name)] is not running."))
            }
            if let full = roomForMore { return answer(full) }
            let call = ServiceCall(service: request.name, entity: entity, caller: caller, parameters: parameters, request: request)
            do {
                return try service.work(self, call).response(on: loop)
            } catch let failure as ServiceFailure {
                return answer(Response(failure.status, reason: failure.text))
            } catch {
                return answer(Response(.internalError, reason: "Unable to Invoke Service \(request.name) on \(entity.name) : \(error)"))
            }
        }
        guard entity.kind == .thing, let thing = model[thing: entity.name] else {
            return answer(Response(.notFound, reason: "there is no service \(request.name) on \(entity.name)"))
        }
        guard thing.isEnabled else {
            return answer(
                Response(
                    .internalError,
                    reason: "Unable to Invoke Service \(request.name) on \(thing.name) : Thing [\(thing.name)] is not running."))
        }
        return invokeDefined(request, on: thing, parameters)
    }

    /// Services that make a Thing run, or that say what it is.
    private static func needsRunning(_ service: String) -> Bool {
        ServiceTables.runningServices.contains(service)
    }

    private func invokeDefined(_ request: Request, on thing: Thing, _ parameters: Infotable) -> EventLoopFuture<Response> {
        guard let definition = thing.effective.services[request.name] else {
            guard model.isRemote(thing) else {
                return answer(Response(.notFound, reason: "there is no service \(request.name) on \(thing.name)"))
            }
            return forward(request, to: thing)
        }
        guard let binding = definition.remote else {
            // Defined without code: there is no script engine here, and nothing that it could return.
            return answer(Response(.success))
        }
        var request = request
        request.name = binding.sourceName
        do throws(ServiceFailure) {
            if let content = try converted(parameters, for: definition, request.name) { request.content = content }
        } catch {
            return answer(Response(error.status, reason: error.text))
        }
        return forward(request, to: thing, timeout: binding.timeout)
    }

    /// Parameters as their declared types; nil where none has to be changed.
    private func converted(
        _ parameters: Infotable, for definition: ServiceDefinition, _ name: String
    ) throws(ServiceFailure)
        -> EncodedInfotable?
    {
        guard parameters.rowCount > 0 else { return nil }
        var fields = parameters.shape.fields
        var cells = Array(parameters[row: 0])
        var isChanged = false
        for (index, field) in fields.enumerated() {
            guard let declared = definition.parameters.first(where: { $0.name == field.name }), declared.baseType != .nothing,
                declared.baseType != cells[index].baseType,
                cells[index] != .nothing
            else { continue }
            guard let value = cells[index].coerced(to: declared.baseType) else {
                throw ServiceFailure(
                    .badRequest, "\(name): \(field.name): expected \(declared.baseType.name), found \(cells[index].baseType.name)")
            }
            (cells[index], fields[index].baseType) = (value, declared.baseType)
            isChanged = true
        }
        guard isChanged else { return nil }
        var table = Infotable(DataShape(fields))
        table.append(cells)
        do throws(WireError) { return try EncodedInfotable(table) } catch { throw ServiceFailure(error.status, error.message) }
    }
}
