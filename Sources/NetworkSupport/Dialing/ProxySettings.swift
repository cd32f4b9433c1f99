import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// An HTTP proxy that connections are tunnelled through (ems.md §2.7, RFC 9110 §9.3.6).
package final class ProxySettings: Sendable {
    private let host: String
    private let port: Int
    private let user: String?
    private let password: @Sendable () -> String
    /// What the proxy asked for last, so that the next connection need not be refused first.
    private let challenge = NIOLockedValueBox<ProxyChallenge?>(nil)

    /// - Parameter password: asked when the proxy wants it.
    package init(host: String, port: Int, user: String?, password: @escaping @Sendable () -> String) {
        self.host = host
        self.port = port
        self.user = user
        self.password = password
    }

    func tunnel(to host: String, _ port: Int, deadline: NIODeadline, on loop: any EventLoop) -> EventLoopFuture<any Channel> {
        let target = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        let known = challenge.withLockedValue { $0 }
        return attempt(target, answering: known, deadline: deadline, on: loop).flatMap { [self] outcome in
            switch outcome {
            case .open(let channel): return loop.makeSucceededFuture(channel)
            case .unauthorized(let header):
                do {
                    let asked = try wanted(header)
                    return attempt(target, answering: asked, deadline: deadline, on: loop).flatMapThrowing { [self] outcome in
                        guard case .open(let channel) = outcome else { throw failure("refuses user and password of `proxy`") }
                        return channel
                    }
                } catch {
                    return loop.makeFailedFuture(error)
                }
            }
        }
    }

    private func wanted(_ offers: [String]) throws -> ProxyChallenge {
        guard user != nil else { throw failure("asks for a user: set proxy.user and proxy.password") }
        guard let best = ProxyChallenge.best(of: offers) else {
            let schemes = offers.map { $0.prefix { $0 != " " } }.joined(separator: ", ")
            throw failure(
                "asks for \(schemes.isEmpty ? "authentication without saying how" : schemes), and only Basic and Digest are offered here")
        }
        challenge.withLockedValue { $0 = best }
        return best
    }

    private enum Outcome: Sendable {
        case open(any Channel)
        /// The values of `Proxy-Authenticate`.
        case unauthorized([String])
    }

    private func attempt(
        _ target: String, answering challenge: ProxyChallenge?, deadline: NIODeadline, on loop: any EventLoop
    ) -> EventLoopFuture<Outcome> {
        Dialer.tcp(host, port, timeout: deadline - loop.now, on: loop)
            .flatMapErrorThrowing { [self] in throw failure("cannot be reached: \(NetworkErrorText.describe($0))") }
            .flatMap { [self] channel in
                let answer = loop.makePromise(of: HTTPResponseHead.self)
                let limit = loop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
                let handlers: [any RemovableChannelHandler] = [
                    HTTPRequestEncoder(), ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)),
                    ProxyAnswerHandler(answer),
                ]
                do {
                    let pipeline = channel.pipeline.syncOperations
                    for handler in handlers { try pipeline.addHandler(handler) }
                } catch {
                    answer.fail(error)
                }
                var headers: HTTPHeaders = ["Host": target, "Proxy-Connection": "keep-alive"]
                if let challenge, let user {
                    headers.add(name: "Proxy-Authorization", value: challenge.answer(user: user, password: password(), target: target))
                }
                channel.write(
                    HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: .CONNECT, uri: target, headers: headers)),
                    promise: nil)
                channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
                answer.futureResult.whenComplete { _ in limit.cancel() }
                let bound = NIOLoopBound(handlers, eventLoop: loop)
                return answer.futureResult
                    .flatMapErrorThrowing { [self] in throw failure("broke off: \(NetworkErrorText.describe($0))") }
                    .flatMap { [self] head in finish(head, channel, bound) }
            }
    }

    private func finish(
        _ head: HTTPResponseHead, _ channel: any Channel, _ handlers: NIOLoopBound<[any RemovableChannelHandler]>
    ) -> EventLoopFuture<Outcome> {
        let loop = channel.eventLoop
        switch head.status.code {
        case 200..<300:
            // The decoder goes last, so that what the other end already said passes on.
            let removals = handlers.value.map { channel.pipeline.syncOperations.removeHandler($0) }
            return EventLoopFuture.andAllSucceed(removals, on: loop).map { .open(channel) }
        case 407:
            channel.close(promise: nil)
            return loop.makeSucceededFuture(.unauthorized(head.headers["Proxy-Authenticate"]))
        default:
            channel.close(promise: nil)
            return loop.makeFailedFuture(failure("answered \(head.status.code) \(head.status.reasonPhrase) to CONNECT"))
        }
    }

    private func failure(_ text: String) -> DialFailure { DialFailure(.proxy, "the proxy \(host):\(port) \(text)") }
}

/// Takes the head of the proxy's answer.
private final class ProxyAnswerHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var promise: EventLoopPromise<HTTPResponseHead>?

    init(_ promise: EventLoopPromise<HTTPResponseHead>) { self.promise = promise }

    private func complete(_ result: Result<HTTPResponseHead, any Error>) {
        promise?.completeWith(result)
        promise = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data), head.status.code >= 200 { complete(.success(head)) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        complete(.failure(error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        complete(.failure(ChannelError.eof))
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { complete(.failure(ChannelError.eof)) }
}
