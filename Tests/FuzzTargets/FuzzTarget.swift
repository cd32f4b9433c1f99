import AlwaysOn
import AlwaysOnSession
import AlwaysOnTransport
import Formats
import NIOCore
import NIOEmbedded
import NIOWebSocket

/// What reads bytes of strangers, each behind one function that takes any bytes and must neither crash nor dawdle.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case message
    case infotable
    case json
    case frames
    case deflate
    case multipart

    package func run(_ bytes: [UInt8]) {
        switch self {
        case .message: FuzzTarget.message(bytes)
        case .infotable: FuzzTarget.infotable(bytes)
        case .json: FuzzTarget.json(bytes)
        case .frames: FuzzTarget.frames(bytes)
        case .deflate: FuzzTarget.deflate(bytes)
        case .multipart: FuzzTarget.multipart(bytes)
        }
    }

    /// What is accepted can be written, and is then read as the same.
    private static func message(_ bytes: [UInt8]) {
        guard let packet = try? Packet(decoding: ByteBuffer(bytes: bytes)) else { return }
        let encoded = packet.encoded()
        guard let again = try? Packet(decoding: encoded), again.encoded() == encoded else {
            fatalError("a message that was accepted is not read again: \(packet)")
        }
        _ = packet.fields
    }

    private static func infotable(_ bytes: [UInt8]) {
        guard let table = try? EncodedInfotable(validating: ByteBuffer(bytes: bytes)) else { return }
        guard let again = try? EncodedInfotable(table.decoded()) else { fatalError("what was decoded is not encoded again") }
        guard again.decoded().cells.count == table.decoded().cells.count else { fatalError("cells went missing") }
        guard (try? JSONValue(parsing: table.json())) != nil else { fatalError("JSON that does not parse: \(String(buffer: table.json()))") }
    }

    private static func json(_ bytes: [UInt8]) {
        let buffer = ByteBuffer(bytes: bytes)
        if let value = try? JSONValue(parsing: buffer) {
            guard (try? JSONValue(parsing: value.description)) == value else { fatalError("JSON that is not read again: \(value)") }
        }
        guard let table = try? EncodedInfotable(json: buffer) else { return }
        guard let again = try? EncodedInfotable(json: table.json()), again.json() == table.json() else {
            fatalError("an infotable whose JSON is not read again: \(String(buffer: table.json()))")
        }
    }

    /// The first byte chooses the end and whether it decompresses.
    private static func frames(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let limit = 1 << 16
        let channel = EmbeddedChannel()
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        let role: WebSocketMessageHandler.Role = first & 1 == 0 ? .server : .client
        let compression = first & 2 == 0 ? nil : DeflateParameters(serverNoContextTakeover: first & 4 != 0, clientNoContextTakeover: first & 4 != 0)
        try? channel.pipeline.syncOperations.addHandlers([
            WebSocketFrameEncoder(), ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: limit)), WebSocketProtocolErrorHandler(isServer: role == .server),
            WebSocketMessageHandler(role: role, maximumFrameSize: 4096, maximumMessageSize: limit, compression: compression),
        ])
        if let address = try? SocketAddress(unixDomainSocketPath: "/fuzz") { channel.connect(to: address, promise: nil) }
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes.dropFirst()))
    }

    private static func deflate(_ bytes: [UInt8]) {
        let buffer = ByteBuffer(bytes: bytes)
        // As the wire does: what comes out is bounded, and here by little, since all of it counts.
        _ = try? Inflater(takesOverContext: true).decompress(buffer, limit: 1 << 16, allocator: .init())
        let compressed = Deflater(windowBits: 13, takesOverContext: true).compress(buffer, allocator: .init())
        guard (try? Inflater(takesOverContext: true).decompress(compressed, limit: bytes.count, allocator: .init())) == buffer else {
            fatalError("what was compressed does not come out again")
        }
    }

    /// Messages of a session that is online, each with its length in two bytes in front.
    private static func multipart(_ bytes: [UInt8]) {
        var session = EdgeSession<Int>(configuration: .init())
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        _ = session.connected(Auth(applicationKey: "k"), now: now)
        _ = session.received(Message(header: Header(code: 0x40, requestID: 1, endpointID: 0, sessionID: 7), body: .response(Response(.success))).encoded(), now: now)
        var rest = ByteBuffer(bytes: bytes)
        while let length = rest.readInteger(as: UInt16.self), let message = rest.readSlice(length: min(Int(length), rest.readableBytes)) {
            _ = session.received(message, now: now)
            now = now + .seconds(Int64(length & 0x3F))
            _ = session.tick(now)
        }
    }
}
