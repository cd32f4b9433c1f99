import AlwaysOn
import Formats
import ThingModel

/// Reading and changing what entities define.
extension Platform {
    func effective(of entity: EntityRef) -> Definitions {
        switch entity.kind {
        case .thing: model[thing: entity.name]?.effective ?? Definitions()
        case .thingTemplate: model.effective(ofTemplate: entity.name)
        case .thingShape: model.shapes[entity.name]?.own ?? Definitions()
        default: Definitions()
        }
    }

    /// Changes an entity's own definitions; edges of Things are told.
    func changeDefinitions(_ call: ServiceCall, _ change: (inout Definitions, Definitions) throws -> Void) throws {
        let entity = call.entity
        let all = effective(of: entity)
        let now = Platform.now()
        switch entity.kind {
        case .thing:
            guard var thing = model[thing: entity.name] else { throw ServiceFailure.notFound(.thing, entity.name) }
            try change(&thing.own, all)
            // Somebody defines them now.
            thing.discovers = false
            thing.about.lastModified = now
            model.put(thing)
            tellEdge(of: entity.name)
        case .thingTemplate:
            guard var template = model.templates[entity.name] else { throw ServiceFailure.notFound(.thingTemplate, entity.name) }
            try change(&template.own, all)
            template.about.lastModified = now
            model.put(template)
            for thing in model.things.values where model.template(thing.template, isA: entity.name) { tellEdge(of: thing.name) }
        default:
            guard var shape = model.shapes[entity.name] else { throw ServiceFailure.notFound(.thingShape, entity.name) }
            try change(&shape.own, all)
            shape.about.lastModified = now
            model.put(shape)
            for thing in model.things.values where model.shapes(of: thing).contains(entity.name) { tellEdge(of: thing.name) }
        }
    }

    /// Changes a property; one that is inherited becomes the entity's own.
    func changeProperty(_ name: String, _ call: ServiceCall, _ change: (inout PropertyDefinition) -> Void) throws {
        try changeDefinitions(call) { own, effective in
            guard var property = effective.properties[name] else {
                throw ServiceFailure(.notFound, "\(call.entity.name) has no property \(name)")
            }
            change(&property)
            own.properties[name] = property
        }
    }

    func changeEvent(_ name: String, _ call: ServiceCall, _ change: (inout EventDefinition) -> Void) throws {
        try changeDefinitions(call) { own, effective in
            guard var event = effective.events[name] else { throw ServiceFailure(.notFound, "\(call.entity.name) has no event \(name)") }
            change(&event)
            own.events[name] = event
        }
    }

    // MARK: Properties

    func propertyDefinition(from call: ServiceCall, named name: String) throws -> PropertyDefinition {
        let typeName = try call.required("type")
        var definition = try propertyDefinition(typeName, call)
        definition.description = try call.string("description") ?? ""
        definition.category = try call.string("category") ?? ""
        definition.dataShape = try call.string("dataShape") ?? ""
        if let given = call.value("defaultValue"), given.text != "" {
            guard let value = given.coerced(to: definition.baseType), value != .nothing else {
                throw ServiceFailure(.badRequest, "\(call.service): defaultValue: expected \(definition.baseType.name)")
            }
            definition.defaultValue = value
        }
        definition.isReadOnly = try call.bool("readOnly") ?? false
        definition.isPersistent = try call.bool("persistent") ?? false
        definition.isLogged = try call.bool("logged") ?? false
        definition.dataChangeType = try choice(try call.string("dataChangeType"), DataChangeType.value, call, "dataChangeType")
        definition.dataChangeThreshold = try call.number("dataChangeThreshold") ?? 0
        guard try call.bool("remote") == true else { return definition }
        var binding = RemotePropertyBinding(sourceName: name)
        if let source = try call.string("remotePropertyName"), !source.isEmpty { binding.sourceName = source }
        binding.pushType = try choice(try call.string("pushType"), PushType.value, call, "pushType")
        binding.pushThreshold = try call.number("pushThreshold") ?? 0
        binding.timeout = try call.milliseconds("timeout") ?? 0
        var aspects = try call.json("remoteBindingAspects")?.object ?? JSONObject()
        if let time = aspects["cacheTime"]?.looseDouble { binding.cacheTime = Int64(clamping: Int(exactly: time.rounded()) ?? 0) }
        aspects.removeAll { $0 == "cacheTime" }
        binding.aspects = aspects
        definition.remote = binding
        return definition
    }

