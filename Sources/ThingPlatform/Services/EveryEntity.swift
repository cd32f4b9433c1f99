import AlwaysOn
import Formats
import ThingModel

/// Services that every entity has (platform.md §9), and lists of entities (§6).
extension ServiceTables {
    static let everyEntity: [Service] = [
        Service("GetDescription", .view, "The description", "", "STRING") { .value(.string($0.model.about($1.entity)?.description ?? "")) },
        Service("SetDescription", .update, "Sets the description", "description!") { platform, call in
            let text = try call.string("description") ?? ""
            platform.changeAbout(call.entity) { $0.description = text }
            return .nothing
        },
        Service("GetTags", .view, "The tags", "", "TAGS") {
            .value(.text(.tags, $0.model.about($1.entity)?.tags.joined(separator: ";") ?? ""))
        },
        Service("SetTags", .update, "Sets the tags", "tags TAGS!") { platform, call in
            let tags = try call.tags() ?? []
            platform.changeAbout(call.entity) { $0.tags = tags }
            return .nothing
        },
        Service("AddTags", .update, "Adds tags", "tags TAGS!") { platform, call in
            let tags = try call.tags() ?? []
            platform.changeAbout(call.entity) { about in about.tags += tags.filter { !about.tags.contains($0) } }
            return .nothing
        },
        Service("RemoveTags", .update, "Removes tags", "tags TAGS!") { platform, call in
            let tags = try call.tags() ?? []
            platform.changeAbout(call.entity) { $0.tags.removeAll { tags.contains($0) } }
            return .nothing
        },
        Service("GetProjectName", .view, "The project", "", "STRING") { .value(.string($0.model.about($1.entity)?.projectName ?? "")) },
        Service("SetProjectName", .update, "Puts it into a project", "projectName") { platform, call in
            let name = try call.string("projectName") ?? ""
            platform.changeAbout(call.entity) { $0.projectName = name }
            return .nothing
        },
        Service("GetLastModifiedDate", .view, "When it was changed last", "", "DATETIME") {
            .value(.datetime($0.model.about($1.entity)?.lastModified ?? 0))
        },
        Service("GetSummaryInformation", .view, "What it is", "", "INFOTABLE:EntitySummary") { platform, call in
            let about = platform.model.about(call.entity) ?? EntityAbout()
            return .table(
                Shapes.table(
                    "EntitySummary",
                    [
                        [
                            .string(call.entity.name), .string(about.description), .string(about.homeMashup),
                            .text(.tags, about.tags.joined(separator: ";")), .boolean(about.isSystem),
                        ]
                    ]))
        },
        Service("GetOutgoingDependencies", .view, "What it uses", "maxItems NUMBER=500", "INFOTABLE:EntityDescriptor") { platform, call in
            .table(platform.descriptors(platform.model.dependencies(of: call.entity), try call.count("maxItems", default: 500)))
        },
        Service("GetIncomingDependencies", .view, "What uses it", "maxItems NUMBER=500", "INFOTABLE:EntityDescriptor") { platform, call in
            .table(platform.descriptors(platform.model.users(of: call.entity), try call.count("maxItems", default: 500)))
        },
    ]
}

extension Platform {
    func descriptors(_ entities: [EntityRef], _ most: Int) -> Infotable {
        Shapes.table(
            "EntityDescriptor",
            entities.prefix(most).map { entity in
                [
                    .string(entity.name), .string(entity.name), .string(model.about(entity)?.description ?? ""),
                    .string(entity.kind.singular), .string(""), .string(""),
                ]
            })
    }

    /// Names of a collection that somebody may see, in order.
    func visibleNames(_ kind: EntityKind, for principal: Principal) -> [String] {
        switch kind {
        case .resource: return ServiceTables.resources.keys.sorted()
        case .subsystem: return ServiceTables.subsystems.keys.sorted()
        case .log: return []
        default:
            let names = model.names(kind)
            return principal.isAdministrator ? names : names.filter { maySee(EntityRef(kind, $0), principal) }
        }
    }

    /// Whoever may read a Thing's values, or its definition, sees it in lists.
    func maySee(_ entity: EntityRef, _ principal: Principal) -> Bool {
        model.allows(.view, on: entity, for: principal) || (entity.kind == .thing && model.allows(.read, on: entity, for: principal))
    }

    /// The six columns of every list, and for Things three of ours behind them (platform.md §6).
    func rootEntityList(_ kind: EntityKind, _ names: some Sequence<String>) -> Infotable {
        var fields = Shapes.named("RootEntityList").fields
        fields[0].baseType = kind.nameType
        if kind == .thing {
            fields += [.init("thingTemplate", .thingTemplateName), .init("isConnected", .boolean), .init("lastConnection", .datetime)]
        }
        var table = Infotable(DataShape(fields))
        for name in names {
            let about = model.about(EntityRef(kind, name)) ?? EntityAbout(isSystem: true)
            var row: [Value] = [
                .text(kind.nameType, name), .string(about.description), .text(.tags, about.tags.joined(separator: ";")),
                .boolean(about.isSystem),
                .text(.mashupName, about.homeMashup), .text(.imagelink, "/Thingworx/\(kind.rawValue)/\(name)/Avatar"),
            ]
            if kind == .thing, let thing = model[thing: name] {
                row += [
                    .text(.thingTemplateName, thing.template), model.isRemote(thing) ? .boolean(thing.isConnected) : .nothing,
                    thing.lastConnection.map { .datetime($0) } ?? .nothing,
                ]
            }
            table.append(row)
        }
        return table
    }
}
