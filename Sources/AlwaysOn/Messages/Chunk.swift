public import NIOCore

/// A piece of a message that was too long for one (alwayson.md §2).
public struct Chunk: Sendable, Equatable {
    /// The entity that every chunk of a request repeats.
    public struct Entity: Sendable, Equatable {
        /// Its kind.
        public var type: EntityType
        /// Its name.
        public var name: String

        /// An entity of that kind and name.
        public init(type: EntityType, name: String) {
            self.type = type
            self.name = name
        }
    }

    /// That of the whole message.
    public var header: Header
    /// From 1.
    public var number: UInt16
    /// How many chunks the message has; 1 to 65,535.
    public var count: UInt16
    /// The sender's chunk size, the same in all chunks of a message.
    public var size: UInt16
    /// In requests only.
    public var entity: Entity?
    /// This chunk's share of the message.
    public var data: ByteBuffer

    /// - Parameters:
    ///   - header: that of the whole message.
    ///   - number: from 1 to `count`.
    ///   - count: how many chunks the message has.
    ///   - size: bytes of a full chunk.
    ///   - entity: whom the request is for; nil in responses.
    ///   - data: this chunk's share.
    public init(header: Header, number: UInt16, count: UInt16, size: UInt16, entity: Entity?, data: ByteBuffer) {
        self.header = header
        self.number = number
        self.count = count
        self.size = size
        self.entity = entity
        self.data = data
    }

    /// Bytes of header and chunk fields.
    public static let overhead = Header.size + 6

    init(header: Header, from reader: inout WireReader) throws(WireError) {
        self.header = header
        number = try reader.integer()
        count = try reader.integer()
        size = try reader.integer()
        guard number >= 1, number <= count else {
            throw reader.error("chunk \(number) of \(count)")
        }
        if header.isRequest {
            let type = EntityType(rawValue: try reader.integer())
            entity = Entity(type: type, name: try reader.string())
        }
        data = reader.rest()
    }

    /// The chunk as bytes (alwayson.md §2).
    public func encoded() -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: Chunk.overhead + 64 + data.readableBytes)
        buffer.writeHeader(header, isChunk: true)
        buffer.writeMultipleIntegers(number, count, size)
        if let entity {
            buffer.writeInteger(entity.type.rawValue)
            buffer.writeWireString(entity.name)
        }
        buffer.writeImmutableBuffer(data)
        return buffer
    }

    /// Cuts an encoded message into pieces of at most `size` bytes each; one that fits comes back as it is.
    ///
    /// - Parameters:
    ///   - message: header and body, encoded.
    ///   - size: 512 to 65,535.
    ///   - reserve: bytes of each piece that stay unused.
    /// - Throws: `WireError` (4.13) when more than 65,535 chunks would be needed.
    public static func split(_ message: ByteBuffer, size: Int, reserve: Int = 0) throws -> [ByteBuffer] {
        guard message.readableBytes > size - reserve else { return [message] }
        return try WireReader.withReader(message, limits: nil) { reader in
            let (header, _) = try reader.header()
            var entity: Entity?
            let bodyStart = reader.position
            if header.isRequest {
                let type = EntityType(rawValue: try reader.integer())
                entity = Entity(type: type, name: try reader.string())
            }
            let entitySize = reader.position - bodyStart
            let capacity = size - reserve - overhead - entitySize
            guard capacity > 0 else { throw WireError("the entity name leaves no room in a chunk of \(size) bytes", offset: 15) }
            // The first piece's data is shorter: its body begins with the entity itself.
            let total = message.readableBytes - bodyStart
            let count = (total + capacity - 1) / capacity
            guard count <= UInt16.max else {
                throw WireError("the message needs \(count) chunks, 65535 are possible", status: .entityTooLarge, offset: 0)
            }
            return (0..<count).map { index in
                let from = index == 0 ? bodyStart + entitySize : bodyStart + index * capacity
                let to = min(bodyStart + (index + 1) * capacity, message.readableBytes)
                return Chunk(
                    header: header, number: UInt16(index + 1), count: UInt16(count), size: UInt16(size),
                    entity: entity, data: reader.slice(from..<max(from, to))
                ).encoded()
            }
        }
    }

    /// How the whole message begins whose chunks these are; their data follows it, in order.
    package static func beginning(of header: Header, entity: Entity?) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeHeader(header)
        if let entity {
            buffer.writeInteger(entity.type.rawValue)
            buffer.writeWireString(entity.name)
        }
        return buffer
    }
}