    private func propertyDefinition(_ typeName: String, _ call: ServiceCall) throws -> PropertyDefinition {
        guard let type = BaseType(name: typeName), type != .nothing else {
            throw ServiceFailure(.badRequest, "\(call.service): there is no base type \(typeName)")
        }
        if let shape = try call.string("dataShape"), !shape.isEmpty, model.dataShapes[shape] == nil, Shapes.all[shape] == nil {
            throw ServiceFailure.notFound(.dataShape, shape)
        }
        return PropertyDefinition(baseType: type)
    }

    private func choice<Choice: RawRepresentable & CaseIterable>(
        _ text: String?, _ standard: Choice, _ call: ServiceCall, _ name: String
    )
        throws -> Choice
    where Choice.RawValue == String {
        guard let text, !text.isEmpty else { return standard }
        guard let found = Choice(rawValue: text.uppercased()) else {
            throw ServiceFailure(
                .badRequest,
                "\(call.service): \(name): expected one of \(Choice.allCases.map(\.rawValue).joined(separator: ", ")), found \(text)")
        }
        return found
    }

    func add(_ definition: PropertyDefinition, named name: String, to call: ServiceCall) throws {
        try changeDefinitions(call) { own, effective in
            guard effective.properties[name] == nil else {
                throw ServiceFailure(.forbidden, "\(call.entity.name) has a property \(name) already")
            }
            guard effective.properties.count < Platform.mostDefinitions else {
                throw ServiceFailure(.entityTooLarge, "\(call.entity.name) has \(Platform.mostDefinitions) properties already")
            }
            own.properties[name] = definition
        }
    }

    static let mostDefinitions = 10_000

    func addPropertyDefinitions(_ call: ServiceCall) throws -> ServiceResult {
        guard let table = try call.table("values") else {
            throw ServiceFailure(.notFound, "\(call.service): the parameter values is missing")
        }
        let ignoresInvalid = try call.bool("ignoreInvalidDefinitions") ?? false
        var report: [[Value]] = []
        var found: [(String, PropertyDefinition)] = []
        for row in 0..<table.rowCount {
            // Each row as the parameters of the service for one.
            var fields = table.shape.fields
            for (index, field) in fields.enumerated() {
                fields[index].name =
                    [
                        "baseType": "type", "isReadOnly": "readOnly", "isPersistent": "persistent", "isLogged": "logged",
                        "isRemote": "remote",
                    ][field.name] ?? field.name
            }
            var one = Infotable(DataShape(fields))
            one.append(table[row: row])
            let single = ServiceCall(
                service: call.service, entity: call.entity, caller: call.caller, parameters: one, request: call.request)
            let name = try single.string("name") ?? ""
            do {
                let name = try single.name()
                found.append((name, try propertyDefinition(from: single, named: name)))
                guard effective(of: call.entity).properties[name] == nil else {
                    throw ServiceFailure(.forbidden, "\(call.entity.name) has a property \(name) already")
                }
                report.append([.string(name), .boolean(true), .string("")])
            } catch let failure as ServiceFailure {
                guard ignoresInvalid else { throw failure }
                if found.last?.0 == name { found.removeLast() }
                report.append([.string(name), .boolean(false), .string(failure.text)])
            }
        }
        try changeDefinitions(call) { own, effective in
            guard effective.properties.count + found.count <= Platform.mostDefinitions else {
                throw ServiceFailure(.entityTooLarge, "\(call.entity.name) would have more than \(Platform.mostDefinitions) properties")
            }
            for (name, definition) in found { own.properties[name] = definition }
        }
        return .table(Shapes.table("BulkProcessingReport", report))
    }

    func setRemotePropertyBinding(_ call: ServiceCall) throws -> ServiceResult {
        let name = try call.required("propertyName")
        var binding = effective(of: call.entity).properties[name]?.remote ?? RemotePropertyBinding(sourceName: name)
        if let source = try call.string("sourcePropertyName"), !source.isEmpty { binding.sourceName = source }
        binding.pushType = try choice(try call.string("pushType"), binding.pushType, call, "pushType")
        binding.pushThreshold = try call.number("pushThreshold") ?? binding.pushThreshold
        binding.cacheTime = try call.milliseconds("cacheTime") ?? binding.cacheTime
        binding.timeout = try call.milliseconds("timeout") ?? binding.timeout
        binding.foldType = try call.string("foldType") ?? binding.foldType
        binding.aspects = try call.json("aspects")?.object ?? binding.aspects
        try changeProperty(name, call) { $0.remote = binding }
        return .nothing
    }

