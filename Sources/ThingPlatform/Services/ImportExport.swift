import AlwaysOn
import Formats
import NIOCore
import ThingModel

/// The model as one JSON document, out and in.
extension Platform {
    private static let exported: [EntityKind] = [.dataShape, .thingShape, .thingTemplate, .project, .user, .group, .thing]

    /// Keys and passwords do not leave the platform.
    func exportModel(_ call: ServiceCall) throws -> ServiceResult {
        try demandAdministrator(call)
        let wanted = try call.names("collections").map { Set($0.map { $0.lowercased() }) }
        let mask = try call.string("nameMask") ?? ""
        let pattern = TextPattern.mask(mask.isEmpty ? "*" : mask)
        var document: JSONObject = ["format": "thingplatform-model", "version": 1, "exported": .int(Platform.now())]
        for kind in Platform.exported where wanted?.contains(kind.rawValue.lowercased()) ?? true {
            let entities = model.names(kind).filter { name in
                pattern.matches(name) && (kind == .thing ? model[thing: name]?.isEphemeral == false : true)
                    && (model.about(EntityRef(kind, name))?.isSystem == false || kind == .group)
            }
            document[kind.rawValue] = .array(entities.compactMap { model.document(of: EntityRef(kind, $0)).map(Platform.withoutSecrets) })
        }
        if wanted?.contains("accessrules") ?? true, mask.isEmpty {
            document[EntityWrite.rules] = .array(model.access.rules.sorted { $0.key < $1.key }.map(\.value.document))
        }
        return .json(.object(document))
    }

    static func withoutSecrets(_ document: JSONValue) -> JSONValue {
        guard case .object(var object) = document else { return document }
        object.removeAll { PlatformModel.secretMembers.contains($0) }
        return .object(object)
    }

    /// All of it, or nothing where a part cannot be.
    func importModel(_ call: ServiceCall) throws -> ServiceResult {
        try demandAdministrator(call)
        guard let document = try call.json("model")?.object, document["format"]?.string == "thingplatform-model" else {
            throw ServiceFailure(.badRequest, "ImportModel: model: expected the JSON that ExportModel answers")
        }
        var changed = model
        var counts = JSONObject()
        var touched: [String] = []
        do {
            for kind in Platform.exported {
                var open = document[kind.rawValue]?.array ?? []
                counts[kind.rawValue] = .int(open.count)
                // Templates may come from each other, in any order.
                while !open.isEmpty {
                    var left: [JSONValue] = []
                    var failure: DocumentFailure?
                    for item in open {
                        guard let name = item["name"]?.string else { throw DocumentFailure(kind.rawValue, "an entity without a name") }
                        do throws(DocumentFailure) {
                            try changed.put(document: item, as: EntityRef(kind, name))
                            if kind == .thing { touched.append(name) }
                        } catch {
                            failure = DocumentFailure("\(kind.rawValue)/\(name)/\(error.path)", error.text)
                            left.append(item)
                        }
                    }
                    if let failure, left.count == open.count { throw failure }
                    open = left
                }
            }
            for item in document[EntityWrite.rules]?.array ?? [] { changed.addRule(try AccessRule(document: item)) }
        } catch let failure as DocumentFailure {
            throw ServiceFailure(.badRequest, "ImportModel: \(failure)")
        }
        model = changed
        audit("Imported", "", ["by": .string(call.principal.user)])
        for name in touched {
            if let thing = model[thing: name] { created(thing) }
            tellEdge(of: name)
        }
        return .json(.object(counts))
    }

    func backUp(_ call: ServiceCall) throws -> ServiceResult {
        try demandAdministrator(call)
        guard let directory = backupDirectory else { throw ServiceFailure(.badRequest, "Backup: the model is in memory alone") }
        let name = try call.string("path") ?? "backup-\(Platform.now()).db"
        guard !name.isEmpty, !name.contains("/"), !name.hasPrefix(".") else {
            throw ServiceFailure(.badRequest, "Backup: path: expected the name of a new file, which will lie beside the database")
        }
        let path = "\(directory)/\(name)"
        return .later(
            committed().flatMap { self.store.backup(to: path, on: self.loop) }.map { .result(.string(path)) }.recover {
                Response(.internalError, reason: "\($0)")
            })
    }

