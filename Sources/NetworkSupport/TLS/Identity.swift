package import NIOSSL

#if canImport(FoundationEssentials)
    package import FoundationEssentials
#else
    package import Foundation
#endif

/// A certificate and its key, from files: what a server or a client shows to its peer.
package struct Identity: Sendable {
    let chain: [NIOSSLCertificate]
    let key: NIOSSLPrivateKey
    /// When the certificate itself ends.
    package let expiry: Date

    /// - Parameters:
    ///   - chain: PEM file: the own certificate first, then those between it and the CA.
    ///   - key: PEM file, or `.p12` with certificate and key together (`chain` may be empty then).
    /// - Throws: `TLSFailure` that names the file.
    package init(chain: String, key: String, passphrase: String?) throws(TLSFailure) {
        if key.hasSuffix(".p12") || key.hasSuffix(".pfx") {
            (self.chain, self.key) = try Identity.bundle(key, passphrase)
        } else {
            self.chain = try Identity.certificates(chain)
            self.key = try Identity.key(key, passphrase)
        }
        guard let first = self.chain.first else { throw TLSFailure("the certificate file \(chain) holds no certificate") }
        expiry = Date(timeIntervalSince1970: Double(first.notValidAfter))
        try checkMatch(chain.isEmpty ? key : chain, key)
    }

    private static func certificates(_ path: String) throws(TLSFailure) -> [NIOSSLCertificate] {
        do {
            return try NIOSSLCertificate.fromPEMFile(path)
        } catch {
            throw TLSFailure("the certificate file \(path) cannot be read: expected PEM (\(error))")
        }
    }

    private static func key(_ path: String, _ passphrase: String?) throws(TLSFailure) -> NIOSSLPrivateKey {
        let provide: @Sendable (NIOSSLPassphraseSetter<[UInt8]>) -> Void = { $0(Array((passphrase ?? "").utf8)) }
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem, passphraseCallback: provide)
        } catch {
            if let key = try? NIOSSLPrivateKey(file: path, format: .der) { return key }
            throw TLSFailure(
                "the key file \(path) cannot be read: expected a PEM key\(passphrase == nil ? ", without a passphrase as none is configured" : " that the passphrase opens") (\(error))"
            )
        }
    }

    private static func bundle(_ path: String, _ passphrase: String?) throws(TLSFailure) -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
        do {
            let bundle =
                try passphrase.map { try NIOSSLPKCS12Bundle(file: path, passphrase: Array($0.utf8)) } ?? NIOSSLPKCS12Bundle(file: path)
            return (bundle.certificateChain, bundle.privateKey)
        } catch {
            throw TLSFailure("the key file \(path) cannot be read: expected PKCS#12 that the passphrase opens (\(error))")
        }
    }

    private func checkMatch(_ certificate: String, _ key: String) throws(TLSFailure) {
        do {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .certificates([])
            use(in: &configuration)
            _ = try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSFailure("the key in \(key) does not belong to the certificate in \(certificate)")
        }
    }

    func use(in configuration: inout TLSConfiguration) {
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
    }

    /// Whole days until the certificate ends; negative when it has.
    package var daysLeft: Int { Int((expiry.timeIntervalSinceNow / 86_400).rounded(.down)) }

    /// For a server, TLS 1.2 and later.
    package func serverConfiguration() -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}

extension Date {
    /// `2026-11-24`
    package var day: String { formatted(.iso8601.year().month().day()) }
}

/// TLS settings or files that cannot be used: which, and what was expected.
package struct TLSFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
