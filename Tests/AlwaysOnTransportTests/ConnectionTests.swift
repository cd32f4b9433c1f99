import AlwaysOn
import AlwaysOnSession
import Foundation
import HTTPTransport
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NetworkSupport
import TestKit
import Testing

@testable import AlwaysOnTransport

/// Events of connections, to be awaited.
final class Events<Event: Sendable>: Sendable {
    private let stream: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func send(_ event: Event) { continuation.yield(event) }

    /// The next event that `select` takes; the others are passed over.
    func next<Result: Sendable>(_ select: (Event) -> Result?) async throws -> Result {
        for await event in stream { if let result = select(event) { return result } }
        throw CancellationError()
    }
}

/// A platform's end that accepts the key "good" and echoes requests.
struct EchoPlatform {
    let server: HTTPServer
    let events = Events<(PlatformConnection, PlatformConnection.Event)>()
    let loop = MultiThreadedEventLoopGroup.singleton.next()

    init(identity: Identity? = nil, _ configure: (inout AlwaysOnUpgrader) -> Void = { _ in }) async throws {
        var upgrader = AlwaysOnUpgrader()
        configure(&upgrader)
        let events = self.events
        let ids = NIOLockedValueBox<UInt32>(0)
        var configuration = HTTPServer.Configuration()
        configuration.identity = identity
        configuration.upgraders = [
            upgrader.makeUpgrader(makeID: {
                ids.withLockedValue {
                    $0 += 1; return $0
                }
            }) { connection, event in
                switch event {
                case .authenticate(let header, let auth):
                    if auth.applicationKey == "good" { connection.accept(header) } else { connection.refuse(header) }
                case .request(let header, let request): connection.respond(Response(.success, content: request.content), to: header)
                case .bind(let header, _), .unbind(let header, _): connection.respond(Response(.success), to: header)
                case .refusedMessage, .closed: break
                }
                events.send((connection, event))
            }
        ]
        let loop = self.loop
        server = try await HTTPServer.start(configuration, on: loop, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }) { _ in
            loop.makeSucceededFuture(.error(.notFound, "no"))
        }
    }

    /// With a limit that heavy tests beside it do not reach.
    var endpoint: PlatformEndpoint {
        var endpoint = PlatformEndpoint(host: "127.0.0.1", port: server.port)
        endpoint.connectTimeout = .seconds(60)
        return endpoint
    }
}

