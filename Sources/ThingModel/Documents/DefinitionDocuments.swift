package import AlwaysOn
package import Formats

/// Definitions of properties, services and events in JSON (platform.md §7).
extension PropertyDefinition {
    package func document(named name: String, ordinal: Int, source: String = "Thing") -> JSONValue {
        var aspects = self.aspects
        for member in standardAspects { aspects[member.name] = member.value }
        return [
            "name": .string(name), "description": .string(description), "category": .string(category), "baseType": .string(baseType.name),
            "ordinal": .int(ordinal), "isLocalOnly": false, "sourceType": .string(source), "sourceName": "", "aspects": .object(aspects),
        ]
    }

    /// What a read of the property says of it, and what its document has.
    package var standardAspects: [(name: String, value: JSONValue)] {
        var aspects: [(String, JSONValue)] = [
            ("isReadOnly", .bool(isReadOnly)), ("isPersistent", .bool(isPersistent)), ("isLogged", .bool(isLogged)),
            ("dataChangeType", .string(dataChangeType.rawValue)), ("cacheTime", .double(Double(remote?.cacheTime ?? 0))),
        ]
        if dataChangeThreshold != 0 { aspects.append(("dataChangeThreshold", .double(dataChangeThreshold))) }
        if let defaultValue { aspects.append(("defaultValue", defaultValue.json)) }
        if !dataShape.isEmpty { aspects.append(("dataShape", .string(dataShape))) }
        return aspects
    }

    init(document: JSONObject, _ path: String) throws(DocumentFailure) {
        guard let typeName = document.string("baseType") else { throw DocumentFailure(path, "expected a \"baseType\"") }
        guard let type = BaseType(name: typeName), type != .nothing else {
            throw DocumentFailure("\(path).baseType", "there is no base type \(typeName)")
        }
        self.init(baseType: type)
        description = document.string("description") ?? ""
        category = document.string("category") ?? ""
        var aspects = document["aspects"]?.object ?? JSONObject()
        isReadOnly = aspects["isReadOnly"]?.looseBool ?? false
        isPersistent = aspects["isPersistent"]?.looseBool ?? false
        isLogged = aspects["isLogged"]?.looseBool ?? false
        if let word = aspects.string("dataChangeType") {
            guard let type = DataChangeType(rawValue: word.uppercased()) else {
                throw DocumentFailure("\(path).aspects.dataChangeType", "unknown: \(word)")
            }
            dataChangeType = type
        }
        dataChangeThreshold = aspects["dataChangeThreshold"]?.looseDouble ?? 0
        dataShape = aspects.string("dataShape") ?? ""
        if let given = aspects["defaultValue"], given != .null {
            guard let value = Value(json: given, as: type) else {
                throw DocumentFailure("\(path).aspects.defaultValue", "expected \(type.name)")
            }
            defaultValue = value
        }
        let known = Set(standardAspects.map(\.name) + ["dataChangeThreshold", "defaultValue", "dataShape"])
        aspects.removeAll { known.contains($0) }
        self.aspects = aspects
    }
}

extension RemotePropertyBinding {
    package func document(named name: String) -> JSONValue {
        [
            "name": .string(name), "sourceName": .string(sourceName), "pushType": .string(pushType.rawValue),
            "pushThreshold": .double(pushThreshold),
            "foldType": .string(foldType), "timeout": .int(timeout), "cacheTime": .int(cacheTime), "aspects": .object(aspects),
        ]
    }

    init(document: JSONObject, named name: String, _ path: String) throws(DocumentFailure) {
        let source = document.string("sourceName") ?? ""
        self.init(sourceName: source.isEmpty ? name : source)
        if let word = document.string("pushType") {
            guard let type = PushType(rawValue: word.uppercased()) else { throw DocumentFailure("\(path).pushType", "unknown: \(word)") }
            pushType = type
        }
        pushThreshold = document["pushThreshold"]?.looseDouble ?? 0
        foldType = document.string("foldType") ?? "NONE"
        timeout = document.integer("timeout") ?? 0
        cacheTime = document.integer("cacheTime") ?? 0
        aspects = document["aspects"]?.object ?? JSONObject()
    }
}

extension DataShape.Field {
    package func document(ordinal: Int) -> JSONValue {
        let aspects = JSONObject(aspects.map { ($0.name, $0.value.json) })
        return [
            "name": .string(name), "description": .string(description), "baseType": .string(baseType.name), "ordinal": .int(ordinal),
            "aspects": .object(aspects),
        ]
    }

    package init(document: JSONObject, named name: String, _ path: String) throws(DocumentFailure) {
        let typeName = document.string("baseType") ?? "STRING"
        guard let type = BaseType(name: typeName) else { throw DocumentFailure("\(path).baseType", "there is no base type \(typeName)") }
        var aspects: [DataShape.Aspect] = []
        for member in document["aspects"]?.object?.members ?? [] {
            guard let value = Value(plain: member.value), value != .nothing else { continue }
            aspects.append(.init(member.name, value))
        }
        self.init(name, type, description: document.string("description") ?? "", aspects: aspects)
    }

    package func aspect(_ name: String) -> Value? { aspects.first { $0.name == name }?.value }
}

/// Fields by name, in the order of their ordinals.
package func fields(_ json: JSONValue?, _ path: String) throws(DocumentFailure) -> [DataShape.Field] {
    let members = try namedMembers(json, path)
    let ordered = members.enumerated().sorted { one, other in
        let ordinals = (
            one.element.value.integer("ordinal") ?? Int64(one.offset), other.element.value.integer("ordinal") ?? Int64(other.offset)
        )
        return ordinals.0 == ordinals.1 ? one.offset < other.offset : ordinals.0 < ordinals.1
    }
    var fields: [DataShape.Field] = []
    for (_, member) in ordered { fields.append(try DataShape.Field(document: member.value, named: member.name, "\(path).\(member.name)")) }
    return fields
}

package func document(ofFields fields: [DataShape.Field]) -> JSONValue {
    .object(JSONObject(fields.enumerated().map { ($1.name, $1.document(ordinal: $0 + 1)) }))
}

extension ServiceDefinition {
    package func document(named name: String, source: String = "Thing") -> JSONValue {
        [
            "name": .string(name), "description": .string(description), "category": .string(category), "isAllowOverride": false,
            "isOpen": false,
            "isPrivate": false, "isLocalOnly": false, "sourceType": .string(source), "sourceName": "",
            "aspects": ["isAsync": .bool(isAsync)],
            "parameterDefinitions": ThingModel.document(ofFields: parameters), "resultType": result.document(ordinal: 0),
        ]
    }

    init(document: JSONObject, _ path: String) throws(DocumentFailure) {
        self.init()
        description = document.string("description") ?? ""
        category = document.string("category") ?? ""
        isAsync = document["aspects"]?["isAsync"]?.looseBool ?? false
        parameters = try fields(document["parameterDefinitions"], "\(path).parameterDefinitions")
        if let type = document["resultType"]?.object { result = try DataShape.Field(document: type, named: "result", "\(path).resultType") }
    }
}

extension EventDefinition {
    package func document(named name: String, source: String = "Thing") -> JSONValue {
        [
            "name": .string(name), "description": .string(description), "category": .string(category), "dataShape": .string(dataShape),
            "aspects": [:], "sourceType": .string(source), "sourceName": "",
        ]
    }

    init(document: JSONObject) {
        self.init()
        description = document.string("description") ?? ""
        category = document.string("category") ?? ""
        dataShape = document.string("dataShape") ?? ""
    }
}
