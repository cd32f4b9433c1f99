package import AlwaysOnTransport
import Formats
import NIOCore
package import NetworkSupport
import Secrets
import Settings

/// What the gateway's outbound connections need beyond addresses, made from the configuration: certificates are read and
/// checked here, so that a mistake in them shows at the start and not at the first connection.
package struct ClientSecurity: Sendable {
    /// The platforms, in order of preference.
    package let platforms: [PlatformEndpoint]
    package let devices: TLSClient
    /// A line for the log when the client certificate ends soon.
    package let expiring: String?

    /// - Parameter warn: gets a line when the platform's or a device's certificate ends soon.
    /// - Throws: `TLSFailure` that names file or setting.
    package init(_ configuration: GatewayConfiguration, userAgent: String, warn: @escaping @Sendable (String) -> Void) throws(TLSFailure) {
        let certificates = configuration.certificates
        var settings = TLSClientSettings()
        settings.validate = certificates.validate
        settings.allowSelfSigned = certificates.allowSelfSigned
        settings.checkHostname = !certificates.disableHostnameValidation
        settings.allowCommonName = certificates.allowCommonName
        settings.ciphers = certificates.ciphers
        settings.expiryWarning = TLSClientSettings.ExpiryWarning(days: certificates.expiryWarningDays, warn: warn)

        var forDevices = settings
        forDevices.roots = certificates.deviceChain
        forDevices.fingerprints = certificates.fingerprints
        devices = try TLSClient(forDevices)

        settings.roots = certificates.chain
        settings.criteria = certificates.criteria.list
        settings.identity = try certificates.identity()
        expiring = settings.identity.flatMap {
            ClientSecurity.expiryText($0, "certificates.client_cert", days: certificates.expiryWarningDays)
        }
        let tls = configuration.connection.isEncrypted ? try TLSClient(settings) : nil
        let proxy = configuration.proxy
        let password = proxy.password
        let proxySettings =
            proxy.host.isEmpty ? nil : ProxySettings(host: proxy.host, port: proxy.port, user: proxy.user) { password?.reveal() ?? "" }
        platforms = configuration.servers.map { server in
            var endpoint = PlatformEndpoint(host: server.host, port: server.port)
            endpoint.path = configuration.resource
            endpoint.userAgent = userAgent
            endpoint.connectTimeout = configuration.connection.connectTimeout
            endpoint.compression = configuration.connection.compression
            endpoint.maximumFrameSize = configuration.connection.frameSize
            endpoint.tls = tls
            endpoint.proxy = proxySettings
            endpoint.followsToOtherHosts = certificates.validate
            return endpoint
        }
    }

    /// A line for the log when a certificate of ours ends within `days`, or has ended.
    package static func expiryText(_ identity: Identity, _ setting: String, days: Int) -> String? {
        let left = identity.daysLeft
        if left < 0 { return "\(setting): the certificate ended on \(identity.expiry.day): it must be renewed" }
        return left < days ? "\(setting): the certificate ends on \(identity.expiry.day), in \(left) days" : nil
    }
}

extension GatewayConfiguration.Certificates {
    fileprivate func identity() throws(TLSFailure) -> Identity? {
        let isBundle = clientKey.hasSuffix(".p12")
        guard !clientKey.isEmpty, isBundle || !clientCertificate.isEmpty else { return nil }
        return try Identity(chain: clientCertificate, key: clientKey, passphrase: clientKeyPassphrase?.reveal())
    }
}

extension GatewayConfiguration.ValidationCriteria {
    fileprivate var list: [CertificateCriterion] {
        [
            commonName.map { CertificateCriterion(.commonName, ofIssuer: false, $0) },
            organization.map { CertificateCriterion(.organization, ofIssuer: false, $0) },
            organizationalUnit.map { CertificateCriterion(.organizationalUnit, ofIssuer: false, $0) },
            issuerCommonName.map { CertificateCriterion(.commonName, ofIssuer: true, $0) },
            issuerOrganization.map { CertificateCriterion(.organization, ofIssuer: true, $0) },
            issuerOrganizationalUnit.map { CertificateCriterion(.organizationalUnit, ofIssuer: true, $0) },
        ].compactMap { $0 }
    }
}

extension GatewayConfiguration.HTTPServer {
    /// Certificate and key of the local server; nil without TLS.
    /// - Throws: `TLSFailure` that names file or settings.
    package func identity() throws(TLSFailure) -> Identity? {
        guard tls else { return nil }
        guard !certificate.isEmpty, !privateKey.isEmpty else {
            throw TLSFailure(
                "http_server.ssl is on and there is no certificate: set http_server.certificate and http_server.private_key (and http_server.passphrase where the key has one), or ssl to false"
            )
        }
        return try Identity(chain: certificate, key: privateKey, passphrase: passphrase?.reveal())
    }
}

extension GatewayConfiguration {
    /// What is wrong with the certificates that the configuration names.
    func certificateDiagnostics(_ document: JSONDocument) -> [ConfigDiagnostic] {
        var found: [ConfigDiagnostic] = []
        func add(_ severity: ConfigDiagnostic.Severity, _ group: String, _ text: String) {
            found.append(ConfigDiagnostic(severity, at: document.location(of: group), text))
        }
        do throws(TLSFailure) {
            let security = try ClientSecurity(self, userAgent: "", warn: { _ in })
            if let text = security.expiring { add(.warning, "certificates", text) }
        } catch {
            add(.error, "certificates", "certificates: \(error)")
        }
        do throws(TLSFailure) {
            let identity = try httpServer.identity()
            if let identity, let text = ClientSecurity.expiryText(identity, "http_server.certificate", days: certificates.expiryWarningDays)
            {
                add(.warning, "http_server.certificate", text)
            }
        } catch {
            add(.problem, "http_server", "http_server: \(error)")
        }
        return found
    }
}
