import AlwaysOn
import Formats
import ThingModel

/// Services of templates, shapes and data shapes (platform.md §9).
extension ServiceTables {
    private static let query = "maxItems NUMBER=500, nameMask, query QUERY, tags TAGS, isSortFirst BOOLEAN=false"

    static let implementingServices: [Service] = [
        Service("GetImplementingThings", nil, "Things that are made from it", "", "INFOTABLE:RootEntityList") {
            .table(try $0.implementing($1, .names, isQuery: false))
        },
        Service("GetImplementingThingsWithData", nil, "Things that are made from it, with their values", "", "INFOTABLE") {
            .table(try $0.implementing($1, .all, isQuery: false))
        },
        Service("QueryImplementingThings", nil, "Things that are made from it and match", query, "INFOTABLE:RootEntityList") {
            .table(try $0.implementing($1, .names))
        },
        Service("QueryImplementingThingsWithData", nil, "Things that are made from it and match, with their values", query, "INFOTABLE") {
            .table(try $0.implementing($1, .all))
        },
        Service(
            "QueryImplementingThingsWithNamedData", nil, "Things that are made from it and match, with some of their values",
            "\(query), propertyNames INFOTABLE, basicPropertyNames INFOTABLE", "INFOTABLE"
        ) {
            .table(try $0.implementing($1, .named(Set((try $1.names("propertyNames") ?? []) + (try $1.names("basicPropertyNames") ?? [])))))
        },
        Service(
            "QueryImplementingThingsOptimized", nil, "Things that are made from it and match",
            "\(query), offset INTEGER=0, withPermissions BOOLEAN=false",
            "INFOTABLE:RootEntityList"
        ) { .table(try $0.implementing($1, .names)) },
        Service(
            "QueryImplementingThingsOptimizedWithTotalCount", nil, "Things that are made from it and match, and how many there are",
            "\(query), offset INTEGER=0, withPermissions BOOLEAN=false",
            "INFOTABLE"
        ) { platform, call in
            let all = try platform.implementing(call, .names, isUnlimited: true)
            let page = try platform.implementing(call, .names)
            return .table(Infotable(row: ["rootEntityList": .infotable(page), "totalCount": .integer(Int32(clamping: all.rowCount))]))
        },
    ]

    static let templateServices: [Service] = [
        Service("SetValueStream", .update, "Where values of logged properties go", "name") { platform, call in
            let stream = try call.string("name") ?? ""
            guard stream.isEmpty || platform.model[thing: stream] != nil else { throw ServiceFailure.notFound(.thing, stream) }
            guard var template = platform.model.templates[call.entity.name] else { return .nothing }
            template.valueStream = stream
            template.about.lastModified = Platform.now()
            platform.model.put(template)
            return .nothing
        },
        Service("GetValueStream", .view, "Where values of logged properties go", "", "THINGNAME") {
            .value(.text(.thingName, $0.model.templates[$1.entity.name]?.valueStream ?? ""))
        },
        Service("GetBaseThingTemplate", .view, "What the template comes from", "", "INFOTABLE:EntityList") { platform, call in
            let base = platform.model.templates[call.entity.name]?.base
            return .table(Shapes.list(base.map { [($0, platform.model.templates[$0]?.about.description ?? "")] } ?? []))
        },
        Service(
            "AddInstanceRunTimePermission", .update, "Rights on Things that are made from it",
            "principal!, principalType!, resource=*, type!, allow BOOLEAN=true"
        ) {
            try $0.addPermission($1, isDesign: false, isForInstances: true)
        },
        Service(
            "DeleteInstanceRunTimePermission", .update, "Takes back rights on Things that are made from it",
            "principal!, principalType!, resource=*, type!"
        ) {
            try $0.deletePermission($1, isDesign: false, isForInstances: true)
        },
        Service("GetInstanceRunTimePermissions", .view, "Rights on Things that are made from it", "", "INFOTABLE:Permissions") {
            .table($0.permissions(of: $1.entity, isForInstances: true) { !$0.isDesign })
        },
    ]

