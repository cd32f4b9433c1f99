import Formats
import NetworkSupport
import NIOCore
import NIOHTTP1

/// A connection to a server, used for one call at a time.
final class HTTPClientConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private struct Running {
        let origin: HTTPOrigin
        let promise: EventLoopPromise<HTTPResponse>
        let timeout: Scheduled<Void>
        var response: HTTPResponse?
        var isLast = false
    }

    let channel: any Channel
    private let maximumBodySize: Int
    private let answerBytes: ByteBudget
    private var held = 0
    private let onIdle: @Sendable (HTTPClientConnection) -> Void
    private let onClosed: @Sendable (HTTPClientConnection) -> Void
    private var running: Running?

    init(
        channel: any Channel, maximumBodySize: Int, answerBytes: ByteBudget, onIdle: @escaping @Sendable (HTTPClientConnection) -> Void,
        onClosed: @escaping @Sendable (HTTPClientConnection) -> Void
    ) {
        self.channel = channel
        self.maximumBodySize = maximumBodySize
        self.answerBytes = answerBytes
        self.onIdle = onIdle
        self.onClosed = onClosed
    }

    func send(_ call: HTTPCall, deadline: NIODeadline, promise: EventLoopPromise<HTTPResponse>) {
        channel.eventLoop.preconditionInEventLoop()
        let timeout = channel.eventLoop.scheduleTask(deadline: deadline) { [weak self] () -> Void in
            self?.fail(.timeout(call.origin))
        }
        running = Running(origin: call.origin, promise: promise, timeout: timeout)
        var headers = call.headers
        headers.replaceOrAdd(name: "Host", value: call.origin.hostHeader)
        let length = call.body?.readableBytes ?? 0
        if call.body != nil || call.method == .POST || call.method == .PUT {
            headers.replaceOrAdd(name: "Content-Length", value: String(length))
        }
        let head = HTTPRequestHead(version: .http1_1, method: call.method, uri: call.target, headers: headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let body = call.body, length > 0 { channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil) }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            // An interim answer (1xx) is not the answer.
            guard head.status.code >= 200 else { return }
            running?.response = HTTPResponse(head.status, headers: head.headers)
            running?.isLast = !head.isKeepAlive
        case .body(var part):
            guard let origin = running?.origin, running?.response != nil else { return }
            guard held + part.readableBytes <= maximumBodySize, answerBytes.take(part.readableBytes) else {
                return fail(.tooLarge(origin, maximumBodySize))
            }
            held += part.readableBytes
            running?.response?.body.writeBuffer(&part)
        case .end:
            guard let running, let response = running.response else { return }
            self.running = nil
            running.timeout.cancel()
            release()
            // The pool learns first, so that what the answer sets off finds the connection free.
            if running.isLast { context.close(promise: nil) } else { onIdle(self) }
            running.promise.succeed(response)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let origin = running?.origin {
            fail(.unreachable(origin, NetworkErrorText.describe(error)))
        } else {
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        onClosed(self)
        if let origin = running?.origin { fail(.closed(origin)) }
        context.fireChannelInactive()
    }

    private func release() {
        answerBytes.give(held)
        held = 0
    }

    private func fail(_ failure: HTTPCallFailure) {
        guard let running else { return }
        self.running = nil
        running.timeout.cancel()
        release()
        running.promise.fail(failure)
        channel.close(promise: nil)
    }
}
