import Glibc
package import NIOHTTP1
import NIOCore

/// Which requests may come from a web page: none but those of the server's own pages.
///
/// A browser sends requests that its user did not ask for, to servers that only its user reaches. It says so: by `Origin`,
/// by `Sec-Fetch-Site`, and by a `Host` that is the page's name where that name was made to point here (DNS rebinding).
/// An address cannot be made to point elsewhere, so that any is fine as `Host`; programs other than browsers send no `Origin`.
package struct SiteRules: Sendable {
    private let hosts: Set<String>
    private let origins: Set<String>
    private let isTLS: Bool

    /// - Parameters:
    ///   - hosts: names besides localhost and the machine's own by which clients reach the server; `*` allows any.
    ///   - origins: origins (`https://host:port`) whose pages may send requests.
    ///   - isTLS: whether the server's own origin is https.
    package init(hosts: [String] = [], origins: [String] = [], isTLS: Bool) {
        self.hosts = Set(hosts.map { SiteRules.normal($0) }).union(MachineNames.all)
        self.origins = Set(origins.map { SiteRules.normal($0) })
        self.isTLS = isTLS
    }

    /// The same for one request of many: a client that is no browser sends the same `Host` with each.
    /// - Parameter accepted: the last `Host` that was found to be fine on this connection, as it was written.
    func refusal(of headers: HTTPHeaders, method: HTTPMethod, accepted: inout String) -> HTTPResponse? {
        var host: String?
        var isPlain = true
        for (name, value) in headers {
            // Told by length and first letter; what merely resembles them is looked at more closely.
            switch (name.utf8.count, (name.utf8.first ?? 0) | 0x20) {
            case (4, UInt8(ascii: "h")):
                isPlain = isPlain && host == nil
                host = value
            case (6, UInt8(ascii: "o")), (14, UInt8(ascii: "s")): isPlain = false
            default: break
            }
        }
        if isPlain, let host, host == accepted { return nil }
        if let refusal = refusal(of: headers, method: method) { return refusal }
        if isPlain, let host { accepted = host }
        return nil
    }

    /// The answer to a request that a page of another site sent; nil for all others.
    package func refusal(of headers: HTTPHeaders, method: HTTPMethod) -> HTTPResponse? {
        let given = headers["Host"]
        guard given.count <= 1 else { return .error(.badRequest, "more than one Host header") }
        let host = given.first.map { SiteRules.normal($0) }
        if let host, !isOwn(host) {
            return .error(
                .forbidden,
                "the Host header names \"\(SiteRules.short(host))\", which is none of this server's names: use its address, or add the name to allowed_hosts"
            )
        }
        for origin in headers["Origin"].map({ SiteRules.normal($0) }) where !isOwn(origin, host: host) {
            return .error(
                .forbidden,
                "a page of \"\(SiteRules.short(origin))\" may not send requests here: add the origin to allowed_origins if it shall")
        }
        if let site = headers.first(name: "Sec-Fetch-Site")?.lowercased(), site == "cross-site" || site == "same-site", method != .GET,
            method != .HEAD,
            !headers.contains(name: "Origin")
        {
            return .error(.forbidden, "a page of another site may not send requests here")
        }
        return nil
    }

    /// Whether a browser sent this because a page told it to, and not because its user typed the address: for requests
    /// that do something although they are GET.
    package static func isSentByPage(_ headers: HTTPHeaders) -> Bool {
        if let site = headers.first(name: "Sec-Fetch-Site")?.lowercased() { return site != "none" && site != "same-origin" }
        return headers.contains(name: "Referer") || headers.first(name: "User-Agent")?.hasPrefix("Mozilla/") == true
    }

    /// Whether the body is announced as JSON, which a page of another site cannot do unasked.
    package static func hasJSONBody(_ headers: HTTPHeaders) -> Bool {
        let type = headers.first(name: "Content-Type")?.lowercased().prefix { $0 != ";" && $0 != " " && $0 != "\t" }
        return type == "application/json"
    }

    private func isOwn(_ host: String) -> Bool {
        let name = SiteRules.name(of: host)
        return hosts.contains(name) || hosts.contains("*") || SiteRules.isAddress(name)
    }

    private func isOwn(_ origin: String, host: String?) -> Bool {
        if origins.contains(origin) { return true }
        guard let host, let mark = origin.range(of: "://") else { return false }
        let scheme = origin[..<mark.lowerBound]
        guard isTLS ? scheme == "https" || scheme == "wss" : scheme == "http" || scheme == "ws" else { return false }
        return SiteRules.withPort(String(origin[mark.upperBound...]), isTLS) == SiteRules.withPort(host, isTLS)
    }

    private static func normal(_ text: String) -> String {
        var text = text.lowercased()
        while text.utf8.last == UInt8(ascii: "/") || text.utf8.last == UInt8(ascii: " ") { text.unicodeScalars.removeLast() }
        return text
    }

    /// The host of `host:port`, without brackets and the dot at its end.
    private static func name(of host: String) -> String {
        if host.utf8.first == UInt8(ascii: "[") { return String(host.unicodeScalars.dropFirst().prefix { $0 != "]" }) }
        var name = String(host.unicodeScalars.prefix { $0 != ":" })
        if name.utf8.last == UInt8(ascii: "."), name.utf8.count > 1 { name.unicodeScalars.removeLast() }
        return name
    }

    private static func withPort(_ host: String, _ isTLS: Bool) -> String {
        let end = host.utf8.lastIndex(of: UInt8(ascii: "]")) ?? host.utf8.startIndex
        return host.utf8[end...].contains(UInt8(ascii: ":")) && host.utf8.last != UInt8(ascii: ":") ? host : "\(host):\(isTLS ? 443 : 80)"
    }

    private static func isAddress(_ name: String) -> Bool {
        // As a C text a zero byte would end it early.
        guard !name.utf8.contains(0) else { return false }
        var v4 = in_addr()
        var v6 = in6_addr()
        return inet_pton(AF_INET, name, &v4) == 1 || inet_pton(AF_INET6, String(name.prefix { $0 != "%" }), &v6) == 1
    }

    private static func short(_ text: String) -> String {
        text.utf8.count > 100 ? String(decoding: text.utf8.prefix(100), as: UTF8.self) + "…" : text
    }
}

