import AlwaysOn
import ThingModel

/// `Resources/EntityServices` (platform.md §9).
extension ServiceTables {
    static let entityServices: [Service] = [
        Service(
            "CreateThing", nil, "Makes a Thing", "name!, description, thingTemplateName!, projectName, tags TAGS, ownerUserName, identifier"
        ) { try $0.createThing($1) },
        Service(
            "CloneThing", nil, "Makes a Thing like another, without values and identifier",
            "sourceThingName!, name!, description, projectName, tags TAGS"
        ) {
            try $0.cloneThing($1)
        },
        Service("DeleteThing", nil, "Deletes a Thing", "name!") { try $0.delete(.thing, $1) },
        Service("CreateThingTemplate", nil, "Makes a template", "name!, description, thingTemplateName, projectName, tags TAGS") {
            try $0.createTemplate($1)
        },
        Service(
            "CloneThingTemplate", nil, "Makes a template like another",
            "sourceThingTemplateName!, name!, description, projectName, tags TAGS"
        ) { try $0.cloneTemplate($1) },
        Service("DeleteThingTemplate", nil, "Deletes a template that nothing is made from", "name!") { try $0.delete(.thingTemplate, $1) },
        Service("CreateThingShape", nil, "Makes a shape", "name!, description, projectName, tags TAGS") { try $0.create(.thingShape, $1) },
        Service("CloneThingShape", nil, "Makes a shape like another", "sourceThingShapeName!, name!, description, projectName, tags TAGS") {
            try $0.cloneShape($1)
        },
        Service("DeleteThingShape", nil, "Deletes a shape that nothing has", "name!") { try $0.delete(.thingShape, $1) },
        Service("AddShapeToThing", nil, "Gives a Thing a shape", "name!, thingShapeName!") {
            try $0.changeShapes(.thing, $1) { $0 + ($0.contains($1) ? [] : [$1]) }
        },
        Service("RemoveShapeFromThing", nil, "Takes a shape from a Thing", "name!, thingShapeName!") {
            try $0.changeShapes(.thing, $1) { list, name in list.filter { $0 != name } }
        },
        Service("AddShapeToThingTemplate", nil, "Gives a template a shape", "name!, thingShapeName!") {
            try $0.changeShapes(.thingTemplate, $1) { $0 + ($0.contains($1) ? [] : [$1]) }
        },
        Service("RemoveShapeFromThingTemplate", nil, "Takes a shape from a template", "name!, thingShapeName!") {
            try $0.changeShapes(.thingTemplate, $1) { list, name in list.filter { $0 != name } }
        },
        Service("CreateDataShape", nil, "Makes a data shape", "name!, description, fields INFOTABLE, projectName, tags TAGS") {
            try $0.createDataShape($1)
        },
        Service("CreateUser", nil, "Makes a user", "name!, password PASSWORD, description, projectName, tags TAGS") {
            try $0.createUser($1)
        },
        Service("DeleteUser", nil, "Deletes a user, and the user's keys and rules", "name!") { try $0.delete(.user, $1) },
        Service("CreateGroup", nil, "Makes a group", "name!, description, projectName, tags TAGS") { try $0.create(.group, $1) },
        Service("DeleteGroup", nil, "Deletes a group, and its rules", "name!") { try $0.delete(.group, $1) },
        Service("CreateProject", nil, "Makes a project", "name!, description, projectName, tags TAGS, type, dependsOn") {
            try $0.create(.project, $1)
        },
        Service("DeleteProject", nil, "Deletes a project", "name!") { try $0.delete(.project, $1) },
        Service(
            "CreateApplicationKey", nil, "Makes an application key; GetKeyID on it tells the secret, to those who may see it",
            "name!, description, user, clientName, whitelist, expirationDate DATETIME, projectName, tags TAGS"
        ) { try $0.createKey($1) },
        Service("DeleteApplicationKey", nil, "Deletes a key and closes its connections", "name!") { try $0.delete(.applicationKey, $1) },
        Service(
            "GetEntityList", nil, "Entities of a kind", "type=Thing, nameMask, tags TAGS, maxItems NUMBER=500", "INFOTABLE:RootEntityList"
        ) { try $0.entityList($1) },
        Service(
            "GetEntityListByRegEx", nil, "Entities of a kind whose names a regular expression matches",
            "type=Thing, nameMask, tags TAGS, maxItems NUMBER=500", "INFOTABLE:RootEntityList"
        ) {
            try $0.entityList($1, isExpression: true)
        },
        Service("GetThingNameForIdentifier", nil, "The Thing that has an identifier", "identifier!", "THINGNAME") { platform, call in
            let name = platform.model.thing(identifier: try call.required("identifier")) ?? ""
            return .value(.text(.thingName, platform.model.allows(.read, on: name, for: call.principal) ? name : ""))
        },
        Service("IsRemoteThingBound", nil, "Whether an edge has bound a Thing", "name!", "BOOLEAN") { platform, call in
            let name = try call.required("name")
            let thing =
                platform.model[thing: name] ?? platform.model.thing(identifier: name).flatMap { platform.model[thing: $0] }
                ?? platform.model.thing(bound: name)
            guard let thing else { throw ServiceFailure.notFound(.thing, name) }
            try platform.demand(.read, EntityRef(.thing, thing.name), call)
            return .value(.boolean(thing.isConnected))
        },
        Service("ReadEntityAsJSON", nil, "The whole definition of an entity", "type!, name!, key", "JSON") { try $0.readEntity($1) },
        Service("ReadEntityDefinitionAsJSON", nil, "What an entity defines", "type!, name!, key", "JSON") { platform, call in
            guard case .json(let json) = try platform.readEntity(call), let all = json.object else { return .json([:]) }
            return .json([
                "name": all["name"] ?? "", "thingShape": all["thingShape"] ?? [:], "effectiveShape": all["effectiveShape"] ?? [:],
            ])
        },
    ]
}
