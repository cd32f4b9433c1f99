import AlwaysOn
import AlwaysOnTransport
import EdgeCore
import Formats
import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NetworkSupport
import ProgramSupport

/// The way to one platform, step by step: name, addresses, proxy, TLS, WebSocket, key, Things, clock.
struct PlatformChecks {
    let configuration: GatewayConfiguration
    /// Of the server in `ws_servers`.
    let index: Int
    let gateway: LocalGateway
    private static let stepLimit = TimeAmount.seconds(3)

    private var server: GatewayConfiguration.Server { configuration.servers[index] }
    private var place: String { "\(server.host):\(server.port)" }

    func run() async -> [CheckFinding] {
        let notes = NIOLockedValueBox<[String]>([])
        let security: ClientSecurity
        do {
            security = try ClientSecurity(configuration, userAgent: "edgectl/\(Product.version)") { text in
                notes.withLockedValue { $0.append(text) }
            }
        } catch {
            return [CheckFinding("certificates", .error, "\(error)", do: "mend the file or the setting that is named")]
        }
        var limited = security.platforms[index]
        limited.connectTimeout = min(limited.connectTimeout, PlatformChecks.stepLimit)
        let endpoint = limited
        let proxy = configuration.proxy
        let (first, port) = proxy.host.isEmpty ? (server.host, server.port) : (proxy.host, proxy.port)
        let way = await AddressChecks(area: proxy.host.isEmpty ? "network" : "proxy", host: first, port: port).run()
        var findings = way.findings
        guard way.isReached else { return findings }
        switch await open(endpoint) {
        case .failure(let failure): return findings + [describe(failure)]
        case .success(let agreed):
            if !proxy.host.isEmpty { findings.append(CheckFinding("proxy", .good, "\(proxy.host):\(proxy.port) leads to \(place)")) }
            let trust =
                configuration.certificates.validate
                ? "and its certificate is accepted" : "and its certificate is not looked at (certificates.validate)"
            if endpoint.tls != nil {
                let version = agreed?.version ?? "TLS"
                findings.append(CheckFinding("TLS", .good, "\(version) with \(place), \(trust)"))
                if let agreed, let days = agreed.daysLeft {
                    let text = "certificate of \(agreed.subject), issued by \(agreed.issuer), ends in \(days) days"
                    findings.append(CheckFinding("certificates", .good, text))
                }
            } else {
                findings.append(CheckFinding("TLS", .note, "\(place) is spoken to without TLS"))
            }
        }
        findings += Set(notes.withLockedValue { $0 }).map { CheckFinding("certificates", .warning, $0, do: "renew it before that day") }
        async let clock = clockFindings(endpoint)
        findings += await keyFindings(endpoint)
        return findings + (await clock)
    }

    /// TCP, proxy, TLS: whether they work, and what was agreed on.
    private func open(_ endpoint: PlatformEndpoint) async -> Result<AgreedTLS?, DialFailure> {
        let loop = Connection.loop
        let opened = loop.flatSubmit {
            Dialer(proxy: endpoint.proxy).connect(
                host: endpoint.host, port: endpoint.port, tls: endpoint.tls, timeout: PlatformChecks.stepLimit, on: loop
            ).map { channel in
                let agreed = channel.agreedTLS
                channel.close(promise: nil)
                return agreed
            }
        }
        do {
            return .success(try await opened.get())
        } catch {
            return .failure(error as? DialFailure ?? DialFailure(.connect, NetworkErrorText.describe(error)))
        }
    }

    private func describe(_ failure: DialFailure) -> CheckFinding {
        switch failure.stage {
        case .proxy:
            CheckFinding(
                "proxy", .error, failure.description,
                do: "check proxy.host, proxy.port, proxy.user and proxy.password, and that the proxy lets through to \(place)")
        case .tls:
            CheckFinding(
                "TLS", .error, failure.description,
                do: failure.description.contains("does not speak TLS")
                    ? "set ws_connection.encryption to none, or the port of https"
                    : "see certificates in Documentation/config.md; openssl s_client -connect \(place) -servername \(server.host) shows what the platform sends"
            )
        case .name, .connect, .timeout:
            CheckFinding("network", .error, "\(place): \(failure.description)", do: "check ws_servers, and firewalls between")
        }
    }

    // MARK: Key and Things

    private enum Verdict: Sendable {
        case accepted
        case refused
        case closed(String)
    }