    static let dataShapeServices: [Service] = [
        Service("GetFieldDefinitions", .view, "The columns", "", "INFOTABLE:FieldDefinition") {
            .table(Platform.table(ofFields: $0.model.dataShapes[$1.entity.name]?.fields ?? []))
        },
        Service(
            "AddFieldDefinition", .update, "Adds a column",
            "name!, description, type!, ordinal INTEGER, primaryKey BOOLEAN=false, dataShape"
        ) { platform, call in
            let field = try platform.field(from: call)
            try platform.changeDataShape(call) { shape in
                guard !shape.fields.contains(where: { $0.name == field.name }) else {
                    throw ServiceFailure(.forbidden, "\(shape.name) has a field \(field.name) already")
                }
                guard shape.fields.count < InputLimits.standard.fields else {
                    throw ServiceFailure(.entityTooLarge, "\(shape.name) has \(InputLimits.standard.fields) fields already")
                }
                shape.fields.append(field)
            }
            return .nothing
        },
        Service(
            "UpdateFieldDefinition", .update, "Changes a column",
            "name!, description, type!, ordinal INTEGER, primaryKey BOOLEAN=false, dataShape"
        ) { platform, call in
            let field = try platform.field(from: call)
            try platform.changeDataShape(call) { shape in
                guard let index = shape.fields.firstIndex(where: { $0.name == field.name }) else {
                    throw ServiceFailure(.notFound, "\(shape.name) has no field \(field.name)")
                }
                shape.fields[index] = field
            }
            return .nothing
        },
        Service("RemoveFieldDefinition", .update, "Removes a column", "name!") { platform, call in
            let name = try call.required("name")
            try platform.changeDataShape(call) { shape in
                guard let index = shape.fields.firstIndex(where: { $0.name == name }) else {
                    throw ServiceFailure(.notFound, "\(shape.name) has no field \(name)")
                }
                shape.fields.remove(at: index)
            }
            return .nothing
        },
        Service("CreateValues", .view, "An empty table of the shape", "", "INFOTABLE") {
            .table(Infotable(DataShape($0.model.dataShapes[$1.entity.name]?.fields ?? [])))
        },
    ]
}

extension Platform {
    enum Columns {
        case names
        case all
        case named(Set<String>)
    }

    /// Things that are made from a template, or have a shape, and match.
    func implementing(_ call: ServiceCall, _ columns: Columns, isQuery: Bool = true, isUnlimited: Bool = false) throws -> Infotable {
        try implementing(call.entity, call, columns, isQuery: isQuery, isUnlimited: isUnlimited)
    }

    func implementing(
        _ entity: EntityRef, _ call: ServiceCall, _ columns: Columns, isQuery: Bool = true, isUnlimited: Bool = false
    ) throws
        -> Infotable
    {
        guard exists(entity) else { throw ServiceFailure.notFound(entity.kind, entity.name) }
        let mask = isQuery ? try call.string("nameMask") ?? "" : ""
        let pattern = TextPattern.mask(mask.isEmpty ? "*" : mask)
        let tags = Set(isQuery ? try call.tags() ?? [] : [])
        let query = try QueryFilter(isQuery ? call.json("query") : nil)
        let most = isQuery && !isUnlimited ? try call.count("maxItems", default: 500) : Int.max
        let offset = isUnlimited ? 0 : try call.count("offset", default: 0)
        let things = model.things.values.filter { thing in
            guard pattern.matches(thing.name), tags.isEmpty || tags.isSubset(of: thing.about.tags) else { return false }
            return entity.kind == .thingTemplate
                ? model.template(thing.template, isA: entity.name) : model.shapes(of: thing).contains(entity.name)
        }.filter { maySee(EntityRef(.thing, $0.name), call.principal) }.sorted { $0.name < $1.name }
        let found = try matching(things, query, call, offset: offset, most: most)
        return table(of: found, columns, entity, call)
    }

