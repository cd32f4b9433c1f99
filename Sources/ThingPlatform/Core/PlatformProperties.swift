import AlwaysOn
import Formats
import NIOCore

/// Properties: stored here, or at the edge.
extension Platform {
    /// One property, or all of them for "" and "*".
    func read(_ name: String, of thing: Thing) -> EventLoopFuture<Response> {
        if name.isEmpty || name == "*" { return answer(.success(allValues(of: thing))) }
        if let own = ownProperty(name, of: thing) { return answer(.success(Infotable(name, own))) }
        guard let definition = thing.properties[name] else {
            if thing.discovers, thing.isConnected { return forward(Request(.get, thing.name, .property, name), to: thing) }
            return answer(Response(.notFound, reason: "\(thing.name) has no property \(name)"))
        }
        if definition.isReadLive || (definition.isRemote && thing.values[name] == nil) {
            return forward(Request(.get, thing.name, .property, name), to: thing)
        }
        return answer(.success(field(name, definition, thing.values[name]?.value)))
    }

    private func field(_ name: String, _ definition: PropertyDefinition, _ value: Value?) -> Infotable {
        var table = Infotable(DataShape([.init(name, definition.baseType, description: definition.description)]))
        table.append([value ?? .nothing])
        return table
    }

    private func allValues(of thing: Thing) -> Infotable {
        let names = thing.properties.keys.sorted()
        let own = ["name", "description", "thingTemplate", "isConnected", "lastConnection", "identifier"].filter { thing.properties[$0] == nil }
        let ownValues = own.compactMap { name in ownProperty(name, of: thing).map { (name, $0) } }
        var table = Infotable(DataShape(
            ownValues.map { .init($0.0, $0.1.baseType) } + names.map { .init($0, thing.properties[$0]!.baseType) }))
        table.append(ownValues.map(\.1) + names.map { thing.values[$0]?.value ?? .nothing })
        return table
    }

    /// What every Thing has.
    private func ownProperty(_ name: String, of thing: Thing) -> Value? {
        switch name {
        case "name": return .string(thing.name)
        case "description": return .string(thing.description)
        case "thingTemplate": return .text(.thingTemplateName, thing.template)
        case "isConnected" where model.isRemote(thing): return .boolean(thing.isConnected)
        case "lastConnection" where model.isRemote(thing): return thing.lastConnection.map { .datetime($0) } ?? .nothing
        case "identifier" where model.isRemote(thing): return .string(thing.identifier ?? "")
        default: return nil
        }
    }

    func write(_ request: Request, to thing: Thing, edge: UInt32?) -> EventLoopFuture<Response> {
        guard let content = request.content?.decoded(), content.rowCount > 0 else {
            return answer(Response(.badRequest, reason: "expected an infotable with the new value"))
        }
        let values: [(String, Value)]
        if request.name.isEmpty || request.name == "*" {
            values = content.shape.fields.enumerated().map { ($1.name, Array(content[row: 0])[$0]) }
        } else {
            // A table whose shape has no such field is itself the value; so is the one field of a bare `{"value": …}`.
            let value = content.first(request.name) ?? content.first("value") ?? .infotable(content)
            values = [(request.name, value)]
        }
        var accepted: [(name: String, value: Value, isRemote: Bool)] = []
        for (name, value) in values {
            guard let definition = thing.properties[name] else {
                return answer(Response(.notFound, reason: "\(thing.name) has no property \(name)"))
            }
            guard let converted = value.converted(to: definition.baseType) else {
                return answer(Response(.badRequest, reason: "\(name): expected \(definition.baseType.name), found \(value.baseType.name)"))
            }
            accepted.append((name, converted, definition.isRemote && edge == nil))
        }
        for (name, value, isRemote) in accepted where !isRemote { store(name, value, of: thing.name) }
        let remote = accepted.filter(\.isRemote).map { name, value, _ in
            forward(Request(.put, thing.name, .property, name, content: EncodedInfotable(Infotable(name, value))), to: thing).map { response in
                if response.status.isSuccess { self.assumeIsolated { $0.store(name, value, of: thing.name) } }
                return response
            }
        }
        return EventLoopFuture.whenAllSucceed(remote, on: loop).map { responses in
            responses.first { !$0.status.isSuccess } ?? Response(.success)
        }
    }

    func store(_ name: String, _ value: Value, of thing: String, time: Int64? = nil, quality: String = "GOOD") {
        logger.trace("\(thing).\(name) = \(value.text ?? value.baseType.name)")
        model[values: thing, name] = TimedValue(value: value, time: time ?? Platform.now(), quality: quality)
    }

    /// A push of an edge.
    func update(_ thing: Thing, with updates: [PropertyUpdate]) -> Response {
        var refused: [String] = []
        for update in updates {
            var definition = thing.properties[update.name]
            if definition == nil, thing.discovers, update.value != .nothing {
                definition = PropertyDefinition(baseType: update.value.baseType)
                definition?.isRemote = true
                model[definition: thing.name, update.name] = definition
            }
            guard let definition, let value = update.value.converted(to: definition.baseType) else {
                refused.append(update.name)
                continue
            }
            store(update.name, value, of: thing.name, time: update.time, quality: update.quality)
        }
        guard refused.isEmpty else {
            return Response(.badRequest, reason: "not stored, because they are not defined or of another base type: \(refused.joined(separator: ", "))")
        }
        return Response(.success)
    }

    /// What the edge is to push (alwayson.md §6).
    func subscriptions(of thing: Thing) -> Infotable {
        var table = Infotable(DataShape([
            .init("edgeName", .string), .init("name", .string), .init("pushType", .string), .init("pushThreshold", .number),
        ]))
        for (name, definition) in thing.properties.sorted(by: { $0.key < $1.key }) where definition.isRemote {
            table.append([.string(name), .string(name), .string(definition.pushType), .number(definition.pushThreshold)])
        }
        return table
    }

    /// Takes over the properties that an edge's metadata names.
    func adopt(_ metadata: Response, for name: String) {
        guard let thing = model[thing: name], thing.discovers else { return }
        guard let text = metadata.content?.decoded().first("result")?.stringValue, let json = try? JSONValue(parsing: text) else {
            logger.debug("\(name): no metadata to discover properties from (\(metadata.reasonText ?? metadata.status.description))")
            return
        }
        for member in json["propertyDefinitions"]?.object?.members ?? [] {
            guard thing.properties[member.name] == nil, let type = member.value["baseType"]?.string.flatMap({ BaseType(name: $0) }) else { continue }
            var definition = PropertyDefinition(baseType: type)
            definition.isRemote = true
            definition.description = member.value["description"]?.string ?? ""
            definition.pushType = member.value["aspects"]?["pushType"]?.string ?? "VALUE"
            definition.pushThreshold = member.value["aspects"]?["pushThreshold"]?.double ?? 0
            model[definition: name, member.name] = definition
        }
    }
}

extension PlatformModel {
    subscript(values thing: String, name: String) -> TimedValue? {
        get { self[thing: thing]?.values[name] }
        set { modify(thing) { $0.values[name] = newValue } }
    }

    subscript(definition thing: String, name: String) -> PropertyDefinition? {
        get { self[thing: thing]?.properties[name] }
        set { modify(thing) { $0.properties[name] = newValue } }
    }
}
