import AlwaysOn
import Formats
package import LogSupport
package import NIOCore
import Secrets
package import Settings
package import ThingModel

/// The platform's settings, and a model to begin with, in a JSON file (Documentation/platform.md).
package struct ModelFile {
    private let path: String

    package init(path: String) { self.path = path }

    package struct Content: Sendable {
        package var server = Server()
        package var model = PlatformModel()
        package var warnings: [ConfigDiagnostic] = []

        package init() {}
    }

    package struct Server: Sendable {
        package var host = "127.0.0.1"
        package var port = 8080
        /// PEM files; with them the platform speaks https and wss.
        package var certificate: String?
        package var privateKey: String?
        package var logLevel = "INFO"
        package var logFormat = LogFormat.text
        package var platform = PlatformSettings()
        /// Days for which history is kept, and MiB that the database may take before the oldest values go.
        package var historyDays = 90
        package var mostMegabytes = 8192
        package var authenticationTimeout = TimeAmount.seconds(15)
        package var compression = true
        /// Names besides its own by which clients reach the server, and origins whose pages may send requests.
        package var allowedHosts: [String] = []
        package var allowedOrigins: [String] = []
    }

    /// - Throws: `ModelFileErrors`, or `TransferFailure`.
    package func read() throws -> Content {
        let bytes = try AtomicFile.read(path)
        let document: JSONDocument
        do {
            document = try JSONDocument(bytes: bytes)
        } catch {
            throw ModelFileErrors(
                path: path,
                errors: [ConfigDiagnostic(.error, at: TextLocation(offset: error.offset, in: bytes), "not valid JSON: \(error.message)")])
        }
        let keyFile = KeyFile(besides: path)
        let reader = ConfigReader(document, keys: try keyFile.load(), keyFile: keyFile)
        var content = Content()
        var root = reader.root()
        root.group("server") { content.server.read(&$0) }
        content.model.read(&root)
        root.finish()
        let errors = reader.diagnostics.filter { $0.severity != .warning }
        guard errors.isEmpty else { throw ModelFileErrors(path: path, errors: errors) }
        content.warnings = reader.diagnostics
        return content
    }
}

package struct ModelFileErrors: Error, CustomStringConvertible {
    package let path: String
    package let errors: [ConfigDiagnostic]

    package var description: String { errors.map { "\(path): \($0)" }.joined(separator: "\n") }
}

extension ModelFile.Server {
    fileprivate mutating func read(_ group: inout ConfigGroup) {
        host = group.string("host", default: host)
        port = group.integer("port", default: port, in: 0...65535)
        certificate = group.string("certificate")
        privateKey = group.string("private_key")
        let levels = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
        logLevel = group.choice("log_level", default: logLevel, levels.map { ($0, $0) })
        logFormat = group.choice("log_format", default: .text, [("text", .text), ("json", .json)])
        platform.requestTimeout = group.milliseconds("request_timeout", default: 30_000, from: 1)
        platform.firstInWins = group.choice("bind_protection", default: true, [("first-in-wins", true), ("last-in-wins", false)])
        platform.bindProbe = group.milliseconds("bind_probe", default: 5_000, from: 1)
        platform.keyInQuery = group.bool("key_in_query", default: true)
        platform.allowsMethodSwitch = group.bool("allow_method_switch", default: true)
        platform.filtersContentType = group.bool("filter_content_type", default: true)
        platform.hasDefaultStream = group.bool("default_value_stream", default: true)
        platform.enablesNewThings = group.bool("enable_new_things", default: true)
        platform.offersMetrics = group.bool("metrics", default: false)
        historyDays = group.integer("history_days", default: historyDays, in: 1...36_500)
        mostMegabytes = group.integer("max_database_size", default: mostMegabytes, in: 16...1_048_576)
        compression = group.bool("compression", default: compression)
        allowedHosts = group.strings("allowed_hosts")
        allowedOrigins = group.strings("allowed_origins")
        authenticationTimeout = group.milliseconds("authentication_timeout", default: 15_000, from: 1)
    }
}

extension PlatformModel {
    fileprivate mutating func read(_ root: inout ConfigGroup) {
        root.objects("users") { readUser(&$0) }
        root.objects("application_keys") { readKey(&$0) }
        root.objects("permissions") { readRule(&$0) }
        root.objects("templates") { group in
            let base = group.string("base", default: "RemoteThing")
            let properties = readProperties(&group)
            guard let name = required("name", &group) else { return }
            if templates[base] == nil { group.reader.report(.error, group.path(of: "base"), "no template \"\(base)\" is defined above") }
            var template = ThingTemplate(name: name, base: base)
            template.own.properties = properties
            put(template)
        }
        root.objects("things") { readThing(&$0) }
    }

    private func required(_ key: String, _ group: inout ConfigGroup) -> String? {
        if let text = group.string(key), !text.isEmpty { return text }
        group.reader.report(.error, group.path, "expected a string \"\(key)\"")
        return nil
    }

