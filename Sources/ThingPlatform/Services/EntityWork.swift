import AlwaysOn
import Formats
import Secrets
import ThingModel

/// What `Resources/EntityServices` do.
extension Platform {
    /// - Throws: where the caller may not.
    func demand(_ right: Right, _ entity: EntityRef, resource: String? = nil, _ call: ServiceCall) throws {
        if let refusal = refusal(of: right, on: entity, resource: resource, for: call.principal) {
            throw ServiceFailure(refusal.status, refusal.reason ?? "")
        }
    }

    /// Changes what entities of all kinds have, and says when.
    func changeAbout(_ entity: EntityRef, _ change: (inout EntityAbout) -> Void) {
        let now = Platform.now()
        model.modifyAbout(entity) { about in
            change(&about)
            about.lastModified = now
        }
    }

    // MARK: Making

    private func demandNew(_ kind: EntityKind, _ call: ServiceCall) throws -> EntityAbout {
        let name = try call.name()
        try demand(.create, EntityRef(kind, name), call)
        guard !model.has(EntityRef(kind, name)) else {
            throw ServiceFailure(.internalError, "Unable to Invoke Service \(call.service) on EntityServices : \(name) exists already")
        }
        var about = EntityAbout(description: try call.string("description") ?? "")
        about.projectName = try call.string("projectName") ?? ""
        about.tags = try call.tags() ?? []
        about.lastModified = Platform.now()
        return about
    }

    func createThing(_ call: ServiceCall) throws -> ServiceResult {
        let about = try demandNew(.thing, call)
        let template = try call.required("thingTemplateName")
        guard model.templates[template] != nil else { throw ServiceFailure.notFound(.thingTemplate, template) }
        var thing = Thing(name: try call.name(), template: template)
        thing.about = about
        thing.isEnabled = settings.enablesNewThings
        if let identifier = try call.string("identifier"), !identifier.isEmpty {
            thing.identifier = try checked(identifier, for: thing.name, call)
        }
        thing.discovers = model.isRemote(thing) && model.effective(of: thing).properties.isEmpty
        add(thing)
        return .nothing
    }

    /// A Thing is there: an edge may wait for it.
    private func add(_ thing: Thing) {
        model.put(thing)
        audit("ThingCreated", thing.name, [:])
        if thing.isEnabled {
            runStarted(thing.name)
        }
        created(thing)
    }

    func checked(_ identifier: String, for name: String, _ call: ServiceCall) throws -> String {
        guard identifier.utf8.count <= InputLimits.standard.nameBytes else {
            throw ServiceFailure(.badRequest, "\(call.service): an identifier of more than \(InputLimits.standard.nameBytes) bytes")
        }
        if let other = model.thing(identifier: identifier), other != name {
            throw ServiceFailure(
                .internalError,
                "Unable to Invoke Service \(call.service) on \(call.entity.name) : another Thing has the identifier \(identifier)")
        }
        return identifier
    }

    func cloneThing(_ call: ServiceCall) throws -> ServiceResult {
        let source = try call.required("sourceThingName")
        guard let original = model[thing: source] else { throw ServiceFailure.notFound(.thing, source) }
        try demand(.view, EntityRef(.thing, source), call)
        let about = try demandNew(.thing, call)
        var thing = Thing(name: try call.name(), template: original.template)
        thing.about = about
        if try call.string("description") == nil { thing.about.description = original.description }
        (thing.shapes, thing.valueStream, thing.own, thing.configuration) = (
            original.shapes, original.valueStream, original.own, original.configuration
        )
        (thing.discovers, thing.isEnabled) = (original.discovers, settings.enablesNewThings)
        add(thing)
        return .nothing
    }

    func createTemplate(_ call: ServiceCall) throws -> ServiceResult {
        let about = try demandNew(.thingTemplate, call)
        let base = try call.string("thingTemplateName") ?? "GenericThing"
        guard model.templates[base] != nil else { throw ServiceFailure.notFound(.thingTemplate, base) }
        var template = ThingTemplate(name: try call.name(), base: base)
        template.about = about
        model.put(template)
        return .nothing
    }

