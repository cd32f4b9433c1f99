import AlwaysOn
import Formats
import NIOCore
import ThingModel

/// Properties: read and written here, or at the edge (platform.md §8, §10).
extension Platform {
    // MARK: Reading

    /// One property, or all of them for "" and "*".
    func read(_ name: String, of thing: Thing, for principal: Principal) -> EventLoopFuture<Response> {
        if name.isEmpty || name == "*" { return answer(.success(allValues(of: thing, for: principal))) }
        guard let definition = thing.properties[name] else {
            if let own = ownProperty(name, of: thing) { return answer(.success(Infotable(name, own))) }
            if thing.discovers, thing.isConnected { return forward(Request(.get, thing.name, .property, name), to: thing) }
            return answer(Response(.notFound, reason: "\(thing.name) has no property \(name)"))
        }
        let value = model.values[thing.name, name]
        guard let binding = definition.remote, asksEdge(binding, definition, value, thing) else {
            return answer(.success(field(name, definition, value?.value ?? definition.initialValue)))
        }
        return forward(Request(.get, thing.name, .property, binding.sourceName), to: thing, timeout: binding.timeout).map { response in
            self.assumeIsolated { $0.readAtEdge(response, name, definition, binding, of: thing.name) }
        }
    }

    private func asksEdge(_ binding: RemotePropertyBinding, _ definition: PropertyDefinition, _ value: TimedValue?, _ thing: Thing) -> Bool
    {
        if definition.isReadLive { return true }
        if let value { return binding.cacheTime > 0 && Platform.now() - value.time > binding.cacheTime }
        return binding.cacheTime > 0 || (binding.startsWithEdgeValue && thing.isConnected)
    }

    /// What an edge said a property is, under the name that it has here.
    private func readAtEdge(
        _ response: Response, _ name: String, _ definition: PropertyDefinition, _ binding: RemotePropertyBinding, of thing: String
    ) -> Response {
        guard response.status.isSuccess, binding.sourceName != name || binding.cacheTime > 0 else { return response }
        guard let content = response.content?.decoded(), let cell = content.first(binding.sourceName) ?? content.cells.first,
            let value = cell.coerced(to: definition.baseType)
        else {
            return Response(.badGateway, reason: "\(thing): the edge's answer for \(binding.sourceName) is no \(definition.baseType.name)")
        }
        if binding.cacheTime > 0, let thing = model[thing: thing] {
            store(name, value, of: thing)
            commitSoon()
        }
        return .success(field(name, definition, value))
    }

    private func field(_ name: String, _ definition: PropertyDefinition, _ value: Value) -> Infotable {
        var table = Infotable(DataShape([Platform.field(name, definition)]))
        table.append([shown(value)])
        return table
    }

    /// A property's column, with its aspects.
    static func field(_ name: String, _ definition: PropertyDefinition) -> DataShape.Field {
        .init(
            name, definition.baseType, description: definition.description,
            aspects: definition.standardAspects.compactMap { aspect in Value(plain: aspect.value).map { .init(aspect.name, $0) } })
    }

    /// A password is not given out.
    private func shown(_ value: Value) -> Value { if case .text(.password, _) = value { .text(.password, "") } else { value } }

    /// The properties of a Thing that somebody may read, in order: its own before those that every Thing has.
    func readableProperties(of thing: Thing, for principal: Principal) -> [(name: String, definition: PropertyDefinition)] {
        thing.properties.sorted { $0.key < $1.key }.filter { model.allows(.read, on: thing.name, resource: $0.key, for: principal) }
            .map { ($0.key, $0.value) }
    }

    /// Properties that are part of every Thing, with their values.
    func ownProperties(of thing: Thing) -> [(name: String, value: Value)] {
        Platform.ownNames.filter { thing.properties[$0] == nil }.compactMap { name in ownProperty(name, of: thing).map { (name, $0) } }
    }

    func allValues(of thing: Thing, for principal: Principal, only names: Set<String>? = nil) -> Infotable {
        let isWanted = { (name: String) in names?.contains(name) ?? true }
        let own = ownProperties(of: thing).filter { isWanted($0.name) }
        let properties = readableProperties(of: thing, for: principal).filter { isWanted($0.name) }
        var table = Infotable(
            DataShape(
                own.map { .init($0.name, $0.value.baseType == .nothing ? .datetime : $0.value.baseType, aspects: Platform.ownAspects) }
                    + properties.map { Platform.field($0.name, $0.definition) }))
        table.append(own.map(\.value) + properties.map { shown(model.values[thing.name, $0.name]?.value ?? $0.definition.initialValue) })
        return table
    }

