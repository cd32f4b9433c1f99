import EdgeCore
import Formats
import Glibc
import HTTPTransport

/// The gateway itself: whether it runs, what it says of itself, and who has its port where it does not.
struct GatewayChecks {
    let configuration: GatewayConfiguration
    let gateway: LocalGateway

    func run() async -> [CheckFinding] {
        guard configuration.httpServer.port != 0 else {
            return [
                CheckFinding("gateway", .note, "http_server.port is 0: the gateway takes any port, so that it cannot be asked from here")
            ]
        }
        let health: JSONValue
        do {
            let (status, json) = try await gateway.get("/healthz")
            guard json["program"]?.string == "wsems" else {
                return [
                    CheckFinding(
                        "port", .error, "port \(gateway.port) is taken by another program (it answers \(status), and is no gateway)",
                        do: "ss -ltnp 'sport = :\(gateway.port)' names it; stop it, or set http_server.port")
                ]
            }
            health = json
        } catch {
            return [notRunning(error)]
        }
        var answer = health.object ?? JSONObject()
        answer["checks"] = (try? await gateway.get("/readyz").json)?["checks"]
        let findings = CheckFinding.running(
            "gateway", "the gateway", at: gateway.url, .object(answer),
            restart: "restart the gateway after an upgrade: systemctl restart tw_microServerd",
            more: "see what is said of the platform here, and the gateway's log")
        return findings + (await statusFindings())
    }

    private func notRunning(_ error: any Error) -> CheckFinding {
        switch PortProbe.state(of: gateway.host, gateway.port) {
        case .free:
            CheckFinding(
                "gateway", .warning, "does not run: nobody listens at \(gateway.host):\(gateway.port)",
                do: "systemctl status tw_microServerd, journalctl -u tw_microServerd, or start it")
        case .taken:
            CheckFinding(
                "port", .error, "port \(gateway.port) is taken, and its owner does not answer as the gateway does (\(error))",
                do: "ss -ltnp 'sport = :\(gateway.port)' names it; stop it, or set http_server.port")
        case .notOurs(let reason):
            CheckFinding(
                "port", .error, "the gateway cannot listen at \(gateway.host):\(gateway.port): \(reason)",
                do: "set http_server.host to an address of this machine; ports below 1024 need CAP_NET_BIND_SERVICE")
        }
    }

    private func statusFindings() async -> [CheckFinding] {
        guard let (status, json) = try? await gateway.get("/") else { return [] }
        guard status == 200 else {
            return [
                CheckFinding(
                    "gateway", .error,
                    "http_server.user and http_server.password of the configuration are not those that it runs with (answered \(status))",
                    do: "systemctl reload tw_microServerd puts the file in force")
            ]
        }
        var findings: [CheckFinding] = []
        var things: [String: [String]] = [:]
        for thing in json["things"]?.array ?? [] { things[thing["state"]?.string ?? "", default: []].append(thing["name"]?.string ?? "") }
        let bound = things["bound"]?.count ?? 0
        let all = things.values.reduce(0) { $0 + $1.count }
        if let refused = things["refused"], !refused.isEmpty {
            findings.append(
                CheckFinding(
                    "bind", .error,
                    "the platform refuses to bind \(refused.sorted().prefix(5).joined(separator: ", "))\(refused.count > 5 ? " and \(refused.count - 5) more" : "")",
                    do: "make Things of these names from RemoteThing there, and let the application key's user bind them"))
        }
        if json["isConnected"]?.bool == true, all > 0 {
            findings.append(CheckFinding("bind", bound == all ? .good : .note, "\(bound) of \(all) Things are bound"))
        }
        return findings
    }
}

/// Whether a port can be listened at, by trying.
enum PortProbe {
    enum State {
        case free
        case taken
        case notOurs(String)
    }

    static func state(of host: String, _ port: Int) -> State {
        var hints = addrinfo()
        hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0, let first = list else {
            return .notOurs("\(host) is no address of this machine")
        }
        defer { freeaddrinfo(list) }
        let file = socket(first.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return .notOurs(String(cString: strerror(errno))) }
        defer { close(file) }
        var reuse: Int32 = 1
        setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        if bind(file, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0, listen(file, 1) == 0 { return .free }
        return errno == EADDRINUSE ? .taken : .notOurs(String(cString: strerror(errno)))
    }
}
