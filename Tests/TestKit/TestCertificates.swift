import Crypto
import Foundation
import SwiftASN1
import X509

/// A certificate authority of one test, and what it issues, as PEM files.
public final class TestCertificates: Sendable {
    private let directory: TemporaryDirectory
    private let key = P256.Signing.PrivateKey()
    private let root: Certificate

    public var authority: String { directory.path("ca.pem") }
    /// For `localhost` and 127.0.0.1.
    public let server: Files

    public struct Files: Sendable {
        public let certificate: String
        public let key: String
        /// SHA-256 in upper-case hexadecimal.
        public let fingerprint: String
    }

    public init() throws {
        directory = try TemporaryDirectory()
        let name = try TestCertificates.name("Test-CA", "Test Works", "Trust")
        root = try TestCertificates.make(subject: name, key: key, issuer: name, issuerKey: key, names: [], days: -1...30, isAuthority: true)
        try directory.write("ca.pem", try root.serializeAsPEM().pemString)
        server = try TestCertificates.issue(
            "localhost", "Test Works", "Floor 2",
            names: [.dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1]))], days: -1...2,
            in: directory, by: (root.subject, key))
    }

    /// - Parameters:
    ///   - names: DNS names of the certificate; none leaves the extension out.
    ///   - days: from when to when it is valid, counted from now.
    ///   - selfSigned: its own issuer.
    ///   - forClients: its extended key usage names clients alone.
    public func issue(
        _ commonName: String, names: [String] = [], days: ClosedRange<Int> = -1...2, selfSigned: Bool = false, forClients: Bool = false
    ) throws -> Files {
        try TestCertificates.issue(
            commonName, "Test Works", "Floor 2", names: names.map { .dnsName($0) }, days: days, in: directory,
            by: selfSigned ? nil : (root.subject, key),
            forClients: forClients)
    }

    /// A certificate for `localhost` that is signed with SHA-1, and the RSA authority that signed it.
    public func signedWithSHA1() async throws -> (files: Files, authority: String) {
        let (ca, caKey) = (directory.path("sha1-ca.pem"), directory.path("sha1-ca.key"))
        let (leaf, leafKey, request) = (directory.path("sha1.pem"), directory.path("sha1.key"), directory.path("sha1.csr"))
        let names = try directory.write("sha1.ext", "subjectAltName=DNS:localhost\nbasicConstraints=critical,CA:FALSE\n")
        try await openssl([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "9", "-subj", "/CN=Old CA", "-keyout", caKey, "-out", ca,
        ])
        try await openssl(["req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-keyout", leafKey, "-out", request])
        try await openssl([
            "x509", "-req", "-in", request, "-CA", ca, "-CAkey", caKey, "-set_serial", "7", "-days", "9", "-sha1", "-extfile", names,
            "-out", leaf,
        ])
        return (Files(certificate: leaf, key: leafKey, fingerprint: ""), ca)
    }

    /// The key in PKCS#8, encrypted with a passphrase.
    public func encryptedKey(of files: Files, passphrase: String) async throws -> String {
        let path = directory.path("\(UUID().uuidString).key")
        try await openssl(["pkcs8", "-topk8", "-in", files.key, "-passout", "pass:\(passphrase)", "-out", path])
        return path
    }

    /// Certificate and key in one PKCS#12 file.
    public func bundle(of files: Files, passphrase: String) async throws -> String {
        let path = directory.path("\(UUID().uuidString).p12")
        try await openssl([
            "pkcs12", "-export", "-in", files.certificate, "-inkey", files.key, "-passout", "pass:\(passphrase)", "-out", path,
        ])
        return path
    }

    private func openssl(_ arguments: [String]) async throws {
        let program = try Program("/usr/bin/env", ["openssl"] + arguments, in: directory.path)
        guard await program.exitStatus() == 0 else { throw Program.Failure(description: program.output) }
    }

    private static func issue(
        _ commonName: String, _ organization: String, _ unit: String, names: [GeneralName], days: ClosedRange<Int>,
        in directory: TemporaryDirectory,
        by issuer: (name: DistinguishedName, key: P256.Signing.PrivateKey)?, forClients: Bool = false
    ) throws -> Files {
        let key = P256.Signing.PrivateKey()
        let subject = try name(commonName, organization, unit)
        let certificate = try make(
            subject: subject, key: key, issuer: issuer?.name ?? subject, issuerKey: issuer?.key ?? key, names: names, days: days,
            isAuthority: false, forClients: forClients)
        let stem = UUID().uuidString
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        let digest = SHA256.hash(data: serializer.serializedBytes).map { String(format: "%02X", $0) }.joined()
        return Files(
            certificate: try directory.write("\(stem).pem", try certificate.serializeAsPEM().pemString),
            key: try directory.write("\(stem).key", key.pemRepresentation), fingerprint: digest)
    }

    private static func name(_ commonName: String, _ organization: String, _ unit: String) throws -> DistinguishedName {
        try DistinguishedName {
            CommonName(commonName)
            OrganizationName(organization)
            OrganizationalUnitName(unit)
        }
    }

    private static func make(
        subject: DistinguishedName, key: P256.Signing.PrivateKey, issuer: DistinguishedName, issuerKey: P256.Signing.PrivateKey,
        names: [GeneralName],
        days: ClosedRange<Int>, isAuthority: Bool, forClients: Bool = false
    ) throws -> Certificate {
        let extensions = try Certificate.Extensions {
            Critical(isAuthority ? BasicConstraints.isCertificateAuthority(maxPathLength: nil) : .notCertificateAuthority)
            if !names.isEmpty { SubjectAlternativeNames(names) }
            if forClients { try ExtendedKeyUsage([.clientAuth]) }
        }
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
            notValidBefore: Date() + Double(days.lowerBound) * 86_400, notValidAfter: Date() + Double(days.upperBound) * 86_400,
            issuer: issuer, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions, issuerPrivateKey: .init(issuerKey))
    }
}