    // MARK: One entity

    /// An entity as REST shows it: its document, what it inherits, its rights and values (platform.md §7).
    func description(of entity: EntityRef) -> JSONValue {
        guard case .object(var object)? = model.document(of: entity).map(Platform.withoutSecrets) else {
            return ["name": .string(entity.name), "serviceDefinitions": metadata(of: entity)["serviceDefinitions"] ?? [:]]
        }
        object["owner"] = ["name": "Administrator", "type": "User"]
        object["designTimePermissions"] = designTimePermissions(of: entity)
        object["runTimePermissions"] = runTimePermissions(of: entity)
        object["visibilityPermissions"] = ["Visibility": []]
        object["aspects"] = [:]
        let source = entity.kind == .thingTemplate ? "ThingTemplate" : "Thing"
        guard entity.kind == .thing || entity.kind == .thingTemplate else { return .object(object) }
        let all = effective(of: entity)
        object["effectiveShape"] = .object(all.shapeDocument(source: source))
        for (name, value) in all.bindingDocuments(prefix: "effective") { object[name] = value }
        object["alertConfigurations"] = [:]
        object["configurationTableDefinitions"] = [:]
        if entity.kind == .thingTemplate {
            object["sharedConfigurationTables"] = [:]
            object["instanceRunTimePermissions"] = runTimePermissions(of: entity, isForInstances: true)
            return .object(object)
        }
        object["effectiveAlertConfiguration"] = [:]
        object["effectiveThingPackage"] = .string(
            model[thing: entity.name].map { model.isRemote($0) ? "RemoteThingPackage" : "ConfiguredThing" } ?? "")
        if let thing = model[thing: entity.name] { object["effectiveImplementedShapes"] = model.shapeList(model.shapes(of: thing)) }
        var values = JSONObject()
        for (name, definition) in all.properties.sorted(by: { $0.key < $1.key }) where definition.isPersistent {
            guard let value = model.values[entity.name, name], value.value.baseType != .password else { continue }
            values[name] = ["value": value.value.json, "time": .int(value.time), "quality": .string(value.quality)]
        }
        object["thingProperties"] = .object(values)
        return .object(object)
    }

    /// Makes or changes an entity from such a document.
    func put(_ document: JSONValue, as entity: EntityRef, for principal: Principal) -> EventLoopFuture<Response> {
        let isNew = !exists(entity)
        if let refusal = refusal(of: isNew ? .create : .update, on: entity, for: principal) { return answer(refusal) }
        if let full = roomForMore { return answer(full) }
        let known = Set(model[thing: entity.name]?.properties.keys.map { $0 } ?? [])
        var changed = model
        do throws(DocumentFailure) { try changed.put(document: document, as: entity) } catch {
            return answer(Response(.badRequest, reason: "\(entity.kind.rawValue)/\(entity.name): \(error)"))
        }
        model = changed
        if entity.kind == .user, entity.name != principal.user, let user = model.users[entity.name], !user.isEnabled || user.isLocked {
            endSessions(of: entity, "the user may not sign in any more")
        }
        changeAbout(entity) { _ in }
        if entity.kind == .thing, let thing = model[thing: entity.name] {
            if isNew, let values = document["thingProperties"]?.object { take(values, of: thing) }
            for name in known where thing.properties[name] == nil { forget(PropertyRef(thing: thing.name, property: name)) }
            if isNew { created(thing) } else { bindWaiting(thing.name) }
            tellEdge(of: thing.name)
        }
        audit(
            isNew ? "Created" : "Changed", entity.kind == .thing ? entity.name : "",
            [
                "kind": .string(entity.kind.singular), "name": .string(entity.name), "by": .string(principal.user),
            ])
        return afterCommit(Response(.success))
    }

    /// Values that a document of a new Thing brings along.
    private func take(_ values: JSONObject, of thing: Thing) {
        for member in values.members {
            guard let definition = thing.properties[member.name], !definition.isRemote, let json = member.value["value"],
                let value = Value(json: json, as: definition.baseType), value != .nothing
            else { continue }
            store(
                member.name, value, of: thing, time: member.value["time"]?.int.map { Int64($0) },
                quality: member.value["quality"]?.string ?? "GOOD")
        }
    }
}
