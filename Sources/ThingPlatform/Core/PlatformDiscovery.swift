import AlwaysOn
import Formats
import ThingModel

/// Things whose properties nobody has defined: they are taken over from the edge, as far as a Thing has room.
extension Platform {
    /// Properties that a Thing may have by discovery.
    private static let mostProperties = 10_000

    /// Takes over the properties that an edge's metadata names.
    func adopt(_ metadata: Response, for name: String) {
        guard let thing = model[thing: name], thing.discovers else { return }
        guard let json = Platform.metadata(in: metadata) else {
            return logger.debug("\(name): no metadata to discover properties from (\(metadata.reasonText ?? metadata.status.description))")
        }
        discover(Platform.definitions(in: json), thing)
    }

    /// The JSON that an edge answers `GetMetadata` with; nil where it does not.
    static func metadata(in response: Response) -> JSONValue? {
        guard response.status.isSuccess, let text = response.content?.decoded().first("result")?.stringValue else { return nil }
        return try? JSONValue(parsing: text)
    }

    /// The properties that metadata of an edge define, as they would be bound.
    static func definitions(in metadata: JSONValue) -> [(String, PropertyDefinition)] {
        (metadata["propertyDefinitions"]?.object?.members ?? []).compactMap { member in
            guard let type = member.value["baseType"]?.string.flatMap({ BaseType(name: $0) }), type != .nothing else { return nil }
            let aspects = member.value["aspects"]
            var definition = PropertyDefinition(baseType: type)
            definition.description = member.value["description"]?.string ?? ""
            definition.dataShape = aspects?["dataShape"]?.string ?? ""
            definition.isReadOnly = aspects?["isReadOnly"]?.looseBool ?? false
            definition.isPersistent = aspects?["isPersistent"]?.looseBool ?? true
            definition.isLogged = aspects?["isLogged"]?.looseBool ?? true
            var binding = RemotePropertyBinding(sourceName: member.name)
            binding.pushType = aspects?["pushType"]?.string.flatMap { PushType(rawValue: $0.uppercased()) } ?? .value
            binding.pushThreshold = aspects?["pushThreshold"]?.looseDouble ?? 0
            binding.aspects["startType"] = "useEdgeValue"
            definition.remote = binding
            return (member.name, definition)
        }
    }

    /// Takes over properties that an edge pushes.
    func discover(_ updates: [PropertyUpdate], _ thing: Thing) -> Thing {
        var found: [(String, PropertyDefinition)] = []
        for update in updates where update.value.unwrapped != .nothing && thing.properties(atEdge: update.name).isEmpty {
            var definition = PropertyDefinition(baseType: update.value.unwrapped.baseType)
            (definition.isPersistent, definition.isLogged) = (true, true)
            definition.remote = RemotePropertyBinding(sourceName: update.name)
            definition.remote?.aspects["startType"] = "useEdgeValue"
            found.append((update.name, definition))
        }
        return found.isEmpty ? thing : discover(found, thing)
    }

    /// So many, and with names as long, as a Thing may have.
    @discardableResult
    private func discover(_ definitions: [(String, PropertyDefinition)], _ thing: Thing) -> Thing {
        var thing = thing
        var count = thing.properties.count
        for (name, definition) in definitions {
            guard count < Platform.mostProperties else { break }
            guard thing.properties[name] == nil, thing.own.properties[name] == nil,
                (1...InputLimits.standard.nameBytes).contains(name.utf8.count)
            else { continue }
            thing.own.properties[name] = definition
            count += 1
        }
        model.put(thing)
        return model[thing: thing.name] ?? thing
    }
}
