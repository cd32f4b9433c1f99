import Formats
package import NIOCore

/// How the platform behaves where its users may choose (Documentation/platform.md).
package struct PlatformSettings: Sendable {
    /// A second connection that binds a Thing gets it only where the first does not answer any more (alwayson.md §7).
    package var firstInWins = true
    /// How long a connection that is asked whether it lives may take.
    package var bindProbe = TimeAmount.seconds(5)
    package var requestTimeout = TimeAmount.seconds(30)
    /// Whether an application key may stand in a query.
    package var keyInQuery = true
    /// Whether a GET with `method=POST` is a POST.
    package var allowsMethodSwitch = true
    /// Whether POST, PUT and DELETE need a content type that a web page of others cannot send (platform.md §3).
    package var filtersContentType = true
    /// Whether values of logged properties are kept where a Thing names no value stream.
    package var hasDefaultStream = true
    /// Whether Things that CreateThing makes are enabled.
    package var enablesNewThings = true

    /// Whether `/metrics` answers administrators.
    package var offersMetrics = false
    /// What the platform says of itself.
    package var version = ""

    /// Bytes of a file that are on their way at once.
    package var transferWindow = 8 << 20

    package init() {}
}

extension PlatformSettings {
    /// What is changed while the platform runs, and kept.
    var document: JSONValue { ["allowMethodSwitch": .bool(allowsMethodSwitch), "filterContentType": .bool(filtersContentType)] }

    mutating func take(_ document: JSONValue) {
        allowsMethodSwitch = document["allowMethodSwitch"]?.bool ?? allowsMethodSwitch
        filtersContentType = document["filterContentType"]?.bool ?? filtersContentType
    }
}
