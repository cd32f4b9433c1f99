import EdgeCore
import Formats
import Glibc
import NIOCore
import NIOPosix
import ProgramSupport

/// The Lua host beside the gateway: its configuration and scripts, as it judges them itself, and whether the two get on.
struct LuaChecks {
    let path: String
    /// nil where it cannot be used.
    let gateway: GatewayConfiguration?

    func run() async -> [CheckFinding] {
        guard let program = SiblingProgram.path(of: "luaScriptResource") else {
            return [
                CheckFinding(
                    "lua", .warning, "\(path) is there, and luaScriptResource is neither beside edgectl nor in the PATH",
                    do: "install edge-lua")
            ]
        }
        async let checked = SiblingProgram.run(program, ["-check", "-cfg", path])
        async let probed = SiblingProgram.run(program, ["-probe", "-cfg", path])
        var findings = findings(ofCheck: await checked)
        let probe = await probed
        // What keeps the configuration from being read was told above.
        guard let json = try? JSONValue(parsing: probe.output) else { return findings }
        findings += gatewayFindings(json["gateway"] ?? .null)
        findings += serverFindings(json["server"] ?? .null)
        return findings + thingFindings(json["things"]?.array?.compactMap(\.string) ?? [])
    }

    private func findings(ofCheck check: SiblingProgram.Outcome) -> [CheckFinding] {
        let lines = check.errors.split(separator: "\n").map(String.init)
        let severity: CheckFinding.Severity = check.status == 0 ? .warning : .error
        let found = lines.prefix(20).map { line -> CheckFinding in
            let isWarning = line.hasPrefix("warning: ")
            return CheckFinding(
                "lua", isWarning ? .warning : severity, isWarning ? String(line.dropFirst(9)) : line,
                do: "luaScriptResource -check -cfg \(path) shows all")
        }
        if check.status == 0, found.isEmpty { return [CheckFinding("lua", .good, "\(path) and its scripts can be used")] }
        return found.isEmpty ? [CheckFinding("lua", .error, "luaScriptResource -check ended with \(check.status)")] : found
    }

    private func gatewayFindings(_ json: JSONValue) -> [CheckFinding] {
        let url = json["url"]?.string ?? "the gateway"
        if let failure = json["failure"]?.string {
            let differs =
                gateway.map { $0.httpServer.port != 0 && url.split(separator: ":").last.map(String.init) != String($0.httpServer.port) }
                ?? false
            return [
                CheckFinding(
                    "lua to gateway", .error, "\(url): \(failure)",
                    do: differs
                        ? "http_server.port is \(gateway?.httpServer.port ?? 0): set rap_port to the same"
                        : "check rap_host, rap_port, rap_ssl and rap_cert_file, and that the gateway runs")
            ]
        }
        switch json["status"]?.int {
        case 200: return [CheckFinding("lua to gateway", .good, "\(url) accepts it")]
        case 401:
            return [
                CheckFinding(
                    "lua to gateway", .error, "\(url) refuses rap_userid and rap_password",
                    do: "set them to http_server.user and http_server.password, and rap_server_authenticate to true")
            ]
        case let status:
            return [
                CheckFinding(
                    "lua to gateway", .error, "\(url) answered \(status ?? 0)",
                    do: "see whether a gateway is there at all: rap_host, rap_port")
            ]
        }
    }

    private func serverFindings(_ json: JSONValue) -> [CheckFinding] {
        let url = json["url"]?.string ?? "luaScriptResource"
        if let failure = json["failure"]?.string {
            return [
                CheckFinding("lua", .warning, "does not run: \(url): \(failure)", do: "systemctl status tw_luaScriptResourced, or start it")
            ]
        }
        guard let answer = json["answer"], answer["program"]?.string == "luaScriptResource" else {
            return [
                CheckFinding("lua", .error, "\(url) is answered by another program", do: "set script_resource_port to a port that is free")
            ]
        }
        var findings = [CheckFinding("lua", .good, "runs at \(url), version \(answer["version"]?.string ?? "unknown")")]
        if let version = answer["version"]?.string, version != Product.version {
            findings.append(
                CheckFinding(
                    "versions", .warning, "the luaScriptResource that runs is \(version), this program is \(Product.version)",
                    do: "restart it after an upgrade"))
        }
        for check in answer["checks"]?.object?.members ?? [] where check.value["status"]?.string != "ok" {
            findings.append(CheckFinding("lua", .error, "\(check.name): \(check.value["reason"]?.string ?? "")", do: "its log tells more"))
        }
        return findings
    }

    /// Things that both sides claim.
    private func thingFindings(_ things: [String]) -> [CheckFinding] {
        let own = Set(gateway?.autoBind.filter { $0.isGateway }.map(\.name) ?? [])
        return things.filter { own.contains($0) }.map {
            CheckFinding(
                "lua", .warning, "\($0) is a Thing of the Lua host, and auto_bind has the gateway itself answer for it",
                do: "take \"gateway\": true from its entry in auto_bind, or the entry itself")
        }
    }
}

/// Another program of this product.
enum SiblingProgram {
    struct Outcome: Sendable {
        var status: Int32
        var output = ""
        var errors = ""
    }

    /// Beside this one, else in the PATH.
    static func path(of name: String) -> String? {
        let places = [ProgramFiles.directory] + (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map(String.init)
        return places.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// Runs it to its end on another thread; what it writes beyond a megabyte is left out.
    static func run(_ program: String, _ arguments: [String]) async -> Outcome {
        await withCheckedContinuation { continuation in
            NIOThreadPool.singleton.submit { _ in continuation.resume(returning: runBlocking(program, arguments)) }
        }
    }

    private static func runBlocking(_ program: String, _ arguments: [String]) -> Outcome {
        var (output, errors): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe(&output) == 0, pipe(&errors) == 0 else { return Outcome(status: -1) }
        // Another program that is started at this moment must not keep them open.
        for file in output + errors { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        posix_spawn_file_actions_adddup2(&actions, errors[1], 2)
        var pid: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        let status = posix_spawn(&pid, program, &actions, nil, &words, environ)
        words.forEach { free($0) }
        close(output[1])
        close(errors[1])
        defer {
            close(output[0])
            close(errors[0])
        }
        guard status == 0 else { return Outcome(status: -1, errors: String(cString: strerror(status))) }
        var texts: [[UInt8]] = [[], []]
        var polled = [pollfd(fd: output[0], events: Int16(POLLIN), revents: 0), pollfd(fd: errors[0], events: Int16(POLLIN), revents: 0)]
        while polled.contains(where: { $0.fd >= 0 }), poll(&polled, 2, -1) >= 0 || errno == EINTR {
            for index in polled.indices where polled[index].fd >= 0 && polled[index].revents != 0 {
                var block = [UInt8](repeating: 0, count: 65_536)
                let count = read(polled[index].fd, &block, block.count)
                if count > 0 { if texts[index].count < 1 << 20 { texts[index] += block[..<count] } } else { polled[index].fd = -1 }
            }
        }
        var ended: Int32 = 0
        while waitpid(pid, &ended, 0) < 0, errno == EINTR {}
        return Outcome(
            status: ended & 0x7F == 0 ? ended >> 8 & 0xFF : -1, output: String(decoding: texts[0], as: UTF8.self),
            errors: String(decoding: texts[1], as: UTF8.self))
    }
}
