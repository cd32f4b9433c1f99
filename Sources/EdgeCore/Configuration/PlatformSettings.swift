import Glibc
import Settings

extension GatewayConfiguration.Connection {
    static let settings: [Setting<Self>] = [
        .choice(
            "encryption", \.encryption, [("ssl", .ssl), ("none", .none), ("fips", .fips)],
            "Whether it is encrypted: `ssl` (TLS 1.2 and later) or `none`."),
        .bool(
            "verbose", \.verbose,
            "With `logger.level` TRACE: every message, decoded, with its request id, duration and status; secrets left out."
        ).live,
        .milliseconds("msg_timeout", \.messageTimeout, "How long the platform's answer to a request is waited for.").live,
        .milliseconds("ping_rate", \.pingRate, "Interval of pings. From the next connection on.").live,
        .milliseconds(
            "pingpong_timeout", \.pongTimeout,
            "Without an answer to a ping for this time the connection counts as lost. From the next connection on."
        ).live,
        .milliseconds(
            "message_idle_time", \.messageIdleTime, from: 0,
            "Quiet time before the gateway leaves the network at the end of a duty cycle's connected part."
        ).live,
        .integer(
            "max_msg_size", \.maximumMessageSize, in: 1024...268_435_456, unit: .bytes,
            "Longest message, and longest body of a local request."),
        .integer(
            "message_chunk_size", \.chunkSize, in: 512...65535, unit: .bytes,
            "Longer messages are sent in pieces of this size. From the next connection on."
        ).live,
        .integer("max_frame_size", \.frameSize, in: 128...16_777_216, unit: .bytes, "Longest WebSocket frame that is sent."),
        .integer(
            "max_messages", \.maximumRequestsInFlight, in: 1...1_000_000,
            "Requests that may wait for the platform's answer; one more is answered 503. From the next connection on."
        ).live,
        .milliseconds("connect_timeout", \.connectTimeout, "For TCP, TLS and WebSocket together.").live,
        .milliseconds(
            "connect_retry_interval", \.retryInterval,
            """
            Shortest pause before another attempt. Pauses grow, spread at random, to 30 times this and 60 s at most.
            """),
        .integer(
            "connect_retries", \.retries, in: -1...2_147_483_647,
            "Attempts after a failure before the gateway ends with status 4; -1: for ever."),
        .milliseconds(
            "max_connect_delay", \.maximumConnectDelay, from: 0,
            "The first connection waits a random time up to this, so that a fleet does not come at once."),
        .integer(
            "max_threads", \.maximumThreads, in: 1...50, "Kept for older files: requests to devices do not wait for one another here."),
        .bool("compression", \.compression, "Whether permessage-deflate is offered. Where the platform agrees it takes about 105 KiB."),
        .bool("connect_on_demand", \.connectOnDemand, "A local request connects during the off part of a duty cycle.").live,
        .custom(
            \.oldConnectPeriod,
            SettingDescription(
                "connect_period", .integer(0...2_147_483_647, unit: .milliseconds), "Older place of `duty_cycle.connect_period`."),
            json: { _ in nil }
        ) { group, _ in
            group.optionalInteger("connect_period", in: 0...2_147_483_647)
        },
        .custom(
            \.oldDutyCycle, SettingDescription("duty_cycle", .integer(0...100, unit: .percent), "Older place of `duty_cycle.duty_cycle`."),
            json: { _ in nil }
        ) { group, _ in
            group.optionalInteger("duty_cycle", in: 0...100)
        },
        .retired("binary_mode", "Kept for older files: frames are always binary."),
        .retired("socket_read_timeout", "Kept for older files: nothing waits for a socket here."),
        .retired("frame_read_timeout", "Kept for older files: a frame that stops in the middle is noticed by `pingpong_timeout`."),
        .retired("ssl_read_timeout", "Kept for older files: nothing waits for a socket here."),
    ]
}

extension GatewayConfiguration.DutyCycle {
    static let settings: [Setting<Self>] = [
        .milliseconds("connect_period", \.period, from: 0, "Length of a cycle; 0: always connected."),
        .integer(
            "duty_cycle", \.percent, in: 0...100, unit: .percent, "Part of the cycle that the gateway is connected; 0 and 100: always."),
        .milliseconds(
            "delay_duty_cycle", \.delay, from: 0, "It stays connected until no message has come from the platform for this time."),
    ]
}

extension GatewayConfiguration.Failover {
    static let settings: [Setting<Self>] = [
        .bool("enabled", \.isEnabled, "Whether the next entry of `ws_servers` is tried when one does not answer."),
        .milliseconds(
            "return_interval", \.returnInterval, from: 1000,
            """
            How often the entries before the one in use are tried while connected; the first that answers is returned to.
            """),
    ]
}

