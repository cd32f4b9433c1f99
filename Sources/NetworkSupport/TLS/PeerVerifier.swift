import Crypto
import Formats
import NIOCore
import NIOSSL
import SwiftASN1
import X509

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A field of the peer's certificate that must have one value (ems.md §2.8).
package struct CertificateCriterion: Sendable, Equatable {
    package enum Field: Sendable {
        case commonName
        case organization
        case organizationalUnit
    }

    package var field: Field
    package var ofIssuer: Bool
    package var expected: String

    package init(_ field: Field, ofIssuer: Bool, _ expected: String) {
        self.field = field
        self.ofIssuer = ofIssuer
        self.expected = expected
    }
}

/// Decides whether a peer's certificate is accepted, and says why not.
struct PeerVerifier: Sendable {
    private let settings: TLSClientSettings
    private let roots: CertificateStore
    /// Those of `roots` that the settings name.
    private let anchors: Set<Certificate>

    /// nil when everything is accepted.
    init?(_ settings: TLSClientSettings) throws(TLSFailure) {
        guard settings.validate || !settings.fingerprints.isEmpty || !settings.criteria.isEmpty else { return nil }
        self.settings = settings
        var roots = CertificateStore.systemTrustRoots
        var anchors: Set<Certificate> = []
        for path in settings.roots { anchors.formUnion(try PeerVerifier.load(path)) }
        roots.append(contentsOf: anchors)
        self.roots = roots
        self.anchors = anchors
    }

