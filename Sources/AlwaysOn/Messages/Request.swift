import NIOCore

/// A request for a property, service or event of an entity (alwayson.md §3).
public struct Request: Sendable, Equatable {
    /// A name and a value that travel beside the content.
    public struct HeaderField: Sendable, Equatable {
        /// Compared byte by byte.
        public var name: String
        /// Any text.
        public var value: String

        /// A field of these two.
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// What is to be done.
    public var method: Method
    /// The kind of entity that it is for.
    public var entityType: EntityType
    /// Its name; one that begins with `*` is an identifier.
    public var entityName: String
    /// Which of its collections: properties, services, events.
    public var characteristic: Characteristic
    /// The member's name; empty for the collection itself.
    public var name: String
    /// At most 255, names and values at most 127 bytes each: SDK clients misread longer ones.
    public var headers: [HeaderField]
    /// Parameters or values, as an infotable; nil where there are none.
    public var content: EncodedInfotable?

    /// A request for an entity's member; `entityType` is a Thing unless said otherwise.
    public init(
        _ method: Method, entityType: EntityType = .thing, _ entityName: String,
        _ characteristic: Characteristic, _ name: String,
        headers: [HeaderField] = [], content: EncodedInfotable? = nil
    ) {
        self.method = method
        self.entityType = entityType
        self.entityName = entityName
        self.characteristic = characteristic
        self.name = name
        self.headers = headers
        self.content = content
    }

    init(method: Method, from reader: inout WireReader) throws(WireError) {
        self.method = method
        entityType = EntityType(rawValue: try reader.integer())
        entityName = try reader.string()
        let kind: UInt8 = try reader.integer()
        guard let characteristic = Characteristic(rawValue: kind) else {
            throw reader.error("unknown characteristic type \(kind)")
        }
        self.characteristic = characteristic
        name = try reader.string()
        headers = []
        for _ in 0..<(try reader.integer(UInt8.self)) {
            let name = try reader.string()
            headers.append(HeaderField(name: name, value: try reader.string()))
        }
        content = try reader.content()
    }

    func encode(into buffer: inout ByteBuffer) {
        buffer.writeInteger(entityType.rawValue)
        buffer.writeWireString(entityName)
        buffer.writeInteger(characteristic.rawValue)
        buffer.writeWireString(name)
        let count = buffer.writerIndex
        buffer.writeInteger(UInt8(0))
        var sent: UInt8 = 0
        for header in headers.prefix(255) where header.name.utf8.count < 0x80 && header.value.utf8.count < 0x80 {
            buffer.writeWireString(header.name)
            buffer.writeWireString(header.value)
            sent += 1
        }
        if sent > 0 { buffer.setInteger(sent, at: count) }
        buffer.writeContent(content)
    }

    var estimatedSize: Int {
        48 + entityName.utf8.count + name.utf8.count + 32 * headers.count + (content?.bytes.readableBytes ?? 0)
    }
}

/// Content type byte, then an infotable or nothing.
extension WireReader {
    mutating func content() throws(WireError) -> EncodedInfotable? {
        let type: UInt8 = try integer()
        switch type {
        case BaseType.nothing.rawValue: return nil
        case BaseType.infotable.rawValue:
            let start = position
            try judgeInfotable()
            return EncodedInfotable(trusted: slice(start..<position))
        default:
            throw WireError("expected content type 5 (infotable) or 255 (nothing), found \(type)", offset: position - 1)
        }
    }
}

extension ByteBuffer {
    mutating func writeContent(_ content: EncodedInfotable?) {
        if let content {
            writeInteger(BaseType.infotable.rawValue)
            writeImmutableBuffer(content.bytes)
        } else {
            writeInteger(BaseType.nothing.rawValue)
        }
    }
}
