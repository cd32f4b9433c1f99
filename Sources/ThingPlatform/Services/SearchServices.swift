import AlwaysOn
import Formats
import ThingModel

/// Resources for searching, for devices and for the caller's own session (platform.md §9, §11, §12).
extension ServiceTables {
    static let searchFunctions: [Service] = [
        Service(
            "SearchThings", nil, "Things whose name or description holds a text",
            "searchExpression, maxItems NUMBER=500, maxSearchItems NUMBER, types JSON, thingTemplates JSON, thingShapes JSON, "
                + "identifierSearchExpression, modelTags TAGS, query QUERY, aspects JSON, excludedAspects JSON, networks JSON",
            "INFOTABLE"
        ) { platform, call in
            let found = try platform.spotlight(call, kinds: [.thing])
            let table = Shapes.table(
                "EntitySearchResult",
                found.map { entity in
                    [
                        .string(entity.name), .string(platform.model.about(entity)?.description ?? ""), .string(entity.kind.singular),
                        .string(""), .string(""),
                    ]
                })
            return .table(Infotable("thingResults", .infotable(table)))
        },
        Service(
            "SearchThingsByTemplate", nil, "Things that are made from a template",
            "thingTemplate!, nameMask, maxItems NUMBER=500, query QUERY, tags TAGS", "INFOTABLE:RootEntityList"
        ) {
            .table(try $0.implementing(EntityRef(.thingTemplate, try $1.required("thingTemplate")), $1, .names))
        },
        Service(
            "SearchThingsByShape", nil, "Things that have a shape", "thingShape!, nameMask, maxItems NUMBER=500, query QUERY, tags TAGS",
            "INFOTABLE:RootEntityList"
        ) {
            .table(try $0.implementing(EntityRef(.thingShape, try $1.required("thingShape")), $1, .names))
        },
        Service("SpotlightSearch", nil, "Entities of all kinds", spotlight, "INFOTABLE:SpotlightSearch") { try $0.spotlightSearch($1) },
        Service("SpotlightSearchV2", nil, "Entities of all kinds", spotlight, "INFOTABLE:SpotlightSearch") { try $0.spotlightSearch($1) },
    ]

    private static let spotlight =
        "searchExpression, types JSON, maxItems NUMBER=500, maxSearchItems NUMBER, withPermissions BOOLEAN=false, sortBy=name, "
        + "isAscending BOOLEAN=true, tags TAGS, projectName, thingTemplates JSON, thingShapes JSON, aspects JSON, "
        + "excludedAspects JSON, searchDescriptions BOOLEAN=true, startDate DATETIME, endDate DATETIME"

    static let currentSessionInfo: [Service] = [
        Service("GetCurrentUser", nil, "Who is asking", "", "STRING") { _, call in .value(.string(call.principal.user)) },
        Service("GetCurrentUserGroups", nil, "The groups of who is asking", "", "INFOTABLE:EntityList") {
            .table($0.groupList(of: $1.principal.user))
        },
        Service("GetCurrentIPAddress", nil, "The address that the request came from", "", "STRING") { _, call in
            .value(.string(call.caller.address))
        },
        Service("GetGlobalSessionValues", nil, "Values of the session: none", "", "INFOTABLE") { _, _ in
            var table = Infotable(DataShape([]))
            table.append([Value]())
            return .table(table)
        },
    ]

