import EdgeCore
import Formats

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
        async let probed = SiblingProgram.luaProbe(path)
        var findings = findings(ofCheck: await checked)
        // What keeps the configuration from being read was told above.
        guard let json = await probed else { return findings }
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
        return CheckFinding.running(
            "lua", "the luaScriptResource", at: url, answer, restart: "restart it after an upgrade", more: "its log tells more")
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
