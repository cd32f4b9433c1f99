import AlwaysOnSession
import AlwaysOnTransport
import EdgeREST
import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1
import NIOWebSocket
import Secrets
import ThingModel

/// A feed over a WebSocket: `/Thingworx/Feed`, with the query words of the one over server-sent events.
final class FeedSocket: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = WebSocketMessage
    typealias OutboundOut = WebSocketMessage

    private let platform: Platform
    private let interest: FeedInterest
    private var number: Int?
    private var feed: Feed?
    private var isWaiting = false

    private init(_ platform: Platform, _ interest: FeedInterest) {
        self.platform = platform
        self.interest = interest
    }

    static func upgrader(_ platform: Platform, site: SiteRules) -> any HTTPServerProtocolUpgrader & Sendable {
        NIOWebSocketServerUpgrader(
            maxFrameSize: 4096,
            shouldUpgrade: { channel, head in
                let isWanted = platform.assumeIsolated { interest(of: head, site, channel.remoteAddress, $0) != nil }
                return channel.eventLoop.makeSucceededFuture(isWanted ? HTTPHeaders() : nil)
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    guard let interest = platform.assumeIsolated({ interest(of: head, site, channel.remoteAddress, $0) }) else {
                        throw CloseReason(.policyViolation, "not allowed")
                    }
                    try channel.pipeline.syncOperations.addHandlers([
                        WebSocketMessageHandler(role: .server, maximumFrameSize: 1 << 16, maximumMessageSize: 4096, compression: nil),
                        FeedSocket(platform, interest),
                    ])
                }
            })
    }

    /// nil where it is no request for a feed, or whoever sends it may not have one: it is answered as plain HTTP then.
    private static func interest(
        of head: HTTPRequestHead, _ site: SiteRules, _ address: SocketAddress?, _ platform: isolated Platform
    )
        -> FeedInterest?
    {
        guard let http = HTTPRequest(head: head, remoteAddress: address), http.path.map({ $0.lowercased() }) == ["thingworx", "feed"] else {
            return nil
        }
        // A page of another site could open it, and the browser would send the cookie along.
        guard site.refusal(of: head.headers, method: .POST) == nil else { return nil }
        let shown = head.headers.first(name: "appKey") ?? (platform.settings.keyInQuery ? http.queryValue("appKey") : nil)
        guard let (principal, key) = PlatformAdmission.caller(showing: shown, head.headers, from: address, platform) else { return nil }
        return try? FeedRequest.interest({ http.queryValue($0) }, principal, key: key, platform)
    }

    func handlerAdded(context: ChannelHandlerContext) {
        guard let (number, feed) = platform.assumeIsolated({ $0.addFeed(interest) }) else {
            context.writeAndFlush(wrapOutboundOut(.close(code: 1013, reason: "\(FeedTable.most) feeds are open already")), promise: nil)
            return
        }
        (self.number, self.feed) = (number, feed)
        follow(context)
    }

    private func follow(_ context: ChannelHandlerContext) {
        guard let feed, !isWaiting, context.channel.isActive, context.channel.isWritable else { return }
        isWaiting = true
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        feed.next().whenSuccess { lines in
            let (handler, context) = loopBound.value
            handler.isWaiting = false
            guard let lines else {
                return context.writeAndFlush(handler.wrapOutboundOut(.close(code: 1001, reason: "the feed has ended")), promise: nil)
            }
            if lines.readableBytes == 0 { context.write(handler.wrapOutboundOut(.ping(ByteBuffer())), promise: nil) }
            for line in lines.readableBytesView.split(separator: UInt8(ascii: "\n")) {
                context.write(handler.wrapOutboundOut(.text(ByteBuffer(bytes: line))), promise: nil)
            }
            context.flush()
            handler.follow(context)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Nothing is expected of a watcher.
        if case .close = unwrapInboundIn(data) { end() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        follow(context)
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        guard let number else { return }
        self.number = nil
        platform.assumeIsolated { $0.removeFeed(number) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
