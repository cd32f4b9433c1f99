package import Formats
package import NetworkSupport
package import NIOCore
import NIOHTTP1

/// A pooled HTTP/1.1 client that lives on one event loop: no hop, no task, no lock for a call.
///
/// Every call must be made on that loop.
package final class HTTPClient: @unchecked Sendable {
    package struct Configuration: Sendable {
        /// For origins with TLS.
        package var tls = TLSClientSettings()
        /// Connections to one origin at once; further calls wait their turn, within their timeout.
        package var maximumConnectionsPerOrigin = 64
        /// Calls that may wait for a connection to one origin; one more fails with `overloaded`.
        package var maximumWaiting = 1024
        package var maximumBodySize = 16 << 20
        /// Bytes of all calls' bodies that are not answered yet; one more call fails with `overloaded`.
        package var requestBytes = ByteBudget(most: 64 << 20)
        /// Bytes of all answers that are being read; an answer for which there is no room fails with `tooLarge`.
        package var answerBytes = ByteBudget(most: 64 << 20)
        /// An unused connection is closed after this time. Shorter than servers' own, so that they do not close first.
        package var idleTimeout: TimeAmount = .seconds(30)

        /// Whether the token that a server sends in `x-csrf-token` goes back with the next request, and a request refused
        /// for want of it is sent again, once (ems.md §6.4).
        package var returnsCSRFTokens = false

        package init() {}
    }

    private struct Waiting {
        let call: HTTPCall
        let deadline: NIODeadline
        let promise: EventLoopPromise<HTTPResponse>
    }

    private struct Pool {
        var idle: [(connection: HTTPClientConnection, since: NIODeadline)] = []
        /// Connections open or opening.
        var count = 0
        var waiting = CircularBuffer<Waiting>()
    }

    package let loop: any EventLoop
    private let configuration: Configuration
    private var tls: TLSClient
    private var pools: [HTTPOrigin: Pool] = [:]
    private var sweep: RepeatedTask?
    private var tokens: [HTTPOrigin: String] = [:]

    /// - Throws: `TLSFailure` when the TLS settings cannot be used.
    package convenience init(_ configuration: Configuration = Configuration(), on loop: any EventLoop) throws(TLSFailure) {
        self.init(configuration, tls: try TLSClient(configuration.tls), on: loop)
    }

    /// - Parameter tls: in place of one made of the configuration's settings.
    package init(_ configuration: Configuration, tls: TLSClient, on loop: any EventLoop) {
        self.configuration = configuration
        self.loop = loop
        self.tls = tls
    }

    /// New TLS settings, for connections from now on; idle ones made under the old settings are closed.
    package func use(_ tls: TLSClient) {
        loop.preconditionInEventLoop()
        self.tls = tls
        for (origin, pool) in pools where origin.isTLS {
            for idle in pool.idle { idle.connection.channel.close(promise: nil) }
        }
    }

    /// - Returns: any answer, whatever its status. Fails with `HTTPCallFailure`.
    package func execute(_ call: HTTPCall) -> EventLoopFuture<HTTPResponse> {
        loop.preconditionInEventLoop()
        guard configuration.returnsCSRFTokens else { return run(call) }
        let sent = tokens[call.origin]
        let deadline = loop.now + call.timeout
        return run(call.adding(csrfToken: sent)).flatMap { [self] response in
            guard let token = response.headers.first(name: HTTPClient.csrfHeader) else { return loop.makeSucceededFuture(response) }
            tokens[call.origin] = token
            guard response.status == .unauthorized, token != sent, loop.now < deadline else { return loop.makeSucceededFuture(response) }
            return run(call.adding(csrfToken: token))
        }
    }

    package static let csrfHeader = "x-csrf-token"

    private func run(_ call: HTTPCall) -> EventLoopFuture<HTTPResponse> {
        let promise = loop.makePromise(of: HTTPResponse.self)
        let length = call.body?.readableBytes ?? 0
        if length > 0 {
            guard configuration.requestBytes.take(length) else {
                promise.fail(HTTPCallFailure.overloaded(call.origin, pools[call.origin]?.waiting.count ?? 0))
                return promise.futureResult
            }
            promise.futureResult.whenComplete { [budget = configuration.requestBytes] _ in budget.give(length) }
        }
        let waiting = Waiting(call: call, deadline: loop.now + call.timeout, promise: promise)
        while let idle = pools[call.origin]?.idle.popLast() {
            guard idle.connection.channel.isActive else { continue }
            idle.connection.send(call, deadline: waiting.deadline, promise: promise)
            return promise.futureResult
        }
        let pool = pools[call.origin, default: Pool()]
        guard pool.waiting.count < configuration.maximumWaiting else {
            promise.fail(HTTPCallFailure.overloaded(call.origin, pool.waiting.count))
            return promise.futureResult
        }
        pools[call.origin, default: Pool()].waiting.append(waiting)
        expireAtDeadline(waiting)
        if pool.count < configuration.maximumConnectionsPerOrigin { open(call.origin, timeout: call.timeout) }
        return promise.futureResult
    }

    /// Opens a connection and closes it again: tells whether somebody answers there (with TLS, after the handshake).
    package func probe(_ origin: HTTPOrigin, timeout: TimeAmount) -> EventLoopFuture<Void> {
        connect(origin, timeout: timeout).map { $0.close(promise: nil) }
    }

    package func close() {
        loop.preconditionInEventLoop()
        sweep?.cancel()
        for pool in pools.values {
            for idle in pool.idle { idle.connection.channel.close(promise: nil) }
        }
    }

    // MARK: Connections

    private func connect(_ origin: HTTPOrigin, timeout: TimeAmount) -> EventLoopFuture<any Channel> {
        Dialer().connect(host: origin.host, port: origin.port, tls: origin.isTLS ? tls : nil, timeout: timeout, on: loop)
            .flatMapErrorThrowing { throw HTTPClient.explain($0, origin) }
    }

    private func open(_ origin: HTTPOrigin, timeout: TimeAmount) {
        pools[origin, default: Pool()].count += 1
        startSweep()
        connect(origin, timeout: timeout).flatMapThrowing { [self] channel in
            let connection = HTTPClientConnection(
                channel: channel, maximumBodySize: configuration.maximumBodySize, answerBytes: configuration.answerBytes,
                onIdle: { [weak self] in self?.released($0, origin) }, onClosed: { [weak self] in self?.closed($0, origin) })
            try channel.pipeline.syncOperations.addHTTPClientHandlers()
            try channel.pipeline.syncOperations.addHandler(connection)
            return connection
        }.whenComplete { [self] (result: Result<HTTPClientConnection, any Error>) in
            switch result {
            case .success(let connection): released(connection, origin)
            case .failure(let error):
                pools[origin]?.count -= 1
                // Whoever waits would meet the same.
                failWaiting(origin, error)
            }
        }
    }

    private func released(_ connection: HTTPClientConnection, _ origin: HTTPOrigin) {
        while let next = pools[origin]?.waiting.popFirst() {
            guard next.deadline > loop.now else {
                next.promise.fail(HTTPCallFailure.timeout(origin))
                continue
            }
            return connection.send(next.call, deadline: next.deadline, promise: next.promise)
        }
        pools[origin]?.idle.append((connection, loop.now))
    }

    private func closed(_ connection: HTTPClientConnection, _ origin: HTTPOrigin) {
        guard var pool = pools[origin] else { return }
        pool.count -= 1
        pool.idle.removeAll { $0.connection === connection }
        pools[origin] = pool.count == 0 && pool.waiting.isEmpty ? nil : pool
        if let next = pool.waiting.first { open(origin, timeout: next.call.timeout) }
    }

    private func failWaiting(_ origin: HTTPOrigin, _ error: any Error) {
        guard let pool = pools[origin] else { return }
        pools[origin]?.waiting.removeAll()
        if pool.count == 0 { pools[origin] = nil }
        for waiting in pool.waiting { waiting.promise.fail(error) }
    }

    private func expireAtDeadline(_ waiting: Waiting) {
        let origin = waiting.call.origin
        let timer = loop.scheduleTask(deadline: waiting.deadline) { [weak self] in
            guard let self,
                let index = pools[origin]?.waiting.firstIndex(where: { $0.promise.futureResult === waiting.promise.futureResult })
            else { return }
            pools[origin]?.waiting.remove(at: index)
            waiting.promise.fail(HTTPCallFailure.timeout(origin))
        }
        waiting.promise.futureResult.whenComplete { _ in timer.cancel() }
    }

    private func startSweep() {
        guard sweep == nil else { return }
        let interval = configuration.idleTimeout
        sweep = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] task in
            guard let self else { return task.cancel() }
            for (origin, pool) in pools {
                for idle in pool.idle where idle.since + interval <= loop.now { idle.connection.channel.close(promise: nil) }
                pools[origin]?.idle.removeAll { $0.since + interval <= self.loop.now }
            }
            if pools.isEmpty {
                task.cancel()
                sweep = nil
            }
        }
    }

    private static func explain(_ error: any Error, _ origin: HTTPOrigin) -> HTTPCallFailure {
        guard let failure = error as? DialFailure else { return .unreachable(origin, NetworkErrorText.describe(error)) }
        return failure.stage == .timeout ? .timeout(origin) : .unreachable(origin, failure.description)
    }
}