    static let deviceFunctions: [Service] = [
        Service(
            "GetUnboundRemoteThings", nil, "Names that edges have bound and no Thing has", "maxItems NUMBER=500",
            "INFOTABLE:UnboundRemoteThings"
        ) { platform, call in
            .table(
                Shapes.table(
                    "UnboundRemoteThings",
                    platform.unbound(for: call.principal).prefix(try call.count("maxItems", default: 500)).map { waiting in
                        let isIdentifier = waiting.name.utf8.first == UInt8(ascii: "*")
                        return [
                            .string(isIdentifier ? String(waiting.name.unicodeScalars.dropFirst()) : waiting.name), .boolean(isIdentifier),
                        ]
                    }))
        },
        Service(
            "GetUnboundIdentifiers", nil, "Identifiers that edges have bound and no Thing has", "maxItems NUMBER=500",
            "INFOTABLE:EntityList"
        ) { platform, call in
            let names = platform.unbound(for: call.principal).map(\.name).filter { $0.utf8.first == UInt8(ascii: "*") }
            return .table(
                Shapes.list(names.prefix(try call.count("maxItems", default: 500)).map { (String($0.unicodeScalars.dropFirst()), "") }))
        },
        Service(
            "QueryUnboundNames", nil, "Names that edges have bound and no Thing has, with their connections", "maxItems NUMBER=500",
            "INFOTABLE"
        ) { platform, call in
            var table = Infotable(
                DataShape(ShapeText.fields("name, isIdentifier BOOLEAN, connection INTEGER, address, key, since DATETIME, gateway")))
            var gateways: [UInt32: String] = [:]
            for waiting in platform.unbound(for: call.principal).prefix(try call.count("maxItems", default: 500)) {
                let isIdentifier = waiting.name.utf8.first == UInt8(ascii: "*")
                let edge = platform.edges[waiting.connection]
                let gateway = gateways[waiting.connection] ?? platform.gateway(of: waiting.connection) ?? ""
                gateways[waiting.connection] = gateway
                table.append([
                    .string(isIdentifier ? String(waiting.name.unicodeScalars.dropFirst()) : waiting.name), .boolean(isIdentifier),
                    .integer(Int32(clamping: waiting.connection)),
                    .string(edge?.connection.remoteAddress?.ipAddress ?? ""), .string(edge?.keyName ?? ""),
                    edge.map { .datetime($0.since) } ?? .nothing,
                    .string(gateway),
                ])
            }
            return .table(table)
        },
        Service("QueryBindings", nil, "Which Thing came by which connection and gateway", "maxItems NUMBER=100000", "INFOTABLE") {
            platform, call in
            var table = Infotable(
                DataShape(ShapeText.fields("thing THINGNAME, boundAs, connection INTEGER, gateway, address, key, since DATETIME")))
            var gateways: [UInt32: String] = [:]
            for thing in platform.model.things.values.filter(\.isConnected).sorted(by: { $0.name < $1.name }).prefix(
                try call.count("maxItems", default: 100_000))
            {
                guard let id = platform.bindings.connection(of: thing.name), let edge = platform.edges[id],
                    platform.maySee(EntityRef(.thing, thing.name), call.principal)
                else { continue }
                // Asked once for a connection, which may have thousands of Things.
                let gateway = gateways[id] ?? platform.gateway(of: id) ?? ""
                gateways[id] = gateway
                table.append([
                    .text(.thingName, thing.name), .string(platform.bindings.boundName(of: thing.name) ?? ""),
                    .integer(Int32(clamping: id)), .string(gateway),
                    .string(edge.connection.remoteAddress?.ipAddress ?? ""), .string(edge.keyName), .datetime(edge.since),
                ])
            }
            return .table(table)
        },
        Service("GetBoundRemoteThings", nil, "Remote Things that an edge has bound", "maxItems NUMBER=500", "INFOTABLE:DeviceStatus") {
            platform, call in
            .table(platform.devices(try call.count("maxItems", default: 500), call) { $0.isConnected })
        },
        Service(
            "SearchDevices", nil, "Remote Things", "thingTemplate, thingShape, nameMask, maxItems NUMBER=500, query QUERY",
            "INFOTABLE:DeviceStatus"
        ) { platform, call in
            let pattern = try call.nameMask()
            let (template, shape) = (try call.string("thingTemplate") ?? "", try call.string("thingShape") ?? "")
            return .table(
                platform.devices(try call.count("maxItems", default: 500), call) { thing in
                    pattern.matches(thing.name) && (template.isEmpty || platform.model.template(thing.template, isA: template))
                        && (shape.isEmpty || platform.model.shapes(of: thing).contains(shape))
                })
        },
    ]

    static let infoTableFunctions: [Service] = [
        Service(
            "GetThingPropertyValues", nil, "Values of some Things: a row a Thing", "thingReferences INFOTABLE!, dataShapeName!", "INFOTABLE"
        ) { platform, call in
            let shapeName = try call.required("dataShapeName")
            guard let fields = platform.model.dataShapes[shapeName]?.fields else { throw ServiceFailure.notFound(.dataShape, shapeName) }
            var table = Infotable(DataShape([.init("name", .thingName)] + fields.filter { $0.name != "name" }))
            for name in try call.names("thingReferences") ?? [] {
                guard let thing = platform.model[thing: name], platform.model.allows(.read, on: name, for: call.principal) else { continue }
                table.append(
                    table.shape.fields.map { field in
                        if let own = platform.ownProperty(field.name, of: thing) { return own.coerced(to: field.baseType) ?? .nothing }
                        guard platform.model.allows(.read, on: name, resource: field.name, for: call.principal),
                            let definition = thing.properties[field.name]
                        else { return .nothing }
                        return (platform.model.values[name, field.name]?.value ?? definition.initialValue).coerced(to: field.baseType)
                            ?? .nothing
                    })
            }
            return .table(table)
        }
    ]
}