    private func keyFindings(_ endpoint: PlatformEndpoint) async -> [CheckFinding] {
        guard let key = configuration.applicationKey else { return [] }
        let (verdicts, verdict) = AsyncStream.makeStream(of: Verdict.self)
        let (answers, answer) = AsyncStream.makeStream(of: (Bind, Response).self)
        var session = EdgeConnection.Session.Configuration()
        session.limits.maximumMessageSize = configuration.connection.maximumMessageSize
        session.controlTimeout = PlatformChecks.stepLimit
        let loop = Connection.loop
        let connection: EdgeConnection
        do {
            connection = try await loop.flatSubmit { [session] in
                EdgeConnector.connect(to: endpoint, applicationKey: key.reveal(), session: session, on: loop) { _, event in
                    switch event {
                    case .online: verdict.yield(.accepted)
                    case .refused: verdict.yield(.refused)
                    case .bindAnswered(let bind, let response): answer.yield((bind, response))
                    case .closed(let text):
                        verdict.yield(.closed(text))
                        answer.finish()
                    default: break
                    }
                }
            }.get()
        } catch {
            return [
                CheckFinding(
                    "WebSocket", .error, "\(error)",
                    do: "check `resource` (\(configuration.resource)), and that proxies in front of the platform let WebSockets through")
            ]
        }
        defer { loop.execute { connection.close(.init(.normal, "checked")) } }
        var findings = [CheckFinding("WebSocket", .good, "\(place)\(configuration.resource) agrees to the upgrade")]
        switch await verdicts.first(where: { _ in true }) {
        case .accepted: findings.append(CheckFinding("key", .good, "the application key is accepted"))
        case .refused:
            return findings + [
                CheckFinding(
                    "key", .error, "the platform refuses the application key",
                    do: "check that it exists there, is enabled, has not expired and may be used from this address; then put it into appKey"
                )
            ]
        case .closed(let text):
            return findings + [
                CheckFinding(
                    "key", .error, "the platform closed the connection instead of accepting the key: \(text)", do: "its log tells why")
            ]
        case nil: return findings
        }
        return findings + (await bindFindings(connection, answers))
    }

    /// Binds the configured Things where no gateway runs that has bound them: a second connection would take them away from it.
    private func bindFindings(_ connection: EdgeConnection, _ answers: AsyncStream<(Bind, Response)>) async -> [CheckFinding] {
        let names = configuration.autoBind.filter { !$0.isGateway }.map(\.name).prefix(200)
        guard !names.isEmpty, index == 0, case .free = PortProbe.state(of: gateway.host, gateway.port) else { return [] }
        let loop = Connection.loop
        // One by one, so that one that is refused does not hide the others.
        try? await loop.submit { for name in names { connection.bind(Bind(names: [name])) } }.get()
        var (left, refused) = (names.count, [(String, String)]())
        for await (bind, response) in answers {
            left -= 1
            if !response.status.isSuccess, let name = bind.names.first {
                refused.append((name, response.reasonText ?? response.status.description))
            }
            if left == 0 { break }
        }
        try? await loop.submit { for name in names { connection.unbind(Bind(names: [name])) } }.get()
        var findings = refused.map { name, reason in
            CheckFinding(
                "bind", .error, "the platform refuses to bind \(name): \(reason)",
                do: "make a Thing of that name from RemoteThing there, and let the application key's user bind it")
        }
        if refused.isEmpty { findings.append(CheckFinding("bind", .good, "the platform binds the \(names.count) Things of auto_bind")) }
        return findings
    }

    // MARK: Clock

    /// Seconds by which clocks may differ before somebody should know, and before keys and certificates are judged wrongly.
    private static let (noticed, harmful) = (60, 300)

    private func clockFindings(_ endpoint: PlatformEndpoint) async -> [CheckFinding] {
        guard let date = await HeadProbe.date(of: endpoint, within: PlatformChecks.stepLimit, on: Connection.loop) else {
            return [CheckFinding("clock", .note, "\(place) does not tell the time: the clocks were not compared")]
        }
        let ahead = Int((WallClock.milliseconds() - date) / 1000)
        guard abs(ahead) >= PlatformChecks.noticed else {
            return [CheckFinding("clock", .good, "differs from the platform's by less than a minute")]
        }
        let severity: CheckFinding.Severity = abs(ahead) >= PlatformChecks.harmful ? .error : .warning
        return [
            CheckFinding(
                "clock", severity, "this machine's clock is \(abs(ahead)) s \(ahead > 0 ? "ahead of" : "behind") the platform's",
                do: "set it: timedatectl, systemd-timesyncd or chrony; values get wrong times, certificates seem to have ended")
        ]
    }
}
