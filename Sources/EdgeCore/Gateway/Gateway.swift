package import AlwaysOn
package import AlwaysOnTransport
package import Logging
package import NIOCore

/// The gateway's core: owns the connection to the platform, the registry of bound Things and the routing between.
///
/// It lives on one event loop, together with the local HTTP server and the WebSocket: what arrives on that loop enters
/// by `assumeIsolated`, without a hop.
package actor Gateway {
    package nonisolated let loop: any EventLoop
    package nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    enum Link {
        case stopped
        case waiting(Scheduled<Void>)
        case connecting
        case open(EdgeConnection)
    }

    let configuration: GatewayConfiguration
    let endpoint: PlatformEndpoint
    let devices: any DeviceCaller
    let persistence: PersistentThings?
    let logger: Logger
    var registry: Registry
    var monitor = DeviceMonitor()
    var link = Link.stopped
    var reconnect: Reconnect
    var monitorTimer: (deadline: NIODeadline, task: Scheduled<Void>)?
    var bindRetry: Scheduled<Void>?
    var bindRetryPause: TimeAmount?
    /// The platform refused the application key on the connection that is about to close.
    var wasRefused = false
    var lastRefusal: NIODeadline?
    var stopping: EventLoopPromise<Void>?
    private let exhausted: EventLoopPromise<Void>

    package init(
        configuration: GatewayConfiguration, endpoint: PlatformEndpoint, devices: any DeviceCaller, persistence: PersistentThings?,
        logger: Logger, on loop: any EventLoop
    ) {
        self.loop = loop
        self.configuration = configuration
        self.endpoint = endpoint
        self.devices = devices
        self.persistence = persistence
        self.logger = logger
        registry = Registry(autoBind: configuration.autoBind, messageSize: configuration.connection.chunkSize)
        reconnect = Reconnect(interval: configuration.connection.retryInterval, retries: configuration.connection.retries)
        exhausted = loop.makePromise()
    }

    /// Ends when `connect_retries` are used up.
    package func untilExhausted() async { try? await exhausted.futureResult.get() }

    func giveUp() {
        link = .stopped
        exhausted.succeed()
    }

    // MARK: Life

    package func start() {
        restorePersistent()
        guard configuration.applicationKey != nil else { return }
        let longest = configuration.connection.maximumConnectDelay.nanoseconds
        connect(after: .nanoseconds(longest > 0 ? Int64.random(in: 0...longest) : 0))
    }

    /// Unbinds everything and closes the connection in order.
    package func stop() async {
        exhausted.succeed()
        monitorTimer?.task.cancel()
        bindRetry?.cancel()
        switch link {
        case .stopped, .connecting: link = .stopped
        case .waiting(let timer):
            timer.cancel()
            link = .stopped
        case .open(let connection):
            let closed = loop.makePromise(of: Void.self)
            stopping = closed
            perform(registry.unbindAll())
            connection.close(.init(.normal, "the gateway stops"))
            let limit = loop.scheduleTask(in: .seconds(3)) { closed.succeed() }
            try? await closed.futureResult.get()
            limit.cancel()
        }
    }

    package var isConnected: Bool {
        if case .open(let connection) = link { connection.isOnline } else { false }
    }

    // MARK: Routing

    /// A request of a local device or application.
    package func handleLocal(_ request: Request) -> EventLoopFuture<Response> {
        if let answer = handleLocalEms(request) { return loop.makeSucceededFuture(answer) }
        guard case .open(let connection) = link else {
            return loop.makeSucceededFuture(Response(.serviceUnavailable, reason: "not connected to the platform"))
        }
        return connection.request(request, timeout: configuration.connection.messageTimeout)
    }

    /// A request of the platform.
    func handleRemote(_ request: Request) -> EventLoopFuture<Response> {
        if let answer = handleLocalEms(request) { return loop.makeSucceededFuture(answer) }
        guard request.entityType == .thing, let thing = registry.thing(request.entityName) else {
            logger.warning("\(request.entityName): Thing not bound to EMS or host is not set")
            return loop.makeSucceededFuture(Response(.notFound, reason: "\(request.entityName) is not bound through this gateway"))
        }
        let host = thing.deviceHost
        return devices.call(request, of: thing).map { response in
            if response.status == .serviceUnavailable { self.assumeIsolated { $0.suspect(host) } }
            return response
        }
    }
}
