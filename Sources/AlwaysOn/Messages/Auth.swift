import NIOCore

/// Who the edge says that it is (alwayson.md §3): the first message of a connection.
public struct Auth: Sendable, Equatable {
    /// A name and a value that say who connects.
    public struct Claim: Sendable, Equatable {
        /// Such as `appKey`.
        public var name: String
        /// Secret, as a rule: not for logs.
        public var value: String

        /// A claim of these two.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// At most 255.
    public var claims: [Claim]

    /// An AUTH message with several claims.
    public init(claims: [Claim]) { self.claims = claims }

    /// An AUTH message with the claim `appKey`.
    public init(applicationKey: String) { claims = [Claim(name: "appKey", value: applicationKey)] }

    /// The claim `appKey`.
    public var applicationKey: String? { claims.first { $0.name == "appKey" }?.value }

    init(from reader: inout WireReader) throws(WireError) {
        claims = []
        for _ in 0..<(try reader.integer(UInt8.self)) {
            let name = try reader.string()
            claims.append(Claim(name: name, value: try reader.string()))
        }
    }

    func encode(into buffer: inout ByteBuffer) {
        let sent = claims.prefix(Int(UInt8.max))
        buffer.writeInteger(UInt8(sent.count))
        for claim in sent {
            buffer.writeWireString(claim.name)
            buffer.writeWireString(claim.value)
        }
    }
}

extension Auth: CustomStringConvertible {
    /// The claims' names; their values are secrets.
    public var description: String { "AUTH with \(claims.map(\.name).joined(separator: ", "))" }
}
