package import HTTPTransport
package import Logging
import LuaRuntime
package import NIOCore
import NetworkSupport

/// A running script resource: its scripts and their HTTP interface.
package final class ScriptResource: Sendable {
    package let environment: ScriptEnvironment
    package let server: HTTPServer
    private let logger: Logger

    private init(environment: ScriptEnvironment, server: HTTPServer, logger: Logger) {
        self.environment = environment
        self.server = server
        self.logger = logger
    }

    /// Opens the port, then starts every script. A script that fails says so in the log; the others go on.
    /// - Throws: `ListenFailure`, or what keeps all of them from running.
    package static func start(
        _ configuration: ScriptConfiguration, on loop: any EventLoop, logger: @escaping @Sendable (String) -> Logger
    ) async throws -> ScriptResource {
        var client = HTTPClient.Configuration()
        client.tls = tls(configuration.gateway)
        client.maximumConnectionsPerOrigin = 8
        client.maximumWaiting = 100_000
        client.returnsCSRFTokens = true
        let environment = try ScriptEnvironment(configuration: configuration, client: try HTTPClient(client, on: loop), logger: logger)
        if let problem = environment.persistentData.problem { logger("scripts").error("\(problem)") }
        let server = try await ScriptServer.start(environment, logger: logger("http"))
        environment.listening(on: server.port)
        for entry in configuration.entries {
            let name = entry.isThing ? Script.ThingName(name: entry.name, identifier: entry.identifier) : nil
            let script = Script(
                name: entry.name, file: entry.file, settings: entry.settings, thingName: name, environment: environment,
                logger: logger(entry.name))
            environment.add(script)
        }
        for script in environment.all { Task { await script.start() } }
        return ScriptResource(environment: environment, server: server, logger: logger("scripts"))
    }

    /// Ends every script (Things leave the gateway), then the HTTP interface. A script that does not end is not waited
    /// for longer than this.
    private static let stopLimit = TimeAmount.seconds(5)

    package func stop() async {
        let ended = environment.loop.makePromise(of: Void.self)
        let limit = environment.loop.scheduleTask(in: ScriptResource.stopLimit) { ended.succeed() }
        Task {
            await withTaskGroup(of: Void.self) { group in
                for script in environment.all { group.addTask { await script.stop() } }
            }
            ended.succeed()
        }
        try? await ended.futureResult.get()
        limit.cancel()
        for (name, status) in environment.scriptStates where status == .running { logger.warning("\(name) did not end and is left behind") }
        environment.watchdog.stop()
        await server.stop()
    }

    private static func tls(_ gateway: ScriptConfiguration.Gateway) -> TLSClientSettings {
        var tls = TLSClientSettings()
        tls.validate = gateway.validate
        tls.allowSelfSigned = !gateway.denySelfSigned
        tls.checkHostname = !gateway.disableHostnameValidation
        tls.roots = gateway.certificateFile.map { [$0] } ?? []
        return tls
    }
}
