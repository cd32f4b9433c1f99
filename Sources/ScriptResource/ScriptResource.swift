import HTTPTransport
package import Logging
import LuaRuntime
package import NIOCore
import NetworkSupport

/// A running script resource: its scripts and their HTTP interface.
package final class ScriptResource: Sendable {
    package let environment: ScriptEnvironment
    package let server: ScriptServer
    private let watcher: ScriptWatcher
    private let trimming: RepeatedTask
    private let control: ControlSocket?
    private let logger: Logger

    private init(environment: ScriptEnvironment, server: ScriptServer, control: ControlSocket?, logger: Logger) {
        self.environment = environment
        self.control = control
        self.server = server
        self.logger = logger
        watcher = ScriptWatcher(environment)
        trimming = environment.loop.scheduleRepeatedTask(initialDelay: .seconds(15), delay: .minutes(1)) { _ in
            environment.pool.submit { LuaState.trimHeaps() }
        }
    }

    /// Opens the port, then starts every script. A script that fails says so in the log; the others go on.
    /// - Throws: `ListenFailure`, or what keeps all of them from running.
    package static func start(
        _ configuration: ScriptConfiguration, version: String, on loop: any EventLoop, logger: @escaping @Sendable (String) -> Logger
    ) async throws -> ScriptResource {
        var client = HTTPClient.Configuration()
        client.tls = tls(configuration.gateway)
        client.maximumConnectionsPerOrigin = 8
        client.maximumWaiting = 100_000
        client.returnsCSRFTokens = true
        let environment = try ScriptEnvironment(configuration: configuration, client: try HTTPClient(client, on: loop), logger: logger)
        if let problem = environment.persistentData.problem { logger("scripts").error("\(problem)") }
        if let notice = environment.persistentData.notice { logger("scripts").notice("\(notice)") }
        await environment.openPushStore()
        let server = try await ScriptServer.start(environment, version: version, logger: logger("http"))
        environment.listening(on: server.port)
        var control: ControlSocket?
        do {
            control = try await ControlSocket.open(environment, logger: logger("control"))
        } catch {
            logger("control").warning(
                "scripts cannot be looked into with edgectl: \(ControlSocket.path(besides: configuration.path)): \(NetworkErrorText.describe(error))"
            )
        }
        for entry in configuration.entries { environment.start(entry, values: .nil) }
        let resource = ScriptResource(environment: environment, server: server, control: control, logger: logger("scripts"))
        if configuration.watch { resource.watcher.start() }
        return resource
    }

    /// Takes over another configuration. Scripts whose settings are the same are not touched.
    ///
    /// - Returns: a line for each change, and the settings that wait for the next start.
    /// - Throws: what keeps all of it from being taken over; everything is as it was then.
    package func apply(_ new: ScriptConfiguration) async throws -> (changes: [String], waiting: [String]) {
        let old = environment.configuration
        let client = new.gateway == old.gateway ? nil : try TLSClient(ScriptResource.tls(new.gateway))
        var inForce = new
        inForce.server.host = old.server.host
        inForce.server.port = old.server.port
        inForce.server.tls = old.server.tls
        try server.apply(inForce.server)
        environment.use(inForce)
        if let client { try? await environment.loop.submit { self.environment.client.use(client) }.get() }
        if new.watch { watcher.start() } else { watcher.stop() }
        let waiting = [
            ("script_resource_host", new.server.host != old.server.host), ("script_resource_port", new.server.port != old.server.port),
            ("script_resource_ssl", new.server.tls != old.server.tls), ("fips_enabled", new.fips != old.fips),
        ].filter(\.1).map(\.0)
        // What scripts were told at their start.
        let concernsAll = new.log.lowest != old.log.lowest || new.watch != old.watch || inForce.server != old.server
        let changes = await environment.apply(new.entries, before: old.entries, all: concernsAll)
        return (changes, waiting)
    }

    /// Ends every script (Things leave the gateway), then the HTTP interface. A script that does not end is not waited
    /// for longer than this.
    static let stopLimit = TimeAmount.seconds(5)

    package func stop() async {
        let environment = environment
        await environment.loop.result(within: ScriptResource.stopLimit, else: ()) {
            await withTaskGroup(of: Void.self) { group in
                for script in environment.all { group.addTask { await script.stop() } }
            }
        }
        for (name, status) in environment.scriptStates where status == .running { logger.warning("\(name) did not end and is left behind") }
        watcher.stop()
        trimming.cancel()
        environment.watchdog.stop()
        await control?.close()
        await server.stop()
        await environment.files.stop(on: environment.loop)
        await environment.closePushStore()
    }

    static func tls(_ gateway: ScriptConfiguration.Gateway) -> TLSClientSettings {
        var tls = TLSClientSettings()
        tls.validate = gateway.validate
        tls.allowSelfSigned = !gateway.denySelfSigned
        tls.checkHostname = !gateway.disableHostnameValidation
        tls.allowCommonName = gateway.allowCommonName
        tls.roots = gateway.certificateFile.map { [$0] } ?? []
        return tls
    }
}
