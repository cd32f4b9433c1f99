import AlwaysOnTransport
import Formats
import NIOCore
import NetworkSupport

/// Asks a server for nothing but the head of an answer, for the time that it tells.
final class HeadProbe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private static let longest = 16_384

    private var received = ByteBuffer()
    private var promise: EventLoopPromise<String>?

    private init(_ promise: EventLoopPromise<String>) { self.promise = promise }

    /// Milliseconds since 1970; nil where there is no answer, or none with a time.
    static func date(of endpoint: PlatformEndpoint, within limit: TimeAmount, on loop: any EventLoop) async -> Int64? {
        let name = endpoint.host.contains(":") ? "[\(endpoint.host)]" : endpoint.host
        let request =
            "HEAD /Thingworx HTTP/1.1\r\nHost: \(name):\(endpoint.port)\r\nUser-Agent: \(endpoint.userAgent)\r\nConnection: close\r\n\r\n"
        let head = loop.flatSubmit {
            Dialer(proxy: endpoint.proxy).connect(host: endpoint.host, port: endpoint.port, tls: endpoint.tls, timeout: limit, on: loop)
                .flatMap { channel in
                    let promise = loop.makePromise(of: String.self)
                    let timer = loop.scheduleTask(in: limit) { channel.close(promise: nil) }
                    promise.futureResult.whenComplete { _ in
                        timer.cancel()
                        channel.close(promise: nil)
                    }
                    do {
                        try channel.pipeline.syncOperations.addHandler(HeadProbe(promise))
                    } catch {
                        promise.fail(error)
                    }
                    channel.writeAndFlush(ByteBuffer(string: request), promise: nil)
                    return promise.futureResult
                }
        }
        guard let text = try? await head.get() else { return nil }
        for line in text.split(whereSeparator: \.isNewline) where line.lowercased().hasPrefix("date:") {
            return UTCTime(imfFixdate: String(line.dropFirst(5).drop { $0 == " " }))?.milliseconds
        }
        return nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        let text = String(buffer: received)
        if text.contains("\r\n\r\n") {
            end(.success(text))
        } else if received.readableBytes > HeadProbe.longest {
            end(.failure(ChannelError.eof))
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(.failure(ChannelError.eof))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { end(.failure(error)) }

    private func end(_ result: Result<String, any Error>) {
        promise?.completeWith(result)
        promise = nil
    }
}