    private mutating func readUser(_ group: inout ConfigGroup) {
        let isEnabled = group.bool("enabled", default: true)
        let groups = group.strings("groups")
        let password = group.secret("password")
        guard let name = required("name", &group) else { return }
        var user = User(name: name)
        user.isEnabled = isEnabled
        if let password {
            do throws(PasswordFailure) { user.password = try PasswordHash(of: password) } catch {
                group.reader.report(.error, group.path(of: "password"), "\(error)")
            }
        }
        put(user)
        for name in groups {
            var team = self.groups[name] ?? Group(name: name)
            team.members.append(.init(name: user.name, isGroup: false))
            put(team)
        }
    }

    private mutating func readKey(_ group: inout ConfigGroup) {
        let expires = time("expires", &group)
        let addresses = group.strings("allowed_addresses").compactMap { text -> AddressRange? in
            if let range = AddressRange(text) { return range }
            group.reader.report(
                .error, group.path(of: "allowed_addresses"), "expected an address or a range such as 10.0.0.0/8, found \"\(text)\"")
            return nil
        }
        let enabled = group.bool("enabled", default: true)
        guard let name = required("name", &group), let user = required("user", &group) else { return }
        guard let key = group.secret("key") else { return group.reader.report(.error, group.path, "expected a string \"key\"") }
        if users[user] == nil { group.reader.report(.error, group.path(of: "user"), "no user \"\(user)\" is defined above") }
        var made = ApplicationKey(name: name, digest: KeyDigest(of: key), user: user)
        (made.expires, made.isEnabled, made.allowedAddresses) = (expires, enabled, addresses)
        put(made)
    }

    private func time(_ key: String, _ group: inout ConfigGroup) -> Int64? {
        guard let text = group.string(key) else { return nil }
        if let time = UTCTime(iso8601: text) { return time.milliseconds }
        group.reader.report(.error, group.path(of: key), "expected a time such as 2030-01-31T00:00:00Z, found \"\(text)\"")
        return nil
    }

    private mutating func readRule(_ group: inout ConfigGroup) {
        let user = group.string("user")
        let team = group.string("group")
        guard (user == nil) != (team == nil) else {
            return group.reader.report(.error, group.path, "expected either \"user\" or \"group\"")
        }
        let rights = group.strings("allow").flatMap { word -> Set<Right> in
            if let rights = Right.named(word) { return rights }
            group.reader.report(
                .error, group.path(of: "allow"),
                "expected some of \(Right.allCases.map(\.rawValue).joined(separator: ", ")), design, found \"\(word)\"")
            return []
        }
        addRule(
            AccessRule(
                holder: user.map { .user($0) } ?? .group(team ?? ""), entities: group.strings("things").map { NamePattern($0) },
                rights: Set(rights)))
    }

    private mutating func readThing(_ group: inout ConfigGroup) {
        let properties = readProperties(&group)
        let template = group.string("template", default: "RemoteThing")
        let identifier = group.string("identifier")
        let description = group.string("description", default: "")
        let discovers = group.bool("discover", default: properties.isEmpty)
        guard let name = required("name", &group) else { return }
        if templates[template] == nil {
            group.reader.report(.error, group.path(of: "template"), "no template \"\(template)\" is defined above")
        }
        if let identifier, let other = self.thing(identifier: identifier), other != name {
            group.reader.report(.error, group.path(of: "identifier"), "\(other) has the identifier \"\(identifier)\" already")
        }
        var thing = Thing(name: name, template: template)
        thing.own.properties = properties
        thing.identifier = identifier
        thing.about.description = description
        thing.discovers = discovers && isRemote(thing)
        put(thing)
    }

    private func readProperties(_ group: inout ConfigGroup) -> [String: PropertyDefinition] {
        var properties: [String: PropertyDefinition] = [:]
        group.group("properties") { group in
            for member in group.members {
                group.group(member.name) { property in
                    let types = BaseType.allCases.map { ($0.name, $0) }
                    var definition = PropertyDefinition(baseType: property.choice("baseType", default: .string, types))
                    definition.description = property.string("description", default: "")
                    definition.isPersistent = property.bool("persistent", default: false)
                    definition.isLogged = property.bool("logged", default: false)
                    definition.isReadOnly = property.bool("readOnly", default: false)
                    if let given = property.value("defaultValue")?.value {
                        definition.defaultValue = Value(json: given, as: definition.baseType)
                        if definition.defaultValue == nil {
                            property.reader.report(.error, property.path(of: "defaultValue"), "expected \(definition.baseType.name)")
                        }
                    }
                    var binding = RemotePropertyBinding(sourceName: property.string("remotePropertyName", default: member.name))
                    binding.pushType = property.choice("pushType", default: .value, PushType.allCases.map { ($0.rawValue, $0) })
                    if let threshold = property.value("pushThreshold")?.value.double { binding.pushThreshold = threshold }
                    binding.cacheTime = Int64(property.integer("cacheTime", default: 0, in: -1...2_147_483_647))
                    // A Thing that is not asked what it has is asked for a value that it has not pushed yet.
                    binding.aspects["startType"] = "useEdgeValue"
                    if property.bool("remote", default: false) { definition.remote = binding }
                    properties[member.name] = definition
                }
            }
        }
        return properties
    }
}
