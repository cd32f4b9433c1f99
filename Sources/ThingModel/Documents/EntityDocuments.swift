import AlwaysOn
package import Formats

/// Entities as documents: what is kept, exported, imported, and what REST gives and takes (platform.md §7).
extension EntityAbout {
    var members: [(String, JSONValue)] {
        [
            ("description", .string(description)), ("documentationContent", .string(documentation)), ("projectName", .string(projectName)),
            ("tags", .array(tags.map(EntityAbout.tagDocument))), ("homeMashup", .string(homeMashup)), ("avatar", ""),
            ("lastModifiedDate", .int(lastModified)), ("isSystemObject", .bool(isSystem)),
        ]
    }

    /// `{vocabulary, vocabularyTerm}`.
    package static func tagDocument(_ tag: String) -> JSONValue {
        let parts = tag.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return ["vocabulary": .string(parts[0]), "vocabularyTerm": .string(parts.count == 2 ? parts[1] : "")]
    }

    mutating func take(_ document: JSONObject) {
        description = document.string("description") ?? description
        documentation = document.string("documentationContent") ?? documentation
        projectName = document.string("projectName") ?? projectName
        homeMashup = document.string("homeMashup") ?? homeMashup
        tags = document["tags"]?.tags ?? tags
        lastModified = document.integer("lastModifiedDate") ?? lastModified
    }
}

extension PlatformModel {
    /// What is kept of an entity: all that it says itself. nil where it is not there.
    package func document(of entity: EntityRef) -> JSONValue? {
        let name = entity.name
        switch entity.kind {
        case .thing: return things[name].map { .object(document(of: $0)) }
        case .thingTemplate:
            return templates[name].map { template in
                var object = head(name, template.about)
                object["baseThingTemplate"] = .string(template.base ?? "")
                object["valueStream"] = .string(template.valueStream)
                object["implementedShapes"] = shapeList(template.shapes)
                add(template.own, to: &object, source: "ThingTemplate")
                return .object(object)
            }
        case .thingShape:
            return shapes[name].map { shape in
                var object = head(name, shape.about)
                for member in shape.own.shapeDocument(source: "ThingShape").members { object[member.name] = member.value }
                for (name, value) in shape.own.bindingDocuments() { object[name] = value }
                return .object(object)
            }
        case .dataShape:
            return dataShapes[name].map { shape in
                var object = head(name, shape.about)
                object["fieldDefinitions"] = ThingModel.document(ofFields: shape.fields)
                return .object(object)
            }
        case .user:
            return users[name].map { user in
                var object = head(name, user.about)
                object["enabled"] = .bool(user.isEnabled)
                object["locked"] = .bool(user.isLocked)
                if let password = user.password { object["passwordHash"] = .string(password.text) }
                return .object(object)
            }
        case .group:
            return groups[name].map { group in
                var object = head(name, group.about)
                object["members"] = .array(group.members.map { ["name": .string($0.name), "type": $0.isGroup ? "Group" : "User"] })
                return .object(object)
            }
        case .applicationKey:
            return keys[name].map { key in
                var object = head(name, key.about)
                object["keyDigest"] = .string(key.digest.hex)
                object["userNameReference"] = .string(key.user)
                object["clientName"] = .string(key.clientName)
                object["ipWhiteList"] = .string(key.allowedAddresses.map(\.text).joined(separator: ","))
                object["enabled"] = .bool(key.isEnabled)
                if let expires = key.expires { object["expirationDate"] = .int(expires) }
                if let lastUsed = key.lastUsed { object["lastUsedDate"] = .int(lastUsed) }
                return .object(object)
            }
        case .project: return projects[name].map { .object(head(name, $0.about)) }
        case .resource, .subsystem, .log: return nil
        }
    }

    /// Members of a document that nobody gets to see over REST.
    package static let secretMembers: Set<String> = ["passwordHash", "keyDigest"]

    private func head(_ name: String, _ about: EntityAbout) -> JSONObject {
        var object = JSONObject([("name", .string(name))])
        for (name, value) in about.members { object[name] = value }
        return object
    }

