import Crypto
import Formats
import NIOConcurrencyHelpers

/// What a proxy asks for in `Proxy-Authenticate`, and the answer to it: Basic (RFC 7617) or Digest (RFC 7616).
package struct ProxyChallenge: Sendable {
    package enum Scheme: Sendable, Equatable {
        case basic
        case digest
    }

    package let scheme: Scheme
    private let parameters: [String: String]
    /// How often this nonce was answered.
    private let count = NIOLockedValueBox(0)

    /// - Parameter header: one value of `Proxy-Authenticate`.
    /// - Returns: nil for schemes and algorithms that are not offered here.
    package init?(_ header: String) {
        let scheme = header.prefix { $0 != " " }
        parameters = ProxyChallenge.parameters(header.dropFirst(scheme.count))
        switch scheme.lowercased() {
        case "basic": self.scheme = .basic
        case "digest":
            self.scheme = .digest
            guard parameters["nonce"] != nil, ["MD5", "SHA-256"].contains(algorithm) else { return nil }
            if let qop = parameters["qop"], !qop.split(separator: ",").contains(where: { $0.filter { $0 != " " } == "auth" }) { return nil }
        default: return nil
        }
    }

    /// Digest before Basic, SHA-256 before MD5.
    package static func best(of headers: [String]) -> ProxyChallenge? {
        headers.compactMap { ProxyChallenge($0) }.max { $0.rank < $1.rank }
    }

    private var algorithm: String { (parameters["algorithm"] ?? "MD5").uppercased() }
    private var rank: Int { scheme == .basic ? 0 : (algorithm == "MD5" ? 1 : 2) }

    /// - Parameters:
    ///   - target: `host:port` of the CONNECT.
    ///   - clientNonce: given by tests; random otherwise.
    /// - Returns: the value of `Proxy-Authorization`.
    package func answer(user: String, password: String, target: String, clientNonce: String? = nil) -> String {
        guard scheme == .digest else { return "Basic " + Base64.encode("\(user):\(password)".utf8) }
        let realm = parameters["realm"] ?? ""
        let nonce = parameters["nonce"] ?? ""
        let secret = hash("\(user):\(realm):\(password)")
        let request = hash("CONNECT:\(target)")
        var fields = [
            "username=\(quoted(user))", "realm=\(quoted(realm))", "nonce=\(quoted(nonce))", "uri=\(quoted(target))",
            "algorithm=\(algorithm)",
        ]
        if parameters["qop"] != nil {
            let number = count.withLockedValue { count -> Int in
                count += 1
                return count
            }
            let hex = String(number, radix: 16)
            let use = String(repeating: "0", count: max(8 - hex.count, 0)) + hex
            let own = clientNonce ?? String(UInt64.random(in: .min ... .max), radix: 16)
            fields += [
                "qop=auth", "nc=\(use)", "cnonce=\(quoted(own))",
                "response=\(quoted(hash("\(secret):\(nonce):\(use):\(own):auth:\(request)")))",
            ]
        } else {
            fields.append("response=\(quoted(hash("\(secret):\(nonce):\(request)")))")
        }
        if let opaque = parameters["opaque"] { fields.append("opaque=\(quoted(opaque))") }
        return "Digest " + fields.joined(separator: ", ")
    }

    private func hash(_ text: String) -> String {
        let bytes = Array(text.utf8)
        return algorithm == "MD5" ? Hex.encode(Insecure.MD5.hash(data: bytes)) : Hex.encode(SHA256.hash(data: bytes))
    }

    private func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }

    /// `name=value, name="quoted \" value"`, names in lower case.
    private static func parameters(_ text: Substring) -> [String: String] {
        var result: [String: String] = [:]
        var rest = text
        while true {
            rest = rest.drop { $0 == " " || $0 == "," }
            let name = rest.prefix { $0 != "=" && $0 != "," }
            rest = rest.dropFirst(name.count)
            guard rest.first == "=" else { return result }
            rest = rest.dropFirst()
            var value = ""
            if rest.first == "\"" {
                rest = rest.dropFirst()
                while let character = rest.popFirst(), character != "\"" {
                    value.append(character == "\\" ? rest.popFirst() ?? "\\" : character)
                }
            } else {
                value = String(rest.prefix { $0 != "," && $0 != " " })
                rest = rest.dropFirst(value.count)
            }
            result[name.lowercased().filter { $0 != " " }] = value
        }
    }
}