    /// - Throws: where so much would be compared that others would wait for it.
    private func matching(_ things: [Thing], _ query: QueryFilter, _ call: ServiceCall, offset: Int, most: Int) throws -> [Thing] {
        let cell = { (thing: Thing, name: String) -> Value in
            if let own = self.ownProperty(name, of: thing) { return own }
            guard let definition = thing.properties[name], self.model.allows(.read, on: thing.name, resource: name, for: call.principal)
            else { return .nothing }
            return self.model.values[thing.name, name]?.value ?? definition.initialValue
        }
        var found = query.filter == nil ? things : things.filter { thing in query.matches { cell(thing, $0) } }
        let isSortFirst = try call.bool("isSortFirst") ?? false
        if !query.sorts.isEmpty, !isSortFirst { found = Array(found.dropFirst(offset).prefix(most)) }
        if !query.sorts.isEmpty {
            let shape = DataShape(query.sorts.map { .init($0.field, .variant) } + [.init("\u{0}", .integer)])
            let rows = found.enumerated().map { index, thing in
                query.sorts.map { cell(thing, $0.field) } + [.integer(Int32(clamping: index))]
            }
            var sorting = query
            sorting.filter = nil
            let order = sorting.applied(to: rows, shape, most: .max).compactMap { $0.last?.doubleValue.map { Int($0) } }
            found = order.map { found[$0] }
            if !isSortFirst { return found }
        }
        return Array(found.dropFirst(offset).prefix(most))
    }

    private func table(of things: [Thing], _ columns: Columns, _ entity: EntityRef, _ call: ServiceCall) -> Infotable {
        let names: [String]
        switch columns {
        case .names: return rootEntityList(.thing, things.map(\.name))
        case .all: names = effective(of: entity).properties.keys.sorted()
        case .named(let wanted): names = effective(of: entity).properties.keys.filter { wanted.contains($0) }.sorted()
        }
        let own = Shapes.named("RootEntityList").fields
        let definitions = effective(of: entity).properties
        var fields = own + names.map { DataShape.Field($0, definitions[$0]?.baseType ?? .nothing) }
        fields[0].baseType = .thingName
        if entity.kind == .thingTemplate, model.template(entity.name, isA: "RemoteThing") {
            fields += [.init("isConnected", .boolean), .init("lastConnection", .datetime)]
        }
        var table = Infotable(DataShape(fields))
        for thing in things {
            table.append(
                fields.map { field in
                    if let value = ownProperty(field.name, of: thing) { return value }
                    guard let definition = thing.properties[field.name],
                        model.allows(.read, on: thing.name, resource: field.name, for: call.principal)
                    else { return .nothing }
                    return model.values[thing.name, field.name]?.value.coerced(to: field.baseType) ?? definition.initialValue
                })
        }
        return table
    }

    func field(from call: ServiceCall) throws -> DataShape.Field {
        let typeName = try call.required("type")
        guard let type = BaseType(name: typeName) else {
            throw ServiceFailure(.badRequest, "\(call.service): there is no base type \(typeName)")
        }
        var aspects: [DataShape.Aspect] = []
        if try call.bool("primaryKey") == true { aspects.append(.init("isPrimaryKey", .boolean(true))) }
        if let shape = try call.string("dataShape"), !shape.isEmpty { aspects.append(.init("dataShape", .string(shape))) }
        return DataShape.Field(try call.name(), type, description: try call.string("description") ?? "", aspects: aspects)
    }

    func changeDataShape(_ call: ServiceCall, _ change: (inout NamedDataShape) throws -> Void) throws {
        guard var shape = model.dataShapes[call.entity.name] else { throw ServiceFailure.notFound(.dataShape, call.entity.name) }
        try change(&shape)
        shape.about.lastModified = Platform.now()
        model.put(shape)
    }
}
