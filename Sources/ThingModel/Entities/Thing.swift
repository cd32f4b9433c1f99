package import AlwaysOn
package import Formats

/// A value, when it was read and how good it is.
package struct TimedValue: Sendable, Equatable {
    package var value: Value
    /// Milliseconds since 1970 UTC.
    package var time: Int64
    package var quality = "GOOD"

    package init(value: Value, time: Int64, quality: String = "GOOD") {
        self.value = value
        self.time = time
        self.quality = quality
    }
}

/// Runs a service of its Thing when an event of another fires (platform.md §9).
package struct DynamicSubscription: Sendable, Hashable {
    package var thing: String
    package var event: String
    /// Of `DataChange`; else empty.
    package var property: String
    package var service: String
    package var isEnabled = true

    package init(thing: String, event: String, property: String, service: String) {
        self.thing = thing
        self.event = event
        self.property = property
        self.service = service
    }
}

package struct Thing: Sendable, Equatable {
    package let name: String
    package var about = EntityAbout()
    package var template: String
    package var shapes: [String] = []
    package var identifier: String?
    package var valueStream = ""
    package var isEnabled = true
    /// What it defines itself.
    package var own = Definitions()
    /// What it defines and what its template and shapes pass on: kept by the model.
    package internal(set) var effective = Definitions()
    /// Properties that an edge calls otherwise, by the edge's name: kept by the model.
    package internal(set) var renamed: [String: [String]] = [:]
    package var subscriptions: [DynamicSubscription] = []
    package var configuration = JSONObject()
    /// Where tunnels to it lead, by their names.
    package var tunnels: [String: TunnelDefinition] = [:]
    /// Whether properties that the edge names are taken over without being defined here.
    package var discovers = false
    /// Made by a gateway's BIND, gone with its UNBIND.
    package var isEphemeral = false
    package var isConnected = false
    /// Milliseconds since 1970 UTC.
    package var lastConnection: Int64?

    package init(name: String, template: String) {
        self.name = name
        self.template = template
    }

    package var properties: [String: PropertyDefinition] { effective.properties }
    package var description: String { about.description }

    /// The properties for which an edge's value of this name is.
    package func properties(atEdge name: String) -> [String] {
        if !renamed.isEmpty, let names = renamed[name] { return names }
        guard let property = effective.properties[name], property.remote.map({ $0.sourceName == name }) ?? true else { return [] }
        return [name]
    }
}

/// What Things are made from; those that come from RemoteThing make Things that can be bound.
package struct ThingTemplate: Sendable, Equatable {
    package let name: String
    package var about = EntityAbout()
    package var base: String?
    package var shapes: [String] = []
    package var valueStream = ""
    package var own = Definitions()

    package init(name: String, base: String?) {
        self.name = name
        self.base = base
    }
}

package struct ThingShape: Sendable, Equatable {
    package let name: String
    package var about = EntityAbout()
    package var own = Definitions()

    package init(name: String) { self.name = name }
}

/// The columns of infotables, under a name.
package struct NamedDataShape: Sendable, Equatable {
    package let name: String
    package var about = EntityAbout()
    package var fields: [DataShape.Field] = []

    package init(name: String) { self.name = name }
}

package struct Project: Sendable, Equatable {
    package let name: String
    package var about = EntityAbout()

    package init(name: String) { self.name = name }
}
