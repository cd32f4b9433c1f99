package import Formats
import NIOCore

/// Where tunnels may lead: patterns of `host:port`. A host is a name in which `*` stands for any run, an address, or an address with the
/// number of its bits that count (`10.1.0.0/16`); a port is a number, a span (`5900-5910`) or `*`. `*` alone is everything.
package struct TunnelPolicy: Sendable, Equatable {
    private enum Host: Sendable, Equatable {
        case name(String)
        case network(IPBytes, bits: Int)
    }

    private struct Pattern: Sendable, Equatable {
        var host: Host
        var ports: ClosedRange<Int>
    }

    private var patterns: [Pattern]

    /// - Throws: `TunnelFault`, naming the pattern.
    package init(_ texts: [String]) throws(TunnelFault) {
        patterns = []
        for text in texts { patterns.append(try TunnelPolicy.pattern(text)) }
    }

    /// This machine, and whoever answers for the Thing.
    package static func standard(deviceHost: String) -> TunnelPolicy {
        var policy = TunnelPolicy()
        let loopback = [Host.name("localhost"), .network(IPBytes(v4: [127, 0, 0, 0]), bits: 8), .network(IPBytes.v6Loopback, bits: 128)]
        let device = IPBytes(deviceHost).map { Host.network($0, bits: $0.bits) } ?? .name(TunnelPolicy.plain(deviceHost))
        policy.patterns = (loopback + [device]).map { Pattern(host: $0, ports: 0...65535) }
        return policy
    }

    private init() { patterns = [] }

    package func allows(_ target: TunnelTarget) -> Bool {
        let address = IPBytes(target.host)
        return patterns.contains { pattern in
            guard pattern.ports.contains(target.port) else { return false }
            return switch pattern.host {
            case .name(let name): TunnelPolicy.matches(name, TunnelPolicy.plain(target.host), isAddress: address != nil)
            case .network(let network, let bits): address.map { network.contains($0, bits: bits) } ?? false
            }
        }
    }

    /// `10.1.*` is meant for addresses: a name that begins so leads anywhere.
    private static func matches(_ pattern: String, _ host: String, isAddress: Bool) -> Bool {
        let star = UInt8(ascii: "*")
        if pattern == "*" { return true }
        let isForAddresses = pattern.utf8.allSatisfy {
            (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: ".") || $0 == star
        }
        return isForAddresses == isAddress
            && Wildcards.match(Array(host.utf8), Array(pattern.utf8)) {
                $0 == star
            } isOne: { _ in
                false
            }
    }

    /// As names are compared: without regard to case, and to the dot at the end of a full one.
    private static func plain(_ host: String) -> String {
        let lower = host.lowercased()
        return lower.hasSuffix(".") && lower.utf8.count > 1 ? String(lower.dropLast()) : lower
    }

    private static func pattern(_ text: String) throws(TunnelFault) -> Pattern {
        if text == "*" { return Pattern(host: .name("*"), ports: 0...65535) }
        guard let colon = text.lastIndex(of: ":") else { throw TunnelFault("\"\(text)\": expected host:port, or * for both") }
        var host = String(text[..<colon])
        let isBracketed = host.hasPrefix("[")
        if isBracketed { host = host.replacing("[", with: "").replacing("]", with: "") }
        guard isBracketed || !host.contains(":") else {
            throw TunnelFault("\"\(text)\": expected brackets around an IPv6 address, or a port")
        }
        guard let ports = ports(text[text.index(after: colon)...]) else {
            throw TunnelFault("\"\(text)\": expected a port from 1 to 65535, a span such as 5900-5910, or *")
        }
        guard let slash = host.firstIndex(of: "/") else {
            guard !host.isEmpty else { throw TunnelFault("\"\(text)\": expected a host before the port") }
            return Pattern(host: IPBytes(host).map { .network($0, bits: $0.bits) } ?? .name(plain(host)), ports: ports)
        }
        guard let network = IPBytes(String(host[..<slash])), let bits = Int(host[host.index(after: slash)...]),
            (0...network.bits).contains(bits)
        else {
            throw TunnelFault("\"\(text)\": expected an address and the number of its bits that count, as in 10.1.0.0/16")
        }
        return Pattern(host: .network(network, bits: bits), ports: ports)
    }

    private static func ports(_ text: Substring) -> ClosedRange<Int>? {
        if text == "*" { return 0...65535 }
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard let first = parts.first ?? nil, let last = parts.last ?? nil, parts.count <= 2, first <= last, first >= 1, last <= 65535
        else {
            return nil
        }
        return first...last
    }
}

/// An address as the bytes that it is: texts of many forms mean one.
struct IPBytes: Sendable, Equatable {
    private let bytes: [UInt8]

    static let v6Loopback = IPBytes(bytes: [UInt8](repeating: 0, count: 15) + [1])

    init(v4 bytes: [UInt8]) { self.bytes = bytes }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// nil: a name.
    init?(_ text: String) {
        let plain = text.prefix { $0 != "%" }
        guard let address = try? SocketAddress(ipAddress: String(plain), port: 0) else { return nil }
        switch address {
        case .v4(let address): bytes = withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address):
            let all = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            // An IPv4 address in the clothes of IPv6.
            let isMapped = all.prefix(10).allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
            bytes = isMapped ? Array(all.suffix(4)) : all
        default: return nil
        }
    }

    var bits: Int { bytes.count * 8 }

    func contains(_ other: IPBytes, bits: Int) -> Bool {
        guard bytes.count == other.bytes.count else { return false }
        for (index, (own, given)) in zip(bytes, other.bytes).enumerated() {
            let rest = bits - index * 8
            guard rest > 0 else { return true }
            let mask: UInt8 = rest >= 8 ? 0xFF : ~(0xFF >> UInt8(rest))
            guard own & mask == given & mask else { return false }
        }
        return true
    }
}