    private func document(of thing: Thing) -> JSONObject {
        var object = head(thing.name, thing.about)
        object["enabled"] = .string(thing.isEnabled ? "true" : "false")
        object["published"] = false
        object["identifier"] = .string(thing.identifier ?? "")
        object["thingTemplate"] = .string(thing.template)
        object["valueStream"] = .string(thing.valueStream)
        object["implementedShapes"] = shapeList(thing.shapes)
        add(thing.own, to: &object, source: "Thing")
        object["configurationTables"] = .object(thing.configuration)
        object["dynamicSubscriptions"] = .array(
            thing.subscriptions.map { subscription in
                [
                    "thingName": .string(subscription.thing), "eventName": .string(subscription.event),
                    "propertyName": .string(subscription.property),
                    "serviceName": .string(subscription.service), "enabled": .bool(subscription.isEnabled),
                ]
            })
        object["discoversProperties"] = .bool(thing.discovers)
        if !thing.tunnels.isEmpty {
            object["tunnels"] = .object(JSONObject(thing.tunnels.sorted { $0.key < $1.key }.map { ($0.key, $0.value.document) }))
        }
        return object
    }

    private func add(_ own: Definitions, to object: inout JSONObject, source: String) {
        object["thingShape"] = .object(own.shapeDocument(source: source))
        for (name, value) in own.bindingDocuments() { object[name] = value }
    }

    package func shapeList(_ names: [String]) -> JSONValue {
        .object(JSONObject(names.map { ($0, ["name": .string($0), "type": "ThingShape"]) }))
    }

    // MARK: Taking

    /// Adds an entity from its document, or changes the one that is there: members that are absent stay.
    ///
    /// - Parameter isTrusted: of the platform's own store, and not of a client: digests and hashes are taken too.
    package mutating func put(document: JSONValue, as entity: EntityRef, isTrusted: Bool = false) throws(DocumentFailure) {
        guard let object = document.object else { throw DocumentFailure("", "expected an object, found \(document.kindName)") }
        let name = entity.name
        guard (1...InputLimits.standard.nameBytes).contains(name.utf8.count) else {
            throw DocumentFailure("name", "expected 1 to \(InputLimits.standard.nameBytes) bytes")
        }
        switch entity.kind {
        case .thing: put(try thing(name, from: object))
        case .thingTemplate: put(try template(name, from: object))
        case .thingShape:
            var shape = shapes[name] ?? ThingShape(name: name)
            shape.about.take(object)
            try shape.own.take(shape: object["thingShape"]?.object ?? object, bindings: object, inherited: Definitions(), name)
            put(shape)
        case .dataShape:
            var shape = dataShapes[name] ?? NamedDataShape(name: name)
            shape.about.take(object)
            if let json = object["fieldDefinitions"] { shape.fields = try fields(json, "fieldDefinitions") }
            put(shape)
        case .user:
            var user = users[name] ?? User(name: name)
            user.about.take(object)
            user.isEnabled = object["enabled"]?.looseBool ?? user.isEnabled
            user.isLocked = object["locked"]?.looseBool ?? user.isLocked
            if isTrusted, let hash = object.string("passwordHash") { user.password = PasswordHash(text: hash) }
            put(user)
        case .group:
            var group = groups[name] ?? Group(name: name)
            group.about.take(object)
            if let members = object["members"]?.array {
                group.members = members.compactMap { item in
                    item["name"]?.string.map { .init(name: $0, isGroup: item["type"]?.string == "Group") }
                }
            }
            put(group)
        case .applicationKey: put(try key(name, from: object, isTrusted: isTrusted))
        case .project:
            var project = projects[name] ?? Project(name: name)
            project.about.take(object)
            put(project)
        case .resource, .subsystem, .log: throw DocumentFailure("", "\(entity.kind.rawValue) are not made by clients")
        }
    }

