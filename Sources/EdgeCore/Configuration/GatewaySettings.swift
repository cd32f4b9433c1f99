import Formats
package import Settings

/// The top level of `config.json` (ems.md §2), in the order of reference and samples.
extension GatewayConfiguration {
    package static let settings: [Setting<GatewayConfiguration>] = [
        .custom(\.servers, serversDescription, json: { .array($0.map { ["host": .string($0.host), "port": .int($0.port)] }) }) { group, _ in
            readServers(&group)
        },
        .string("resource", \.resource, "Path of the WebSocket endpoint on the platform."),
        .secret(
            "appKey", \.applicationKey, sample: "the application key", required: true,
            """
            The application key that the gateway authenticates with. In clear, it is replaced by its encrypted form at the first start; \
            `wsems -encrypt -` makes that form beforehand.
            """
        ).live,
        .choice(
            "restart", \.restart, [("server", .server), ("local", .local), ("any", .any)],
            """
            Who may call the service Restart of LocalEms: the platform (`server`), local programs (`local`), or both (`any`).
            """
        ).live,
        .group("logger", \.log, Log.settings, "What is logged, and where to."),
        .group("http_server", \.httpServer, HTTPServer.settings, "The REST server for local devices and applications."),
        .group("ws_connection", \.connection, Connection.settings, "The WebSocket to the platform."),
        .group("duty_cycle", \.dutyCycle, DutyCycle.settings, "Being connected for a part of the time only."),
        .group("failover", \.failover, Failover.settings, "An extension: further entries of `ws_servers` used in order. Off unless set."),
        .group("proxy", \.proxy, Proxy.settings, "An HTTP proxy between the gateway and the platform. None unless `host` is set."),
        .group(
            "certificates", \.certificates, Certificates.settings, "Whom the gateway trusts as a TLS client, and how it identifies itself."),
        .group(
            "offline_msg_store", \.offlineStore, OfflineStore.settings,
            "Requests kept while there is no connection (Documentation/store.md)."),
        .custom(\.autoBind, EdgeThing.listDescription, json: { .array($0.map(\.json)) }) { group, _ in EdgeThing.readList(&group) }.live,
        .group(
            "tunnel", \.tunnel, Tunnel.settings,
            "Tunnels through which people reach devices by way of the platform (Documentation/tunnels.md)."),
        .group(
            "file", \.file, FileTransfer.settings,
            "Files of the Things that are bound through this gateway, and their transfer (Documentation/files.md)."),
        .group("metrics", \.metrics, Metrics.settings, "An extension: figures for Prometheus at `/metrics` (Documentation/operations.md)."),
        .group("fips", \.fips, FIPS.settings, "FIPS mode of the original's OpenSSL builds."),
    ]

    private static let serversDescription = SettingDescription(
        "ws_servers",
        .objects([
            SettingDescription("host", .string, sample: "platform.example.com", isRequired: true, "Host name or address."),
            SettingDescription("port", .integer(1...65535, unit: .none), default: 443, "443 with TLS as a rule, 80 without."),
        ]), isRequired: true, "The platform. Only the first entry is used unless `failover.enabled`.")

    private static func readServers(_ root: inout ConfigGroup) -> [Server] {
        guard let found = root.value("ws_servers") else {
            root.reader.report(.error, "ws_servers", "missing: expected an array with the platform's host and port")
            return []
        }
        guard let entries = found.value.array, !entries.isEmpty else {
            root.reader.report(
                .error, found.path, "expected an array with at least one object { host, port }, found \(found.value.kindName)")
            return []
        }
        return entries.enumerated().compactMap { index, entry in
            let path = "\(found.path)[\(index)]"
            guard let object = entry.object else {
                root.reader.report(.error, path, "expected an object { host, port }, found \(entry.kindName)")
                return nil
            }
            var group = ConfigGroup(reader: root.reader, path: path, object: object)
            group.isRequired = true
            let server = Server(
                host: group.string("host", default: "").trimmingBlanks, port: group.integer("port", default: 443, in: 1...65535))
            if server.host.isEmpty {
                root.reader.report(.error, group.path(of: "host"), "missing: expected the platform's host name or address")
            }
            group.finish()
            return server
        }
    }
}

