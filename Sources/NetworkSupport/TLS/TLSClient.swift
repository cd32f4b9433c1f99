import NIOConcurrencyHelpers
import NIOCore
import NIOSSL
import NIOTLS

/// Whom a TLS client trusts, and how it identifies itself (ems.md §2.8, §7.4).
package struct TLSClientSettings: Sendable {
    /// Whether the peer's certificate is checked against authorities, dates and host name.
    package var validate = true
    /// Whether a certificate may be its own authority; dates and host name are checked all the same.
    package var allowSelfSigned = false
    package var checkHostname = true
    /// Whether a certificate without alternative names may name its host in the subject.
    package var allowCommonName = false
    /// PEM files of certificates that are trusted besides the system's.
    package var roots: [String] = []
    /// SHA-256 of the accepted certificates, in upper-case hexadecimal; empty: any.
    package var fingerprints: [String] = []
    package var criteria: [CertificateCriterion] = []
    package var identity: Identity?
    /// For TLS 1.2, in OpenSSL's notation; nil: the library's.
    package var ciphers: String?
    package var expiryWarning: ExpiryWarning?

    /// Who is told when a peer's certificate ends within so many days.
    package struct ExpiryWarning: Sendable {
        package var days: Int
        package var warn: @Sendable (String) -> Void

        package init(days: Int, warn: @escaping @Sendable (String) -> Void) {
            self.days = days
            self.warn = warn
        }
    }

    package init() {}
}

/// Makes TLS client connections after one group of settings.
package struct TLSClient: Sendable {
    private let context: NIOSSLContext
    private let verifier: PeerVerifier?

    /// - Throws: `TLSFailure` that says which file or setting cannot be used.
    package init(_ settings: TLSClientSettings = TLSClientSettings()) throws(TLSFailure) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        // The verifier is the only judge, and holds the authorities.
        configuration.trustRoots = .certificates([])
        configuration.certificateVerification = .noHostnameVerification
        if let ciphers = settings.ciphers { configuration.cipherSuites = try CipherList(ciphers).names.joined(separator: ":") }
        settings.identity?.use(in: &configuration)
        verifier = try PeerVerifier(settings)
        if verifier == nil { configuration.certificateVerification = .none }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw TLSFailure("the TLS settings cannot be used: \(error)")
        }
    }

    /// Secures an open connection.
    ///
    /// - Returns: a future that succeeds once the peer has proved who it is; nothing that is written before reaches it.
    func secure(_ channel: any Channel, host: String) -> EventLoopFuture<Void> {
        let loop = channel.eventLoop
        let isAddress = (try? SocketAddress(ipAddress: host, port: 0)) != nil
        let handshake = HandshakeHandler(promise: loop.makePromise())
        do {
            let handler: NIOSSLClientHandler
            if let verifier {
                handler = try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host) { certificates, promise in
                    let presented = certificates
                    promise.completeWithTask {
                        let verdict = await verifier.verify(presented, host: host, isAddress: isAddress)
                        handshake.rejection.withLockedValue { $0 = verdict }
                        return verdict == nil ? .certificateVerified : .failed
                    }
                }
            } else {
                handler = try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
            }
            try channel.pipeline.syncOperations.addHandlers([handler, handshake])
        } catch {
            handshake.complete(.failure(error))
        }
        return handshake.promise.futureResult
    }
}

/// Waits for the end of a TLS handshake. Used on its channel's event loop, but for the rejection's text.
private final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler, @unchecked Sendable {
    typealias InboundIn = NIOAny

    let promise: EventLoopPromise<Void>
    /// Why the certificate was not accepted.
    let rejection = NIOLockedValueBox<String?>(nil)
    private var isComplete = false

    init(promise: EventLoopPromise<Void>) { self.promise = promise }

    func complete(_ result: Result<Void, any Error>) {
        guard !isComplete else { return }
        isComplete = true
        if case .failure(let error) = result {
            promise.fail(rejection.withLockedValue { $0 }.map { TLSFailure($0) } ?? error)
        } else {
            promise.succeed()
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            complete(.success(()))
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        complete(.failure(error))
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        complete(.failure(ChannelError.eof))
        context.fireChannelInactive()
    }
}