    func cloneTemplate(_ call: ServiceCall) throws -> ServiceResult {
        let source = try call.required("sourceThingTemplateName")
        guard let original = model.templates[source] else { throw ServiceFailure.notFound(.thingTemplate, source) }
        try demand(.view, EntityRef(.thingTemplate, source), call)
        var template = ThingTemplate(name: try call.name(), base: original.base)
        template.about = try demandNew(.thingTemplate, call)
        (template.own, template.shapes, template.valueStream) = (original.own, original.shapes, original.valueStream)
        model.put(template)
        return .nothing
    }

    func cloneShape(_ call: ServiceCall) throws -> ServiceResult {
        let source = try call.required("sourceThingShapeName")
        guard let original = model.shapes[source] else { throw ServiceFailure.notFound(.thingShape, source) }
        try demand(.view, EntityRef(.thingShape, source), call)
        var shape = ThingShape(name: try call.name())
        shape.about = try demandNew(.thingShape, call)
        shape.own = original.own
        model.put(shape)
        return .nothing
    }

    func create(_ kind: EntityKind, _ call: ServiceCall) throws -> ServiceResult {
        let about = try demandNew(kind, call)
        let name = try call.name()
        switch kind {
        case .thingShape:
            var shape = ThingShape(name: name)
            shape.about = about
            model.put(shape)
        case .group:
            var group = Group(name: name)
            group.about = about
            model.put(group)
        default:
            var project = Project(name: name)
            project.about = about
            model.put(project)
        }
        return .nothing
    }

    func createDataShape(_ call: ServiceCall) throws -> ServiceResult {
        var shape = NamedDataShape(name: try call.name())
        shape.about = try demandNew(.dataShape, call)
        shape.fields = try call.fields("fields") ?? []
        model.put(shape)
        return .nothing
    }

    func createUser(_ call: ServiceCall) throws -> ServiceResult {
        var user = User(name: try call.name())
        guard !user.name.contains(":") else {
            throw ServiceFailure(.badRequest, "CreateUser: a name holds no colon: such a user could not sign in")
        }
        user.about = try demandNew(.user, call)
        guard let password = try call.string("password"), !password.isEmpty else {
            model.put(user)
            return .nothing
        }
        return .later(
            hash(Secret(password), call).flatMap { [user] hash in
                self.assumeIsolated { platform in
                    // Another request may have been quicker.
                    guard platform.model.users[user.name] == nil else {
                        return platform.answer(Response(.internalError, reason: "\(user.name) exists already"))
                    }
                    var user = user
                    user.password = hash
                    platform.model.put(user)
                    return platform.answer(Response(.success))
                }
            }.recover { Response(.badRequest, reason: "\($0)") })
    }

    func createKey(_ call: ServiceCall) throws -> ServiceResult {
        let about = try demandNew(.applicationKey, call)
        let user = try call.string("user") ?? call.principal.user
        guard model.users[user] != nil else { throw ServiceFailure.notFound(.user, user) }
        // Whoever makes a key for another may do what the other may.
        if user != call.principal.user { try demand(.update, EntityRef(.user, user), call) }
        let secret = Secret(KeyDigest.newKey())
        var key = ApplicationKey(name: try call.name(), digest: KeyDigest(of: secret), user: user)
        key.about = about
        key.clientName = try call.string("clientName") ?? ""
        key.expires = try call.time("expirationDate")
        do { key.allowedAddresses = try AddressRange.list(try call.string("whitelist") ?? "", "whitelist") } catch let failure
            as DocumentFailure
        {
            throw ServiceFailure(.badRequest, "CreateApplicationKey: \(failure)")
        }
        model.put(key)
        credentials.remember(secret, ofKey: key.name, now: loop.now)
        audit("KeyCreated", "", ["key": .string(key.name), "user": .string(user), "by": .string(call.principal.user)])
        return .nothing
    }