extension GatewayConfiguration.Proxy {
    static let settings: [Setting<Self>] = [
        .string("host", \.host, sample: "proxy.example.com", "Name or address."),
        .integer("port", \.port, in: 1...65535, "Port."),
        .string(
            "user", \.user, sample: "edge",
            "User for the proxy (Basic or Digest, whichever it asks for); must not contain a colon. NTLM is not offered."
        ).live,
        .secret("password", \.password, "Password of that user; encrypted at the first start.").live,
    ]
}

extension GatewayConfiguration.ValidationCriteria {
    static let settings: [Setting<Self>] = [
        .string("Cert_Common_Name", \.commonName, sample: "platform.example.com", "Common name (CN).").live,
        .string("Cert_Organization", \.organization, "Organisation (O).").live,
        .string("Cert_Organizational_Name", \.organizationalUnit, "Organisational unit (OU).").live,
        .string("CA_Cert_Common_Name", \.issuerCommonName, "The issuer's common name.").live,
        .string("CA_Cert_Organization", \.issuerOrganization, "The issuer's organisation.").live,
        .string("CA_Cert_Organizational_Name", \.issuerOrganizationalUnit, "The issuer's organisational unit.").live,
    ]
}

extension GatewayConfiguration.Certificates {
    static let settings: [Setting<Self>] = [
        .bool(
            "validate", \.validate,
            "Whether certificates of the platform and of devices are checked at all. `false` lets anyone pose as them."
        ).live,
        .bool(
            "allow_self_signed", \.allowSelfSigned,
            "Whether a certificate may be its own authority. Its dates and name are checked all the same."
        ).live,
        .bool("disable_hostname_validation", \.disableHostnameValidation, "Whether the host's name need not stand in its certificate.")
            .live,
        .bool(
            "allow_common_name", \.allowCommonName,
            """
            Whether a certificate without alternative names, as old devices have, may name its host in its subject.
            """
        ).live,
        .files(
            "cert_chain", \.chain, sample: ["etc/ca.crt"],
            "PEM files of authorities that are trusted besides those of the system. The peer's own certificate may stand here."
        ).live,
        .file(
            "client_cert", \.clientCertificate, sample: "etc/client.crt",
            "PEM file: the certificate that the gateway shows to the platform."
        ).live,
        .file("key_file", \.clientKey, sample: "etc/client.key", "Its key: PEM (`.pem`, `.p8`), or certificate and key together (`.p12`).")
            .live,
        .secret("key_passphrase", \.clientKeyPassphrase, "Passphrase of `key_file`; encrypted at the first start.").live,
        .string("cipher_suite", \.ciphers, "Cipher suites up to TLS 1.2, in OpenSSL's notation.").live,
        .files(
            "http_client_ca_certs", \.deviceChain, sample: ["etc/devices-ca.crt"],
            "Authorities for devices with HTTPS; `cert_chain` when it is absent."
        ).live,
        .custom(\.fingerprints, fingerprintsDescription, json: { $0.isEmpty ? nil : .array($0.map { .string($0) }) }) { group, _ in
            readFingerprints(&group)
        }.live,
        .group(
            "validation_criteria", \.criteria, GatewayConfiguration.ValidationCriteria.settings,
            "What the platform's certificate must say, compared letter by letter."),
        .integer(
            "expiry_warning_days", \.expiryWarningDays, in: 0...3650, unit: .days,
            "An extension: a certificate that ends within this time is warned of."
        ).live,
    ]

    private static let fingerprintsDescription = SettingDescription(
        "fingerprint_allowlist", .strings, sample: ["AB:CD:…"],
        "SHA-256 fingerprints, in hexadecimal with colons: only devices with one of these certificates are spoken to by HTTPS.")

    /// Upper case without colons.
    private static func readFingerprints(_ group: inout ConfigGroup) -> [String] {
        group.strings("fingerprint_allowlist").compactMap { text in
            let digits = text.uppercased().filter { $0 != ":" && !$0.isWhitespace }
            guard digits.utf8.count == 64, digits.allSatisfy(\.isHexDigit) else {
                group.reader.report(
                    .problem, group.path(of: "fingerprint_allowlist"), "expected 32 bytes in hexadecimal, found \"\(text)\"")
                // Left out, a wrong one would open the list: it stays, and matches nothing.
                return text
            }
            return digits
        }
    }
}

extension GatewayConfiguration.FileTransfer {
    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR && access(path, R_OK | X_OK) == 0
    }
}
