import AlwaysOn
import Formats
import ThingModel

/// Services for rights: on each entity as clients know them (platform.md §11), and of the resource PermissionServices, which is ours.
extension ServiceTables {
    static let permissionServices: [Service] = [
        Service(
            "AddRunTimePermission", .update, "Allows or refuses a user or group something",
            "principal!, principalType!, resource=*, type!, allow BOOLEAN=true"
        ) {
            try $0.addPermission($1, isDesign: false)
        },
        Service("DeleteRunTimePermission", .update, "Takes a rule back", "principal!, principalType!, resource=*, type!") {
            try $0.deletePermission($1, isDesign: false)
        },
        Service(
            "AddDesignTimePermission", .update, "Allows or refuses a user or group to see or change the definition",
            "principal!, principalType!, type!, allow BOOLEAN=true"
        ) {
            try $0.addPermission($1, isDesign: true)
        },
        Service("DeleteDesignTimePermission", .update, "Takes a rule back", "principal!, principalType!, type!") {
            try $0.deletePermission($1, isDesign: true)
        },
        Service("GetRunTimePermissions", .view, "Rules for values, services and events", "", "INFOTABLE:Permissions") {
            .table($0.permissions(of: $1.entity) { !$0.isDesign })
        },
        Service("GetDesignTimePermissions", .view, "Rules for the definition", "", "INFOTABLE:Permissions") {
            .table($0.permissions(of: $1.entity) { $0.isDesign })
        },
        Service("GetRunTimePermissionsAsJSON", .view, "Rules for values, services and events", "", "JSON") {
            .json($0.runTimePermissions(of: $1.entity))
        },
        Service("GetDesignTimePermissionsAsJSON", .view, "Rules for the definition", "", "JSON") {
            .json($0.designTimePermissions(of: $1.entity))
        },
        Service("CheckPermission", .view, "Whether the caller may", "name!, type!", "BOOLEAN") { platform, call in
            .value(.boolean(try platform.check(call, platform.model.principal(call.principal.user))))
        },
        Service("CheckPermissionForUser", .view, "Whether a user may", "name!, type!, user!", "BOOLEAN") { platform, call in
            let user = try call.required("user")
            guard platform.model.users[user] != nil else { throw ServiceFailure.notFound(.user, user) }
            return .value(.boolean(try platform.check(call, platform.model.principal(user))))
        },
        Service("CheckPermissionForGroup", .view, "Whether members of a group may", "name!, type!, group!", "BOOLEAN") { platform, call in
            let group = try call.required("group")
            guard platform.model.groups[group] != nil else { throw ServiceFailure.notFound(.group, group) }
            return .value(.boolean(try platform.check(call, Principal(user: "", groups: [group]))))
        },
        Service("GetPermissionsForCurrentUser", nil, "What the caller may", "name=*, permissionName", "INFOTABLE:UserPermissions") {
            platform, call in
            let name = try call.string("name") ?? "*"
            let only = try call.string("permissionName")
            return .table(
                Shapes.table(
                    "UserPermissions",
                    Right.allCases.filter { only == nil || $0.permissionName == only }.map { right in
                        [
                            .string(right.permissionName),
                            .boolean(
                                platform.model.allows(right, on: call.entity, resource: name == "*" ? nil : name, for: call.principal)),
                        ]
                    }))
        },
    ]

