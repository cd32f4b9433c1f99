package import Formats
package import LogSupport
package import NIOCore
package import Secrets
package import Settings
import Tunnels

/// The settings of a gateway (ems.md §2), each at its default until a file says otherwise. What they mean stands in
/// `settings`, beside how they are written.
package struct GatewayConfiguration: SettingsTarget, Equatable {
    package struct Server: Sendable, Equatable {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    package enum RestartPermission: Sendable, Equatable {
        case any
        case local
        case server
    }

    package struct Log: SettingsTarget, Equatable {
        package var level = "WARN"
        package var auditTarget = ""
        package var directory = ""
        /// nil: as `level`.
        package var fileLevel: String?
        package var maximumStorage = 2_000_000
        package var autoFlush = true
        package var flushChunkSize = 16_384
        package var bufferSize = 4096
        package var format = LogFormat.text

        package init() {}
    }

    package struct HTTPServer: SettingsTarget, Equatable {
        package var host = "localhost"
        package var port = 8000
        package var portsToTry = 10
        package var tls = true
        package var certificate = ""
        package var privateKey = ""
        package var passphrase: Secret?
        package var authenticate = true
        package var user: String?
        package var password: Secret?
        package var contentReadTimeout = TimeAmount.milliseconds(20_000)
        package var maximumClients = 15
        package var csrfTokens = true
        package var csrfRotationMinutes = 10
        package var allowedHosts: [String] = []
        package var allowedOrigins: [String] = []

        package init() {}
    }

    package struct Connection: SettingsTarget, Equatable {
        package enum Encryption: Sendable, Equatable {
            case none
            case ssl
            /// The word for it before the group `fips` was there.
            case fips
        }

        package var encryption = Encryption.ssl
        package var verbose = false
        package var messageTimeout = TimeAmount.milliseconds(10_000)
        package var pingRate = TimeAmount.milliseconds(55_000)
        package var pongTimeout = TimeAmount.milliseconds(10_000)
        package var messageIdleTime = TimeAmount.milliseconds(50)
        package var maximumMessageSize = 1_048_576
        package var chunkSize = 8192
        package var compression = true
        package var frameSize = 8192
        package var maximumRequestsInFlight = 500
        package var connectOnDemand = false
        package var connectTimeout = TimeAmount.milliseconds(10_000)
        package var retryInterval = TimeAmount.milliseconds(10_000)
        /// -1: for ever.
        package var retries = -1
        package var maximumConnectDelay = TimeAmount.milliseconds(10_000)
        package var maximumThreads = 4
        /// Where older files have them; the group `duty_cycle` comes before.
        package var oldConnectPeriod: Int?
        package var oldDutyCycle: Int?

        package var isEncrypted: Bool { encryption != .none }

        package init() {}
    }

    package struct DutyCycle: SettingsTarget, Equatable {
        package var period = TimeAmount.milliseconds(60_000)
        package var percent = 100
        package var delay = TimeAmount.milliseconds(60_000)

        /// Whether the gateway is at times off the network on purpose.
        package var isOn: Bool { period > .zero && (1..<100).contains(percent) }

        package init() {}
    }

    package struct Failover: SettingsTarget, Equatable {
        package var isEnabled = false
        package var returnInterval = TimeAmount.milliseconds(300_000)

        package init() {}
    }

    package struct Metrics: SettingsTarget, Equatable {
        package var isEnabled = false
        package var host = "127.0.0.1"
        /// 0: on the local server alone.
        package var port = 0

        package init() {}
    }

    package struct Proxy: SettingsTarget, Equatable {
        package var host = ""
        package var port = 3128
        package var user: String?
        package var password: Secret?

        package init() {}
    }

    package struct ValidationCriteria: SettingsTarget, Equatable {
        package var commonName: String?
        package var organization: String?
        package var organizationalUnit: String?
        package var issuerCommonName: String?
        package var issuerOrganization: String?
        package var issuerOrganizationalUnit: String?

        package init() {}
    }

    package struct Certificates: SettingsTarget, Equatable {
        package static let defaultCiphers = "ALL:!aNULL:!eNULL:!LOW:!3DES:!MD5:!EXP:!PSK:!DSS:!RC4:!SEED:!ADH:!IDEA:!3DES:!SRP"

        package var validate = true
        package var allowSelfSigned = false
        package var disableHostnameValidation = false
        package var allowCommonName = false
        package var chain: [String] = []
        package var deviceChain: [String] = []
        package var clientCertificate = ""
        package var clientKey = ""
        package var clientKeyPassphrase: Secret?
        package var ciphers = Certificates.defaultCiphers
        package var fingerprints: [String] = []
        package var criteria = ValidationCriteria()
        package var expiryWarningDays = 30

        package init() {}
    }

    package struct Tunnel: SettingsTarget, Equatable {
        package var tickResolution = TimeAmount.milliseconds(5)
        package var bufferSize = 8192
        package var readTimeout = TimeAmount.milliseconds(10)
        package var idleTimeout = TimeAmount.milliseconds(300_000)
        package var maximumConcurrent = 4
        package var isEnabled = true
        /// Patterns of `host:port`; nil: this machine, and the Thing's own device host.
        package var allow: [String]?
        /// Connections at once in one tunnel.
        package var maximumConnections = 64
        /// Bytes a second in each direction; 0: no bound.
        package var maximumRate = 0

        package init() {}
    }

    package struct FileTransfer: SettingsTarget, Equatable {
        package struct Directory: Sendable, Equatable {
            package var name: String
            package var path: String
        }

        package var bufferSize = 128_000
        package var maximumFileSize = 8_000_000_000
        package var directories: [Directory] = []
        package var idleTimeout = TimeAmount.milliseconds(12_000)
        package var staging = ""
        /// Bytes a second in each direction; 0: no bound.
        package var maximumRate = 0

        package init() {}
    }

    package struct FIPS: SettingsTarget, Equatable {
        package var isEnabled = false

        package init() {}
    }

    /// In the order of the file; one unless `failover` is on.
    package var servers: [Server] = []
    package var resource = "/Thingworx/WS"
    package var applicationKey: Secret?
    package var restart = RestartPermission.server
    package var log = Log()
    package var httpServer = HTTPServer()
    package var connection = Connection()
    package var dutyCycle = DutyCycle()
    package var failover = Failover()
    package var proxy = Proxy()
    package var certificates = Certificates()
    package var offlineStore = OfflineStore()
    package var autoBind: [EdgeThing] = []
    package var tunnel = Tunnel()
    package var file = FileTransfer()
    package var metrics = Metrics()
    package var fips = FIPS()

    package init() {}

    /// Where secrets stand in the file.
    package static let secrets = ConfigurationSecrets(places: settings.flatMap { $0.description.secretPaths() })

    /// - Returns: the settings and everything that is wrong with them; they are usable when no diagnostic is an error.
    ///   In place of a value that cannot be used stands its default.
    package static func read(_ document: JSONDocument, keys: KeyRing?, keyFile: KeyFile) -> (GatewayConfiguration, [ConfigDiagnostic]) {
        let reader = ConfigReader(document, keys: keys, keyFile: keyFile, mismatch: .problem)
        var configuration = GatewayConfiguration()
        var root = reader.root()
        root.read(settings, into: &configuration)
        // Editors find the schema by it.
        root.passOver("$schema")
        root.finish()
        configuration.settle(reader)
        return (configuration, reader.diagnostics)
    }

    /// What hangs on several settings at once.
    private mutating func settle(_ reader: ConfigReader) {
        if !failover.isEnabled, servers.count > 1 {
            reader.report(
                .warning, "ws_servers", "only the first of \(servers.count) servers is used; failover.enabled would use them in order")
            servers.removeLast(servers.count - 1)
        }
        if applicationKey == nil, !reader.diagnostics.contains(where: { $0.message.lowercased().hasPrefix("appkey") }) {
            reader.report(.problem, "appKey", "missing: without an application key there is no connection to the platform")
        }
        if connection.encryption == .fips {
            reader.report(.warning, "ws_connection.encryption", "\"fips\" is taken as \"ssl\"; FIPS mode is now the setting fips.enabled")
        }
        settleDutyCycle(reader)
        if httpServer.user?.contains(":") == true {
            reader.report(
                .problem, "http_server.user",
                "a user name with a colon never matches in Basic authentication: every request is answered 401")
        }
        if proxy.user?.contains(":") == true { reader.report(.problem, "proxy.user", "must not contain a colon") }
        if log.flushChunkSize < log.bufferSize {
            reader.report(.warning, "logger.flush_chunk_size", "less than buffer_size, which is used for it: \(log.bufferSize)")
            log.flushChunkSize = log.bufferSize
        }
        if certificates.clientCertificate.isEmpty != certificates.clientKey.isEmpty, !certificates.clientKey.hasSuffix(".p12") {
            reader.report(.problem, "certificates", "client_cert and key_file go together: no client certificate is shown")
        }
        if let group = reader.document.value["file"]?.object, group["virtual_dirs"] == nil {
            reader.report(.warning, "file.virtual_dirs", "none: there are no file transfers without a directory that the platform may see")
        }
        if file.idleTimeout <= .milliseconds(10_000) {
            reader.report(
                .warning, "file.idle_timeout",
                "10 s are what one message may take: a transfer would be given up while a block is on its way")
        }
        if certificates.deviceChain.isEmpty { certificates.deviceChain = certificates.chain }
        settleTunnels(reader)
    }

    private mutating func settleDutyCycle(_ reader: ConfigReader) {
        let hasGroup = reader.document.value["duty_cycle"]?.object != nil
        guard connection.oldDutyCycle != nil || connection.oldConnectPeriod != nil else { return }
        if hasGroup {
            reader.report(
                .warning, "ws_connection", "duty_cycle and connect_period stand here and in the group duty_cycle: the group counts")
        } else {
            reader.report(
                .warning, "ws_connection", "duty_cycle and connect_period belong into the group duty_cycle; they are used from here")
            if let percent = connection.oldDutyCycle { dutyCycle.percent = percent }
            if let period = connection.oldConnectPeriod { dutyCycle.period = .milliseconds(Int64(period)) }
            // That group's delay came with it.
            dutyCycle.delay = .zero
        }
    }

    private mutating func settleTunnels(_ reader: ConfigReader) {
        guard let group = reader.document.value["tunnel"]?.object else { return }
        if tunnel.isEnabled, group["allow"] == nil {
            reader.report(
                .warning, "tunnel.allow",
                "not set: tunnels lead to this machine and to the Thing's own device host alone; name others (\"10.1.0.0/16:22\"), or \"*\" for all that the platform asks for"
            )
        }
        tunnel.allow = tunnel.allow?.filter { text in
            do throws(TunnelFault) {
                _ = try TunnelPolicy([text])
                return true
            } catch {
                reader.report(.problem, "tunnel.allow", "\(error): left out")
                return false
            }
        }
    }
}