    // MARK: Deleting

    func delete(_ kind: EntityKind, _ call: ServiceCall) throws -> ServiceResult {
        try delete(EntityRef(kind, try call.required("name")), for: call.principal)
        return .nothing
    }

    /// - Throws: where it is not there, may not go, or others use it.
    func delete(_ entity: EntityRef, for principal: Principal) throws {
        guard let about = model.about(entity) else { throw ServiceFailure.notFound(entity.kind, entity.name) }
        if let refusal = refusal(of: .delete, on: entity, for: principal) { throw ServiceFailure(refusal.status, refusal.reason ?? "") }
        guard !about.isSystem else { throw ServiceFailure(.forbidden, "\(entity.name) is part of the platform") }
        let users = model.users(of: entity)
        guard users.isEmpty else {
            throw ServiceFailure(.internalError, "Unable to delete \(entity.name) : it is used by \(NameList(users.map(\.name).sorted()))")
        }
        if entity.kind == .user, entity.name == principal.user { throw ServiceFailure(.forbidden, "you are \(entity.name) yourself") }
        audit(
            "Deleted", entity.kind == .thing ? entity.name : "",
            ["kind": .string(entity.kind.singular), "name": .string(entity.name), "by": .string(principal.user)])
        if let thing = model[thing: entity.name], entity.kind == .thing { return deleted(thing) }
        model.remove(entity)
        endSessions(of: entity, "the \(entity.kind == .user ? "user" : "application key") was deleted")
    }

    // MARK: Shapes, lists, documents

    func changeShapes(_ kind: EntityKind, _ call: ServiceCall, _ change: ([String], String) -> [String]) throws -> ServiceResult {
        let (name, shape) = (try call.required("name"), try call.required("thingShapeName"))
        guard model.shapes[shape] != nil else { throw ServiceFailure.notFound(.thingShape, shape) }
        try demand(.update, EntityRef(kind, name), call)
        if kind == .thing {
            guard var thing = model[thing: name] else { throw ServiceFailure.notFound(kind, name) }
            thing.shapes = change(thing.shapes, shape)
            thing.about.lastModified = Platform.now()
            model.put(thing)
            tellEdge(of: name)
        } else {
            guard var template = model.templates[name] else { throw ServiceFailure.notFound(kind, name) }
            template.shapes = change(template.shapes, shape)
            template.about.lastModified = Platform.now()
            model.put(template)
        }
        return .nothing
    }

    func entityList(_ call: ServiceCall, isExpression: Bool = false) throws -> ServiceResult {
        let type = try call.string("type") ?? "Thing"
        guard let kind = EntityKind(type: type) else { throw ServiceFailure(.notFound, "GetEntityList: there is no type \(type)") }
        let mask = try call.string("nameMask") ?? ""
        let pattern: TextPattern = isExpression && !mask.isEmpty ? try .expression(mask) : try call.nameMask()
        let tags = Set(try call.tags() ?? [])
        let names = visibleNames(kind, for: call.principal).filter { name in
            pattern.matches(name) && (tags.isEmpty || tags.isSubset(of: model.about(EntityRef(kind, name))?.tags ?? []))
        }
        return .table(rootEntityList(kind, names.prefix(try call.count("maxItems", default: 500))))
    }

    func readEntity(_ call: ServiceCall) throws -> ServiceResult {
        let type = try call.required("type")
        guard let kind = EntityKind(type: type) else { throw ServiceFailure(.notFound, "\(call.service): there is no type \(type)") }
        let entity = EntityRef(kind, try call.required("name"))
        guard exists(entity) else { throw ServiceFailure.notFound(kind, entity.name) }
        try demand(.view, entity, call)
        return .json(description(of: entity))
    }
}
