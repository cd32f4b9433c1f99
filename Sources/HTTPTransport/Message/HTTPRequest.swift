package import NIOCore
package import NIOHTTP1
import NetworkSupport

/// A request with its whole body.
package struct HTTPRequest: Sendable {
    package var method: HTTPMethod
    /// Percent-decoded segments of the path; a segment may hold a slash that was written `%2F`.
    package var path: [String]
    package var query: [(name: String, value: String)]
    package var headers: HTTPHeaders
    package var body: ByteBuffer
    package var remoteAddress: SocketAddress?
    /// Whether two slashes stand behind each other in the path, which is passed over in `path`.
    package let hasEmptySegment: Bool
    /// What the server's `Admission` found out from the head, for the responder.
    package var admitted: (any Sendable)?

    /// nil where the target is no path, or not valid percent-encoded UTF-8.
    package init?(head: HTTPRequestHead, body: ByteBuffer = ByteBuffer(), remoteAddress: SocketAddress?) {
        guard let target = RequestTarget(head.uri) else { return nil }
        method = head.method
        path = target.path
        query = target.query
        hasEmptySegment = target.hasEmptySegment
        headers = head.headers
        self.body = body
        self.remoteAddress = remoteAddress
    }

    package func queryValue(_ name: String) -> String? {
        query.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

/// The path and query of a request line.
package struct RequestTarget: Sendable {
    package let path: [String]
    package let query: [(name: String, value: String)]
    package let hasEmptySegment: Bool

    package init?(_ uri: String) {
        let utf8 = uri.utf8
        guard utf8.first == UInt8(ascii: "/") else { return nil }
        let end = utf8.firstIndex(of: UInt8(ascii: "?")) ?? utf8.endIndex
        var path: [String] = []
        var length = 0
        for segment in utf8[..<end].split(separator: UInt8(ascii: "/")) {
            guard let decoded = PercentEncoding.decode(Substring(segment)) else { return nil }
            path.append(decoded)
            length += segment.count + 1
        }
        self.path = path
        // One slash may stand at the end.
        hasEmptySegment = utf8.distance(from: utf8.startIndex, to: end) > length + 1
        guard end != utf8.endIndex else {
            query = []
            return
        }
        var query: [(name: String, value: String)] = []
        for item in uri[uri.utf8.index(after: end)...].split(separator: "&") {
            let pair = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(pair[0], plusIsBlank: true),
                let value = PercentEncoding.decode(pair.count == 2 ? pair[1] : "", plusIsBlank: true)
            else { return nil }
            query.append((name, value))
        }
        self.query = query
    }
}

/// Percent-encoding of path segments and query items (RFC 3986 §2.1).
package enum PercentEncoding {
    package static func decode(_ text: some StringProtocol, plusIsBlank: Bool = false) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || (plusIsBlank && $0 == UInt8(ascii: "+")) }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "%"):
                guard rest.count >= 2, let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16),
                    rest.prefix(2).allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") })
                else { return nil }
                rest = rest.dropFirst(2)
                bytes.append(value)
            case UInt8(ascii: "+") where plusIsBlank: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    /// Encodes all but the unreserved characters (and `*`, which begins identifiers).
    package static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "*"):
                out.append(byte)
            default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}

extension HTTPRequestHead {
    /// Whether another request may follow on its connection. Behind one that asks for another protocol, and does not get it, NIO's decoder
    /// expects no more HTTP.
    var goesOn: Bool {
        isKeepAlive && !(headers.contains(name: "Upgrade") && headers.connectionAsksForUpgrade)
    }
}