extension String {
    /// Searched byte by byte.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        let pattern = Array(text.utf8)
        var start = utf8.startIndex
        while start != utf8.endIndex {
            if utf8[start...].starts(with: pattern) { return start..<utf8.index(start, offsetBy: pattern.count) }
            start = utf8.index(after: start)
        }
        return nil
    }
}

/// The names of this machine, as it says itself: nothing is asked of the network.
enum MachineNames {
    /// Read once: a name that changes while a program runs is the business of `allowed_hosts`.
    static let all: Set<String> = {
        var names: Set<String> = ["localhost", "ip6-localhost"]
        let host = hostName().lowercased()
        if !host.isEmpty {
            let short = String(host.prefix { $0 != "." })
            names.formUnion([host, short, "\(short).local"])
            for domain in words(in: "/etc/resolv.conf", after: { $0 == "search" || $0 == "domain" }) { names.insert("\(short).\(domain)") }
        }
        names.formUnion(words(in: "/etc/hosts", after: { $0.hasPrefix("127.") || $0 == "::1" }))
        return names
    }()

    private static func hostName() -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard gethostname(&buffer, buffer.count - 1) == 0 else { return "" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The words that follow a line's first one, for the lines whose first word fits.
    private static func words(in path: String, after fits: (String) -> Bool) -> [String] {
        guard let file = fopen(path, "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, file)
        return bytes.prefix(count).split(separator: UInt8(ascii: "\n")).flatMap { line -> [String] in
            let words = line.prefix { $0 != UInt8(ascii: "#") }.split { $0 == 0x20 || $0 == 0x09 }.map {
                String(decoding: $0, as: UTF8.self).lowercased()
            }
            guard let first = words.first, fits(first) else { return [] }
            return Array(words.dropFirst())
        }
    }
}
