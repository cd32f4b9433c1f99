import AlwaysOn
package import NIOCore
package import Secrets

package struct User: Sendable, Equatable {
    package let name: String
    package var isEnabled = true
    package var groups: Set<String> = []
}

/// A Thing template; those that come from RemoteThing make Things that can be bound.
package struct ThingTemplate: Sendable, Equatable {
    package let name: String
    package var base: String?
    package var properties: [String: PropertyDefinition] = [:]
}

/// Where a platform gets its model from.
package protocol ModelStore: Sendable {
    /// - Throws: an error whose text says what is wrong and where.
    func load() throws -> PlatformModel
}

/// Users, keys, rules, templates and Things. A value: its owner is the `Platform`.
package struct PlatformModel: Sendable {
    package var users: [String: User] = [:]
    package var rules: [AccessRule] = []
    package var templates: [String: ThingTemplate] = [:]
    package private(set) var things: [String: Thing] = [:]
    private var keys: [KeyDigest: ApplicationKey] = [:]
    private var identifiers: [String: String] = [:]
    /// Values of Things, apart from them: a copy of a Thing does not make the next value copy all others.
    private var values: [String: Values] = [:]
    private var size = 0

    package init() {
        for (name, base) in [("GenericThing", nil), ("RemoteThing", "GenericThing"), ("EMSGateway", "RemoteThing")] as [(String, String?)] {
            templates[name] = ThingTemplate(name: name, base: base)
        }
        var repository = Thing(name: "SystemRepository", template: "GenericThing")
        repository.description = "The platform's own repository"
        things[repository.name] = repository
    }

    // MARK: Access

    package mutating func add(_ key: ApplicationKey) { keys[key.digest] = key }

    /// - Parameter now: milliseconds since 1970 UTC.
    package func authenticate(_ key: Secret, from address: SocketAddress?, now: Int64) -> Authentication {
        guard let key = keys[KeyDigest(of: key)] else { return .refused("no such application key") }
        guard key.isEnabled else { return .refused("application key \(key.name) is disabled") }
        if let expires = key.expires, now >= expires { return .refused("application key \(key.name) has expired") }
        guard key.allowedAddresses.isEmpty || key.allowedAddresses.contains(where: { $0.contains(address) }) else {
            return .refused("application key \(key.name) may not be used from \(address?.ipAddress ?? "an unknown address")")
        }
        guard let user = users[key.user], user.isEnabled else {
            return .refused("application key \(key.name): its user \(key.user) is missing or disabled")
        }
        return .accepted(Principal(user: user.name, groups: user.groups), key: key.name)
    }

    // MARK: Things

    package subscript(thing name: String) -> Thing? {
        get { things[name] }
        set {
            if let old = things[name]?.identifier, identifiers[old] == name { identifiers[old] = nil }
            things[name] = newValue
            if newValue == nil { size -= values.removeValue(forKey: name)?.size ?? 0 }
            // Who has an identifier keeps it.
            if let identifier = newValue?.identifier, identifiers[identifier] == nil { identifiers[identifier] = name }
        }
    }

    /// The Thing that has an identifier.
    package func thing(identifier: String) -> String? { identifiers[identifier] }

    subscript(values thing: String, name: String) -> TimedValue? { values[thing]?.byName[name] }

    /// Keeps a value of a property.
    /// - Returns: false, with the value before it kept, where the values of the Thing, or of all, would take too much.
    mutating func keep(_ value: TimedValue, of name: String, thing: String) -> Bool {
        let growth = value.value.storedSize - (values[thing]?.byName[name]?.value.storedSize ?? 0)
        if growth > 0 {
            guard (values[thing]?.size ?? 0) + growth <= PlatformModel.mostOfThing, size + growth <= PlatformModel.mostOfAll else { return false }
        }
        values[thing, default: Values()].byName[name] = value
        values[thing]?.size += growth
        size += growth
        return true
    }

    /// Bytes that the values of one Thing, and of all, may take.
    static let mostOfThing = 64 << 20
    static let mostOfAll = 1 << 30

    private struct Values: Sendable {
        var byName: [String: TimedValue] = [:]
        var size = 0
    }

    subscript(definition thing: String, name: String) -> PropertyDefinition? {
        get { things[thing]?.properties[name] }
        set { modify(thing) { $0.properties[name] = newValue } }
    }

    /// Changes a Thing in place; its identifier stays as it is.
    mutating func modify(_ name: String, _ change: (inout Thing) -> Void) {
        guard let index = things.index(forKey: name) else { return }
        change(&things.values[index])
    }

    /// The Thing that a BIND names: by its name, or by its identifier after a `*`.
    package func thing(bound name: String) -> Thing? {
        name.utf8.first == UInt8(ascii: "*") ? identifiers[String(name.unicodeScalars.dropFirst())].flatMap { things[$0] } : things[name]
    }

    /// Whether a template is `base` or comes from it.
    package func template(_ name: String, isA base: String) -> Bool {
        var next: String? = name
        // A circle among templates in a file must not become one here.
        for _ in 0..<64 {
            guard let name = next else { return false }
            if name == base { return true }
            next = templates[name]?.base
        }
        return false
    }

    package func isRemote(_ thing: Thing) -> Bool { template(thing.template, isA: "RemoteThing") }

    /// A new Thing with the properties of its template and those that it comes from.
    package func makeThing(_ name: String, template: String) -> Thing {
        var thing = Thing(name: name, template: template)
        var next: String? = template
        for _ in 0..<64 {
            guard let name = next, let template = templates[name] else { break }
            thing.properties.merge(template.properties) { mine, _ in mine }
            next = template.base
        }
        return thing
    }
}
