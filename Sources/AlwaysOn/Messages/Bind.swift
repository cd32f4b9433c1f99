import NIOCore

/// The body of BIND and UNBIND (alwayson.md §3).
public struct Bind: Sendable, Equatable {
    /// A gateway that represents itself as a Thing.
    public struct Gateway: Sendable, Hashable {
        /// Its name on the platform.
        public var name: String
        /// Its template on the platform, as a rule `EMSGateway`.
        public var type: String

        /// A gateway of that name, made from that template.
        public init(name: String, type: String = "EMSGateway") {
            self.name = name
            self.type = type
        }
    }

    /// Who binds, where it is a Thing itself; nil for none.
    public var gateway: Gateway?
    /// Thing names; one that begins with `*` is an identifier. At most 65,535.
    public var names: [String]

    /// - Parameters:
    ///   - gateway: who binds, where it is a Thing itself.
    ///   - names: of Things; at most 65,535.
    public init(gateway: Gateway? = nil, names: [String]) {
        self.gateway = gateway
        self.names = names
    }

    /// Bytes that a name takes in the message.
    public static func encodedSize(of name: String) -> Int {
        let length = name.utf8.count
        return length + (length < 0x80 ? 1 : 4)
    }

    init(from reader: inout WireReader) throws(WireError) {
        if try reader.flag("the gateway flag") {
            let name = try reader.string()
            gateway = Gateway(name: name, type: try reader.string())
        }
        let count = Int(try reader.integer(UInt16.self))
        guard count <= reader.remaining else {
            throw reader.error("\(count) names announced, \(reader.remaining) bytes are left")
        }
        names = []
        names.reserveCapacity(count)
        for _ in 0..<count { names.append(try reader.string()) }
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeWireFlag(gateway != nil)
        if let gateway {
            buffer.writeWireString(gateway.name)
            buffer.writeWireString(gateway.type)
        }
        let sent = names.prefix(Int(UInt16.max))
        buffer.writeInteger(UInt16(sent.count))
        for name in sent { buffer.writeWireString(name) }
    }
}