    private static let ownAspects: [DataShape.Aspect] = [
        .init("isReadOnly", .boolean(true)), .init("isPersistent", .boolean(true)), .init("isLogged", .boolean(false)),
        .init("dataChangeType", .string("NEVER")), .init("cacheTime", .number(0)),
    ]

    private static let ownNames = [
        "name", "description", "tags", "thingTemplate", "isSystemObject", "homeMashup", "avatar", "projectName", "isConnected",
        "lastConnection", "isReporting",
        "identifier",
    ]

    /// What every Thing has (platform.md §8).
    func ownProperty(_ name: String, of thing: Thing) -> Value? {
        switch name {
        case "name": return .string(thing.name)
        case "description": return .string(thing.description)
        case "tags": return .text(.tags, thing.about.tags.joined(separator: ";"))
        case "thingTemplate": return .text(.thingTemplateName, thing.template)
        case "isSystemObject": return .boolean(thing.about.isSystem)
        case "homeMashup": return .text(.mashupName, thing.about.homeMashup)
        case "avatar": return .text(.imagelink, "/Thingworx/Things/\(thing.name)/Avatar")
        case "projectName": return .string(thing.about.projectName)
        case "isConnected" where model.isRemote(thing): return .boolean(thing.isConnected)
        case "lastConnection" where model.isRemote(thing): return thing.lastConnection.map { .datetime($0) } ?? .nothing
        case "isReporting" where model.isRemote(thing): return .boolean(thing.isConnected)
        case "identifier" where model.isRemote(thing): return .string(thing.identifier ?? "")
        default: return nil
        }
    }

    // MARK: Writing

    func write(_ request: Request, to thing: Thing, edge: UInt32?, _ delivery: Delivery = .live) -> EventLoopFuture<Response> {
        guard let content = request.content?.decoded(), content.rowCount > 0 else {
            return answer(Response(.badRequest, reason: "expected an object with the new value"))
        }
        let values: [(String, Value)]
        if request.name.isEmpty || request.name == "*" {
            values = zip(content.shape.fields, content[row: 0]).map { ($0.name, $1) }
        } else {
            // A table whose shape has no such field is itself the value; so is the one field of a bare `{"value": …}`.
            let value = content.first(request.name) ?? content.first("value") ?? .infotable(content)
            values = [(request.name, value)]
        }
        return write(values, to: thing, edge: edge, delivery, as: request.entityName)
    }

    /// All of them, or none where one cannot be.
    func write(
        _ values: [(String, Value)], to thing: Thing, edge: UInt32?, _ delivery: Delivery = .live, as name: String
    ) -> EventLoopFuture<Response> {
        if let response = roomForMore { return answer(response) }
        var here: [PropertyUpdate] = []
        var there: [(binding: RemotePropertyBinding, content: EncodedInfotable)] = []
        for (name, value) in values {
            guard let definition = thing.properties[name] else {
                if edge == nil, name == "description" || name == "tags", values.count == 1 {
                    return answer(writeOwn(name, value, of: thing))
                }
                return answer(Response(.notFound, reason: "\(thing.name) has no property \(name)"))
            }
            guard !definition.isReadOnly || edge != nil else {
                return answer(Response(.forbidden, reason: "\(name) of \(thing.name) is read only"))
            }
            guard let converted = value.coerced(to: definition.baseType) else {
                return answer(Response(.badRequest, reason: "\(name): expected \(definition.baseType.name), found \(value.baseType.name)"))
            }
            guard let binding = definition.remote, edge == nil else {
                here.append(PropertyUpdate(name: name, value: converted, time: nil))
                continue
            }
            do throws(WireError) { there.append((binding, try EncodedInfotable(Infotable(binding.sourceName, converted)))) } catch {
                return answer(Response(error.status, reason: error.message))
            }
        }
        if !here.isEmpty, let failure = take(here, of: thing, as: name, delivery) { return answer(failure) }
        guard !there.isEmpty else { return answer(Response(.success)) }
        // The value here is what the edge says that it is, once it pushes it.
        let remote = there.map { binding, content in
            forward(Request(.put, thing.name, .property, binding.sourceName, content: content), to: thing, timeout: binding.timeout)
        }
        return EventLoopFuture.whenAllSucceed(remote, on: loop).map { responses in
            responses.first { !$0.status.isSuccess } ?? Response(.success)
        }
    }

