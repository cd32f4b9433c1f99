package import Formats

/// What StartTunnel asks an edge for (alwayson.md §9).
package struct TunnelStart: Sendable, Equatable {
    package var id: String
    package var target: TunnelTarget
    /// 0: one; below 0: no limit.
    package var connects = 1
    /// Raw bytes of one text message.
    package var chunkSize = 8192
    /// Milliseconds.
    package var idleTimeout = 30_000
    package var readTimeout = 10
    /// Who opened it, where the platform says so.
    package var user: String?
    package var message = ""

    /// Names that exist and are not offered: `file` would open any path.
    package static let refusedTypes: Set<String> = ["file", "udp", "serial"]
    package static let chunkSizes = 512...1_048_576
    private static let longestID = 128

    package init(id: String, target: TunnelTarget) { (self.id, self.target) = (id, target) }

    /// How many connections a number of connects stands for; nil: no limit.
    package static func most(connects: Int) -> Int? { connects < 0 ? nil : max(connects, 1) }

    /// The JSON of the parameter `connection`.
    package var connection: JSONObject {
        var object: JSONObject = [
            "host": .string(target.host), "port": .int(target.port), "num_connects": .int(connects), "message": .string(message),
        ]
        if let user { object["user"] = .string(user) }
        return object
    }

    /// - Parameter text: the parameter `connection`.
    /// - Throws: `TunnelFault`.
    package mutating func take(connection text: String) throws(TunnelFault) {
        guard let object = (try? JSONValue(parsing: text))?.object else {
            throw TunnelFault("connection: expected the JSON object { host, port, num_connects, message }")
        }
        guard let host = object["host"]?.string else { throw TunnelFault("connection.host: expected a name or an address") }
        guard let port = object["port"]?.int else { throw TunnelFault("connection.port: expected a number from 1 to 65535") }
        target = try TunnelTarget(host: host, port: port)
        if let given = object["num_connects"] {
            guard let number = given.int else { throw TunnelFault("connection.num_connects: expected a whole number") }
            connects = number
        }
        message = object["message"]?.string ?? ""
        user = object["user"]?.string.map { String($0.prefix(128)) }
    }

    /// Whether an id may stand in a path and in a log.
    package static func isID(_ id: String) -> Bool {
        (1...longestID).contains(id.utf8.count)
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "~"): true
                default: false
                }
            } && id != "." && id != ".."
    }
}
