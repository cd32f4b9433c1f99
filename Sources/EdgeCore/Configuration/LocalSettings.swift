import Formats
import Settings

private let levels = ["AUDIT", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"].map { ($0, $0) }

extension GatewayConfiguration.Log {
    static let settings: [Setting<Self>] = [
        .choice("level", \.level, levels, "Lowest severity that goes to the console and to the log in memory that GetLogData reads.").live,
        .string(
            "audit_target", \.auditTarget, sample: "file:///var/log/wsems-audit.log",
            """
            Where audit events go besides the log: a file (`file://…`, a line each) or a web address (`http://…`, one POST of JSON each).
            """
        ).live,
        .directory("publish_directory", \.directory, sample: "./logs", "Where the log files go; without it there are none.").live,
        .choice(
            "publish_level", \.fileLevel, levels.map { ($0.0, Optional($0.1)) } + [("logger:level", nil)],
            "Lowest severity that goes to the log files."
        ).live,
        .integer(
            "max_file_storage", \.maximumStorage, in: 4096...1_000_000_000_000, unit: .bytes,
            "Room for the two log files together; each takes at most half."
        ).live,
        .bool("auto_flush", \.autoFlush, "Whether a file is also flushed once nothing was written to it for a second.").live,
        .integer(
            "flush_chunk_size", \.flushChunkSize, in: 1...16_777_216, unit: .bytes,
            "A file is flushed after this much. Not less than `buffer_size`."
        ).live,
        .integer("buffer_size", \.bufferSize, in: 128...1_048_576, unit: .bytes, "Longest line; the rest of a longer one is cut off.").live,
        .choice(
            "format", \.format, [("text", .text), ("json", .json)],
            """
            An extension: `text` is the original's form, and with fields in the journal when standard output leads there; `json` an object a line.
            """
        ).live,
    ]
}

extension GatewayConfiguration.HTTPServer {
    static let settings: [Setting<Self>] = [
        .string(
            "host", \.host,
            "Address to listen on. `localhost` may be IPv6 alone; `127.0.0.1` is IPv4, `0.0.0.0` every IPv4 address, `::` every address."),
        .integer("port", \.port, in: 0...65535, "Port to listen on; 0 takes any that is free."),
        .bool("ssl", \.tls, "Whether it speaks TLS; then `certificate` and `private_key` are needed."),
        .file(
            "certificate", \.certificate, sample: "etc/server.crt", "PEM file: the server's certificate, then those between it and its CA."
        ).live,
        .file("private_key", \.privateKey, sample: "etc/server.key", "PEM file with the key of `certificate`.").live,
        .secret("passphrase", \.passphrase, "Passphrase of `private_key`; encrypted at the first start.").live,
        .bool("authenticate", \.authenticate, "Whether every request needs user and password (HTTP Basic).").live,
        .string("user", \.user, sample: "edge", "User name; must not contain a colon.").live,
        .secret("password", \.password, sample: "change it", "Password; encrypted at the first start.").live,
        .bool(
            "enable_csrf_tokens", \.csrfTokens,
            """
            With `authenticate`: every answer carries a token in `x-csrf-token`, and a request is served when it carries the newest or the one before it.
            """
        ).live,
        .integer("csrf_token_rotation_period", \.csrfRotationMinutes, in: 1...525_600, unit: .minutes, "How long a token is the newest.")
            .live,
        .milliseconds(
            "content_read_timeout", \.contentReadTimeout, "How long the rest of a request may take to arrive, and an answer to be read."
        ).live,
        .integer("ports_to_try", \.portsToTry, in: 0...1000, "How many ports after `port` are tried when it is taken."),
        .integer(
            "max_clients", \.maximumClients, in: 1...100_000,
            """
            Connections at once; one more takes the place of one that has no request under way, else it is answered 503 and closed.
            """
        ).live,
        .strings(
            "allowed_hosts", \.allowedHosts, sample: ["gateway.factory.example"],
            """
            Names besides `localhost`, `host` and the machine's own by which clients reach the server. Requests whose `Host` is another name are \
            refused, as web pages send them; addresses are always fine. `*` allows every name.
            """
        ).live,
        .strings(
            "allowed_origins", \.allowedOrigins, sample: ["https://dashboard.example"],
            """
            Web pages, by their origins, that may send requests. All others' are refused, except those of the server itself.
            """
        ).live,
        .retired(
            "use_default_certificate", warning: "there is no built-in certificate: set certificate and private_key",
            "Gone since 5.4.5 of the original."),
    ]
}

extension GatewayConfiguration.Tunnel {
    static let settings: [Setting<Self>] = [
        .bool("enabled", \.isEnabled, "An extension: whether there are tunnels at all. Switched off, those that are open end.").live,
        .custom(\.allow, allowDescription, json: { $0.map { .array($0.map { .string($0) }) } }) { group, _ in
            group.value("allow") == nil ? nil : group.strings("allow")
        }.live,
        .milliseconds("tick_resolution", \.tickResolution, "Kept for older files: nothing waits for a tick here."),
        .integer(
            "buffer_size", \.bufferSize, in: 512...1_048_576, unit: .bytes,
            "Bytes of one message to platforms that take Base64; the platform may ask for another size."
        ).live,
        .milliseconds("read_timeout", \.readTimeout, from: 0, "Kept for older files: bytes leave as they come, and no read waits."),
        .milliseconds(
            "idle_timeout", \.idleTimeout,
            "A tunnel without traffic in either direction is closed after this time; the platform may ask for another."
        ).live,
        .integer("max_concurrent", \.maximumConcurrent, in: 0...10_000, "Tunnels at once; one more is refused.").live,
        .integer(
            "max_connections", \.maximumConnections, in: 1...1000, "An extension: connections at once in one tunnel; one more is refused."),
        .integer(
            "max_rate", \.maximumRate, in: 0...10_000_000_000, unit: .bytes,
            "An extension: bytes a second that tunnels take in each direction, all together; 0 for no bound."),
    ]

    private static let allowDescription = SettingDescription(
        "allow", .strings, sample: ["127.0.0.1:22", "10.1.0.0/16:5900-5910", "*.plant.example:443"],
        """
        An extension: where tunnels may lead, as patterns of host:port. A host is a name in which `*` stands for any run, an address, or an address \
        and the number of its bits that count; a port is a number, a span or `*`. `*` alone allows everything, an empty list nothing. Without it \
        they lead to this machine and to the device host of the Thing that they are opened for.
        """)
}

extension GatewayConfiguration.FileTransfer {
    static let settings: [Setting<Self>] = [
        .integer(
            "buffer_size", \.bufferSize, in: 512...16_777_216, unit: .bytes, "Bytes of one block; the platform may ask for another size."),
        .integer("max_file_size", \.maximumFileSize, in: 1...1_099_511_627_776_000, unit: .bytes, "Longest file; a longer one is refused."),
        .custom(\.directories, directoriesDescription, json: { $0.isEmpty ? nil : .array($0.map { .object([$0.name: .string($0.path)]) }) })
        { group, _ in readDirectories(&group) },
        .milliseconds("idle_timeout", \.idleTimeout, "A transfer without progress is given up after this time."),
        .directory(
            "staging_dir", \.staging, sample: "staging",
            """
            Where incoming files are put together: a path, or the name of a virtual directory. Without it `staging` in the first of them.
            """),
        .integer(
            "max_rate", \.maximumRate, in: 0...10_000_000_000, unit: .bytes,
            "An extension: bytes a second that transfers take in each direction, all together; 0 for no bound."),
    ]

    private static let directoriesDescription = SettingDescription(
        "virtual_dirs", .objects([]), sample: [["in": "/var/lib/wsems/in"], ["out": "/var/lib/wsems/out"]],
        """
        Directories that the platform sees, each an object with one member: the name it is seen by, and its path. Without one there are no \
        file transfers. Symbolic links below them are not followed.
        """)

    private static func readDirectories(_ group: inout ConfigGroup) -> [Directory] {
        guard let found = group.value("virtual_dirs") else { return [] }
        guard let entries = found.value.array else {
            group.mismatch(found, "an array of objects { name: path }")
            return []
        }
        var directories: [Directory] = []
        for (index, entry) in entries.enumerated() {
            let path = "\(found.path)[\(index)]"
            guard let object = entry.object, !object.members.isEmpty else {
                group.reader.report(.problem, path, "expected an object { name: path }, found \(entry.kindName): left out")
                continue
            }
            for member in object.members {
                guard let directory = member.value.string else {
                    group.reader.report(.problem, "\(path).\(member.name)", "expected a path, found \(member.value.kindName): left out")
                    continue
                }
                guard isDirectory(directory) else {
                    group.reader.report(.warning, "\(path).\(member.name)", "\(directory) is no directory that can be read: left out")
                    continue
                }
                directories.append(Directory(name: member.name, path: directory))
            }
        }
        return directories
    }
}

extension GatewayConfiguration.Metrics {
    static let settings: [Setting<Self>] = [
        .bool("enabled", \.isEnabled, "Whether `/metrics` answers, on the local server and by its rules; a token is not needed for it.")
            .live,
        .string(
            "host", \.host,
            "Address of a server of its own, for metrics and health alone; with TLS and credentials as `http_server` has them."),
        .integer("port", \.port, in: 0...65535, "Port of that server; 0 for none."),
    ]
}

extension GatewayConfiguration.FIPS {
    static let settings: [Setting<Self>] = [
        .bool("enabled", \.isEnabled, "There is no FIPS module in this build: `true` keeps the gateway from starting.")
    ]
}
