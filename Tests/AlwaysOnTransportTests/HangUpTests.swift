import AlwaysOn
import AlwaysOnSession
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Testing

@testable import AlwaysOnTransport

/// Platforms, and proxies before them, that hang up while a connection is being opened: every attempt has an end.
@Suite(.timeLimit(.minutes(1))) struct HangUpTests {
    private enum Moment: CaseIterable, Sendable {
        case atOnce
        case atOnceWithReset
        case afterTheRequest
        case afterHalfAnAnswer
        case afterTheUpgrade
        case afterARefusal
        case afterHalfARefusal
        case refusedAtOnce
        case never
    }

    /// The answer and the end, together.
    private static func upgradeAndClose(_ channel: any Channel) -> EventLoopFuture<Void> {
        let upgrader = NIOWebSocketServerUpgrader(shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) }) {
            channel, _ in
            channel.close(promise: nil)
            return channel.eventLoop.makeSucceededVoidFuture()
        }
        return channel.pipeline.configureHTTPServerPipeline(withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
    }

    private final class HangUp: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let moment: Moment
        init(_ moment: Moment) { self.moment = moment }

        private func refuse(_ context: ChannelHandlerContext) {
            context.writeAndFlush(
                NIOAny(ByteBuffer(string: "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")),
                promise: nil)
            context.close(promise: nil)
        }

        func channelActive(context: ChannelHandlerContext) {
            switch moment {
            case .atOnceWithReset:
                let channel = context.channel
                (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
                    channel.close(promise: nil)
                }
            case .atOnce: context.close(promise: nil)
            case .refusedAtOnce: refuse(context)
            default: break
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch moment {
            case .afterTheRequest: context.close(promise: nil)
            case .afterARefusal: refuse(context)
            case .afterHalfARefusal:
                context.writeAndFlush(
                    NIOAny(ByteBuffer(string: "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\nhalf")), promise: nil)
                context.close(promise: nil)
            case .afterHalfAnAnswer:
                context.writeAndFlush(NIOAny(ByteBuffer(string: "HTTP/1.1 101 Switching Protocols\r\nUpgr")), promise: nil)
                context.close(promise: nil)
            default: break
            }
        }
    }

    @Test(arguments: Moment.allCases) private func everyAttemptEnds(moment: Moment) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let server = try await ServerBootstrap(group: group).childChannelInitializer { channel in
            moment == .afterTheUpgrade ? HangUpTests.upgradeAndClose(channel) : channel.pipeline.addHandler(HangUp(moment))
        }.bind(host: "127.0.0.1", port: 0).get()
        var endpoint = PlatformEndpoint(host: "127.0.0.1", port: server.localAddress!.port!)
        endpoint.connectTimeout = .milliseconds(500)
        let loop = group.next()
        let target = endpoint
        let ended = NIOLockedValueBox(0)
        let attempts = (0..<(moment == .never ? 5 : 400)).map { _ in
            EdgeConnector.connect(to: target, applicationKey: "k", session: .init(), on: loop) { _, event in
                if case .closed = event { ended.withLockedValue { $0 += 1 } }
            }
        }
        // Whoever is not answered in time is told so, and some time is left for slow machines.
        let all = EventLoopFuture.whenAllComplete(attempts, on: loop)
        let promise = loop.makePromise(of: [Result<EdgeConnection, any Error>].self)
        all.cascade(to: promise)
        let limit = loop.scheduleTask(in: .seconds(20)) { promise.succeed([]) }
        let results = try await promise.futureResult.get()
        limit.cancel()
        #expect(results.count == attempts.count)
        // One that stands for a moment has its end as an event.
        let open = results.compactMap { try? $0.get() }
        #expect(moment == .afterTheUpgrade || open.isEmpty)
        while ended.withLockedValue({ $0 }) < open.count { try await Task.sleep(for: .milliseconds(5)) }
        try await server.close()
    }
}
