package import NIOCore
import NIOSSL
import X509

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the two ends of a connection agreed on, and who the other one is.
package struct AgreedTLS: Sendable {
    /// Such as `TLS 1.3`.
    package var version: String
    /// Of the peer's certificate; empty where it cannot be read.
    package var subject = ""
    package var issuer = ""
    /// Whole days until it ends; negative when it has.
    package var daysLeft: Int?
}

extension Channel {
    /// On the channel's loop, after the handshake; nil without TLS.
    package var agreedTLS: AgreedTLS? {
        guard let version = try? pipeline.syncOperations.nioSSL_tlsVersion() else { return nil }
        let name =
            switch version {
            case .tlsv1: "TLS 1.0"
            case .tlsv11: "TLS 1.1"
            case .tlsv12: "TLS 1.2"
            case .tlsv13: "TLS 1.3"
            default: "TLS"
            }
        var agreed = AgreedTLS(version: name)
        if let shown = try? pipeline.syncOperations.nioSSL_peerCertificate(), let bytes = try? shown.toDERBytes(),
            let certificate = try? Certificate(derEncoded: bytes)
        {
            agreed.subject = "\(certificate.subject)"
            agreed.issuer = "\(certificate.issuer)"
            agreed.daysLeft = Int((certificate.notValidAfter.timeIntervalSinceNow / 86_400).rounded(.down))
        }
        return agreed
    }
}