extension Platform {
    // MARK: Searching

    func spotlightSearch(_ call: ServiceCall) throws -> ServiceResult {
        let words = try call.names("types") ?? []
        let known = words.compactMap { word in EntityKind.allCases.first { $0.singular == word } }
        // A plural gives no rows, a word that is none at all gives everything, as clients have seen it.
        let isPlural = words.contains { EntityKind(rawValue: $0) != nil }
        let kinds: [EntityKind] =
            known.isEmpty && !isPlural
            ? [.thing, .thingTemplate, .thingShape, .dataShape, .user, .group, .applicationKey, .project] : known
        let withPermissions = try call.bool("withPermissions") ?? false
        let shape = DataShape(
            Shapes.named("SpotlightSearch").fields
                + (withPermissions ? ShapeText.fields("read BOOLEAN, update BOOLEAN, delete BOOLEAN") : []))
        var table = Infotable(shape)
        for entity in try spotlight(call, kinds: kinds) {
            let about = model.about(entity) ?? EntityAbout()
            var row: [Value] = [
                .string(entity.name), .string(about.description), .string(entity.kind.singular), .string(""), .string(""),
                .boolean(about.isSystem), .boolean(false),
                .boolean(!about.isSystem), .boolean(false), .boolean(false), .datetime(about.lastModified), .string(entity.name),
            ]
            if withPermissions {
                row += [Right.view, .update, .delete].map { .boolean(model.allows($0, on: entity, for: call.principal)) }
            }
            table.append(row)
        }
        return .table(table)
    }

    func spotlight(_ call: ServiceCall, kinds: [EntityKind]) throws -> [EntityRef] {
        let expression = (try call.string("searchExpression") ?? "").lowercased()
        let mask = TextPattern.mask("*\(expression.hasPrefix("*") ? "" : expression)*")
        let project = try call.string("projectName") ?? ""
        let tags = Set(try call.tags() ?? [])
        let (templates, shapes) = (try call.names("thingTemplates") ?? [], try call.names("thingShapes") ?? [])
        let inDescriptions = try call.bool("searchDescriptions") ?? true
        let span = try call.span()
        let most = try call.count("maxItems", default: 500)
        var found: [EntityRef] = []
        for kind in kinds {
            for name in visibleNames(kind, for: call.principal) {
                guard found.count < most else { return found }
                let entity = EntityRef(kind, name)
                guard let about = model.about(entity), span.contains(about.lastModified) || span == Int64.min...Int64.max else { continue }
                guard expression.isEmpty || mask.matches(name) || (inDescriptions && mask.matches(about.description)) else { continue }
                guard project.isEmpty || about.projectName == project, tags.isSubset(of: about.tags) else { continue }
                if let thing = model[thing: name], kind == .thing {
                    guard templates.isEmpty || templates.contains(where: { model.template(thing.template, isA: $0) }) else { continue }
                    guard shapes.isEmpty || !Set(shapes).isDisjoint(with: model.shapes(of: thing)) else { continue }
                }
                found.append(entity)
            }
        }
        return found
    }

    // MARK: Devices

    /// Names that wait for a Thing, of all connections for those who may make one; of one's own user for others.
    func unbound(for principal: Principal) -> [(name: String, connection: UInt32)] {
        bindings.waitingNames.filter { waiting in
            guard model.thing(bound: waiting.name) == nil else { return false }
            return principal.isAdministrator || edges[waiting.connection]?.principal.user == principal.user
                || model.allows(.create, on: waiting.name, for: principal)
        }.sorted { ($0.name, $0.connection) < ($1.name, $1.connection) }
    }

    func devices(_ most: Int, _ call: ServiceCall, _ isWanted: (Thing) -> Bool) -> Infotable {
        let things = model.things.values.filter { model.isRemote($0) && isWanted($0) && maySee(EntityRef(.thing, $0.name), call.principal) }
            .sorted { $0.name < $1.name }
        return Shapes.table(
            "DeviceStatus",
            things.prefix(most).map { thing in
                [
                    .string(thing.name), .string(thing.description), .string(thing.template),
                    .text(.tags, thing.about.tags.joined(separator: ";")),
                    .string(thing.identifier ?? ""), .boolean(thing.isConnected), .boolean(thing.isConnected),
                    thing.lastConnection.map { .datetime($0) } ?? .nothing,
                ]
            })
    }

    /// The gateway Thing that came by a connection.
    func gateway(of connection: UInt32) -> String? {
        bindings.things(of: connection).first {
            model[thing: $0].map { model.template($0.template, isA: "EMSGateway") || model.template($0.template, isA: "SDKGateway") }
                ?? false
        }
    }
}
