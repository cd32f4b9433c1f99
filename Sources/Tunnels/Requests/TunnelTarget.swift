/// Where a tunnel leads, as the edge sees it.
package struct TunnelTarget: Sendable, Hashable, CustomStringConvertible {
    /// A name, or an address without brackets.
    package let host: String
    package let port: Int

    private static let longestHost = 255

    /// - Throws: `TunnelFault`.
    package init(host: String, port: Int) throws(TunnelFault) {
        var host = host
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        guard (1...65535).contains(port) else { throw TunnelFault("port \(port): expected 1 to 65535") }
        let isName = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: ":"), UInt8(ascii: "%"): true
            // Names in other scripts.
            case 0x80...: true
            default: false
            }
        }
        guard isName, (1...TunnelTarget.longestHost).contains(host.utf8.count) else {
            throw TunnelFault("host: expected a name or an address of at most \(TunnelTarget.longestHost) bytes")
        }
        (self.host, self.port) = (host, port)
    }

    /// `host:port`, with brackets around an IPv6 address.
    /// - Throws: `TunnelFault`.
    package init(_ text: String) throws(TunnelFault) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]) else {
            throw TunnelFault("\(text): expected host:port")
        }
        let host = String(text[..<colon])
        guard !host.contains(":") || host.hasPrefix("[") else { throw TunnelFault("\(text): expected brackets around an IPv6 address") }
        try self.init(host: host, port: port)
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