    static let permissionFunctions: [Service] = [
        Service("GetRules", nil, "All access rules", "", "INFOTABLE:AccessRule") { platform, call in
            try platform.demandAdministrator(call)
            return .table(
                Shapes.table(
                    "AccessRule",
                    platform.model.access.rules.sorted { $0.key < $1.key }.map { number, rule in
                        [
                            .integer(Int32(clamping: number)), .string(rule.holder.name), .string(rule.holder.isGroup ? "Group" : "User"),
                            .string(rule.kind?.rawValue ?? "*"),
                            .string(rule.entities.map(\.text).joined(separator: ", ")), .string(rule.resource),
                            .string(rule.rights.map(\.rawValue).sorted().joined(separator: ", ")),
                            .boolean(rule.allows), .boolean(rule.isForInstances),
                        ]
                    }))
        },
        Service(
            "AddRule", nil, "Adds an access rule: entities is a list of names, * in them standing for any run",
            "principal!, principalType=User, collection=Things, entities!, resource=*, rights!, allow BOOLEAN=true", "INTEGER"
        ) { platform, call in
            try platform.demandAdministrator(call)
            let list = { (text: String) -> JSONValue in
                .array(text.split(separator: ",").map { .string($0.drop { $0 == " " }.description) })
            }
            let document: JSONValue = [
                "principal": .string(try call.required("principal")), "principalType": .string(try call.string("principalType") ?? "User"),
                "collection": .string(try call.string("collection") ?? "Things"), "entities": list(try call.required("entities")),
                "resource": .string(try call.string("resource") ?? "*"), "rights": list(try call.required("rights")),
                "allow": .bool(try call.bool("allow") ?? true),
            ]
            do {
                let rule = try AccessRule(document: document)
                try platform.checkHolder(rule.holder)
                platform.model.addRule(rule)
                platform.audit("RuleAdded", "", ["rule": .string(rule.text), "by": .string(call.principal.user)])
                return .value(.integer(Int32(clamping: platform.model.access.lastNumber)))
            } catch let failure as DocumentFailure { throw ServiceFailure(.badRequest, "AddRule: \(failure)") }
        },
        Service("DeleteRule", nil, "Removes an access rule", "number INTEGER!") { platform, call in
            try platform.demandAdministrator(call)
            let number = try call.count("number", default: 0)
            guard let rule = platform.model.access.rules[number] else { throw ServiceFailure(.notFound, "there is no rule \(number)") }
            platform.model.removeRule(number)
            platform.audit("RuleDeleted", "", ["rule": .string(rule.text), "by": .string(call.principal.user)])
            return .nothing
        },
        Service("Explain", nil, "Whether a user may do something, and why", "user!, right!, collection=Things, entity!, resource", "JSON") {
            platform, call in
            let name = try call.required("user")
            // Everybody may ask for themselves.
            if name != call.principal.user { try platform.demandAdministrator(call) }
            guard let user = platform.model.users[name] else { throw ServiceFailure.notFound(.user, name) }
            let word = try call.required("right")
            guard let right = Right(rawValue: word) ?? Right(permission: word) else {
                throw ServiceFailure(
                    .badRequest, "Explain: right: expected one of \(Right.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            guard let kind = EntityKind(collection: try call.string("collection") ?? "Things") else {
                throw ServiceFailure(.notFound, "Explain: there is no such collection")
            }
            let resource = try call.string("resource")
            let judgement = platform.model.judge(
                right, on: EntityRef(kind, try call.required("entity")), resource: resource?.isEmpty ?? true ? nil : resource,
                for: platform.model.principal(name))
            let mayAct = user.isEnabled && !user.isLocked
            return .json([
                "allowed": .bool(judgement.isAllowed && mayAct), "user": .string(name), "right": .string(right.rawValue),
                "groups": .array(platform.model.groups(of: name).sorted().map { .string($0) }),
                "why": .string(mayAct ? judgement.explanation : "\(name) is disabled or locked"),
            ])
        },
        Service("QueryAudit", nil, "What was changed, allowed and refused, newest first", "maxItems NUMBER=500", "INFOTABLE:EventRecord") {
            platform, call in
            try platform.demandAdministrator(call)
            return .later(
                platform.store.events(source: nil, most: min(try call.count("maxItems", default: 500), 10_000), on: platform.loop).map {
                    events in
                    .success(Platform.table(of: events))
                }.recover { Response(.internalError, reason: "\($0)") })
        },
    ]
}

extension Platform {
    func demandAdministrator(_ call: ServiceCall) throws {
        guard call.principal.isAdministrator else {
            throw ServiceFailure(.forbidden, "\(call.service) is for members of \(Principal.administrators)")
        }
    }

    func checkHolder(_ holder: AccessRule.Holder) throws {
        let entity = EntityRef(holder.isGroup ? .group : .user, holder.name)
        guard model.has(entity) else { throw ServiceFailure.notFound(entity.kind, holder.name) }
    }

