package import Formats
package import NIOCore
package import Secrets
package import Settings

/// The settings of a gateway (ems.md §2). A value that is not in the file has the default given here.
package struct GatewayConfiguration: Sendable {
    package struct HTTPServer: Sendable {
        package var host = "localhost"
        package var port = 8000
        package var portsToTry = 10
        package var tls: Bool = true
        package var certificate = ""
        package var privateKey = ""
        package var passphrase: Secret?
        package var authenticate = true
        package var user: String?
        package var password: Secret?
        package var contentReadTimeout = TimeAmount.milliseconds(20_000)
        package var maximumClients = 15
    }

    package struct Connection: Sendable {
        package var encrypted = true
        package var verbose = false
        package var messageTimeout = TimeAmount.milliseconds(10_000)
        package var pingRate = TimeAmount.milliseconds(55_000)
        package var pongTimeout = TimeAmount.milliseconds(10_000)
        package var maximumMessageSize = 1_048_576
        package var chunkSize = 8192
        package var compression = true
        package var frameSize = 8192
        package var maximumRequestsInFlight = 500
        package var connectTimeout = TimeAmount.milliseconds(10_000)
        package var retryInterval = TimeAmount.milliseconds(10_000)
        /// nil: for ever.
        package var retries: Int?
        package var maximumConnectDelay = TimeAmount.milliseconds(10_000)
        package var maximumThreads = 4
    }

    package struct Certificates: Sendable {
        package var validate = true
        package var allowSelfSigned = false
        package var disableHostnameValidation = false
        package var chain: [String] = []
        package var deviceChain: [String] = []
    }

    package var host = ""
    package var port = 443
    package var resource = "/Thingworx/WS"
    package var applicationKey: Secret?
    package var logLevel = "WARN"
    package var httpServer = HTTPServer()
    package var connection = Connection()
    package var certificates = Certificates()
    package var autoBind: [EdgeThing] = []
    package var fips = false

    /// Where secrets stand in the file.
    package static let secrets = ConfigurationSecrets(places: [
        "appKey", "http_server.password", "http_server.passphrase", "proxy.password", "certificates.key_passphrase", "auto_bind[].password",
    ])

    /// - Returns: the settings and everything that is wrong with them; they are usable when no diagnostic is an error.
    package static func read(_ document: JSONDocument, keys: KeyRing?, keyFile: KeyFile) -> (GatewayConfiguration, [ConfigDiagnostic]) {
        let reader = ConfigReader(document, keys: keys, keyFile: keyFile)
        var configuration = GatewayConfiguration()
        var root = reader.root()
        configuration.readServers(&root)
        configuration.resource = root.string("resource", default: configuration.resource)
        configuration.applicationKey = root.secret("appKey")
        if configuration.applicationKey == nil, !reader.diagnostics.contains(where: { $0.message.lowercased().hasPrefix("appkey") }) {
            reader.report(.problem, "appKey", "missing: without an application key there is no connection to the platform")
        }
        root.group("logger") { configuration.readLogger(&$0) }
        root.group("http_server") { configuration.readHTTPServer(&$0) }
        root.group("ws_connection") { configuration.readConnection(&$0) }
        root.group("certificates") { configuration.readCertificates(&$0) }
        root.group("fips") { configuration.fips = $0.bool("enabled", default: false) }
        configuration.readAutoBind(&root)
        configuration.readLaterGroups(&root)
        root.passOver("restart")
        root.finish()
        return (configuration, reader.diagnostics)
    }

    private mutating func readServers(_ root: inout ConfigGroup) {
        guard let found = root.value("ws_servers") else {
            return root.reader.report(.error, "ws_servers", "missing: expected an array with the platform's host and port")
        }
        guard let servers = found.value.array, let first = servers.first?.object else {
            return root.reader.report(.error, found.path, "expected an array with at least one object { host, port }, found \(found.value.kindName)")
        }
        var server = ConfigGroup(reader: root.reader, path: "\(found.path)[0]", object: first)
        host = server.string("host", default: "")
        port = server.integer("port", default: 443, in: 1...65535)
        if host.isEmpty { root.reader.report(.error, server.path(of: "host"), "missing: expected the platform's host name or address") }
        server.finish()
        if servers.count > 1 {
            root.reader.report(.warning, found.path, "only the first of \(servers.count) servers is used")
        }
    }

    private mutating func readLogger(_ group: inout ConfigGroup) {
        let levels = ["AUDIT", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
        logLevel = group.choice("level", default: logLevel, levels.map { ($0, $0) })
        group.passOver(
            "audit_target", "publish_directory", "publish_level", "max_file_storage", "auto_flush", "flush_chunk_size", "buffer_size")
    }

    private mutating func readHTTPServer(_ group: inout ConfigGroup) {
        httpServer.host = group.string("host", default: httpServer.host)
        httpServer.port = group.integer("port", default: httpServer.port, in: 0...65535)
        httpServer.portsToTry = group.integer("ports_to_try", default: httpServer.portsToTry, in: 0...1000)
        httpServer.tls = group.bool("ssl", default: httpServer.tls)
        httpServer.certificate = group.string("certificate", default: "")
        httpServer.privateKey = group.string("private_key", default: "")
        httpServer.passphrase = group.secret("passphrase")
        httpServer.authenticate = group.bool("authenticate", default: httpServer.authenticate)
        httpServer.user = group.string("user")
        httpServer.password = group.secret("password")
        httpServer.contentReadTimeout = group.milliseconds("content_read_timeout", default: 20_000, from: 1)
        httpServer.maximumClients = group.integer("max_clients", default: httpServer.maximumClients, in: 1...100_000)
        group.passOver("use_default_certificate", "enable_csrf_tokens", "csrf_token_rotation_period")
    }

    private mutating func readConnection(_ group: inout ConfigGroup) {
        connection.encrypted = group.choice("encryption", default: true, [("none", false), ("ssl", true), ("fips", true)])
        connection.verbose = group.bool("verbose", default: false)
        connection.messageTimeout = group.milliseconds("msg_timeout", default: 10_000, from: 1)
        connection.pingRate = group.milliseconds("ping_rate", default: 55_000, from: 1)
        connection.pongTimeout = group.milliseconds("pingpong_timeout", default: 10_000, from: 1)
        connection.maximumMessageSize = group.integer("max_msg_size", default: 1_048_576, in: 1024...268_435_456)
        connection.chunkSize = group.integer("message_chunk_size", default: 8192, in: 512...65535)
        connection.compression = group.bool("compression", default: true)
        connection.frameSize = group.integer("max_frame_size", default: 8192, in: 128...16_777_216)
        connection.maximumRequestsInFlight = group.integer("max_messages", default: 500, in: 1...1_000_000)
        connection.connectTimeout = group.milliseconds("connect_timeout", default: 10_000, from: 1)
        connection.retryInterval = group.milliseconds("connect_retry_interval", default: 10_000, from: 1)
        let retries = group.integer("connect_retries", default: -1, in: -1...2_147_483_647)
        connection.retries = retries < 0 ? nil : retries
        connection.maximumConnectDelay = group.milliseconds("max_connect_delay", default: 10_000)
        connection.maximumThreads = group.integer("max_threads", default: 4, in: 1...50)
        group.passOver(
            "binary_mode", "connect_period", "duty_cycle", "message_idle_time", "connect_on_demand", "socket_read_timeout",
            "frame_read_timeout", "ssl_read_timeout")
    }

    private mutating func readCertificates(_ group: inout ConfigGroup) {
        certificates.validate = group.bool("validate", default: true)
        certificates.allowSelfSigned = group.bool("allow_self_signed", default: false)
        certificates.disableHostnameValidation = group.bool("disable_hostname_validation", default: false)
        certificates.chain = group.strings("cert_chain")
        let deviceChain = group.strings("http_client_ca_certs")
        certificates.deviceChain = deviceChain.isEmpty ? certificates.chain : deviceChain
        for key in ["client_cert", "key_file", "validation_criteria", "fingerprint_allowlist"] {
            if let found = group.value(key) {
                group.reader.report(.problem, found.path, "not supported yet: connections go on without it")
            }
        }
        group.passOver("key_passphrase", "cipher_suite")
    }

    private mutating func readAutoBind(_ root: inout ConfigGroup) {
        guard let found = root.value("auto_bind") else { return }
        guard let entries = found.value.array else {
            return root.reader.report(.problem, found.path, "must be an array of objects, found \(found.value.kindName): nothing is bound")
        }
        for (index, entry) in entries.enumerated() {
            let path = "\(found.path)[\(index)]"
            guard let object = entry.object else {
                root.reader.report(.problem, path, "expected an object, found \(entry.kindName): not bound")
                continue
            }
            var group = ConfigGroup(reader: root.reader, path: path, object: object)
            guard let name = group.string("name"), !name.isEmpty else {
                root.reader.report(.problem, path, "an entry without a name: not bound")
                continue
            }
            var thing = EdgeThing(name: name)
            thing.host = group.string("host", default: thing.host)
            thing.port = group.integer("port", default: thing.port, in: 1...65535)
            thing.path = group.string("path", default: thing.path)
            thing.timeout = group.milliseconds("timeout", default: 30_000, from: 1)
            thing.isTLS = group.choice("protocol", default: false, [("http", false), ("https", true)])
            thing.user = group.string("user")
            thing.password = group.secret("password")
            thing.isGateway = group.bool("gateway", default: false)
            group.passOver("accept")
            group.finish()
            autoBind.append(thing)
        }
    }

    /// Groups whose settings are known and without effect in this release: turning them on is answered with one line.
    private mutating func readLaterGroups(_ root: inout ConfigGroup) {
        root.group("duty_cycle") { group in
            group.passOver("connect_period", "duty_cycle", "delay_duty_cycle")
            if group.has("duty_cycle") { group.reader.report(.warning, group.path, "no effect yet: the gateway stays connected") }
        }
        root.group("proxy") { group in
            group.passOver("host", "port", "user", "password")
            if group.has("host") { group.reader.report(.problem, group.path, "not supported yet: connections go directly to the platform") }
        }
        root.group("offline_msg_store") { group in
            group.passOver("enabled", "directory", "max_size", "blocking")
            if group.has("enabled") { group.reader.report(.warning, group.path, "no effect yet: messages are refused with 503 while offline") }
        }
        root.group("tunnel") { $0.passOver("tick_resolution", "buffer_size", "read_timeout", "idle_timeout", "max_concurrent") }
        root.group("file") { group in
            group.passOver("buffer_size", "max_file_size", "virtual_dirs", "idle_timeout", "staging_dir")
            if group.has("virtual_dirs") { group.reader.report(.warning, group.path, "no effect yet: file transfers are refused") }
        }
    }
}