    private func take(_ updates: [PropertyUpdate], of thing: Thing, as name: String, _ delivery: Delivery) -> Response? {
        if let journal, !note(updates, journal, of: thing, as: name, delivery) {
            return Response(.serviceUnavailable, reason: "the journal cannot be written")
        }
        for update in updates where !store(update.name, update.value, of: thing, time: delivery.time, isLate: delivery.isLate) {
            return Response(.entityTooLarge, reason: "the values of \(thing.name) take too much already: \(update.name) is not stored")
        }
        return nil
    }

    private func writeOwn(_ name: String, _ value: Value, of thing: Thing) -> Response {
        guard let value = value.coerced(to: name == "tags" ? .tags : .string), let text = value.stringValue else {
            return Response(.badRequest, reason: "\(name): expected a text")
        }
        changeAbout(EntityRef(.thing, thing.name)) { about in
            if name == "tags" { about.tags = text.split(separator: ";").map(String.init) } else { about.description = text }
        }
        return Response(.success)
    }

    /// Back to the default value.
    func reset(_ name: String, of thing: Thing) -> EventLoopFuture<Response> {
        guard let definition = thing.properties[name] else {
            return answer(Response(.notFound, reason: "\(thing.name) has no property \(name)"))
        }
        guard !definition.isRemote else { return answer(Response(.badRequest, reason: "\(name) of \(thing.name) lives at the edge")) }
        forget(PropertyRef(thing: thing.name, property: name))
        return answer(Response(.success))
    }

    func forget(_ property: PropertyRef) {
        model.values.remove(property.property, of: property.thing)
        commits.batch.values[property] = .some(nil)
    }

    /// Why no more changes are taken for now; nil where they are.
    var roomForMore: Response? {
        commits.isFull ? Response(.serviceUnavailable, reason: "what waits for the disk takes all the memory that there is for it") : nil
    }

    // MARK: Pushes

    /// A push of an edge.
    ///
    /// - Returns: the answer, and how many values were taken.
    func update(
        _ thing: Thing, with updates: [PropertyUpdate], _ delivery: Delivery = .live, as name: String? = nil
    ) -> (response: Response, stored: Int) {
        if let response = roomForMore { return (response, 0) }
        var thing = thing
        if thing.discovers { thing = discover(updates, thing) }
        var refused: [String] = []
        var taken: [PropertyUpdate] = []
        for update in updates {
            let names = thing.properties(atEdge: update.name)
            for name in names {
                guard let definition = thing.properties[name], let value = update.value.coerced(to: definition.baseType) else {
                    refused.append(update.name)
                    continue
                }
                var update = update
                (update.name, update.value) = (name, value)
                taken.append(update)
            }
            if names.isEmpty { refused.append(update.name) }
        }
        if let journal, !taken.isEmpty, !note(taken, journal, of: thing, as: name, delivery) {
            return (Response(.serviceUnavailable, reason: "the journal cannot be written"), 0)
        }
        var unkept: [String] = []
        for update in taken
        where !store(
            update.name, update.value, of: thing, time: update.time ?? delivery.time, quality: update.quality, isLate: delivery.isLate)
        {
            unkept.append(update.name)
        }
        let stored = taken.count - unkept.count
        guard unkept.isEmpty else {
            return (
                Response(
                    .entityTooLarge, reason: "not stored, because the values of \(thing.name) take too much already: \(NameList(unkept))"),
                stored
            )
        }
        guard refused.isEmpty else {
            return (
                Response(.badRequest, reason: "not stored, because they are not defined or of another base type: \(NameList(refused))"),
                stored
            )
        }
        return (Response(.success), stored)
    }

    private func note(_ updates: [PropertyUpdate], _ journal: ValueJournal, of thing: Thing, as name: String?, _ delivery: Delivery) -> Bool
    {
        let now = Platform.now()
        return journal.note(
            updates.map {
                .init(property: $0.name, value: TimedValue(value: $0.value, time: $0.time ?? delivery.time ?? now, quality: $0.quality))
            },
            of: thing.name, as: name, delivery.identity)
    }

    /// What the edge is to push (alwayson.md §6).
    func subscriptions(of thing: Thing) -> Infotable {
        var table = Infotable(
            DataShape([
                .init("edgeName", .string), .init("name", .string), .init("pushType", .string), .init("pushThreshold", .number),
            ]))
        for (name, definition) in thing.properties.sorted(by: { $0.key < $1.key }) {
            guard let binding = definition.remote else { continue }
            table.append([.string(binding.sourceName), .string(name), .string(binding.pushType.rawValue), .number(binding.pushThreshold)])
        }
        return table
    }
}
