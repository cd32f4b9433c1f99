import EdgeCore
import Formats
import Glibc
import NIOCore
import ProgramSupport
import Secrets
import Settings

/// What goes into a support bundle.
struct SupportBundle {
    private(set) var files: [(name: String, content: ByteBuffer)] = []
    private let scrubber: SecretScrubber
    /// Bytes of one log file, from its end.
    private static let longestLog = 4 << 20

    private init(_ scrubber: SecretScrubber) { self.scrubber = scrubber }

    static var hostName: String {
        var name = [UInt8](repeating: 0, count: 256)
        _ = name.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { gethostname($0.assumingMemoryBound(to: CChar.self), bytes.count - 1) } ?? -1
        }
        let text = String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
        return String(
            text.unicodeScalars.map {
                $0.isASCII && ($0.properties.isAlphabetic || "0123456789-".unicodeScalars.contains($0)) ? Character($0) : "-"
            })
    }

    static func gather(_ place: CheckPlace, _ progress: @escaping @Sendable (String) -> Void) async -> SupportBundle {
        let file = ConfigurationFile(path: place.config)
        // The last that worked tells secrets and log files as well.
        let configuration = (try? file.look()) ?? (try? ConfigurationFile(path: file.bootedPath).look())
        var bundle = SupportBundle(SecretScrubber(configuration))
        let findings = await place.findings(progress)
        bundle.add("check.txt", (findings.map(\.line) + [findings.summary]).joined(separator: "\n") + "\n")
        bundle.add("check.json", JSONValue.array(findings.map(\.json)).pretty + "\n")
        progress("status, logs")
        if let configuration {
            bundle.add("config.json", JSONValue.object(GatewayConfiguration.settings.json(of: configuration)).pretty + "\n")
            let lua = await bundle.addGateway(LocalGateway(configuration, timeout: .seconds(5)), place)
            bundle.addLogs(in: configuration.log.directory, as: "wsems")
            bundle.addLua(lua)
        } else if place.hasLua {
            bundle.addLua(await SiblingProgram.luaProbe(place.luaPath))
        }
        await bundle.addHost()
        return bundle
    }

    private mutating func add(_ name: String, _ text: String) { files.append((name, ByteBuffer(string: scrubber.scrubbed(text)))) }

    /// - Returns: what the Lua host beside it says.
    private mutating func addGateway(_ gateway: LocalGateway, _ place: CheckPlace) async -> JSONValue? {
        let snapshot = await StatusSnapshot.take(gateway, place)
        add("status.json", snapshot.json.pretty + "\n")
        if let page = try? await gateway.fetch("/metrics"), page.status == .ok { add("metrics.txt", String(buffer: page.body)) }
        // The newest lines, also where there are no files.
        if snapshot.gateway != nil, let log = try? await gateway.invoke("GetLogData", ["maxItems": 1000]) {
            add("log-in-memory.json", log.pretty + "\n")
        }
        return snapshot.lua
    }

    /// Settings and logs of the Lua host: as it tells them itself, without its secrets.
    private mutating func addLua(_ probe: JSONValue?) {
        guard let probe, let settings = probe["settings"] else { return }
        add("config-lua.json", settings.pretty + "\n")
        addLogs(in: probe["logs"]?.string ?? "", as: "luaScriptResource")
    }

    private mutating func addLogs(in directory: String, as program: String) {
        guard !directory.isEmpty else { return }
        for index in 0...1 {
            guard let text = SupportBundle.end(of: "\(directory)/ems_log_\(index).log", SupportBundle.longestLog, follows: false) else {
                continue
            }
            add("\(program)-log-\(index).txt", text)
        }
    }

    private mutating func addHost() async {
        var versions = "edgectl \(Product.version)\n"
        for name in ["wsems", "luaScriptResource", "thingplatform"] {
            guard let path = SiblingProgram.path(of: name) else { continue }
            let outcome = await SiblingProgram.run(path, [name == "thingplatform" ? "--version" : "-version"])
            versions += "\(name) \(outcome.output.prefix { !$0.isNewline }) (\(path))\n"
        }
        for path in ["/etc/os-release", "/proc/version", "/proc/uptime", "/proc/loadavg", "/proc/meminfo"] {
            if let text = SupportBundle.end(of: path, 16_384) { versions += "\n== \(path)\n\(text)" }
        }
        add("versions.txt", versions)
        let commands: [(String, [String])] = [
            ("ip", ["-brief", "address"]), ("ip", ["route"]), ("ip", ["-6", "route"]), ("df", ["-h"]), ("timedatectl", []),
            ("systemctl", ["status", "--no-pager", "--full", "tw_microServerd", "tw_luaScriptResourced"]),
        ]
        var text = ""
        for (name, arguments) in commands { text += await SupportBundle.output(of: name, arguments) }
        if let resolver = SupportBundle.end(of: "/etc/resolv.conf", 16_384) { text += "\n== /etc/resolv.conf\n\(resolver)" }
        add("host.txt", text)
        let journal = await SupportBundle.output(
            of: "journalctl", ["--no-pager", "-n", "2000", "-o", "short-iso", "-u", "tw_microServerd", "-u", "tw_luaScriptResourced"])
        if !journal.isEmpty { add("journal.txt", journal) }
    }

    private static func output(of name: String, _ arguments: [String]) async -> String {
        guard let path = SiblingProgram.path(of: name) else { return "" }
        let outcome = await SiblingProgram.run(path, arguments)
        return "\n== \(name) \(arguments.joined(separator: " "))\n\(outcome.output)\(outcome.errors)"
    }

    /// nil where the file cannot be read.
    /// - Parameter follows: whether a symbolic link will do: not where others than root may make one.
    private static func end(of path: String, _ most: Int, follows: Bool = true) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | (follows ? 0 : O_NOFOLLOW))
        guard file >= 0 else { return nil }
        defer { close(file) }
        let size = Int(lseek(file, 0, SEEK_END))
        lseek(file, off_t(max(size - most, 0)), SEEK_SET)
        var bytes: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < most {
            let count = read(file, &block, block.count)
            guard count > 0 else { break }
            bytes += block[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Takes out the secrets of a configuration, wherever they stand.
struct SecretScrubber {
    private let secrets: [[UInt8]]

    /// - Parameter configuration: nil: none are known.
    init(_ configuration: GatewayConfiguration?) {
        var found: [Secret?] = []
        if let configuration {
            found = [
                configuration.applicationKey, configuration.httpServer.password, configuration.httpServer.passphrase,
                configuration.proxy.password,
                configuration.certificates.clientKeyPassphrase,
            ]
            found += configuration.autoBind.map(\.password)
        }
        // As headers have them.
        let server = configuration?.httpServer, proxy = configuration?.proxy
        for (user, password) in [(server?.user, server?.password), (proxy?.user, proxy?.password)] {
            if let user, let password { found.append(Secret("\(user):\(password.reveal())")) }
        }
        // Longest first: one may be a part of another. What is as short as a word would take out half of the text.
        secrets = Set(found.compactMap { $0?.reveal() }).filter { $0.utf8.count >= 4 }.flatMap {
            [Array($0.utf8), Array(Base64.encode($0.utf8).utf8)]
        }
        .sorted { $0.count > $1.count }
    }

    func scrubbed(_ text: String) -> String {
        var bytes = Array(text.utf8)
        for secret in secrets { bytes = SecretScrubber.replacing(secret, in: bytes) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func replacing(_ secret: [UInt8], in bytes: [UInt8]) -> [UInt8] {
        guard let first = secret.first else { return bytes }
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == first, bytes[index...].starts(with: secret) {
                result += "***".utf8
                index += secret.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        return result
    }
}
