import LogSupport
import Logging
import LuaRuntime
import NIOCore
import Secrets

extension ScriptConfiguration {
    /// Runs `config.lua` and reads its global table `scripts`.
    /// - Throws: `FileFailure`, `LuaError` with file and line, or `ScriptConfigurationErrors`.
    package static func read(_ path: String) throws -> ScriptConfiguration {
        let state = try LuaState()
        let source = try AtomicFile.read(path)
        let chunk = try state.load(source, name: "@\(path)")
        // Users write `scripts.X = …` into a table that is there.
        state.setGlobal("scripts", .table(LuaTable()))
        _ = try state.call(chunk)
        guard let table = state.global("scripts").table else {
            throw ScriptConfigurationErrors(errors: ["\(path): expected a global table `scripts`"])
        }
        let keyFile = KeyFile(besides: path)
        let keys = try keyFile.load()
        var configuration = ScriptConfiguration(path: path)
        var settings = LuaSettings(path: "scripts", table: table, keys: keys, keyFile: keyFile)
        configuration.readSettings(&settings)
        configuration.share(table)
        let places = SettingPlaces(source)
        var errors = settings.errors
        configuration.warnings += settings.unknown() + settings.problems
        for (name, value) in table.fields.sorted(by: { $0.key < $1.key }) {
            guard let entry = value.table else { continue }
            var settings = LuaSettings(path: "scripts.\(name)", table: entry, keys: keys, keyFile: keyFile)
            if let read = readEntry(name, &settings) {
                configuration.entries.append(read)
            } else {
                errors.append("scripts.\(name): expected `file`\(settings.string("file") == "thing.lua" ? " and `template`" : "")")
            }
            errors += settings.errors
        }
        let placed = { (messages: [String]) in messages.map { "\(path):\(places.line(of: $0)) \($0)" } }
        configuration.warnings = placed(configuration.warnings)
        guard errors.isEmpty else { throw ScriptConfigurationErrors(errors: placed(errors), warnings: configuration.warnings) }
        return configuration
    }

    private mutating func readSettings(_ settings: inout LuaSettings) {
        readLog(&settings)
        gateway.host = settings.host("rap_host") ?? gateway.host
        gateway.port = settings.integer("rap_port", default: gateway.port, in: 1...65535)
        gateway.tls = settings.bool("rap_ssl", default: gateway.tls)
        gateway.validate = settings.bool("rap_validate", default: gateway.validate)
        gateway.denySelfSigned = settings.bool("rap_deny_selfsigned", default: gateway.denySelfSigned)
        gateway.certificateFile = settings.file("rap_cert_file", isUsed: gateway.tls && gateway.validate)
        gateway.disableHostnameValidation = settings.bool("rap_disable_hostname_validation", default: false)
        gateway.allowCommonName = settings.bool("rap_allow_common_name", default: false)
        gateway.authenticate = settings.bool("rap_server_authenticate", default: gateway.authenticate)
        gateway.user = settings.string("rap_userid")
        gateway.password = settings.secret("rap_password")
        server.host = settings.host("script_resource_host") ?? server.host
        server.port = settings.integer("script_resource_port", default: server.port, in: 0...65535)
        server.tls = settings.bool("script_resource_ssl", default: server.tls)
        server.certificateChain =
            settings.file("script_resource_certificate_chain", isUsed: server.tls)
            ?? settings.file("script_resource_certificate", isUsed: server.tls)
        server.privateKey = settings.file("script_resource_private_key", isUsed: server.tls)
        server.passphrase = settings.secret("script_resource_passphrase")
        server.authenticate = settings.bool("script_resource_authenticate", default: server.authenticate)
        server.user = settings.string("script_resource_userid")
        server.password = settings.secret("script_resource_password")
        server.maximumClients = settings.integer("script_resource_max_clients", default: server.maximumClients, in: 1...100_000)
        server.maximumClients = settings.integer("max_clients", default: server.maximumClients, in: 1...100_000)
        server.requestTimeout = .milliseconds(
            Int64(settings.integer("script_resource_request_timeout", default: 15_000, in: 1...86_400_000)))
        server.maximumBodySize = settings.integer("script_resource_max_body", default: server.maximumBodySize, in: 1024...(64 << 20))
        server.allowedHosts = settings.words("script_resource_allowed_hosts")
        server.allowedOrigins = settings.words("script_resource_allowed_origins")
        fips = settings.bool("fips_enabled", default: false)
        watch = settings.bool("watch", default: false)
        metrics = settings.bool("metrics_enabled", default: false)
        pushStore = settings.string("push_store").flatMap { $0.isEmpty ? nil : $0 }
        pushStoreSize = settings.integer("push_store_size", default: pushStoreSize, in: 65_536...1_099_511_627_776)
        // Read by the original in a debugging aid alone; each script has its requestTimeout.
        _ = settings.integer("rap_timeout", default: 10_000, in: 0...86_400_000)
        server.makesCertificate = settings.bool("script_resource_use_default_certificate", default: false)
        (server.madeCertificate, server.madeKey) = ("\(path).certificate.pem", "\(path).key.pem")
        if server.makesCertificate, server.tls, server.certificateChain == nil || server.privateKey == nil {
            warnings.append(
                "scripts.script_resource_use_default_certificate: the certificate is one that the program made for itself: who checks it, such as the gateway, needs \(server.madeCertificate)"
            )
        }
        clearSecrets = settings.clearSecrets
    }

