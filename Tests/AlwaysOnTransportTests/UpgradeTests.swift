import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Testing

@testable import AlwaysOnTransport

/// The opening handshake of RFC 6455 §4, byte by byte against both ends.
@Suite struct UpgradeTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()

    private static let good = [
        "Host": "h", "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    /// The head of the answer to a request.
    private func ask(
        _ platform: EchoPlatform, _ line: String = "GET /Thingworx/WS HTTP/1.1", changing changes: [String: String?] = [:]
    ) async throws -> String {
        var headers = UpgradeTests.good
        for (name, value) in changes { headers[name] = value }
        let request = line + "\r\n" + headers.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
        let channel = try await ClientBootstrap(group: loop).connect(host: "127.0.0.1", port: platform.server.port) { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var text = ""
            for try await part in inbound {
                text += String(buffer: part)
                if text.contains("\r\n\r\n") { break }
            }
            return text
        }
    }

    /// §4.2.2 and §1.3: the accept value of the RFC's own example; RFC 7692 §5: the extension that was agreed on.
    @Test(
        arguments: [
            ("permessage-deflate", true, "permessage-deflate"), ("permessage-deflate", false, nil), ("x-other", true, nil), ("", true, nil),
            ("x-other, permessage-deflate; server_no_context_takeover", true, "permessage-deflate; server_no_context_takeover"),
        ] as [(String, Bool, String?)])
    func serverAnswers(offer: String, isOn: Bool, answer: String?) async throws {
        let platform = try await EchoPlatform { $0.compression = isOn }
        let head = try await ask(platform, changing: ["Sec-WebSocket-Extensions": offer])
        #expect(head.hasPrefix("HTTP/1.1 101"))
        #expect(head.lowercased().contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="))
        // Clients of the SDK compare it as a whole.
        #expect(head.lowercased().contains("connection: upgrade\r\n"))
        let line = head.components(separatedBy: "\r\n").first { $0.lowercased().hasPrefix("sec-websocket-extensions:") }
        #expect(line.map { String($0.split(separator: ": ", maxSplits: 1)[1]) } == answer)
        await platform.server.stop()
    }

    /// §4.2.1: what is no opening handshake is answered as HTTP.
    @Test(
        arguments: [
            ("GET /Thingworx/WS HTTP/1.1", "Sec-WebSocket-Version", "12"), ("GET /Thingworx/WS HTTP/1.1", "Sec-WebSocket-Version", nil),
            ("GET /Thingworx/WS HTTP/1.1", "Sec-WebSocket-Key", nil),
            ("GET /Thingworx/WS HTTP/1.1", "Upgrade", nil), ("GET /Thingworx/WS HTTP/1.1", "Upgrade", "h2c"),
            ("GET /Thingworx/WS HTTP/1.1", "Connection", "keep-alive"),
            ("GET /elsewhere HTTP/1.1", "Host", "h"),
        ] as [(String, String, String?)])
    func serverRefuses(line: String, header: String, value: String?) async throws {
        let platform = try await EchoPlatform()
        let head = try await ask(platform, line, changing: [header: value])
        #expect(head.hasPrefix("HTTP/1.1 4"), "\(head)")
        await platform.server.stop()
    }

    /// §4.1: a client fails the connection on any answer that does not prove a WebSocket server.
    @Test(arguments: [
        (
            "101 Switching Protocols", ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
            "WebSocket"
        ),
        ("101 Switching Protocols", ["Connection: Upgrade", "Upgrade: websocket"], "WebSocket"),
        ("200 OK", ["Content-Length: 0"], "answered 200"),
        ("404 Not Found", ["Content-Length: 0"], "answered 404"), ("503 Service Unavailable", ["Content-Length: 0"], "answered 503"),
    ])
    func clientRefuses(status: String, headers: [String], message: String) async throws {
        let server = try await ServerBootstrap(group: loop).bind(host: "127.0.0.1", port: 0) { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        let answer = "HTTP/1.1 \(status)\r\n" + headers.map { $0 + "\r\n" }.joined() + "\r\n"
        let serving = Task {
            try await server.executeThenClose { clients in
                for try await client in clients {
                    try await client.executeThenClose { inbound, outbound in
                        for try await _ in inbound { try await outbound.write(ByteBuffer(string: answer)) }
                    }
                }
            }
        }
        var endpoint = PlatformEndpoint(host: "127.0.0.1", port: server.channel.localAddress!.port!)
        endpoint.connectTimeout = .seconds(60)
        let failure = await #expect(throws: ConnectFailure.self) {
            try await EdgeConnector.connect(to: endpoint, applicationKey: "k", session: .init(), on: loop) { _, _ in }.get()
        }
        #expect(
            failure?.description.contains(message) == true || failure?.description.contains("upgrade") == true,
            "\(failure?.description ?? "")")
        serving.cancel()
        _ = try? await serving.value
    }

    @Test("What a server says right behind its agreement is heard, though it comes with it")
    func aServerThatSpeaksFirst() async throws {
        let upgrader = NIOWebSocketServerUpgrader(shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) }) {
            channel, _ in
            // Before anything else is read on this loop, on which the client is too.
            channel.eventLoop.execute {
                channel.writeAndFlush(WebSocketFrame(fin: true, opcode: .text, data: ByteBuffer(string: "hello")), promise: nil)
            }
            return channel.eventLoop.makeSucceededVoidFuture()
        }
        let server = try await ServerBootstrap(group: loop).childChannelInitializer { channel in
            channel.pipeline.configureHTTPServerPipeline(withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
        }.bind(host: "127.0.0.1", port: 0).get()
        let heard = loop.makePromise(of: WebSocketMessage.self)
        let endpoint = PlatformEndpoint(host: "127.0.0.1", port: server.localAddress!.port!)
        let upgrade = WebSocketConnector.Upgrade(headers: [:], maximumFrameSize: 1000) { channel, _ in
            try channel.pipeline.syncOperations.addHandlers([
                WebSocketMessageHandler(role: .client, maximumFrameSize: 1000, maximumMessageSize: 1000, compression: nil), Listener(heard),
            ])
        }
        let loop = loop
        let outcome = try await loop.flatSubmit {
            WebSocketConnector.open(upgrade, to: endpoint, deadline: .now() + .seconds(30), on: loop)
        }.get()
        guard case .upgraded = outcome else {
            Issue.record("not upgraded")
            return
        }
        loop.scheduleTask(in: .seconds(20)) { heard.fail(ChannelError.eof) }
        #expect(try await heard.futureResult.get() == .text(ByteBuffer(string: "hello")))
        try await server.close()
    }

    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = WebSocketMessage
        private let heard: EventLoopPromise<WebSocketMessage>

        init(_ heard: EventLoopPromise<WebSocketMessage>) { self.heard = heard }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { heard.succeed(unwrapInboundIn(data)) }
    }
}
