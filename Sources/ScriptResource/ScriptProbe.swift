package import Formats
import HTTPTransport
import LuaRuntime
package import NIOCore
import NIOHTTP1
import Secrets

/// Whether the gateway can be reached with a configuration, and whether a resource runs with it: for those who look for what is wrong.
package enum ScriptProbe {
    private static let limit = TimeAmount.seconds(3)

    /// `{"gateway", "server", "scripts": {"url", "status" and "answer", or "failure"}, "things": [names]}`
    package static func run(_ configuration: ScriptConfiguration, on loop: any EventLoop) async -> JSONValue {
        async let gateway = askGateway(configuration.gateway, loop)
        async let health = askServer(configuration.server, "/readyz", loop)
        async let scripts = askServer(configuration.server, "/scripts", loop)
        return [
            "gateway": await gateway, "server": await health, "scripts": await scripts,
            "logs": .string(configuration.log.directory), "settings": settings(configuration),
            "things": .array(configuration.entries.filter(\.isThing).map { .string($0.identifier.map { "*\($0)" } ?? $0.name) }),
        ]
    }

    /// What the scripts are given, but for what looks like a secret.
    private static func settings(_ configuration: ScriptConfiguration) -> JSONValue {
        var all = JSONObject()
        for (name, value) in configuration.shared.sorted(by: { $0.key < $1.key }) { all[name] = masked(name, value) }
        for entry in configuration.entries { all[entry.name] = masked(entry.name, entry.settings) }
        return .object(all)
    }

    private static let secretWords = ["password", "passphrase", "secret", "token", "key", "pwd", "pass", "credential", "auth"]

    private static func masked(_ name: String, _ value: LuaValue) -> JSONValue {
        let word = name.lowercased()
        if value.table == nil, value.boolean == nil, secretWords.contains(where: { word.contains($0) }) { return .string("***") }
        if let table = value.table {
            var object = JSONObject()
            for (key, member) in table.fields.sorted(by: { $0.key < $1.key }) { object[key] = masked(key, member) }
            for (index, member) in table.list.enumerated() { object[String(index + 1)] = masked(name, member) }
            return .object(object)
        }
        return value.boolean.map { .bool($0) } ?? value.number.map { .double($0) } ?? value.string.map { .string($0) } ?? .null
    }

    private static func askGateway(_ gateway: ScriptConfiguration.Gateway, _ loop: any EventLoop) async -> JSONValue {
        let origin = HTTPOrigin(isTLS: gateway.tls, host: gateway.host, port: gateway.port)
        var headers: HTTPHeaders = ["Accept": "application/json"]
        if gateway.authenticate, let user = gateway.user {
            let (name, value) = BasicAuthentication.header(user: user, password: gateway.password?.reveal() ?? "")
            headers.add(name: name, value: value)
        }
        var configuration = HTTPClient.Configuration()
        configuration.returnsCSRFTokens = true
        configuration.tls = ScriptResource.tls(gateway)
        return await ask(origin, "/Thingworx/Things/LocalEms/Properties/isConnected", headers, configuration, loop)
    }

    private static func askServer(_ server: ScriptConfiguration.Server, _ path: String, _ loop: any EventLoop) async -> JSONValue {
        guard server.port != 0 else { return ["failure": "script_resource_port is 0: it takes any port"] }
        let host = ["0.0.0.0", "::", "localhost"].contains(server.host) ? "127.0.0.1" : server.host
        var configuration = HTTPClient.Configuration()
        // Its own certificate, whatever name it bears: nobody else gets the password.
        configuration.tls.roots = server.tls ? [server.certificateChain ?? server.madeCertificate] : []
        configuration.tls.checkHostname = false
        configuration.tls.allowSelfSigned = true
        var headers: HTTPHeaders = ["Accept": "application/json"]
        if server.authenticate, let user = server.user, let password = server.password {
            let (name, value) = BasicAuthentication.header(user: user, password: password.reveal())
            headers.add(name: name, value: value)
        }
        return await ask(HTTPOrigin(isTLS: server.tls, host: host, port: server.port), path, headers, configuration, loop)
    }

    private static func ask(
        _ origin: HTTPOrigin, _ path: String, _ headers: HTTPHeaders, _ configuration: HTTPClient.Configuration, _ loop: any EventLoop
    ) async -> JSONValue {
        var found: JSONObject = ["url": .string("\(origin)")]
        do {
            let client = try HTTPClient(configuration, on: loop)
            let call = HTTPCall(.GET, origin, path, headers: headers, timeout: limit)
            let response = try await loop.flatSubmit { client.execute(call) }.get()
            found["status"] = .int(Int(response.status.code))
            found["answer"] = (try? JSONValue(parsing: response.body)) ?? .null
        } catch {
            found["failure"] = .string("\(error)")
        }
        return .object(found)
    }
}
