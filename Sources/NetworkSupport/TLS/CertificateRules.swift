import X509

/// What a chain of certificates must be beyond what makes it a chain.
enum CertificateRules {
    /// Why a verified chain is not accepted; nil where it is.
    /// - Parameter chain: from the server's certificate to the authority that is trusted.
    static func refusal(of chain: [Certificate], host: String) -> String? {
        // The last one is trusted as it is: nobody's signature vouches for it.
        for (index, certificate) in chain.dropLast().enumerated() {
            let whose = index == 0 ? "the certificate of \(host)" : "the certificate of \(certificate.subject), which vouches for \(host),"
            guard isStrong(certificate.signatureAlgorithm) else {
                return "\(whose) is signed with \(certificate.signatureAlgorithm): SHA-256 or better is needed"
            }
        }
        for certificate in chain {
            guard let usage = try? certificate.extensions.extendedKeyUsage else { continue }
            guard usage.contains(where: { $0 == .serverAuth || $0 == .any }) else {
                let whose =
                    certificate == chain.first
                    ? "the certificate of \(host)" : "the certificate of \(certificate.subject), which vouches for \(host),"
                return "\(whose) is not meant for servers (its extended key usage lacks serverAuth)"
            }
        }
        return nil
    }

    private static func isStrong(_ algorithm: Certificate.SignatureAlgorithm) -> Bool {
        let strong: [Certificate.SignatureAlgorithm] = [
            .ecdsaWithSHA256, .ecdsaWithSHA384, .ecdsaWithSHA512, .sha256WithRSAEncryption, .sha384WithRSAEncryption,
            .sha512WithRSAEncryption, .ed25519,
        ]
        return strong.contains(algorithm)
    }

    /// Whether a certificate's DNS name stands for a host: a `*` for just one label, in front of at least two others
    /// (RFC 6125 §6.4.3, §7.2: `*` and `*.com` stand for too much).
    static func name(_ pattern: String, standsFor host: String) -> Bool {
        let pattern = labels(pattern)
        let host = labels(host)
        guard pattern.count == host.count, let first = pattern.first else { return false }
        if first == "*" { return pattern.count >= 3 && pattern.dropFirst() == host.dropFirst() }
        return pattern == host
    }

    private static func labels(_ name: String) -> [String] {
        var labels = name.lowercased().unicodeScalars.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
        if labels.last == "", labels.count > 1 { labels.removeLast() }
        return labels
    }
}