    private func rule(_ call: ServiceCall, isDesign: Bool, isForInstances: Bool) throws -> AccessRule {
        let word = try call.required("type")
        guard let right = Right(permission: word), right.isDesign == isDesign else {
            throw ServiceFailure(.badRequest, "\(call.service): there is no permission \(word)")
        }
        let principal = try call.required("principal")
        let isGroup = try call.required("principalType").lowercased() == "group"
        var rule = AccessRule(
            holder: isGroup ? .group(principal) : .user(principal), entities: [NamePattern(call.entity.name)], kind: call.entity.kind,
            rights: [right])
        // The name of an entity may hold a star, which would be a pattern.
        guard rule.entities[0].name != nil else {
            throw ServiceFailure(.badRequest, "\(call.service): use PermissionServices for names with a *")
        }
        if isForInstances { rule.kind = .thingTemplate }
        rule.isForInstances = isForInstances
        rule.resource = isDesign ? "*" : try call.string("resource") ?? "*"
        rule.allows = try call.bool("allow") ?? true
        return rule
    }

    func addPermission(_ call: ServiceCall, isDesign: Bool, isForInstances: Bool = false) throws -> ServiceResult {
        let rule = try rule(call, isDesign: isDesign, isForInstances: isForInstances)
        try checkHolder(rule.holder)
        // The last word on one right counts.
        var opposite = rule
        opposite.allows = !rule.allows
        for (number, known) in model.access.rules where known == opposite { model.removeRule(number) }
        model.addRule(rule)
        audit(
            "RuleAdded", call.entity.kind == .thing ? call.entity.name : "",
            ["rule": .string(rule.text), "by": .string(call.principal.user)])
        return .nothing
    }

    func deletePermission(_ call: ServiceCall, isDesign: Bool, isForInstances: Bool = false) throws -> ServiceResult {
        var rule = try rule(call, isDesign: isDesign, isForInstances: isForInstances)
        for allows in [true, false] {
            rule.allows = allows
            for (number, known) in model.access.rules where known == rule { model.removeRule(number) }
        }
        audit(
            "RuleDeleted", call.entity.kind == .thing ? call.entity.name : "",
            ["rule": .string(rule.text), "by": .string(call.principal.user)])
        return .nothing
    }

    func check(_ call: ServiceCall, _ principal: Principal) throws -> Bool {
        let word = try call.required("type")
        guard let right = Right(permission: word) else {
            throw ServiceFailure(.badRequest, "\(call.service): there is no permission \(word)")
        }
        let name = try call.required("name")
        return model.allows(right, on: call.entity, resource: name == "*" ? nil : name, for: principal)
    }

    func permissions(of entity: EntityRef, isForInstances: Bool = false, _ isWanted: (Right) -> Bool) -> Infotable {
        Shapes.table(
            "Permissions",
            model.access.rules(of: entity, forInstances: isForInstances).flatMap { _, rule in
                rule.rights.filter(isWanted).sorted { $0.rawValue < $1.rawValue }.map { right in
                    [
                        .string(rule.holder.name), .string(rule.holder.isGroup ? "Group" : "User"), .string(right.permissionName),
                        .boolean(rule.allows),
                    ]
                }
            })
    }

    /// `{permissions: [{resourceName, PropertyRead: [{name, type, isPermitted}] …}]}` (platform.md §7).
    func runTimePermissions(of entity: EntityRef, isForInstances: Bool = false) -> JSONValue {
        var byResource: [String: [Right: [JSONValue]]] = [:]
        for (_, rule) in model.access.rules(of: entity, forInstances: isForInstances) {
            for right in rule.rights where !right.isDesign {
                byResource[rule.resource, default: [:]][right, default: []].append(Platform.principal(rule))
            }
        }
        return [
            "permissions": .array(
                byResource.sorted { $0.key < $1.key }.map { resource, rights in
                    var object: JSONObject = ["resourceName": .string(resource)]
                    for right in [Right.read, .write, .invoke, .fire, .subscribe] {
                        object[right.permissionName] = .array(rights[right] ?? [])
                    }
                    return .object(object)
                })
        ]
    }

    func designTimePermissions(of entity: EntityRef) -> JSONValue {
        var object: JSONObject = [:]
        for right in [Right.create, .view, .update, .delete] {
            object[right.permissionName] = .array(
                model.access.rules(of: entity).filter { $0.rule.rights.contains(right) }.map { Platform.principal($0.rule) })
        }
        object["Metadata"] = []
        return .object(object)
    }

    private static func principal(_ rule: AccessRule) -> JSONValue {
        ["name": .string(rule.holder.name), "type": rule.holder.isGroup ? "Group" : "User", "isPermitted": .bool(rule.allows)]
    }
}
