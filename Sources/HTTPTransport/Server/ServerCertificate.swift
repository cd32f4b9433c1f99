package import NIOSSL

/// A server's certificate and key from PEM files.
package enum ServerCertificate {
    /// - Parameter chain: the server's own certificate first, then those between it and the CA.
    /// - Throws: `ListenFailure` that names the file.
    package static func configuration(chain: String, key: String, passphrase: String?) throws -> TLSConfiguration {
        let certificates: [NIOSSLCertificate]
        do {
            certificates = try NIOSSLCertificate.fromPEMFile(chain)
        } catch {
            throw ListenFailure("the certificate file \(chain) cannot be read: expected PEM (\(error))")
        }
        let privateKey: NIOSSLPrivateKey
        do {
            privateKey = try NIOSSLPrivateKey(file: key, format: .pem) { (provide: NIOSSLPassphraseSetter<[UInt8]>) in
                provide(Array((passphrase ?? "").utf8))
            }
        } catch {
            throw ListenFailure("the key file \(key) cannot be read: expected a PEM key\(passphrase == nil ? "" : " that the passphrase opens") (\(error))")
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: certificates.map { .certificate($0) }, privateKey: .privateKey(privateKey))
        configuration.minimumTLSVersion = .tlsv12
        return configuration
    }
}
