import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOPosix
import NetworkSupport
import TestKit
import Testing

/// The REST server for local devices and applications, as its users meet it.
@Suite struct LocalServerTests {
    static let isConnected = "/Thingworx/Things/LocalEms/Properties/isConnected"

    /// A gateway without a platform, for as long as the body runs.
    func withGateway(_ server: String, _ body: (Int, Program, Chain) async throws -> Void) async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1, more: ", \"http_server\": {\"host\": \"127.0.0.1\", \"port\": 0, \(server)}")
        let gateway = try chain.startGateway()
        try await body(try await gateway.port(), gateway, chain)
        try await gateway.line(containing: "started with")
        #expect(await gateway.end() == 0)
    }

    @Test("ems 25, 26: Basic, then the token that each answer carries") func basicAndTokens() async throws {
        try await withGateway(#""ssl": false, "authenticate": true, "user": "me", "password": "pass-word-31""#) { port, program, _ in
            let url = "http://127.0.0.1:\(port)\(LocalServerTests.isConnected)"
            for credentials in [[], ["-u", "me:wrong"], ["-u", "you:pass-word-31"], ["-H", "Authorization: Basic %%%"]] as [[String]] {
                let refused = credentials.isEmpty ? try await Curl(url) : try await Curl(credentials[0], credentials[1], url)
                #expect(refused.status == 401 && refused.headers["www-authenticate"]?.hasPrefix("Basic realm=\"") == true)
                #expect(refused.headers["x-csrf-token"] == nil)
            }
            let first = try await Curl("-u", "me:pass-word-31", url)
            let token = try #require(first.headers["x-csrf-token"])
            #expect(first.status == 401 && first.body.contains("x-csrf-token") && first.headers["www-authenticate"] == nil)
            let second = try await Curl("-u", "me:pass-word-31", "-H", "x-csrf-token: \(token)", url)
            #expect(second.status == 200 && second.headers["x-csrf-token"] == token && second.body.contains("\"isConnected\":false"))
            #expect(try await Curl("-u", "me:pass-word-31", "-H", "x-csrf-token: 00", url).status == 401)
            try await program.line(containing: "a request from 127.0.0.1 was refused: user name or password missing or wrong")
            #expect(!program.output.contains("pass-word-31"))
        }
    }

    @Test("ems 27, 28: without tokens, and without authentication") func withoutTokens() async throws {
        try await withGateway(#""ssl": false, "authenticate": true, "user": "me", "password": "p", "enable_csrf_tokens": false"#) {
            port, _, _ in
            let answer = try await Curl("-u", "me:p", "http://127.0.0.1:\(port)\(LocalServerTests.isConnected)")
            #expect(answer.status == 200)
        }
        try await withGateway(#""ssl": false, "authenticate": false, "enable_csrf_tokens": true"#) { open, _, _ in
            let answer = try await Curl("http://127.0.0.1:\(open)\(LocalServerTests.isConnected)")
            #expect(answer.status == 200 && answer.headers["x-csrf-token"] == nil)
        }
    }

    @Test("ems 29: TLS with its own certificate and a key with a passphrase") func tls() async throws {
        let certificates = try TestCertificates()
        let key = try await certificates.encryptedKey(of: certificates.server, passphrase: "key-pass-32")
        try await withGateway(
            """
            "ssl": true, "certificate": "\(certificates.server.certificate)", "private_key": "\(key)", "passphrase": "key-pass-32", "authenticate": false
            """
        ) { port, program, chain in
            let url = "https://localhost:\(port)\(LocalServerTests.isConnected)"
            #expect(try await Curl("--cacert", certificates.authority, url).status == 200)
            await #expect(throws: Program.Failure.self) { try await Curl(url) }
            await #expect(throws: Program.Failure.self) { try await Curl("--cacert", certificates.authority, "--tls-max", "1.1", url) }
            await #expect(throws: Program.Failure.self) { try await Curl("http://127.0.0.1:\(port)\(LocalServerTests.isConnected)") }
            // Its end is warned of, as it comes within 30 days.
            try await program.line(containing: "http_server.certificate: the certificate ends on")
            #expect(try !chain.directory.read("etc/config.json").contains("key-pass-32"))
        }
    }

    @Test("ems 30: TLS without a certificate") func noCertificate() async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1, more: #", "http_server": {"host": "127.0.0.1", "port": 0, "authenticate": false}"#)
        let gateway = try chain.startGateway()
        let line = try await gateway.line(containing: "no local REST server")
        for key in ["http_server.certificate", "http_server.private_key", "http_server.passphrase"] { #expect(line.contains(key)) }
        try await gateway.line(containing: "Trying again")
        #expect(await gateway.end() == 0)
    }

    @Test(arguments: ["missing", "foreign", "expired"])
    func badCertificatesAreNamed(kind: String) async throws {
        let certificates = try TestCertificates()
        let other = try certificates.issue("localhost", names: ["localhost"], days: kind == "expired" ? -9 ... -1 : -1...90)
        let chain = try Chain()
        let (certificate, key) =
            switch kind {
            case "missing": ("/none/server.crt", other.key)
            case "foreign": (certificates.server.certificate, other.key)
            default: (other.certificate, other.key)
            }
        try chain.writeGateway(
            platform: 1,
            more: """
                , "http_server": {"host": "127.0.0.1", "port": 0, "authenticate": false, "certificate": "\(certificate)", "private_key": "\(key)"}
                """)
        let text =
            switch kind {
            case "missing": "http_server.certificate: cannot read /none/server.crt: No such file or directory"
            case "foreign": "does not belong to the certificate in"
            default: "the certificate ended on"
            }
        let check = try chain.startGateway(["-check"])
        #expect(await check.exitStatus() == (kind == "expired" ? 0 : 1))
        #expect(check.output.contains(text), "\(check.output)")
        let gateway = try chain.startGateway()
        try await gateway.line(containing: text)
        try await gateway.line(containing: "started with")
        #expect(await gateway.end() == 0)
    }

    @Test("ems 24, 31: clients that stop in the middle, and one too many") func slowAndTooMany() async throws {
        try await withGateway(#""ssl": false, "authenticate": false, "content_read_timeout": 300, "max_clients": 2"#) { port, _, _ in
            var open = try (0..<2).map { _ in
                try RawConnection(
                    port: port, "PUT /Thingworx/Things/T1/Properties/p HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
            }
            let third = try RawConnection(port: port, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(third.readToEnd().hasPrefix("HTTP/1.1 503 "))
            for connection in open { #expect(connection.readToEnd().hasPrefix("HTTP/1.1 408 ")) }
            open = []
            #expect(try await Curl("http://127.0.0.1:\(port)\(LocalServerTests.isConnected)").status == 200)
        }
    }

    @Test("ems 23: what is not offered; names that try to leave their place") func unknownPlaces() async throws {
        try await withGateway(#""ssl": false, "authenticate": false"#) { port, _, _ in
            func status(_ arguments: String...) async throws -> (Int, String) {
                let last = "http://127.0.0.1:\(port)\(arguments.last!)"
                let answer =
                    arguments.count == 1 ? try await Curl("--path-as-is", last) : try await Curl("-X", "PUT", "-d", arguments[0], last)
                return (answer.status, answer.body)
            }
            for path in [
                "/Thingworx/Things", "/Thingworx/Resources", "/Thingworx/Things/T1", "/etc/passwd", "/Thingworx/Things/../../etc",
                "/Thingworx/Things/a%2F..%2Fb",
            ] {
                let unknown = try await status(path)
                #expect(unknown.0 == 404, "\(path)")
            }
            // A slash within a name stays within the name: it is asked for, and there is no platform to answer.
            let slash = try await status("/Thingworx/Things/a%2F..%2Fb/Properties/p")
            #expect(slash.0 == 503)
            let lower = try await status("/thingworx/things/LocalEms/properties/isConnected")
            #expect(lower.0 == 200)
            let version = try await status("/Thingworx/Things/LocalEms/Services/GetMicroserverVersion?method=POST")
            #expect(version.1.contains("\"0.1.0\""))
            let broken = try await status("{\"a\":", "/Thingworx/Things/T1/Properties/a")
            #expect(broken.0 == 400)
        }
    }

    @Test("ems 14, 15: the next port, and none that is free") func ports() async throws {
        let taken = try ReservedPort(consecutive: 4)
        let chain = try Chain()
        try chain.writeGateway(
            platform: 1,
            more: """
                , "http_server": {"host": "127.0.0.1", "port": \(taken.port), "ssl": false, "authenticate": false, "ports_to_try": 2}
                """)
        let none = try chain.startGateway()
        try await none.line(containing: "no local REST server: ports \(taken.port) to \(taken.port + 2) on 127.0.0.1 in use")
        #expect(await none.end() == 0)
        taken.release(1)
        let next = try chain.startGateway()
        #expect(try await next.port() == taken.port + 1)
        #expect(await next.end() == 0)
    }

    @Test func beyondLoopbackWithoutAuthenticationIsWarnedOf() async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1, more: #", "http_server": {"host": "::", "port": 0, "ssl": false, "authenticate": false}"#)
        let gateway = try chain.startGateway()
        try await gateway.line(containing: "everyone who reaches this address may send requests as this gateway")
        let line = try await gateway.line(containing: "listening on")
        let port = try #require(Int(line.reversed().prefix { $0.isNumber }.reversed().map(String.init).joined()))
        // Both families reach it, and its page says what the log says.
        for host in ["127.0.0.1", "[::1]"] {
            let page = try await Curl("-g", "-H", "Accept: text/html", "http://\(host):\(port)/")
            #expect(page.status == 200 && page.body.contains("everyone who reaches this address") && page.body.contains("not connected"))
        }
        let json = try JSONValue(parsing: try await Curl("http://127.0.0.1:\(port)/").body)
        #expect(json["isConnected"] == false && json["warnings"]?.array?.isEmpty == false)
    }

    @Test("large answers in pieces, many at once over one WebSocket") func largeAnswers() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let text = String(repeating: "0123456789", count: 30)
        let rows = JSONValue.array((0..<2000).map { ["n": .int($0), "text": .string(text)] })
        let table: JSONValue = [
            "dataShape": [
                "fieldDefinitions": ["n": ["name": "n", "baseType": "INTEGER"], "text": ["name": "text", "baseType": "STRING"]]
            ], "rows": rows,
        ]
        let body = ByteBuffer(string: table.description)
        let device = try await HTTPServer.start(HTTPServer.Configuration(), on: loop, logger: .init(label: "d")) { _ in
            loop.makeSucceededFuture(.json(body))
        }
        try chain.writeGateway(
            platform: try await platform.port(), autoBind: "[{\"name\": \"T1\", \"host\": \"127.0.0.1\", \"port\": \(device.port)}]",
            more: """
                , "ws_connection": {"encryption": "none", "max_connect_delay": 0, "msg_timeout": 60000}
                """)
        let gateway = try chain.startGateway()
        let port = try await gateway.port()
        try await platform.line(containing: "T1 is bound")
        // To the platform and back to the device, by the same WebSocket.
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let answer = try await Curl("-X", "POST", "http://127.0.0.1:\(port)/Thingworx/Things/T1/Services/Table")
                    #expect(answer.status == 200 && answer.headers["transfer-encoding"] == "chunked")
                    let json = try JSONValue(parsing: answer.body)
                    #expect(json["rows"]?.array?.count == 2000 && json["rows"]?[1999]?["n"]?.int == 1999 && json["dataShape"] != nil)
                }
            }
            try await group.waitForAll()
        }
        #expect(await gateway.end() == 0)
        await device.stop()
    }
}

/// A connection that sends what it is told to, and nothing else.
final class RawConnection {
    private let descriptor: Int32

    init(port: Int, _ text: String) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port).bigEndian)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let isOpen = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 }
        }
        guard isOpen, write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw Program.Failure(description: "cannot connect to \(port): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// Sends a text and reads until the other side closes, on a thread of its own.
    static func exchange(_ port: Int, _ text: String) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try RawConnection(port: port, text).readToEnd() }) }.start()
        }
    }

    func readToEnd() -> String {
        var text: [UInt8] = []
        var block = [UInt8](repeating: 0, count: 4096)
        while case let count = read(descriptor, &block, block.count), count > 0 { text += block[..<count] }
        return String(decoding: text, as: UTF8.self)
    }
}
