package import NIOCore
import NIOPosix

/// Opens connections: TCP, by way of a proxy where one is set, then TLS.
package struct Dialer: Sendable {
    package var proxy: ProxySettings?

    package init(proxy: ProxySettings? = nil) { self.proxy = proxy }

    /// - Parameters:
    ///   - tls: nil for a connection without.
    ///   - timeout: for everything together.
    /// - Returns: a channel whose other end has proved who it is. Fails with `DialFailure`.
    package func connect(
        host: String, port: Int, tls: TLSClient?, timeout: TimeAmount, on loop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        let deadline = loop.now + timeout
        return open(host, port, deadline: deadline, timeout: timeout, on: loop)
            .flatMap { channel in
                guard let tls else { return loop.makeSucceededFuture(channel) }
                let limit = loop.scheduleTask(deadline: deadline) { channel.close(promise: nil) }
                let secured = tls.secure(channel, host: host).flatMapErrorThrowing { error in
                    channel.close(promise: nil)
                    throw loop.now >= deadline
                        ? DialFailure(.tls, "no end of the TLS handshake within \(timeout.nanoseconds / 1_000_000) ms")
                        : DialFailure(.tls, error)
                }
                secured.whenComplete { _ in limit.cancel() }
                return secured.map { channel }
            }
    }

    private func open(
        _ host: String, _ port: Int, deadline: NIODeadline, timeout: TimeAmount, on loop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        guard let proxy else {
            return Dialer.tcp(host, port, timeout: timeout, on: loop).flatMapErrorThrowing { throw DialFailure(of: $0) }
        }
        return proxy.tunnel(to: host, port, deadline: deadline, on: loop)
    }

    static func tcp(_ host: String, _ port: Int, timeout: TimeAmount, on loop: any EventLoop) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: loop)
            .connectTimeout(max(timeout, .milliseconds(1)))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: host, port: port)
    }
}

/// A connection that did not come about: how far it came, and why.
package struct DialFailure: Error, Sendable, CustomStringConvertible {
    package enum Stage: Sendable, Equatable {
        case name
        case connect
        case timeout
        case proxy
        case tls
    }

    package let stage: Stage
    package let description: String

    package init(_ stage: Stage, _ description: String) {
        self.stage = stage
        self.description = description
    }

    init(_ stage: Stage, _ error: any Error) { self.init(stage, NetworkErrorText.describe(error)) }

    init(of error: any Error) {
        let stage: Stage
        switch error {
        case let failure as DialFailure:
            self = failure
            return
        case ChannelError.connectTimeout: stage = .timeout
        default: stage = NetworkErrorText.isUnresolved(error) ? .name : .connect
        }
        self.init(stage, error)
    }
}
