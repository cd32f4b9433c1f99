import Glibc
import NIOCore
import NIOPosix
import NetworkSupport

/// A host's addresses: whether its name has any, and which of them answer at a port.
struct AddressChecks {
    let area: String
    let host: String
    let port: Int
    private static let most = 6
    private static let limit = TimeAmount.seconds(2)

    func run() async -> (isReached: Bool, findings: [CheckFinding]) {
        let addresses: [SocketAddress]
        switch await resolve() {
        case .success(let found): addresses = found
        case .failure(let failure):
            return (
                false,
                [
                    CheckFinding(
                        "DNS", .error, "\(host) does not resolve: \(failure.text)",
                        do: "check the name, /etc/resolv.conf and /etc/hosts: getent hosts \(host)")
                ]
            )
        }
        var findings: [CheckFinding] = []
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        if !isAddress {
            findings.append(CheckFinding("DNS", .good, "\(host) is \(addresses.map { $0.ipAddress ?? "?" }.joined(separator: ", "))"))
        }
        var failures: [(SocketAddress, any Error)] = []
        var reached: [String] = []
        await withTaskGroup(of: (SocketAddress, (any Error)?, TimeAmount).self) { group in
            for address in addresses { group.addTask { await attempt(address) } }
            for await (address, error, time) in group {
                if let error {
                    failures.append((address, error))
                } else {
                    reached.append("\(address.text) in \(time.nanoseconds / 1_000_000) ms")
                }
            }
        }
        if !reached.isEmpty { findings.append(CheckFinding(area, .good, "reached \(reached.sorted().joined(separator: ", "))")) }
        for (address, error) in failures {
            let text = NetworkErrorText.describe(error)
            findings.append(
                reached.isEmpty
                    ? CheckFinding(area, .error, "\(address.text): \(text)", do: AddressChecks.remedy(error, address, port))
                    : CheckFinding(
                        area, .note, "\(address.text) does not answer (\(text)); others do",
                        do: "connections are slower to come about for it: mend its route, or take it out of DNS"))
        }
        return (!reached.isEmpty, findings)
    }

    private struct Unresolved: Error { let text: String }

    private func resolve() async -> Result<[SocketAddress], Unresolved> {
        await withCheckedContinuation { continuation in
            // It may take as long as it likes: whoever waits for all of this does not.
            NIOThreadPool.singleton.submit { _ in
                var hints = addrinfo()
                hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
                var list: UnsafeMutablePointer<addrinfo>?
                let status = getaddrinfo(host, nil, &hints, &list)
                guard status == 0 else {
                    return continuation.resume(returning: .failure(Unresolved(text: String(cString: gai_strerror(status)))))
                }
                defer { freeaddrinfo(list) }
                var found: [SocketAddress] = []
                var next = list
                while let entry = next?.pointee, found.count < AddressChecks.most {
                    next = entry.ai_next
                    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
                    guard getnameinfo(entry.ai_addr, entry.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST) == 0 else {
                        continue
                    }
                    let numeric = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
                    if let address = try? SocketAddress(ipAddress: numeric, port: port), !found.contains(address) { found.append(address) }
                }
                continuation.resume(returning: found.isEmpty ? .failure(Unresolved(text: "it has no address")) : .success(found))
            }
        }
    }

    private func attempt(_ address: SocketAddress) async -> (SocketAddress, (any Error)?, TimeAmount) {
        let since = NIODeadline.now()
        do {
            let channel = try await ClientBootstrap(group: Connection.loop).connectTimeout(AddressChecks.limit).connect(to: address).get()
            channel.close(promise: nil)
            return (address, nil, .now() - since)
        } catch {
            return (address, error, .now() - since)
        }
    }

    private static func remedy(_ error: any Error, _ address: SocketAddress, _ port: Int) -> String {
        switch (error as? IOError)?.errnoCode {
        case ECONNREFUSED: "nobody listens there: check the port, and that the platform runs"
        case ENETUNREACH, EHOSTUNREACH: "there is no route: ip route get \(address.ipAddress ?? "")"
        case EACCES, EPERM: "a firewall of this machine forbids it: nft list ruleset"
        default:
            "a firewall on the way lets nothing through to port \(port), or the host is down: traceroute -T -p \(port) \(address.ipAddress ?? "")"
        }
    }
}