    /// Settings with their defaults, for the scripts.
    private mutating func share(_ table: LuaTable) {
        let secrets: Set = ["rap_password", "script_resource_password", "script_resource_passphrase"]
        shared = [
            "log_level": .text(log.lowest.name), "rap_host": .text(gateway.host), "rap_port": .number(Double(gateway.port)),
            "rap_ssl": .boolean(gateway.tls), "rap_server_authenticate": .boolean(gateway.authenticate),
            "script_resource_host": .text(server.host),
            "script_resource_ssl": .boolean(server.tls), "script_resource_authenticate": .boolean(server.authenticate),
        ]
        for (key, value) in table.fields where value.table == nil && !secrets.contains(key) { shared[key] = value }
    }

    private mutating func readLog(_ settings: inout LuaSettings) {
        let levels = ["FORCE", "AUDIT", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
        log.level = Logger.Level(name: settings.choice("log_level", default: "INFO", levels)) ?? .info
        log.fileLevel = Logger.Level(name: settings.choice("log_publish_level", default: "WARN", levels)) ?? .warning
        log.auditTarget = settings.string("log_audit_target") ?? ""
        log.directory = settings.string("log_publish_directory") ?? ""
        log.storage = settings.integer("log_max_file_storage", default: log.storage, in: 4096...1_000_000_000_000)
        log.autoFlush = settings.bool("log_auto_flush", default: true)
        log.flushChunk = settings.integer("log_flush_chunk_size", default: log.flushChunk, in: 1...16_777_216)
        log.format = settings.choice("log_format", default: "TEXT", ["TEXT", "JSON"]) == "JSON" ? .json : .text
        log.longestLine = settings.integer("log_buffer_size", default: log.longestLine, in: 128...1_048_576)
    }

    private static func readEntry(_ name: String, _ settings: inout LuaSettings) -> Entry? {
        guard let file = settings.string("file"), !file.isEmpty else { return nil }
        var fields = settings.table.fields
        fields["maxInstructions"] = .number(Double(settings.integer("maxInstructions", default: 0, in: 0...9_000_000_000_000)))
        fields["maxMemory"] = .number(Double(settings.integer("maxMemory", default: 0, in: 0...1_099_511_627_776)))
        fields["requestTimeout"] = .number(Double(settings.integer("requestTimeout", default: 15_000, in: 1...86_400_000)))
        guard file == "thing.lua" else {
            return Entry(
                name: name, file: file, isThing: false, identifier: nil,
                settings: .table(LuaTable(fields: fields, list: settings.table.list)))
        }
        guard let template = settings.string("template"), !template.isEmpty else { return nil }
        fields["template"] = .text(template)
        let updateRate = settings.integer("updateRate", default: 60_000, in: 1...2_147_483_647)
        fields["scanRate"] = .number(Double(settings.integer("scanRate", default: updateRate, in: 1...2_147_483_647)))
        let rates = [
            ("taskRate", 15_000), ("scanRateResolution", 500), ("registerRate", 43_200_000), ("keepAliveRate", 60_000),
        ]
        for (key, fallback) in rates {
            fields[key] = .number(Double(settings.integer(key, default: fallback, in: 1...2_147_483_647)))
        }
        fields["maxConcurrentPropertyUpdates"] = .number(
            Double(settings.integer("maxConcurrentPropertyUpdates", default: 100, in: 1...10_000)))
        fields["register"] = .boolean(settings.bool("register", default: true))
        let asksAgain = settings.bool("getpropertiesubscriptionsOnReconnect", default: false)
        fields["getPropertySubscriptionsOnReconnect"] = .boolean(settings.bool("getPropertySubscriptionsOnReconnect", default: asksAgain))
        fields["useShapes"] = .boolean(settings.bool("useShapes", default: true))
        fields["defaultPushType"] = .text(settings.choice("defaultPushType", default: "VALUE", ["ALWAYS", "VALUE", "NEVER"]))
        let identifier = settings.string("identifier").map { $0.hasPrefix("*") ? String($0.dropFirst()) : $0 }
        return Entry(
            name: name, file: file, isThing: true, identifier: identifier?.isEmpty == true ? nil : identifier,
            settings: .table(LuaTable(fields: fields, list: settings.table.list)))
    }
}
