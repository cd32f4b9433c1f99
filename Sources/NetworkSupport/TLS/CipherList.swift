/// A list of cipher suites for TLS 1.2 in OpenSSL's notation (`ALL:!aNULL:!RC4`), resolved to the suites that this build has.
///
/// Resolved here, because the TLS library takes a list that selects nothing for a mistake of the programmer and ends the
/// process. Suites without authentication, with pre-shared keys, and with 3DES, RC4 or weaker are not offered at all.
package struct CipherList: Sendable {
    /// Names of suites, in order of preference.
    package let names: [String]

    private struct Suite {
        let name: String
        let words: Set<String>
    }

    private static let suites: [Suite] = {
        let ephemeral: Set<String> = ["ECDHE", "EECDH", "kECDHE", "kEECDH"]
        func make(_ prefix: String, _ exchange: Set<String>) -> [Suite] {
            [
                ("AES128-GCM-SHA256", ["AES", "AES128", "AESGCM", "SHA256", "AEAD", "TLSv1.2"]),
                ("AES256-GCM-SHA384", ["AES", "AES256", "AESGCM", "SHA384", "AEAD", "TLSv1.2"]),
                ("CHACHA20-POLY1305", ["CHACHA20", "AEAD", "TLSv1.2"]),
                ("AES128-SHA", ["AES", "AES128", "SHA", "SHA1", "SSLv3", "TLSv1"]),
                ("AES256-SHA", ["AES", "AES256", "SHA", "SHA1", "SSLv3", "TLSv1"]),
            ].filter { !(prefix.isEmpty && $0.0.hasPrefix("CHACHA20")) }
                .map { Suite(name: prefix + $0.0, words: exchange.union($0.1).union(["ALL", "DEFAULT", "HIGH"])) }
        }
        return make("ECDHE-ECDSA-", ephemeral.union(["ECDSA", "aECDSA"])) + make("ECDHE-RSA-", ephemeral.union(["aRSA"]))
            + make("", ["RSA", "kRSA", "aRSA"])
    }()

    /// - Throws: `TLSFailure` when it selects nothing.
    package init(_ text: String) throws(TLSFailure) {
        var active: [Suite] = []
        var killed: Set<String> = []
        for element in text.split(whereSeparator: { ":, ".contains($0) }) where !element.hasPrefix("@") {
            let sign = "!-+".contains(element.first!) ? element.first : nil
            let parts = element.drop { "!-+".contains($0) }.split(separator: "+").map(String.init)
            let matches = { (suite: Suite) in !parts.isEmpty && parts.allSatisfy { $0 == suite.name || suite.words.contains($0) } }
            switch sign {
            case "!":
                killed.formUnion(CipherList.suites.filter(matches).map(\.name))
                active.removeAll { killed.contains($0.name) }
            case "-": active.removeAll(where: matches)
            case "+": active = active.filter { !matches($0) } + active.filter(matches)
            default:
                let known = Set(active.map(\.name)).union(killed)
                active += CipherList.suites.filter { matches($0) && !known.contains($0.name) }
            }
        }
        guard !active.isEmpty else {
            throw TLSFailure(
                "certificates.cipher_suite: \"\(text)\" selects none of the suites of this build (\(CipherList.suites.map(\.name).joined(separator: ", ")))"
            )
        }
        names = active.map(\.name)
    }
}
