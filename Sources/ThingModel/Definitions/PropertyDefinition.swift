package import AlwaysOn
package import Formats

/// When the edge pushes a property (alwayson.md §6).
package enum PushType: String, Sendable, CaseIterable {
    case value = "VALUE"
    case always = "ALWAYS"
    case deadband = "DEADBAND"
    case on = "ON"
    case off = "OFF"
    case never = "NEVER"
}

/// When a change of a property is one: for events and for what a logged property stores (platform.md §8, §10.4).
package enum DataChangeType: String, Sendable, CaseIterable {
    case value = "VALUE"
    case always = "ALWAYS"
    case never = "NEVER"
    case on = "ON"
    case off = "OFF"
}

/// Where a property lives at an edge (platform.md §8).
package struct RemotePropertyBinding: Sendable, Equatable {
    /// What the edge calls the property.
    package var sourceName: String
    package var pushType = PushType.value
    package var pushThreshold = 0.0
    /// Milliseconds a value is good for before a read asks the edge; 0: the platform's value is read, -1: each read asks.
    package var cacheTime: Int64 = 0
    /// Milliseconds a request for it may take; 0: the platform's default.
    package var timeout: Int64 = 0
    package var foldType = "NONE"
    /// Whatever else a client has set, `startType` among it.
    package var aspects = JSONObject()

    package init(sourceName: String) { self.sourceName = sourceName }

    /// Until the first push, reads ask the edge.
    package var startsWithEdgeValue: Bool { aspects["startType"]?.string == "useEdgeValue" }
}

/// A property that follows one of another Thing.
package struct LocalPropertyBinding: Sendable, Equatable {
    package var thing: String
    package var property: String
    package var aspects = JSONObject()

    package init(thing: String, property: String) {
        self.thing = thing
        self.property = property
    }
}

/// A property of a Thing, template or shape (platform.md §8).
package struct PropertyDefinition: Sendable, Equatable {
    package var baseType: BaseType
    package var description = ""
    package var category = ""
    /// Its value until one is set.
    package var defaultValue: Value?
    package var isReadOnly = false
    /// Its value outlasts a restart.
    package var isPersistent = false
    /// Its values go into the history.
    package var isLogged = false
    package var dataChangeType = DataChangeType.value
    package var dataChangeThreshold = 0.0
    /// Of an INFOTABLE.
    package var dataShape = ""
    /// Aspects that are carried and not looked at: `units`, `minimumValue` …
    package var aspects = JSONObject()
    package var remote: RemotePropertyBinding?
    package var local: LocalPropertyBinding?

    package init(baseType: BaseType) { self.baseType = baseType }

    package var isRemote: Bool { remote != nil }

    /// Reads go to the edge: nothing is pushed that could be kept.
    package var isReadLive: Bool { remote.map { $0.pushType == .never || $0.cacheTime < 0 } ?? false }

    /// What it is before anything was set: its default, or nothing where its base type has no value that stands for that.
    package var initialValue: Value { defaultValue ?? PropertyDefinition.empty(baseType) }

    package static func empty(_ type: BaseType) -> Value {
        switch type {
        case .number: .number(0)
        case .integer: .integer(0)
        case .boolean: .boolean(false)
        case .string, .text, .html, .hyperlink, .imagelink: .text(type, "")
        default: .nothing
        }
    }
}