    func addServiceDefinition(_ call: ServiceCall) throws -> ServiceResult {
        let name = try call.name()
        var service = ServiceDefinition()
        (service.description, service.category) = (try call.string("description") ?? "", try call.string("category") ?? "")
        service.parameters = try call.fields("parameters") ?? []
        if let result = try call.fields("resultType")?.first {
            service.result = result
            service.result.name = "result"
        }
        if try call.bool("remote") == true {
            var binding = RemoteServiceBinding(sourceName: name)
            if let source = try call.string("remoteServiceName"), !source.isEmpty { binding.sourceName = source }
            binding.timeout = try call.milliseconds("timeout") ?? 0
            service.remote = binding
        }
        try changeDefinitions(call) { own, effective in
            guard effective.services[name] == nil else {
                throw ServiceFailure(.forbidden, "\(call.entity.name) has a service \(name) already")
            }
            guard effective.services.count < Platform.mostDefinitions else {
                throw ServiceFailure(.entityTooLarge, "\(call.entity.name) has too many services")
            }
            own.services[name] = service
        }
        return .nothing
    }

    // MARK: Lists

    func propertyDefinitions(of entity: EntityRef, _ isWanted: (String, PropertyDefinition) -> Bool) -> Infotable {
        Shapes.table(
            "PropertyDefinition",
            effective(of: entity).properties.sorted { $0.key < $1.key }.filter { isWanted($0.key, $0.value) }.map { name, definition in
                [
                    .string(name), .string(definition.description), .string(definition.baseType.name), .boolean(definition.isReadOnly),
                    .boolean(definition.isPersistent),
                    .boolean(definition.isLogged), .string(definition.category),
                ]
            })
    }

    func serviceDefinitions(of entity: EntityRef, _ isWanted: (String, ServiceDefinition) -> Bool) -> Infotable {
        let all = ServiceTables.definitions(of: entity, in: model).sorted { $0.key < $1.key }.filter { isWanted($0.key, $0.value) }
        return Shapes.table(
            "ServiceDefinition",
            all.map { name, definition in
                [
                    .string(name), .string(definition.description), .infotable(Platform.table(ofFields: definition.parameters)),
                    .infotable(Platform.table(ofFields: [definition.result])), .string(definition.category),
                ]
            })
    }

    func eventDefinitions(of entity: EntityRef, _ isWanted: (String) -> Bool) -> Infotable {
        Shapes.table(
            "EventDefinition",
            effective(of: entity).events.sorted { $0.key < $1.key }.filter { isWanted($0.key) }.map { name, definition in
                [.string(name), .string(definition.description), .string(definition.dataShape)]
            })
    }

    static func table(ofFields fields: [DataShape.Field]) -> Infotable {
        Shapes.table(
            "FieldDefinition",
            fields.map { field in
                [
                    .string(field.name), .string(field.description), .string(field.baseType.name),
                    .boolean(field.aspect("isPrimaryKey")?.boolValue ?? false),
                    .string(field.aspect("dataShape")?.stringValue ?? ""),
                ]
            })
    }

    /// All definitions, in the form in which edges tell theirs (alwayson.md §6).
    func metadata(of entity: EntityRef) -> JSONValue {
        let all = effective(of: entity)
        let about = model.about(entity) ?? EntityAbout()
        let fields = { (fields: [DataShape.Field]) -> JSONValue in ["fieldDefinitions": ThingModel.document(ofFields: fields)] }
        var services = JSONObject()
        for (name, definition) in ServiceTables.definitions(of: entity, in: model).sorted(by: { $0.key < $1.key }) {
            services[name] = [
                "name": .string(name), "description": .string(definition.description), "category": .string(definition.category),
                "Inputs": fields(definition.parameters), "Outputs": definition.result.document(ordinal: 0),
                "aspects": ["isAsync": .bool(definition.isAsync)],
                "isRemote": .bool(definition.remote != nil),
            ]
        }
        var shape = all.shapeDocument()
        shape["serviceDefinitions"] = .object(services)
        return [
            "name": .string(entity.name), "description": .string(about.description), "isSystemObject": .bool(about.isSystem),
            "propertyDefinitions": shape["propertyDefinitions"] ?? [:], "serviceDefinitions": .object(services),
            "eventDefinitions": shape["eventDefinitions"] ?? [:],
            "remotePropertyBindings": all.bindingDocuments().first { $0.0 == "remotePropertyBindings" }?.1 ?? [:],
        ]
    }
}
