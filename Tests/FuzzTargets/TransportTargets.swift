import AlwaysOn
import AlwaysOnSession
import AlwaysOnTransport
import NIOCore
import NIOEmbedded
import NIOWebSocket

extension FuzzTarget {
    /// The first byte chooses the end and whether it decompresses.
    static func frames(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let limit = 1 << 16
        let channel = EmbeddedChannel()
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        let role: WebSocketMessageHandler.Role = first & 1 == 0 ? .server : .client
        let compression =
            first & 2 == 0 ? nil : DeflateParameters(serverNoContextTakeover: first & 4 != 0, clientNoContextTakeover: first & 4 != 0)
        try? channel.pipeline.syncOperations.addHandlers([
            WebSocketFrameEncoder(), ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: limit)),
            WebSocketProtocolErrorHandler(isServer: role == .server),
            WebSocketMessageHandler(role: role, maximumFrameSize: 4096, maximumMessageSize: limit, compression: compression),
        ])
        if let address = try? SocketAddress(unixDomainSocketPath: "/fuzz") { channel.connect(to: address, promise: nil) }
        _ = try? channel.writeInbound(ByteBuffer(bytes: bytes.dropFirst()))
    }

    /// Messages of a session that is online, each with its length in two bytes in front.
    static func multipart(_ bytes: [UInt8]) {
        var session = EdgeSession<Int>(configuration: .init())
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        _ = session.connected(Auth(applicationKey: "k"), now: now)
        _ = session.received(
            Message(header: Header(code: 0x40, requestID: 1, endpointID: 0, sessionID: 7), body: .response(Response(.success))).encoded(),
            now: now)
        var rest = ByteBuffer(bytes: bytes)
        while let length = rest.readInteger(as: UInt16.self), let message = rest.readSlice(length: min(Int(length), rest.readableBytes)) {
            _ = session.received(message, now: now)
            now = now + .seconds(Int64(length & 0x3F))
            _ = session.tick(now)
        }
    }
}
