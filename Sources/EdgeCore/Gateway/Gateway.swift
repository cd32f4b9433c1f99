package import AlwaysOn
import AlwaysOnTransport
import FileTransfer
import LogSupport
package import Logging
package import NIOCore
import TunnelTransport

/// The gateway's core: owns the connection to the platform, the registry of bound Things and the routing between.
///
/// It lives on one event loop, together with the local HTTP server and the WebSocket: what arrives on that loop enters
/// by `assumeIsolated`, without a hop.
package actor Gateway {
    package nonisolated let loop: any EventLoop
    private nonisolated let executor: any SerialExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    enum Link {
        case stopped
        case waiting(Scheduled<Void>)
        case connecting
        case open(EdgeConnection)
        /// Off the network, as the duty cycle wants it.
        case resting(Scheduled<Void>)
    }

    var configuration: GatewayConfiguration
    var security: ClientSecurity
    let devices: any DeviceCaller
    let persistence: PersistentThings?
    let host: any GatewayHost
    let logger: Logger
    var registry: Registry
    var monitor = DeviceMonitor()
    var link = Link.stopped
    var servers: ServerSelection
    var reconnect: Reconnect
    var duty: DutyCycleClock
    var dutyTimer: Scheduled<Void>?
    /// Local requests that wait for the connection they asked for.
    var waiting: [WaitingRequest] = []
    /// Requests without an answer yet, in either direction; counted where there is a duty cycle.
    var runningCount = 0
    var returnTimer: Scheduled<Void>?
    var monitorTimer: (deadline: NIODeadline, task: Scheduled<Void>)?
    var bindRetry: Scheduled<Void>?
    var bindRetryPause: TimeAmount?
    /// The platform refused the application key on the connection that is about to close.
    var wasRefused = false
    var lastRefusal: NIODeadline?
    /// Writing of persistent registrations that is under way, and those who wait for the next.
    var keeping: EventLoopFuture<Void>?
    var unkept: [EventLoopPromise<Void>] = []
    let unbound: ThrottledLog
    let unstored: ThrottledLog
    /// nil: nothing is stored, or not yet.
    var outbox: Outbox?
    var storeRetry: Scheduled<Void>?
    /// nil: no Thing has files here.
    var files: FileStore?
    let tunnels: EdgeTunnels
    var figures = GatewayFigures()
    /// Why there is no connection, as it was last logged.
    var lastFailure: String?
    /// A question to the disk of the store that has no answer yet.
    var diskCheck: EventLoopFuture<String?>?
    /// Changes of the configuration that are being made.
    var configurationChanges = 0
    /// Why the connection that is about to close is closed from here: it is opened again at once, or after the rest.
    var closing: Closing?
    var stopping: EventLoopPromise<Void>?
    private let exhausted: EventLoopPromise<Void>

    enum Closing {
        case toRest(TimeAmount)
        case toReconnect
    }

    /// - Parameter executor: the loop's own where there is none; an embedded loop has none.
    package init(
        configuration: GatewayConfiguration, security: ClientSecurity, devices: any DeviceCaller, persistence: PersistentThings?,
        host: any GatewayHost, logger: Logger, on loop: any EventLoop, executor: (any SerialExecutor)? = nil
    ) {
        self.loop = loop
        self.executor = executor ?? loop.executor
        self.configuration = configuration
        self.security = security
        self.devices = devices
        self.persistence = persistence
        self.host = host
        self.logger = logger
        unbound = ThrottledLog(logger, level: .warning)
        unstored = ThrottledLog(logger, level: .warning)
        registry = Registry(autoBind: configuration.autoBind, messageSize: configuration.connection.chunkSize)
        servers = ServerSelection(count: configuration.servers.count)
        reconnect = Reconnect(interval: configuration.connection.retryInterval, retries: configuration.connection.retries)
        duty = DutyCycleClock(configuration.dutyCycle, idleTime: configuration.connection.messageIdleTime)
        exhausted = loop.makePromise()
        let happened = TunnelEvents()
        tunnels = EdgeTunnels(configuration.tunnelSettings, on: loop) { happened.handle($0, $1) }
        happened.gateway = self
    }

    deinit { exhausted.succeed() }

    var endpoint: PlatformEndpoint { security.platforms[servers.current] }

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
        while let keeping { try? await keeping.get() }
        await closeFiles()
        try? await tunnels.stop("the gateway stops").get()
        await drainBeforeStop()
        for timer in [monitorTimer?.task, bindRetry, dutyTimer, returnTimer] { timer?.cancel() }
        switch link {
        case .stopped, .connecting: link = .stopped
        case .waiting(let timer), .resting(let timer):
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

    /// Where a request comes from.
    package enum Origin: Sendable, Equatable {
        case local
        case platform
    }

    /// A request of a local device or application.
    /// - Parameter identity: what its sender calls it, if he does.
    package func handleLocal(_ request: Request, identity: MessageIdentity? = nil) -> EventLoopFuture<Response> {
        if let answer = handleLocalEms(request, from: .local) { return answer }
        if outbox != nil, StoredRequest.isStorable(request, services: configuration.offlineStore.services) {
            return handleStorable(request, identity)
        }
        return handleOnline(request)
    }

    func handleOnline(_ request: Request) -> EventLoopFuture<Response> {
        guard case .open(let connection) = link, connection.isOnline, closing == nil else { return handleOffline(request) }
        outbox?.delivery.sentLive(loop.now)
        return send(request, over: connection, timeout: configuration.connection.messageTimeout)
    }

    func send(_ request: Request, over connection: EdgeConnection, timeout: TimeAmount) -> EventLoopFuture<Response> {
        let response = connection.request(request, timeout: timeout)
        if logger.logLevel == .trace { trace(request, number: connection.lastRequestID, .toPlatform, response) }
        guard configuration.dutyCycle.isOn else { return response }
        return tracked(response)
    }

    /// A request of the platform.
    func handleRemote(_ request: Request) -> EventLoopFuture<Response> {
        let response = answer(request)
        figures.fromPlatform.began()
        let since = NIODeadline.now()
        response.whenSuccess { response in
            self.assumeIsolated { $0.figures.fromPlatform.ended(response.status.httpStatus, after: .now() - since) }
        }
        return response
    }

    private func answer(_ request: Request) -> EventLoopFuture<Response> {
        if let answer = handleFiles(request) { return answer }
        if let answer = handleTunnels(request) { return answer }
        if let answer = handleLocalEms(request, from: .platform) { return answer }
        guard request.entityType == .thing, let thing = registry.thing(request.entityName) else {
            unbound.note("\(request.entityName): Thing not bound to EMS or host is not set")
            return loop.makeSucceededFuture(Response(.notFound, reason: "\(request.entityName) is not bound through this gateway"))
        }
        let host = thing.deviceHost
        return devices.call(request, of: thing).map { response in
            if response.status == .serviceUnavailable { self.assumeIsolated { $0.suspect(host) } }
            return response
        }
    }
}
