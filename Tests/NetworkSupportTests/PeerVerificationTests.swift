import Foundation
import HTTPTransport
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import TestKit
import Testing

@testable import NetworkSupport

@Suite struct PeerVerificationTests {
    let certificates: TestCertificates
    let loop = MultiThreadedEventLoopGroup.singleton.next()

    init() throws { certificates = try TestCertificates() }

    func server(_ files: TestCertificates.Files) async throws -> HTTPServer {
        var configuration = HTTPServer.Configuration()
        configuration.identity = try Identity(chain: files.certificate, key: files.key, passphrase: nil)
        let loop = loop
        return try await HTTPServer.start(configuration, on: loop, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }) { _ in
            loop.makeSucceededFuture(.json(ByteBuffer(string: "{}")))
        }
    }

    /// nil when a connection comes about, else why not.
    func refusal(
        _ files: TestCertificates.Files, host: String = "localhost", _ change: (inout TLSClientSettings) -> Void
    ) async throws -> String? {
        let server = try await server(files)
        var settings = TLSClientSettings()
        settings.roots = [certificates.authority]
        change(&settings)
        let tls = try TLSClient(settings)
        let loop = loop
        defer { Task { await server.stop() } }
        do {
            let port = server.port
            // The server listens on 127.0.0.1; `localhost` may be ::1 first, where nobody answers.
            let channel = try await loop.flatSubmit { Dialer().connect(host: host, port: port, tls: tls, timeout: .seconds(60), on: loop) }
                .get()
            try await channel.close()
            return nil
        } catch {
            let failure = try #require(error as? DialFailure)
            #expect(failure.stage == .tls)
            return failure.description
        }
    }

    @Test("ems 59: trusted, by name and by address") func trusted() async throws {
        for host in ["localhost", "127.0.0.1"] { #expect(try await refusal(certificates.server, host: host) { _ in } == nil) }
        // The certificate itself as the anchor of trust.
        let own = try certificates.issue("localhost", names: ["localhost"])
        let pinned = try await refusal(own) { $0.roots = [own.certificate] }
        #expect(pinned == nil, "\(pinned ?? "")")
        // Names in the subject alone, as old devices have them: where a setting says so.
        let old = try certificates.issue("localhost")
        #expect(try await refusal(old) { $0.allowCommonName = true } == nil)
        #expect(try await refusal(old) { _ in }?.contains("allow_common_name") == true)
        #expect(
            try await refusal(try certificates.issue("elsewhere")) { $0.allowCommonName = true }?.contains("is for another host") == true)
    }

    @Test("ems 59: self-signed only where that is allowed, and then still by date and name") func selfSigned() async throws {
        let good = try certificates.issue("localhost", names: ["localhost"], selfSigned: true)
        #expect(try await refusal(good) { _ in }?.contains("is self-signed: put it into certificates.cert_chain") == true)
        #expect(try await refusal(good) { $0.allowSelfSigned = true } == nil)
        let old = try certificates.issue("localhost", names: ["localhost"], days: -10 ... -1, selfSigned: true)
        #expect(try await refusal(old) { $0.allowSelfSigned = true }?.contains("ended on ") == true)
        let other = try certificates.issue("other", names: ["other"], selfSigned: true)
        #expect(try await refusal(other) { $0.allowSelfSigned = true }?.contains("is for another host (other)") == true)
        // One that a stranger signed is not its own authority.
        let others = try TestCertificates()
        let stranger = try others.issue("localhost", names: ["localhost"])
        #expect(try await refusal(stranger) { $0.allowSelfSigned = true }?.contains("no trusted authority") == true)
    }

    @Test func dates() async throws {
        let expired = try certificates.issue("localhost", names: ["localhost"], days: -10 ... -1)
        #expect(try await refusal(expired) { _ in }?.contains("ended on ") == true)
        let early = try certificates.issue("localhost", names: ["localhost"], days: 1...2)
        #expect(try await refusal(early) { _ in }?.contains("check the clocks") == true)
        #expect(try await refusal(expired) { $0.validate = false } == nil)
    }

    @Test func names() async throws {
        let other = try certificates.issue("other", names: ["other"])
        #expect(try await refusal(other) { _ in }?.contains("is for another host") == true)
        #expect(try await refusal(other) { $0.checkHostname = false } == nil)
    }

    @Test func namesThatStandForTooMuch() async throws {
        for name in ["*", "*.local", "l*", "*host"] {
            #expect(
                try await refusal(try certificates.issue("x", names: [name])) { _ in }?.contains("is for another host") == true, "\(name)")
        }
        #expect(
            CertificateRules.name("*.example.com", standsFor: "edge.example.com") && CertificateRules.name("A.B.c.", standsFor: "a.b.C"))
        for (name, host) in [
            ("*.example.com", "example.com"), ("*.example.com", "a.b.example.com"), ("*.com", "example.com"), ("*", "localhost"),
            ("e*.example.com", "edge.example.com"), ("", ""),
        ] {
            #expect(!CertificateRules.name(name, standsFor: host) || name == host, "\(name) \(host)")
        }
    }

    @Test func certificatesThatAreNotForServersOrWeaklySigned() async throws {
        #expect(
            try await refusal(try certificates.issue("localhost", names: ["localhost"], forClients: true)) { _ in }?.contains(
                "not meant for servers") == true)
        let (weak, authority) = try await certificates.signedWithSHA1()
        let text = try await refusal(weak) { $0.roots = [authority] }
        #expect(text?.contains("SHA-256 or better is needed") == true, "\(text ?? "accepted")")
    }

    @Test("ems 60: fields and fingerprints") func fieldsAndFingerprints() async throws {
        let files = certificates.server
        #expect(
            try await refusal(files) {
                $0.criteria = [.init(.commonName, ofIssuer: false, "localhost"), .init(.organization, ofIssuer: true, "Test Works")]
            } == nil)
        let wrong = try await refusal(files) { $0.criteria = [.init(.organizationalUnit, ofIssuer: false, "Floor 3")] }
        #expect(
            wrong?.contains(
                "the organisational unit in the certificate of localhost is \"Floor 2\", certificates.validation_criteria expects \"Floor 3\""
            ) == true)
        #expect(try await refusal(files) { $0.fingerprints = [files.fingerprint] } == nil)
        #expect(
            try await refusal(files) { $0.fingerprints = [String(repeating: "0", count: 64)] }?.contains(
                "not in certificates.fingerprint_allowlist") == true)
        // The list counts also where nothing else is checked.
        #expect(
            try await refusal(files) {
                $0.validate = false; $0.fingerprints = ["00"]
            } != nil)
    }

    @Test func certificatesThatEndSoonAreToldOf() async throws {
        let (lines, continuation) = AsyncStream.makeStream(of: String.self)
        #expect(try await refusal(certificates.server) { $0.expiryWarning = .init(days: 30) { continuation.yield($0) } } == nil)
        #expect(await lines.first { _ in true }?.contains("the certificate of localhost ends on ") == true)
    }

    @Test func filesThatCannotBeUsedAreNamed() async throws {
        let files = certificates.server
        let other = try certificates.issue("b", names: ["b"])
        func failure(_ chain: String, _ key: String, _ passphrase: String?) -> String {
            do { return "\(try Identity(chain: chain, key: key, passphrase: passphrase))" } catch { return "\(error)" }
        }
        #expect(failure(files.certificate, other.key, nil).hasSuffix("does not belong to the certificate in \(files.certificate)"))
        #expect(failure("/none", files.key, nil).hasPrefix("the certificate file /none cannot be read"))
        #expect(failure(files.key, files.key, nil).hasPrefix("the certificate file"))
        let locked = try await certificates.encryptedKey(of: files, passphrase: "sesame-91")
        #expect(failure(files.certificate, locked, "wrong").contains("that the passphrase opens"))
        #expect(
            try Identity(chain: files.certificate, key: locked, passphrase: "sesame-91").daysLeft
                == Identity(chain: files.certificate, key: files.key, passphrase: nil).daysLeft)
        let bundle = try await certificates.bundle(of: files, passphrase: "sesame-92")
        #expect(try Identity(chain: "", key: bundle, passphrase: "sesame-92").daysLeft > 0)
        #expect(failure("", bundle, "wrong").contains("expected PKCS#12"))
        var settings = TLSClientSettings()
        settings.ciphers = "NO-SUCH-CIPHER"
        #expect(throws: TLSFailure.self) { try TLSClient(settings) }
        settings.ciphers = nil
        settings.roots = [files.key]
        #expect(throws: TLSFailure.self) { try TLSClient(settings) }
    }

    @Test(arguments: [
        ("ALL:!aNULL:!eNULL:!LOW:!3DES:!MD5:!EXP:!PSK:!DSS:!RC4:!SEED:!ADH:!IDEA:!3DES:!SRP", 14, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("ECDHE+AESGCM", 4, "ECDHE-ECDSA-AES128-GCM-SHA256"), ("HIGH:!kRSA:!SHA1:@STRENGTH", 6, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("AES256-GCM-SHA384,ECDHE-RSA-AES128-SHA", 2, "AES256-GCM-SHA384"), ("ALL:-ECDHE:+AES128", 4, "AES256-GCM-SHA384"),
        ("RSA:!RSA:RSA:CHACHA20", 2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    ])
    func cipherLists(text: String, count: Int, first: String) async throws {
        let names = try CipherList(text).names
        #expect(names.count == count && names.first == first)
        // And the TLS library knows them all.
        #expect(try await refusal(certificates.server) { $0.ciphers = text } == nil)
    }

    @Test func aClientCertificateIsShown() async throws {
        let files = certificates.server
        let client = try certificates.issue("edge-1")
        var configuration = try Identity(chain: files.certificate, key: files.key, passphrase: nil).serverConfiguration()
        configuration.certificateVerification = .noHostnameVerification
        configuration.trustRoots = .file(certificates.authority)
        let context = try NIOSSLContext(configuration: configuration)
        let server = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([NIOSSLServerHandler(context: context), Greeter()])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = server.localAddress!.port!
        let loop = loop
        let greet = { (identity: Identity?) -> String in
            var settings = TLSClientSettings()
            settings.roots = [certificates.authority]
            settings.identity = identity
            let tls = try TLSClient(settings)
            let answer = loop.makePromise(of: String.self)
            do {
                let channel = try await loop.flatSubmit {
                    Dialer().connect(host: "localhost", port: port, tls: tls, timeout: .seconds(60), on: loop)
                }.get()
                try await loop.submit { try channel.pipeline.syncOperations.addHandler(Listener(answer)) }.get()
                channel.writeAndFlush(ByteBuffer(string: "?"), promise: nil)
            } catch {
                answer.fail(error)
            }
            do { return try await answer.futureResult.get() } catch { return "refused" }
        }
        #expect(try await greet(Identity(chain: client.certificate, key: client.key, passphrase: nil)) == "hello")
        #expect(try await greet(nil) == "refused")
        try await server.close()
    }
}

private final class Greeter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.channel.writeAndFlush(ByteBuffer(string: "hello"), promise: nil)
    }
}

private final class Listener: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let answer: EventLoopPromise<String>

    init(_ answer: EventLoopPromise<String>) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        answer.succeed(String(buffer: unwrapInboundIn(data)))
        context.close(promise: nil)
    }

    /// Whoever is refused may have been so before this is there.
    func handlerAdded(context: ChannelHandlerContext) { if !context.channel.isActive { answer.fail(ChannelError.eof) } }

    func channelInactive(context: ChannelHandlerContext) { answer.fail(ChannelError.eof) }
}
