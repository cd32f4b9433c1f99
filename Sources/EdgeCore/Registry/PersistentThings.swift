import Formats
import NIOCore
import Secrets

/// Registrations that outlive the process (`AddEdgeThing` with `persist`), in a file of their own beside the
/// configuration: the user's file is left alone. Passwords are sealed.
package struct PersistentThings: Sendable {
    private let path: String
    private let keyFile: KeyFile
    /// Where secrets stand in the file.
    package static let secretPlaces = ["things[].password"]

    package init(besides configuration: ConfigurationFile) {
        path = configuration.path + ".things"
        keyFile = configuration.keyFile
    }

    /// - Throws: what makes the file unreadable; a file that is not there holds nothing.
    package func load() throws -> [EdgeThing] {
        let bytes: [UInt8]
        do { bytes = try AtomicFile.read(path) } catch let failure as FileFailure where failure.isMissing { return [] }
        let keys = try keyFile.load()
        return try (JSONDocument(bytes: bytes).value["things"]?.array ?? []).compactMap { entry in
            guard let name = entry["name"]?.string else { return nil }
            var thing = EdgeThing(name: name)
            thing.host = entry["host"]?.string ?? thing.host
            thing.port = entry["port"]?.int ?? thing.port
            thing.path = entry["path"]?.string ?? thing.path
            thing.isTLS = entry["proto"]?.string == "https"
            thing.timeout = .milliseconds(Int64(entry["timeout"]?.int ?? 30_000))
            thing.keepAlive = entry["keepalive"]?.int.map { .milliseconds(Int64($0)) }
            thing.user = entry["user"]?.string
            thing.password = try entry["password"]?.string.map {
                try ConfigurationSecrets.open($0, path: "things[].password", keys: keys, keyFile: keyFile)
            }
            thing.servesFiles = entry["files"]?.bool ?? false
            thing.persist = true
            return thing
        }
    }

    package func save(_ things: [EdgeThing]) throws {
        let keys = things.contains { $0.password != nil } ? try keyFile.loadOrCreate() : nil
        let entries = things.filter(\.persist).sorted { $0.name < $1.name }.map { thing in
            var entry: JSONObject = [
                "name": .string(thing.name), "host": .string(thing.host), "port": .int(thing.port), "path": .string(thing.path),
                "proto": .string(thing.isTLS ? "https" : "http"), "timeout": .int(thing.timeout.nanoseconds / 1_000_000),
            ]
            if let keepAlive = thing.keepAlive { entry["keepalive"] = .int(keepAlive.nanoseconds / 1_000_000) }
            if thing.servesFiles { entry["files"] = true }
            if let user = thing.user { entry["user"] = .string(user) }
            if let password = thing.password, let keys {
                entry["password"] = .string(keys.seal(password, place: PersistentThings.secretPlaces[0]))
            }
            return JSONValue.object(entry)
        }
        let document: JSONValue = ["things": .array(entries)]
        try AtomicFile.replace(path, with: Array(document.description.utf8) + [0x0A])
    }
}