    private func thing(_ name: String, from object: JSONObject) throws(DocumentFailure) -> Thing {
        let template = object.string("thingTemplate") ?? things[name]?.template ?? "GenericThing"
        guard templates[template] != nil else { throw DocumentFailure("thingTemplate", "there is no template \(template)") }
        var thing = things[name] ?? Thing(name: name, template: template)
        thing.template = template
        thing.about.take(object)
        thing.isEnabled = object["enabled"]?.looseBool ?? thing.isEnabled
        thing.valueStream = object.string("valueStream") ?? thing.valueStream
        thing.discovers = object["discoversProperties"]?.looseBool ?? thing.discovers
        thing.configuration = object["configurationTables"]?.object ?? thing.configuration
        if let identifier = object.string("identifier") {
            if !identifier.isEmpty, let other = self.thing(identifier: identifier), other != name {
                throw DocumentFailure("identifier", "\(other) has the identifier \(identifier) already")
            }
            guard identifier.utf8.count <= InputLimits.standard.nameBytes else {
                throw DocumentFailure("identifier", "expected at most \(InputLimits.standard.nameBytes) bytes")
            }
            thing.identifier = identifier.isEmpty ? nil : identifier
        }
        if let json = object["implementedShapes"] { thing.shapes = try shapeNames(json) }
        if let subscriptions = object["dynamicSubscriptions"]?.array {
            thing.subscriptions = subscriptions.compactMap { item in
                guard let item = item.object, let thing = item.string("thingName"), let event = item.string("eventName"),
                    let service = item.string("serviceName")
                else { return nil }
                var subscription = DynamicSubscription(
                    thing: thing, event: event, property: item.string("propertyName") ?? "", service: service)
                subscription.isEnabled = item["enabled"]?.looseBool ?? true
                return subscription
            }
        }
        if let tunnels = object["tunnels"]?.object {
            thing.tunnels = [:]
            for member in tunnels.members { thing.tunnels[member.name] = try TunnelDefinition(member.name, member.value) }
        }
        var bare = thing
        bare.own = Definitions()
        try thing.own.take(shape: object["thingShape"]?.object, bindings: object, inherited: effective(of: bare), name)
        return thing
    }

    private func template(_ name: String, from object: JSONObject) throws(DocumentFailure) -> ThingTemplate {
        var template = templates[name] ?? ThingTemplate(name: name, base: "GenericThing")
        if let base = object.string("baseThingTemplate"), !base.isEmpty {
            guard templates[base] != nil else { throw DocumentFailure("baseThingTemplate", "there is no template \(base)") }
            guard !chain(of: base).contains(name) else { throw DocumentFailure("baseThingTemplate", "\(base) comes from \(name) itself") }
            template.base = base
        }
        template.about.take(object)
        template.valueStream = object.string("valueStream") ?? template.valueStream
        if let json = object["implementedShapes"] { template.shapes = try shapeNames(json) }
        let inherited = template.base.map { effective(ofTemplate: $0) } ?? Definitions()
        try template.own.take(shape: object["thingShape"]?.object, bindings: object, inherited: inherited, name)
        return template
    }

    private func shapeNames(_ json: JSONValue) throws(DocumentFailure) -> [String] {
        let names = try namedMembers(json, "implementedShapes").map(\.name)
        if let unknown = names.first(where: { shapes[$0] == nil }) {
            throw DocumentFailure("implementedShapes", "there is no shape \(unknown)")
        }
        return names
    }

    private func key(_ name: String, from object: JSONObject, isTrusted: Bool) throws(DocumentFailure) -> ApplicationKey {
        var key: ApplicationKey
        if isTrusted, let digest = object.string("keyDigest").flatMap({ KeyDigest(hex: $0) }) {
            key = ApplicationKey(name: name, digest: digest, user: object.string("userNameReference") ?? "")
        } else if let old = keys[name] {
            key = old
        } else {
            throw DocumentFailure("", "keys are made by the service CreateApplicationKey")
        }
        key.about.take(object)
        if let user = object.string("userNameReference") {
            guard isTrusted || users[user] != nil else { throw DocumentFailure("userNameReference", "there is no user \(user)") }
            key.user = user
        }
        key.clientName = object.string("clientName") ?? key.clientName
        key.isEnabled = object["enabled"]?.looseBool ?? key.isEnabled
        key.expires = object.integer("expirationDate") ?? key.expires
        if isTrusted { key.lastUsed = object.integer("lastUsedDate") }
        if let list = object.string("ipWhiteList") { key.allowedAddresses = try AddressRange.list(list, "ipWhiteList") }
        return key
    }
}
