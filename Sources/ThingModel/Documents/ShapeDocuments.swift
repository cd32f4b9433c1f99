package import Formats

/// What a Thing, template or shape defines: a shape's members, and the bindings beside it (platform.md §7).
extension Definitions {
    package func shapeDocument(source: String = "Thing") -> JSONObject {
        let properties = properties.sorted { $0.key < $1.key }.enumerated().map {
            ($1.key, $1.value.document(named: $1.key, ordinal: $0 + 1, source: source))
        }
        let services = services.sorted { $0.key < $1.key }.map { ($0.key, $0.value.document(named: $0.key, source: source)) }
        let events = events.sorted { $0.key < $1.key }.map { ($0.key, $0.value.document(named: $0.key, source: source)) }
        return [
            "propertyDefinitions": .object(JSONObject(properties)), "serviceDefinitions": .object(JSONObject(services)),
            "eventDefinitions": .object(JSONObject(events)), "subscriptions": [:], "serviceImplementations": [:], "serviceMappings": [:],
        ]
    }

    /// - Parameter prefix: `effective` for those of a Thing with what it inherits.
    package func bindingDocuments(prefix: String = "") -> [(String, JSONValue)] {
        let key = { (name: String) in prefix.isEmpty ? name : prefix + name.prefix(1).uppercased() + name.dropFirst() }
        let remote = properties.sorted { $0.key < $1.key }.compactMap { name, property in
            property.remote.map { (name, $0.document(named: name)) }
        }
        let services = services.sorted { $0.key < $1.key }.compactMap { name, service in
            service.remote.map { binding -> (String, JSONValue) in
                (
                    name,
                    [
                        "name": .string(name), "sourceName": .string(binding.sourceName), "timeout": .int(binding.timeout),
                        "enableQueue": .bool(binding.queues),
                    ]
                )
            }
        }
        let events = events.sorted { $0.key < $1.key }.compactMap { name, event in
            event.remoteName.map { source -> (String, JSONValue) in (name, ["name": .string(name), "sourceName": .string(source)]) }
        }
        let local = properties.sorted { $0.key < $1.key }.compactMap { name, property in
            property.local.map { binding -> (String, JSONValue) in
                (
                    name,
                    [
                        "name": .string(name), "sourceThingName": .string(binding.thing), "sourceName": .string(binding.property),
                        "aspects": .object(binding.aspects),
                    ]
                )
            }
        }
        return [
            (key("remotePropertyBindings"), .object(JSONObject(remote))), (key("remoteServiceBindings"), .object(JSONObject(services))),
            (key("remoteEventBindings"), .object(JSONObject(events))),
            (prefix.isEmpty ? "propertyBindings" : "effectiveLocalPropertyBindings", .object(JSONObject(local))),
        ]
    }

    /// Takes over what a document says; members that are absent stay as they were.
    ///
    /// - Parameters:
    ///   - shape: the object with `propertyDefinitions` and its like.
    ///   - bindings: the object with `remotePropertyBindings` and its like.
    ///   - inherited: what a binding may be for besides the own definitions.
    mutating func take(shape: JSONObject?, bindings: JSONObject, inherited: Definitions, _ path: String) throws(DocumentFailure) {
        if let shape { try take(shape, "\(path).thingShape") }
        if let json = bindings["remotePropertyBindings"] {
            for name in properties.keys { properties[name]?.remote = nil }
            for (name, member) in try namedMembers(json, "\(path).remotePropertyBindings") {
                guard var property = properties[name] ?? inherited.properties[name] else { continue }
                let binding = try RemotePropertyBinding(document: member, named: name, "\(path).remotePropertyBindings.\(name)")
                if properties[name] == nil, property.remote == binding { continue }
                property.remote = binding
                properties[name] = property
            }
        }
        if let json = bindings["remoteServiceBindings"] {
            for name in services.keys { services[name]?.remote = nil }
            for (name, member) in try namedMembers(json, "\(path).remoteServiceBindings") {
                guard var service = services[name] ?? inherited.services[name] else { continue }
                var binding = RemoteServiceBinding(sourceName: member.string("sourceName") ?? name)
                binding.timeout = member.integer("timeout") ?? 0
                binding.queues = member["enableQueue"]?.looseBool ?? false
                if services[name] == nil, service.remote == binding { continue }
                service.remote = binding
                services[name] = service
            }
        }
        if let json = bindings["remoteEventBindings"] {
            for name in events.keys { events[name]?.remoteName = nil }
            for (name, member) in try namedMembers(json, "\(path).remoteEventBindings") {
                guard var event = events[name] ?? inherited.events[name] else { continue }
                let source = member.string("sourceName") ?? name
                if events[name] == nil, event.remoteName == source { continue }
                event.remoteName = source
                events[name] = event
            }
        }
        if let json = bindings["propertyBindings"] {
            for name in properties.keys { properties[name]?.local = nil }
            for (name, member) in try namedMembers(json, "\(path).propertyBindings") {
                guard var property = properties[name] ?? inherited.properties[name], let thing = member.string("sourceThingName") else {
                    continue
                }
                var binding = LocalPropertyBinding(thing: thing, property: member.string("sourceName") ?? name)
                binding.aspects = member["aspects"]?.object ?? JSONObject()
                if properties[name] == nil, property.local == binding { continue }
                property.local = binding
                properties[name] = property
            }
        }
    }

    private mutating func take(_ shape: JSONObject, _ path: String) throws(DocumentFailure) {
        if let json = shape["propertyDefinitions"] {
            var taken: [String: PropertyDefinition] = [:]
            for (name, member) in try namedMembers(json, "\(path).propertyDefinitions") {
                try checkName(name, "\(path).propertyDefinitions")
                var property = try PropertyDefinition(document: member, "\(path).propertyDefinitions.\(name)")
                (property.remote, property.local) = (properties[name]?.remote, properties[name]?.local)
                taken[name] = property
            }
            properties = taken
        }
        if let json = shape["serviceDefinitions"] {
            var taken: [String: ServiceDefinition] = [:]
            for (name, member) in try namedMembers(json, "\(path).serviceDefinitions") {
                try checkName(name, "\(path).serviceDefinitions")
                var service = try ServiceDefinition(document: member, "\(path).serviceDefinitions.\(name)")
                service.remote = services[name]?.remote
                taken[name] = service
            }
            services = taken
        }
        if let json = shape["eventDefinitions"] {
            var taken: [String: EventDefinition] = [:]
            for (name, member) in try namedMembers(json, "\(path).eventDefinitions") {
                try checkName(name, "\(path).eventDefinitions")
                var event = EventDefinition(document: member)
                event.remoteName = events[name]?.remoteName
                taken[name] = event
            }
            events = taken
        }
    }

    private func checkName(_ name: String, _ path: String) throws(DocumentFailure) {
        guard (1...InputLimits.standard.nameBytes).contains(name.utf8.count) else {
            throw DocumentFailure(path, "expected a name of 1 to \(InputLimits.standard.nameBytes) bytes")
        }
    }
}