extension EdgeThing {
    static let listDescription = SettingDescription(
        "auto_bind",
        .objects([
            SettingDescription("name", .string, sample: "Press-12", isRequired: true, "Name of the Thing, or `*` and its identifier."),
            SettingDescription("host", .string, default: "localhost", "Where the program is that stands for the Thing."),
            SettingDescription("port", .integer(1...65535, unit: .none), default: 8001, "Its port."),
            SettingDescription("path", .string, default: "/", "Put in front of the path of the platform's requests."),
            SettingDescription(
                "timeout", .integer(1...2_147_483_647, unit: .milliseconds), default: 30_000, "How long its answer is waited for."),
            SettingDescription("protocol", .choice(["http", "https"]), default: "http", "Whether it is spoken to with TLS."),
            SettingDescription("user", .string, "User for Basic authentication there; none without."),
            SettingDescription("password", .secret, "Password of that user; encrypted at the first start."),
            SettingDescription("accept", .string, default: "application/json", "Kept for older files; JSON is what is spoken."),
            SettingDescription(
                "gateway", .bool, default: false,
                """
                The gateway itself answers for this Thing, as for LocalEms. On the platform it must be made from EMSGateway, or not exist.
                """),
        ]), "Things that are bound whenever the gateway is connected.")

    static func readList(_ root: inout ConfigGroup) -> [EdgeThing] {
        guard let found = root.value("auto_bind") else { return [] }
        guard let entries = found.value.array else {
            root.reader.report(.problem, found.path, "must be an array of objects, found \(found.value.kindName): nothing is bound")
            return []
        }
        var seen: Set<String> = []
        return entries.enumerated().compactMap { index, entry in
            let path = "\(found.path)[\(index)]"
            guard let object = entry.object else {
                root.reader.report(.problem, path, "expected an object, found \(entry.kindName): not bound")
                return nil
            }
            var group = ConfigGroup(reader: root.reader, path: path, object: object)
            guard let name = group.string("name"), !name.isEmpty, name != "*" else {
                root.reader.report(.problem, path, "an entry without a name: not bound")
                return nil
            }
            if !seen.insert(name).inserted { root.reader.report(.warning, path, "\"\(name)\" a second time: this entry counts") }
            return read(name, &group)
        }
    }

    private static func read(_ name: String, _ group: inout ConfigGroup) -> EdgeThing {
        var thing = EdgeThing(name: name)
        if name.hasPrefix("**") {
            group.reader.report(.problem, group.path(of: "name"), "expected one * before an identifier, found \"\(name)\"")
        }
        thing.host = group.string("host", default: thing.host)
        thing.port = group.integer("port", default: thing.port, in: 1...65535)
        thing.path = group.string("path", default: thing.path)
        thing.timeout = group.milliseconds("timeout", default: 30_000, from: 1)
        thing.isTLS = group.choice("protocol", default: false, [("http", false), ("https", true)])
        thing.user = group.string("user")
        thing.password = group.secret("password")
        thing.isGateway = group.bool("gateway", default: false)
        if thing.user?.contains(":") == true { group.reader.report(.problem, group.path(of: "user"), "must not contain a colon") }
        group.passOver("accept")
        group.finish()
        return thing
    }

    /// As an entry of `auto_bind`, the password masked.
    var json: JSONValue {
        var entry: JSONObject = ["name": .string(name)]
        if isGateway {
            entry["gateway"] = true
            return .object(entry)
        }
        entry["host"] = .string(host)
        entry["port"] = .int(port)
        entry["path"] = .string(path)
        entry["timeout"] = .int(timeout.nanoseconds / 1_000_000)
        entry["protocol"] = .string(isTLS ? "https" : "http")
        if let user { entry["user"] = .string(user) }
        if password != nil { entry["password"] = .string(SecretMask.text) }
        return .object(entry)
    }
}
