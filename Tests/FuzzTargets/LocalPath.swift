import AlwaysOn
import EdgeCore
import EdgeHTTP
import HTTPTransport
import LogSupport
import Logging
import NIOCore
import NIOEmbedded
import NetworkSupport

/// The gateway's local server from its socket on: any bytes, in any pieces, and after them a plain request is answered.
enum LocalPath {
    private static let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }

    /// No device answers here: what is under test comes before that.
    private struct NoDevices: DeviceCaller {
        let loop: any EventLoop
        func call(_ request: Request, of thing: EdgeThing) -> EventLoopFuture<Response> {
            loop.makeSucceededFuture(Response(.serviceUnavailable))
        }
        func probe(_ host: DeviceHost, timeout: TimeAmount) -> EventLoopFuture<Void> { loop.makeSucceededVoidFuture() }
        func use(_ tls: TLSClient) {}
    }

    private struct Host: GatewayHost {
        let version = "0"
        let file = ConfigurationFile(path: "/nowhere/config.json")
        let log = LogSystem(console: { _ in })
        func restart() {}
        func reload() async throws(ReloadFailure) -> ReloadReport { throw ReloadFailure("not here") }
    }

    private static let host = Host()

    /// The first byte chooses whether credentials are asked for, the second into pieces of which length the rest is cut.
    static func run(_ bytes: [UInt8]) {
        // Services that change the configuration work beside the event loop, which an embedded one is not made for.
        guard bytes.count > 2, bytes.firstRange(of: Array("Configuration".utf8)) == nil else { return }
        let loop = EmbeddedEventLoop()
        var settings = GatewayConfiguration.HTTPServer()
        settings.authenticate = bytes[0] & 1 != 0
        settings.user = "u"
        settings.tls = false
        var configuration = GatewayConfiguration()
        configuration.httpServer = settings
        configuration.servers = [.init(host: "localhost", port: 1)]
        guard let security = try? ClientSecurity(configuration, userAgent: "", warn: { _ in }) else { fatalError("no settings for TLS") }
        let gateway = Gateway(
            configuration: configuration, security: security, devices: NoDevices(loop: loop), persistence: nil, host: host, logger: logger,
            on: loop, executor: InlineExecutor.shared)
        func open() -> EmbeddedChannel {
            let channel = EmbeddedChannel(loop: loop)
            if let address = try? SocketAddress(ipAddress: "127.0.0.1", port: 1) { channel.connect(to: address, promise: nil) }
            do { try LocalServer.serve(channel, settings, gateway: gateway, logger: logger) } catch { fatalError("\(error)") }
            return channel
        }
        let channel = open()
        let size = max(1, Int(bytes[1]) * 4)
        for start in stride(from: 2, to: bytes.count, by: size) where channel.isActive {
            _ = try? channel.writeInbound(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
            loop.run()
            while (try? channel.readOutbound(as: ByteBuffer.self)) != nil {}
        }
        _ = try? channel.finish(acceptAlreadyClosed: true)
        let other = open()
        _ = try? other.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        loop.run()
        guard let answer = try? other.readOutbound(as: ByteBuffer.self),
            answer.readableBytesView.starts(with: "HTTP/1.1 \(settings.authenticate ? 401 : 200)".utf8)
        else {
            fatalError("a plain request is not answered any more")
        }
        _ = try? other.finish(acceptAlreadyClosed: true)
    }
}
