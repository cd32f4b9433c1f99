/// Users, keys, rules, templates, Things and what they are made of. A value: its owner is the `Platform`.
///
/// Each change is noted, so that whoever owns the model can have it kept (`takeChanges`).
package struct PlatformModel: Sendable {
    package internal(set) var things: [String: Thing] = [:]
    package internal(set) var templates: [String: ThingTemplate] = [:]
    package internal(set) var shapes: [String: ThingShape] = [:]
    package internal(set) var dataShapes: [String: NamedDataShape] = [:]
    package internal(set) var users: [String: User] = [:]
    package internal(set) var groups: [String: Group] = [:]
    package internal(set) var projects: [String: Project] = [:]
    package internal(set) var keys: [String: ApplicationKey] = [:]
    package internal(set) var access = AccessControl()
    package var values = ValueTable()
    var keysByDigest: [KeyDigest: String] = [:]
    private var identifiers: [String: String] = [:]
    var groupsOfUser: [String: Set<String>] = [:]
    private var subscribers: [String: Set<String>] = [:]
    private var followers: [PropertyRef: Set<PropertyRef>] = [:]
    var changes = ModelChanges()

    package init() { addBuiltIns() }

    /// A model of what is built in alone.
    package static let empty = PlatformModel()

    // MARK: Things

    package subscript(thing name: String) -> Thing? { things[name] }

    /// Adds a Thing, or puts it into the place of the one with that name.
    package mutating func put(_ thing: Thing) {
        var thing = thing
        if let old = things[thing.name]?.identifier, old != thing.identifier, identifiers[old] == thing.name { identifiers[old] = nil }
        if let old = things[thing.name] { follow(old, isGone: true) }
        setEffective(&thing)
        // Who has an identifier keeps it.
        if let identifier = thing.identifier, identifiers[identifier] == nil { identifiers[identifier] = thing.name }
        things[thing.name] = thing
        follow(thing, isGone: false)
        if !thing.isEphemeral { changes.put(EntityRef(.thing, thing.name)) }
    }

    package mutating func removeThing(_ name: String) {
        guard let thing = things.removeValue(forKey: name) else { return }
        follow(thing, isGone: true)
        if let identifier = thing.identifier, identifiers[identifier] == name { identifiers[identifier] = nil }
        values.remove(name)
        if !thing.isEphemeral { removed(EntityRef(.thing, name)) }
    }

    /// Changes what is not kept of a Thing, in place: its connection.
    package mutating func modify(_ name: String, _ change: (inout Thing) -> Void) {
        guard let index = things.index(forKey: name) else { return }
        change(&things.values[index])
    }

    /// The Thing that has an identifier.
    package func thing(identifier: String) -> String? { identifiers[identifier] }

    /// The Thing that a BIND names: by its name, or by its identifier after a `*`.
    package func thing(bound name: String) -> Thing? {
        name.utf8.first == UInt8(ascii: "*") ? identifiers[String(name.unicodeScalars.dropFirst())].flatMap { things[$0] } : things[name]
    }

    package func isRemote(_ thing: Thing) -> Bool { template(thing.template, isA: "RemoteThing") }

    // MARK: Templates and shapes

    package mutating func put(_ template: ThingTemplate) {
        templates[template.name] = template
        changes.put(EntityRef(.thingTemplate, template.name))
        refresh(things.values.filter { self.template($0.template, isA: template.name) }.map(\.name))
    }

    package mutating func put(_ shape: ThingShape) {
        shapes[shape.name] = shape
        changes.put(EntityRef(.thingShape, shape.name))
        refresh(things.values.filter { shapes(of: $0).contains(shape.name) }.map(\.name))
    }

    package mutating func put(_ shape: NamedDataShape) {
        dataShapes[shape.name] = shape
        changes.put(EntityRef(.dataShape, shape.name))
    }

    package mutating func put(_ project: Project) {
        projects[project.name] = project
        changes.put(EntityRef(.project, project.name))
    }

    /// What these Things inherit has changed.
    private mutating func refresh(_ names: [String]) {
        for name in names {
            guard var thing = things[name] else { continue }
            follow(thing, isGone: true)
            setEffective(&thing)
            things[name] = thing
            follow(thing, isGone: false)
        }
    }

    private func setEffective(_ thing: inout Thing) {
        thing.effective = effective(of: thing)
        thing.renamed = [:]
        for (name, property) in thing.effective.properties {
            guard let source = property.remote?.sourceName, source != name || thing.renamed[source] != nil else { continue }
            thing.renamed[source, default: []].append(name)
        }
        // Where one is called as another is at the edge, both have the value.
        for source in thing.renamed.keys where thing.effective.properties[source]?.remote?.sourceName == source {
            if thing.renamed[source]?.contains(source) == false { thing.renamed[source]?.append(source) }
        }
    }

    /// Who is to be told of what others do.
    private mutating func follow(_ thing: Thing, isGone: Bool) {
        for subscription in thing.subscriptions {
            if isGone {
                subscribers[subscription.thing]?.remove(thing.name)
            } else {
                subscribers[subscription.thing, default: []].insert(thing.name)
            }
        }
        for (name, property) in thing.effective.properties {
            guard let local = property.local else { continue }
            let (source, follower) = (
                PropertyRef(thing: local.thing, property: local.property), PropertyRef(thing: thing.name, property: name)
            )
            if isGone { followers[source]?.remove(follower) } else { followers[source, default: []].insert(follower) }
        }
    }

    /// Things that have subscriptions to events of a Thing.
    package func subscribers(of thing: String) -> Set<String> { subscribers[thing] ?? [] }

    /// Properties that take over each value of this one.
    package func followers(of property: PropertyRef) -> Set<PropertyRef> { followers.isEmpty ? [] : followers[property] ?? [] }

    /// Whether a template is `base` or comes from it.
    package func template(_ name: String, isA base: String) -> Bool { chain(of: name).contains(base) }

    /// A template and those that it comes from, nearest first.
    package func chain(of template: String) -> [String] {
        var chain: [String] = []
        var next: String? = template
        // A circle among templates in a file must not become one here.
        while let name = next, chain.count < PlatformModel.deepest, let found = templates[name] {
            chain.append(name)
            next = found.base
        }
        return chain
    }

    private static let deepest = 64

    /// The shapes of a Thing: its own, and those of its template and what that comes from.
    package func shapes(of thing: Thing) -> [String] { unique(thing.shapes + shapes(ofTemplate: thing.template)) }

    package func shapes(ofTemplate name: String) -> [String] { unique(chain(of: name).flatMap { templates[$0]?.shapes ?? [] }) }

    private func unique(_ names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }

    package func effective(of thing: Thing) -> Definitions {
        var all = thing.own
        for name in thing.shapes { if let shape = shapes[name] { all.inherit(shape.own) } }
        all.inherit(effective(ofTemplate: thing.template))
        return all
    }

    package func effective(ofTemplate name: String) -> Definitions {
        var all = Definitions()
        for name in chain(of: name) {
            guard let template = templates[name] else { continue }
            all.inherit(template.own)
            for name in template.shapes { if let shape = shapes[name] { all.inherit(shape.own) } }
        }
        return all
    }

    /// Where the history of a Thing's properties goes; empty: nowhere.
    package func valueStream(of thing: Thing) -> String {
        if !thing.valueStream.isEmpty { return thing.valueStream }
        return chain(of: thing.template).lazy.compactMap { self.templates[$0]?.valueStream }.first { !$0.isEmpty } ?? ""
    }

    // MARK: Removing

    /// Removes an entity that is no Thing. Who uses it is the caller's to ask.
    package mutating func remove(_ entity: EntityRef) {
        switch entity.kind {
        case .thing: return removeThing(entity.name)
        case .thingTemplate: templates[entity.name] = nil
        case .thingShape: shapes[entity.name] = nil
        case .dataShape: dataShapes[entity.name] = nil
        case .project: projects[entity.name] = nil
        case .user:
            users[entity.name] = nil
            for key in keys.values where key.user == entity.name { remove(EntityRef(.applicationKey, key.name)) }
            removeMember(.init(name: entity.name, isGroup: false))
        case .group:
            groups[entity.name] = nil
            removeMember(.init(name: entity.name, isGroup: true))
        case .applicationKey:
            if let key = keys.removeValue(forKey: entity.name) { keysByDigest[key.digest] = nil }
        case .resource, .subsystem, .log: return
        }
        removed(entity)
    }

    private mutating func removed(_ entity: EntityRef) {
        changes.remove(entity)
        for number in access.removeRules(of: entity) { changes.remove(rule: number) }
        guard entity.kind == .user || entity.kind == .group else { return }
        // A new one of that name is somebody else.
        let holder: AccessRule.Holder = entity.kind == .user ? .user(entity.name) : .group(entity.name)
        for (number, rule) in access.rules where rule.holder == holder { removeRule(number) }
    }

    private mutating func removeMember(_ member: Group.Member) {
        for group in groups.values where group.members.contains(member) {
            var group = group
            group.members.removeAll { $0 == member }
            put(group)
        }
        refreshMembership()
    }
}