    private static func load(_ path: String) throws(TLSFailure) -> [Certificate] {
        guard let bytes = try? Data(contentsOf: URL(filePath: path)) else {
            throw TLSFailure("the file of authorities \(path) cannot be read")
        }
        let found: [Certificate]
        do {
            found = try PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self))
                .filter { $0.discriminator == Certificate.defaultPEMDiscriminator }
                .map { try Certificate(pemDocument: $0) }
        } catch {
            throw TLSFailure("the file of authorities \(path) cannot be read: expected certificates in PEM (\(error))")
        }
        guard !found.isEmpty else { throw TLSFailure("the file of authorities \(path) holds no certificate in PEM") }
        return found
    }

    /// - Returns: nil when the certificate is accepted, else why it is not.
    func verify(_ presented: [NIOSSLCertificate], host: String, isAddress: Bool) async -> String? {
        let chain: [Certificate]
        do {
            chain = try presented.map { try Certificate(derEncoded: try $0.toDERBytes()) }
        } catch {
            return "the certificate of \(host) cannot be read: \(error)"
        }
        guard let leaf = chain.first else { return "\(host) shows no certificate" }
        if settings.validate, let refusal = await validate(leaf, chain, host: host, isAddress: isAddress) { return refusal }
        if let refusal = try? fingerprintRefusal(presented[0], host) { return refusal }
        if let refusal = settings.criteria.lazy.compactMap({ refusal($0, leaf, host) }).first { return refusal }
        if let warning = settings.expiryWarning, leaf.notValidAfter < Date() + Double(warning.days) * 86_400 {
            warning.warn("the certificate of \(host) ends on \(leaf.notValidAfter.day)")
        }
        return nil
    }

    private func validate(_ leaf: Certificate, _ chain: [Certificate], host: String, isAddress: Bool) async -> String? {
        var roots = roots
        if settings.allowSelfSigned { roots.append(contentsOf: chain.dropFirst().filter { $0.issuer == $0.subject }) }
        let names = leaf.extensions.contains { $0.oid == .X509ExtensionID.subjectAlternativeName }
        if settings.checkHostname, !names {
            // Certificates of old devices name their host in the subject alone; authorities stopped judging that long ago.
            guard value(.commonName, of: leaf.subject)?.lowercased() == host.lowercased() else { return mismatch(leaf, host) }
            guard settings.allowCommonName else {
                return
                    "the certificate of \(host) names it in the subject alone, and has no subject alternative name: it must be renewed, or allow_common_name be set"
            }
        }
        if settings.checkHostname, names, !isAddress, !hasName(leaf, of: host) { return mismatch(leaf, host) }
        let checksNames = settings.checkHostname && names
        let policy = NamePolicy(
            policy: checksNames ? ServerIdentityPolicy(serverHostname: isAddress ? nil : host, serverIP: isAddress ? host : nil) : nil)
        let intermediates = CertificateStore(chain.dropFirst())
        let result: CertificateValidationResult
        if isAnchor(leaf) {
            // It vouches for itself without being an authority; what is left to check are its dates and its name.
            let now = Date()
            guard leaf.notValidBefore <= now, now <= leaf.notValidAfter else { return explain([], leaf, chain, host) }
            var verifier = Verifier(rootCertificates: CertificateStore([leaf])) { policy }
            result = await verifier.validate(leaf: leaf, intermediates: intermediates)
        } else {
            var verifier = Verifier(rootCertificates: roots) {
                RFC5280Policy()
                policy
            }
            result = await verifier.validate(leaf: leaf, intermediates: intermediates)
        }
        let failures: [CertificateValidationResult.PolicyFailure]
        switch result {
        case .validCertificate(let chain): return CertificateRules.refusal(of: Array(chain), host: host)
        case .couldNotValidate(let found): failures = found
        }
        return explain(failures.map { "\($0.policyFailureReason)" }, leaf, chain, host)
    }

    /// Whether one of its names stands for the host, by rules stricter than the policy's.
    private func hasName(_ leaf: Certificate, of host: String) -> Bool {
        guard let names = try? leaf.extensions.subjectAlternativeNames else { return false }
        return names.contains { name in
            if case .dnsName(let pattern) = name { CertificateRules.name(pattern, standsFor: host) } else { false }
        }
    }

    private func isAnchor(_ leaf: Certificate) -> Bool {
        if anchors.contains(leaf) { return true }
        return settings.allowSelfSigned && leaf.issuer == leaf.subject && leaf.publicKey.isValidSignature(leaf.signature, for: leaf)
    }

    private func explain(_ reasons: [String], _ leaf: Certificate, _ chain: [Certificate], _ host: String) -> String {
        let now = Date()
        for certificate in chain {
            let whose =
                certificate == leaf ? "the certificate of \(host)" : "the certificate of \(certificate.subject), which vouches for \(host),"
            if certificate.notValidAfter < now { return "\(whose) ended on \(certificate.notValidAfter.day): it must be renewed" }
            if certificate.notValidBefore > now { return "\(whose) begins on \(certificate.notValidBefore.day) only: check the clocks" }
        }
        if let reason = reasons.first {
            return reason.hasPrefix("RFC5280Policy") ? "the certificate of \(host) is not valid: \(reason)" : mismatch(leaf, host)
        }
        if leaf.issuer == leaf.subject {
            return "the certificate of \(host) is self-signed: put it into certificates.cert_chain, or set certificates.allow_self_signed"
        }
        return
            "no trusted authority vouches for the certificate of \(host) (issuer: \(leaf.issuer)): put the authority's certificate into certificates.cert_chain"
    }

    private func mismatch(_ leaf: Certificate, _ host: String) -> String {
        let names =
            (try? leaf.extensions.subjectAlternativeNames)?.map { name in
                switch name {
                case .dnsName(let name): name
                case .ipAddress(let bytes): bytes.bytes.map(String.init).joined(separator: ".")
                default: "\(name)"
                }
            }.joined(separator: ", ") ?? "\(leaf.subject)"
        return "the certificate of \(host) is for another host (\(names))"
    }

    private func fingerprintRefusal(_ certificate: NIOSSLCertificate, _ host: String) throws -> String? {
        guard !settings.fingerprints.isEmpty else { return nil }
        let digest = Hex.encode(SHA256.hash(data: try certificate.toDERBytes())).uppercased()
        guard !settings.fingerprints.contains(digest) else { return nil }
        let shown = stride(from: 0, to: digest.utf8.count, by: 2).map { digest.dropFirst($0).prefix(2) }.joined(separator: ":")
        return "the certificate of \(host) has the fingerprint \(shown), which is not in certificates.fingerprint_allowlist"
    }

    private func refusal(_ criterion: CertificateCriterion, _ leaf: Certificate, _ host: String) -> String? {
        let found = value(criterion.field, of: criterion.ofIssuer ? leaf.issuer : leaf.subject)
        guard found != criterion.expected else { return nil }
        let field =
            switch criterion.field {
            case .commonName: "common name"
            case .organization: "organisation"
            case .organizationalUnit: "organisational unit"
            }
        return
            "the \(criterion.ofIssuer ? "issuer's " : "")\(field) in the certificate of \(host) is \(found.map { "\"\($0)\"" } ?? "missing"), certificates.validation_criteria expects \"\(criterion.expected)\""
    }

    private func value(_ field: CertificateCriterion.Field, of name: DistinguishedName) -> String? {
        let type: ASN1ObjectIdentifier =
            switch field {
            case .commonName: .RDNAttributeType.commonName
            case .organization: .RDNAttributeType.organizationName
            case .organizationalUnit: .RDNAttributeType.organizationalUnitName
            }
        for relative in name {
            for attribute in relative where attribute.type == type { return attribute.value.description }
        }
        return nil
    }
}

/// The host's name, where it is to be checked.
private struct NamePolicy: VerifierPolicy, Sendable {
    var policy: ServerIdentityPolicy?
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.subjectAlternativeName, .X509ExtensionID.extendedKeyUsage, .X509ExtensionID.basicConstraints,
        .X509ExtensionID.keyUsage,
    ]

    mutating func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) async -> PolicyEvaluationResult {
        guard policy != nil else { return .meetsPolicy }
        return policy!.chainMeetsPolicyRequirements(chain: chain)
    }
}
