import Formats

/// A tunnel of a Thing, under a name (platform.md §12).
package struct TunnelDefinition: Sendable, Equatable {
    package var description = ""
    /// As the edge sees it.
    package var host: String
    package var port: Int
    /// What is spoken: for whoever reads it.
    package var proto = "TCP"
    /// Connections that one tunnel may make; 0: one, below 0: no limit.
    package var connects = -1
    /// What people open it with.
    package var appURI = ""
    /// Milliseconds without traffic after which it ends.
    package var idleTimeout = 300_000

    package init(host: String, port: Int) { (self.host, self.port) = (host, port) }

    var document: JSONValue {
        [
            "description": .string(description), "host": .string(host), "port": .int(port), "proto": .string(proto),
            "numConnects": .int(connects),
            "appUri": .string(appURI), "idleTimeout": .int(idleTimeout),
        ]
    }

    /// - Throws: `DocumentFailure`.
    init(_ name: String, _ document: JSONValue) throws(DocumentFailure) {
        guard let host = document["host"]?.string, let port = document["port"]?.int, (1...65535).contains(port) else {
            throw DocumentFailure("tunnels.\(name)", "expected an object with host, and port from 1 to 65535")
        }
        self.init(host: host, port: port)
        description = document["description"]?.string ?? ""
        proto = document["proto"]?.string ?? proto
        connects = document["numConnects"]?.int ?? connects
        appURI = document["appUri"]?.string ?? ""
        idleTimeout = max(document["idleTimeout"]?.int ?? idleTimeout, 0)
    }
}
