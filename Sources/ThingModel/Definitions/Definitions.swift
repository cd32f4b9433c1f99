package import AlwaysOn

/// A service: its parameters and result, and where it runs if at an edge.
package struct ServiceDefinition: Sendable, Equatable {
    package var description = ""
    package var category = ""
    /// Aspects `isRequired`, `defaultValue`, `dataShape` as clients set them.
    package var parameters: [DataShape.Field] = []
    /// Its name is `result`; base type NOTHING where there is none.
    package var result = DataShape.Field("result", .nothing)
    package var isAsync = false
    package var remote: RemoteServiceBinding?

    package init() {}
}

package struct RemoteServiceBinding: Sendable, Equatable {
    package var sourceName: String
    /// Milliseconds; 0: the platform's default.
    package var timeout: Int64 = 0
    package var queues = false

    package init(sourceName: String) { self.sourceName = sourceName }
}

package struct EventDefinition: Sendable, Equatable {
    package var description = ""
    package var category = ""
    package var dataShape = ""
    /// What the edge calls it; nil: it is not bound.
    package var remoteName: String?

    package init() {}
}

/// What a Thing, template or shape defines. Templates and shapes pass it on to what is made of them.
package struct Definitions: Sendable, Equatable {
    package var properties: [String: PropertyDefinition] = [:]
    package var services: [String: ServiceDefinition] = [:]
    package var events: [String: EventDefinition] = [:]

    package init() {}

    package var isEmpty: Bool { properties.isEmpty && services.isEmpty && events.isEmpty }

    /// Takes over what the other defines and this does not.
    package mutating func inherit(_ other: Definitions) {
        // A Thing without definitions of its own shares the storage of its template's.
        if isEmpty {
            self = other
        } else if !other.isEmpty {
            properties.merge(other.properties) { mine, _ in mine }
            services.merge(other.services) { mine, _ in mine }
            events.merge(other.events) { mine, _ in mine }
        }
    }
}
