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
        if definition.isReadLive || (definition.isRemote && model[values: thing.name, name] == nil) {
            return forward(Request(.get, thing.name, .property, name), to: thing)
        }
        return answer(.success(field(name, definition, model[values: thing.name, name]?.value)))
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
            ownValues.map { .init($0.0, $0.1.baseType) } + names.map { .init($0, thing.properties[$0]?.baseType ?? .nothing) }))
        table.append(ownValues.map(\.1) + names.map { model[values: thing.name, $0]?.value ?? .nothing })
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

    func write(_ request: Request, to thing: Thing, edge: UInt32?, _ delivery: Delivery = .live) -> EventLoopFuture<Response> {
        guard let content = request.content?.decoded(), content.rowCount > 0 else {
            return answer(Response(.badRequest, reason: "expected an infotable with the new value"))
        }
        let values: [(String, Value)]
        if request.name.isEmpty || request.name == "*" {
            values = zip(content.shape.fields, content[row: 0]).map { ($0.name, $1) }
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
        var contents: [(name: String, value: Value, content: EncodedInfotable)] = []
        do throws(WireError) {
            for (name, value, isRemote) in accepted where isRemote { contents.append((name, value, try EncodedInfotable(Infotable(name, value)))) }
        } catch {
            return answer(Response(error.status, reason: error.message))
        }
        let here = accepted.filter { !$0.isRemote }.map { PropertyUpdate(name: $0.name, value: $0.value, time: nil) }
        if let journal, !here.isEmpty, !note(here, journal, of: thing, as: request.entityName, delivery) {
            return answer(Response(.serviceUnavailable, reason: "the journal cannot be written"))
        }
        for (name, value, isRemote) in accepted where !isRemote {
            guard store(name, value, of: thing.name, time: delivery.time, isLate: delivery.isLate) else { return answer(Response(.entityTooLarge, reason: "the values of \(thing.name) take too much already: \(name) is not stored")) }
        }
        guard !contents.isEmpty else { return answer(Response(.success)) }
        let remote = contents.map { name, value, content in
            forward(Request(.put, thing.name, .property, name, content: content), to: thing).map { response in
                if response.status.isSuccess { self.assumeIsolated { _ = $0.store(name, value, of: thing.name) } }
                return response
            }
        }
        return EventLoopFuture.whenAllSucceed(remote, on: loop).map { responses in
            responses.first { !$0.status.isSuccess } ?? Response(.success)
        }
    }

    /// - Returns: false where there is no room for it.
    @discardableResult
    func store(_ name: String, _ value: Value, of thing: String, time: Int64? = nil, quality: String = "GOOD", isLate: Bool = false) -> Bool {
        // What comes late does not take the place of what is newer.
        if isLate, let time, let current = model[values: thing, name], current.time > time { return true }
        logger.trace("\(thing).\(name) = \(value.text ?? value.baseType.name)")
        return model.keep(TimedValue(value: value, time: time ?? Platform.now(), quality: quality), of: name, thing: thing)
    }

    /// A push of an edge.
    ///
    /// - Returns: the answer, and how many values were taken.
    func update(_ thing: Thing, with updates: [PropertyUpdate], _ delivery: Delivery = .live, as name: String? = nil) -> (response: Response, stored: Int) {
        var refused: [String] = []
        var taken: [PropertyUpdate] = []
        for update in updates {
            var definition = thing.properties[update.name]
            if definition == nil, thing.discovers, update.value != .nothing {
                var discovered = PropertyDefinition(baseType: update.value.baseType)
                discovered.isRemote = true
                definition = discover(discovered, update.name, of: thing.name)
            }
            guard let definition, let value = update.value.converted(to: definition.baseType) else {
                refused.append(update.name)
                continue
            }
            var update = update
            update.value = value
            taken.append(update)
        }
        if let journal, !taken.isEmpty, !note(taken, journal, of: thing, as: name, delivery) {
            return (Response(.serviceUnavailable, reason: "the journal cannot be written"), 0)
        }
        var unkept: [String] = []
        for update in taken where !store(update.name, update.value, of: thing.name, time: update.time ?? delivery.time, quality: update.quality, isLate: delivery.isLate) {
            unkept.append(update.name)
        }
        let stored = taken.count - unkept.count
        guard unkept.isEmpty else {
            return (Response(.entityTooLarge, reason: "not stored, because the values of \(thing.name) take too much already: \(NameList(unkept))"), stored)
        }
        guard refused.isEmpty else {
            return (Response(.badRequest, reason: "not stored, because they are not defined or of another base type: \(NameList(refused))"), stored)
        }
        return (Response(.success), stored)
    }

    private func note(_ updates: [PropertyUpdate], _ journal: ValueJournal, of thing: Thing, as name: String?, _ delivery: Delivery) -> Bool {
        let now = Platform.now()
        return journal.note(
            updates.map { .init(property: $0.name, value: TimedValue(value: $0.value, time: $0.time ?? delivery.time ?? now, quality: $0.quality)) },
            of: thing.name, as: name, delivery.identity)
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
            guard discover(definition, member.name, of: name) != nil else { continue }
        }
    }

    /// Takes over a property that an edge names: so many, and with names as long, as a Thing may have.
    /// - Returns: its definition; nil where there is no room for it.
    private func discover(_ definition: PropertyDefinition, _ property: String, of thing: String) -> PropertyDefinition? {
        if let known = model[definition: thing, property] { return known }
        guard let count = model[thing: thing]?.properties.count, count < Platform.mostProperties,
            (1...InputLimits.standard.nameBytes).contains(property.utf8.count)
        else { return nil }
        model[definition: thing, property] = definition
        return definition
    }

    /// Properties that a Thing may have by discovery.
    private static let mostProperties = 10_000
}
