public import Formats
public import NIOCore

/// One whole AlwaysOn message.
public struct Message: Sendable, Equatable {
    /// What follows the header.
    public enum Body: Sendable, Equatable {
        case auth(Auth)
        case bind(Bind)
        case unbind(Bind)
        case request(Request)
        case response(Response)
        case keepAlive
    }

    /// Code, request and session.
    public var header: Header
    /// What the message says.
    public var body: Body

    /// A message of these parts; that they fit together is the caller's affair.
    public init(header: Header, body: Body) {
        self.header = header
        self.body = body
    }

    /// Reads a whole message; bytes after a complete body are ignored (alwayson.md §2, §3).
    /// - Throws: `WireError`.
    public init(decoding buffer: ByteBuffer, limits: InputLimits = .standard) throws {
        guard case .message(let message) = try Packet(decoding: buffer, limits: limits) else {
            throw WireError("a chunk where a whole message was expected", offset: 14)
        }
        self = message
    }

    /// The message as bytes (alwayson.md §3).
    public func encoded(allocator: ByteBufferAllocator = ByteBufferAllocator()) -> ByteBuffer {
        var buffer = allocator.buffer(capacity: estimatedSize)
        buffer.writeHeader(header)
        switch body {
        case .auth(let auth): auth.encode(into: &buffer)
        case .bind(let bind), .unbind(let bind): bind.encode(into: &buffer)
        case .request(let request): request.encode(into: &buffer)
        case .response(let response): response.encode(into: &buffer)
        case .keepAlive: break
        }
        return buffer
    }

    private var estimatedSize: Int {
        switch body {
        case .auth, .keepAlive: 128
        case .bind(let bind), .unbind(let bind): 64 + 24 * bind.names.count
        case .request(let request): Header.size + request.estimatedSize
        case .response(let response): 32 + (response.reason?.utf8.count ?? 0) + (response.content?.bytes.readableBytes ?? 0)
        }
    }
}

/// What one WebSocket message holds.
public enum Packet: Sendable, Equatable {
    case message(Message)
    case chunk(Chunk)

    /// - Throws: `WireError`.
    public init(decoding buffer: ByteBuffer, limits: InputLimits = .standard) throws {
        self = try WireReader.withReader(buffer, limits: limits) { try Packet(from: &$0) }
    }

    /// Reads the packet at the front of `buffer` and moves the reader index behind it: what is left are the bytes after
    /// the end that some clients send (alwayson.md §3).
    /// - Throws: `WireError`; the buffer is then as it was.
    public init(readingFrom buffer: inout ByteBuffer, limits: InputLimits = .standard) throws {
        let end: Int
        (self, end) = try WireReader.withReader(buffer, limits: limits) { (try Packet(from: &$0), $0.position) }
        buffer.moveReaderIndex(forwardBy: end)
    }

    private init(from reader: inout WireReader) throws(WireError) {
        let (header, isChunk) = try reader.header()
        if isChunk {
            self = .chunk(try Chunk(header: header, from: &reader))
        } else {
            self = .message(Message(header: header, body: try Message.Body(header: header, from: &reader)))
        }
    }

    /// The header alone, when the bytes hold one: tells whom to answer when the rest cannot be read.
    public static func header(of buffer: ByteBuffer) -> Header? {
        try? WireReader.withReader(buffer, limits: nil) { try $0.header().0 }
    }
}

extension Message.Body {
    init(header: Header, from reader: inout WireReader) throws(WireError) {
        switch header.code {
        case Code.auth: self = .auth(try Auth(from: &reader))
        case Code.bind: self = .bind(try Bind(from: &reader))
        case Code.unbind: self = .unbind(try Bind(from: &reader))
        case Code.keepAlive: self = .keepAlive
        case 0x40...: self = .response(try Response(status: Status(rawValue: header.code), from: &reader))
        default:
            guard let method = Method(rawValue: header.code) else {
                throw WireError("unknown message code \(header.code)", offset: 1)
            }
            self = .request(try Request(method: method, from: &reader))
        }
    }
}
