package import AlwaysOn

/// A property of a Thing, and whether its value lives at the edge.
package struct PropertyDefinition: Sendable, Equatable {
    package var baseType: BaseType
    package var description = ""
    package var isRemote = false
    /// When the edge pushes it (alwayson.md §6).
    package var pushType = "VALUE"
    package var pushThreshold = 0.0

    package init(baseType: BaseType) { self.baseType = baseType }

    /// Reads go to the edge: nothing is pushed that could be kept.
    package var isReadLive: Bool { isRemote && pushType == "NEVER" }
}

/// A value, when it was read and how good it is.
package struct TimedValue: Sendable, Equatable {
    package var value: Value
    /// Milliseconds since 1970 UTC.
    package var time: Int64
    package var quality = "GOOD"
}

package struct Thing: Sendable, Equatable {
    package let name: String
    package var template: String
    package var identifier: String?
    package var description = ""
    package var properties: [String: PropertyDefinition] = [:]
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
}