@Suite struct ConnectionTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()

    func connect(
        _ endpoint: PlatformEndpoint, key: String = "good", session: EdgeConnection.Session.Configuration = .init(),
        events: Events<EdgeConnection.Event> = Events(), respond: @escaping @Sendable (Request) -> Response = { _ in Response(.notFound) }
    ) async throws -> EdgeConnection {
        let connection = try await EdgeConnector.connect(to: endpoint, applicationKey: key, session: session, on: loop) {
            connection, event in
            if case .request(let header, let request) = event { connection.respond(respond(request), to: header) }
            events.send(event)
        }.get()
        return connection
    }

    func online(
        _ platform: EchoPlatform, compression: Bool = true,
        respond: @escaping @Sendable (Request) -> Response = { _ in Response(.notFound) }
    ) async throws -> EdgeConnection {
        let events = Events<EdgeConnection.Event>()
        var endpoint = platform.endpoint
        endpoint.compression = compression
        let connection = try await connect(endpoint, events: events, respond: respond)
        try await events.next { if case .online = $0 { () } else { nil } }
        return connection
    }

    /// One byte, more than a frame, more than a chunk: each in both directions.
    @Test(arguments: [1, 7000, 20_000, 900_000], [(true, true), (true, false), (false, true), (false, false)])
    func contentTravelsBothWays(size: Int, compression: (edge: Bool, platform: Bool)) async throws {
        let platform = try await EchoPlatform { $0.compression = compression.platform }
        let blob = ByteBuffer(bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        let content = try EncodedInfotable(Infotable("data", .blob(blob)))
        let edge = try await online(platform, compression: compression.edge) { Response(.success, content: $0.content) }
        let there = try await loop.flatSubmit {
            edge.request(Request(.post, "T", .service, "Echo", content: content), timeout: .seconds(20))
        }.get()
        #expect(there.status.isSuccess && there.content == content)
        let connection = try await platform.events.next { if case .request = $0.1 { $0.0 } else { nil } }
        let back = try await platform.loop.flatSubmit {
            connection.request(Request(.post, "T", .service, "Echo", content: content), timeout: .seconds(20))
        }.get()
        #expect(back.status.isSuccess && back.content == content)
        await platform.server.stop()
    }

    @Test func manyRequestsAtOnce() async throws {
        let platform = try await EchoPlatform()
        let edge = try await online(platform)
        let futures = try await loop.submit {
            (0..<400).map { index in
                edge.request(
                    Request(.post, "T", .service, "Echo", content: try? EncodedInfotable(Infotable("n", .integer(Int32(index))))),
                    timeout: .seconds(20))
            }
        }.get()
        for (index, future) in futures.enumerated() {
            #expect(try await future.get().content?.decoded().first("n") == .integer(Int32(index)))
        }
        await platform.server.stop()
    }

    @Test func aWrongKeyIsRefusedAndTheConnectionClosed() async throws {
        let platform = try await EchoPlatform()
        let events = Events<EdgeConnection.Event>()
        _ = try await connect(platform.endpoint, key: "wrong", events: events)
        let response = try await events.next { if case .refused(let response) = $0 { response } else { nil } }
        #expect(response == Response(.unauthorized, reason: "authentication failed"))
        let text = try await events.next { if case .closed(let text) = $0 { text } else { nil } }
        #expect(text == "the platform refused the application key")
        await platform.server.stop()
    }

    @Test func aConnectionWithoutAuthIsClosedInTime() async throws {
        let platform = try await EchoPlatform { $0.session.authenticationTimeout = .milliseconds(100) }
        let upgrade =
            "GET /Thingworx/WS HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        let channel = try await ClientBootstrap(group: loop).connect(host: "127.0.0.1", port: platform.server.port) { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        let bytes = try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: upgrade))
            var all = ByteBuffer()
            for try await part in inbound { all.writeImmutableBuffer(part) }
            return all
        }
        let text = String(decoding: bytes.readableBytesView, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n") && text.lowercased().contains("\r\nconnection: upgrade\r\n"))
        // A close frame with status 1008.
        #expect(bytes.readableBytesView.suffix(200).contains(0x88) && text.contains("no AUTH within"))
        await platform.server.stop()
    }

    @Test func failuresSayWhatToDo() async throws {
        let platform = try await EchoPlatform()
        let port = platform.server.port
        func failure(_ endpoint: PlatformEndpoint) async -> String {
            do { _ = try await connect(endpoint); return "connected" } catch { return "\(error)" }
        }
        var wrongPath = platform.endpoint
        wrongPath.path = "/elsewhere"
        let refusal = await failure(wrongPath)
        #expect(
            refusal
                == "ws://127.0.0.1:\(port)/elsewhere answered 404 Not Found to the WebSocket upgrade: check `resource` and that a ThingWorx platform listens there"
        )
        var tls = platform.endpoint
        tls.tls = try TLSClient()
        let noTLS = await failure(tls)
        #expect(noTLS.contains("Check `ws_connection.encryption` and `certificates`"), "\(noTLS)")
        #expect(
            await failure(PlatformEndpoint(host: "no-such-host.invalid", port: 1)).contains(
                "no-such-host.invalid does not resolve. Check `ws_servers` and DNS"))
        await platform.server.stop()
        let refused = await failure(PlatformEndpoint(host: "127.0.0.1", port: port))
        #expect(
            refused
                == "no connection to ws://127.0.0.1:\(port)/Thingworx/WS: connection refused. Check `ws_servers`, that the platform runs, and firewalls between"
        )
    }

    @Test func tlsIsVerified() async throws {
        let certificates = try TestCertificates()
        let server = try Identity(chain: certificates.server.certificate, key: certificates.server.key, passphrase: nil)
        let platform = try await EchoPlatform(identity: server)
        var endpoint = PlatformEndpoint(host: "localhost", port: platform.server.port)
        endpoint.connectTimeout = .seconds(60)
        endpoint.tls = try TLSClient()
        await #expect(throws: ConnectFailure.self) { try await connect(endpoint) }
        do { _ = try await connect(endpoint) } catch {
            #expect("\(error)".contains("no trusted authority vouches for the certificate of localhost"), "\(error)")
        }
        var settings = TLSClientSettings()
        settings.roots = [certificates.authority]
        endpoint.tls = try TLSClient(settings)
        let events = Events<EdgeConnection.Event>()
        let connection = try await connect(endpoint, events: events)
        try await events.next { if case .online = $0 { () } else { nil } }
        try await loop.submit { connection.close(.init(.normal, "")) }.get()
        // The certificate is for localhost and 127.0.0.1 alone.
        endpoint.host = "127.0.0.2"
        await #expect(throws: ConnectFailure.self) { try await connect(endpoint) }
        await platform.server.stop()
    }
}
