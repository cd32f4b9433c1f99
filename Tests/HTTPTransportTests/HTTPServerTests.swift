import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix
import TestKit
import Testing

@testable import HTTPTransport

/// Speaks bytes to a server and reads until it closes, or until an answer is complete.
struct RawClient {
    let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>

    static func exchange(port: Int, send: [String], until: @escaping @Sendable (String) -> Bool = { _ in false }) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: port) {
            channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        return try await channel.executeThenClose { inbound, outbound in
            for part in send { try await outbound.write(ByteBuffer(string: part)) }
            var text = ""
            for try await part in inbound {
                text += String(buffer: part)
                if until(text) { break }
            }
            return text
        }
    }
}

@Suite struct HTTPServerTests {
    func server(_ configure: (inout HTTPServer.Configuration) -> Void = { _ in }) async throws -> HTTPServer {
        var configuration = HTTPServer.Configuration()
        configuration.readTimeout = .milliseconds(200)
        configuration.maximumBodySize = 1000
        configure(&configuration)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await HTTPServer.start(configuration, on: loop, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
            request in
            var body = ByteBuffer(string: "\(request.method) \(request.path) \(request.query.map { "\($0.name)=\($0.value)" }) ")
            body.writeImmutableBuffer(request.body)
            return loop.makeSucceededFuture(HTTPResponse(.ok, body: body))
        }
    }

    @Test func readsTargetsAndBodies() async throws {
        let server = try await server()
        let answer = try await RawClient.exchange(
            port: server.port,
            send: [
                "POST /a%20b/c%2Fd?x=1&y=%C3%A9+z HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhe", "llo",
            ])
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(answer.hasSuffix(#"POST ["a b", "c/d"] ["x=1", "y=é z"] hello"#))
        await server.stop()
    }

    @Test func keepsAConnectionAndAnswersPipelinedRequestsInOrder() async throws {
        let server = try await server()
        let answer = try await RawClient.exchange(
            port: server.port,
            send: [
                "GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /3 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            ])
        #expect(answer.components(separatedBy: "HTTP/1.1 200 OK").count == 4)
        let places = ["[\"1\"]", "[\"2\"]", "[\"3\"]"].map { answer.range(of: $0)!.lowerBound }
        #expect(places == places.sorted())
        await server.stop()
    }

    @Test("A request for another protocol that is answered as HTTP is the last of its connection: the next would not be read")
    func aRefusedUpgradeIsTheLast() async throws {
        let server = try await server()
        let upgrade =
            "GET /1 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        let answer = try await RawClient.exchange(port: server.port, send: [upgrade])
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.lowercased().contains("\r\nconnection: close\r\n"), "\(answer)")
        await server.stop()
    }

    @Test func aBodyInPiecesIsChunkedAndGatheredForOldClients() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await HTTPServer.start(
            HTTPServer.Configuration(), on: loop, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }
        ) { request in
            let count = NIOLockedValueBox(0)
            var response = HTTPResponse(request.path == ["none"] ? .noContent : .ok, body: ByteBuffer(string: "first"))
            if request.path == ["pieces"] {
                response.rest = {
                    count.withLockedValue { count in
                        count += 1
                        return count < 4 ? ByteBuffer(string: "+\(count)") : nil
                    }
                }
            }
            return loop.makeSucceededFuture(response)
        }
        func ask(_ line: String) async throws -> String {
            try await RawClient.exchange(port: server.port, send: ["\(line)\r\nHost: localhost\r\nConnection: close\r\n\r\n"])
        }
        let chunked = try await ask("GET /pieces HTTP/1.1")
        #expect(chunked.contains("Transfer-Encoding: chunked\r\n"))
        #expect(chunked.hasSuffix("\r\n\r\n5\r\nfirst\r\n2\r\n+1\r\n2\r\n+2\r\n2\r\n+3\r\n0\r\n\r\n"))
        let old = try await ask("GET /pieces HTTP/1.0")
        #expect(old.contains("Content-Length: 11\r\n") && old.hasSuffix("\r\n\r\nfirst+1+2+3"))
        let head = try await ask("HEAD / HTTP/1.1")
        #expect(head.contains("Content-Length: 5\r\n") && head.hasSuffix("\r\n\r\n"))
        let none = try await ask("GET /none HTTP/1.1")
        #expect(none.hasPrefix("HTTP/1.1 204 No Content\r\n") && !none.contains("Content-Length") && none.hasSuffix("\r\n\r\n"))
        await server.stop()
    }

    @Test func manyPipelinedRequestsAreAnsweredInOrderWithinABound() async throws {
        let server = try await server()
        let count = 500
        let requests = (0..<count).map { "GET /\($0) HTTP/1.1\r\nHost: localhost\r\n\($0 == count - 1 ? "Connection: close\r\n" : "")\r\n" }
            .joined()
        let answer = try await RawClient.exchange(port: server.port, send: [requests])
        let places = answer.components(separatedBy: "GET [\"").dropFirst().map { Int($0.prefix { $0 != "\"" }) }
        #expect(places == (0..<count).map { $0 })
        // A malformed one after good ones: those are answered, then it is refused.
        let torn = try await RawClient.exchange(port: server.port, send: ["GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGARBAGE\r\n\r\n"])
        #expect(torn.hasPrefix("HTTP/1.1 200 OK") && torn.contains("HTTP/1.1 400 Bad Request"))
        let long = try await RawClient.exchange(
            port: server.port, send: ["GET / HTTP/1.1\r\nX: \(String(repeating: "x", count: 200_000))\r\n\r\n"])
        #expect(long.hasPrefix("HTTP/1.1 4"))
        await server.stop()
    }

    struct Refused: Testing.CustomTestStringConvertible {
        let request: String
        let status: String
        init(_ request: String, _ status: String) { (self.request, self.status) = (request, status) }
        var testDescription: String { "\(status) for \(request.prefix(60).debugDescription)" }
    }

    @Test(arguments: [
        Refused("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"),
        Refused("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400"),
        Refused("POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nXYZ\r\n", "400"),
        Refused("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000\r\n\r\n", "413"),
        Refused(
            "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n\(String(repeating: "x", count: 2000))\r\n0\r\n\r\n",
            "413"),
        Refused("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhe", "408"),
        Refused("GET http://elsewhere/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"),
        Refused("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"),
        Refused("GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", "400"), Refused("GARBAGE\r\n\r\n", "400"),
        Refused("GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", "400"),
    ])
    func refuses(_ refused: Refused) async throws {
        let server = try await server()
        let answer = try await RawClient.exchange(port: server.port, send: [refused.request])
        #expect(answer.hasPrefix("HTTP/1.1 \(refused.status) "), "\(answer)")
        #expect(answer.lowercased().contains("connection: close"))
        // The next client does not notice.
        let next = try await RawClient.exchange(
            port: server.port, send: ["GET /ok HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"])
        #expect(next.contains("200 OK"))
        await server.stop()
    }

    @Test func onceTooManyOneIsRefusedAndAFreedPlaceIsUsable() async throws {
        let server = try await server {
            $0.maximumClients = 1
            $0.idlePatience = .hours(1)
        }
        let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(host: "127.0.0.1", port: server.port)
        { channel in
            channel.eventLoop.makeCompletedFuture { try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel) }
        }
        try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var iterator = inbound.makeAsyncIterator()
            _ = try await iterator.next()
            let refused = try await RawClient.exchange(port: server.port, send: [request])
            #expect(refused.hasPrefix("HTTP/1.1 503"))
        }
        // The server may learn of the close a moment after the client.
        var answer = ""
        repeat {
            answer = try await RawClient.exchange(
                port: server.port, send: ["GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"])
        } while answer.hasPrefix("HTTP/1.1 503")
        #expect(answer.hasPrefix("HTTP/1.1 200"))
        await server.stop()
    }

    @Test func sendsContinueWhereItIsExpected() async throws {
        let server = try await server()
        let answer = try await RawClient.exchange(
            port: server.port,
            send: ["POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n", "ok"])
        #expect(answer.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"))
        await server.stop()
    }

    @Test func aTakenPortIsNamedOrTheNextOneUsed() async throws {
        let first = try await server()
        let port = first.port
        let error = await #expect(throws: ListenFailure.self) { try await server { $0.port = port } }
        #expect(error?.description == "port \(port) on 127.0.0.1 in use: stop the program that holds it, or configure another port")
        let second = try await server {
            $0.port = port
            $0.portsToTry = 10
        }
        #expect(second.port > port && second.port <= port + 10)
        await first.stop()
        await second.stop()
    }

    @Test func basicAuthentication() {
        let basic = BasicAuthentication(user: "u", password: "p:w", realm: "r")
        #expect(basic.refusal(of: ["Authorization": "Basic dTpwOnc="]) == nil)
        for wrong in ["Basic dTpwOng=", "Basic dTo=", "Bearer dTpwOnc=", "Basic", "Basic ***"] {
            let refusal = basic.refusal(of: ["Authorization": wrong])
            #expect(refusal?.status == .unauthorized && refusal?.headers["WWW-Authenticate"].first?.hasPrefix("Basic realm=\"r\"") == true)
        }
        #expect(basic.refusal(of: [:]) != nil)
    }
}

@Suite struct HTTPClientTests {
    let loop = MultiThreadedEventLoopGroup.singleton.next()

    func execute(_ client: HTTPClient, _ call: HTTPCall) async throws -> HTTPResponse {
        try await loop.flatSubmit { client.execute(call) }.get()
    }

    @Test func reusesConnectionsAndBoundsThem() async throws {
        let peers = PortSet()
        let loop = self.loop
        let server = try await HTTPServer.start(
            HTTPServer.Configuration(), on: loop, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }
        ) { request in
            peers.insert(request.remoteAddress!.port!)
            return loop.makeSucceededFuture(HTTPResponse(.ok, body: request.body))
        }
        var configuration = HTTPClient.Configuration()
        configuration.maximumConnectionsPerOrigin = 3
        let client = try HTTPClient(configuration, on: loop)
        let origin = HTTPOrigin(isTLS: false, host: "127.0.0.1", port: server.port)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let answer = try await execute(
                        client, HTTPCall(.POST, origin, "/x", body: ByteBuffer(string: "\(index)"), timeout: .seconds(20)))
                    #expect(String(buffer: answer.body) == "\(index)")
                }
            }
            try await group.waitForAll()
        }
        #expect(peers.count <= 3)
        await server.stop()
    }

    @Test func saysWhatWentWrong() async throws {
        let client = try HTTPClient(on: loop)
        let silent = try await ServerBootstrap(group: loop).bind(host: "127.0.0.1", port: 0).get()
        let origin = HTTPOrigin(isTLS: false, host: "127.0.0.1", port: silent.localAddress!.port!)
        await #expect(throws: HTTPCallFailure.self) { try await execute(client, HTTPCall(.GET, origin, "/", timeout: .milliseconds(50))) }
        do {
            _ = try await execute(client, HTTPCall(.GET, origin, "/", timeout: .milliseconds(50)))
        } catch HTTPCallFailure.timeout(let place) {
            #expect(place == origin)
        }
        try await silent.close()
        // Bound, so that nobody else gets the port, but not listening.
        let closed = try ReservedPort()
        let nobody = HTTPOrigin(isTLS: false, host: "127.0.0.1", port: closed.port)
        let error = await #expect(throws: HTTPCallFailure.self) {
            try await execute(client, HTTPCall(.GET, nobody, "/", timeout: .seconds(5)))
        }
        #expect(error?.description == "http://127.0.0.1:\(nobody.port) cannot be reached (connection refused)")
        await #expect(throws: HTTPCallFailure.self) { try await loop.flatSubmit { client.probe(nobody, timeout: .seconds(1)) }.get() }
    }
}

/// A set that closures of several threads add to.
final class PortSet: Sendable {
    private let ports = NIOLockedValueBox<Set<Int>>([])

    func insert(_ port: Int) { ports.withLockedValue { _ = $0.insert(port) } }
    var count: Int { ports.withLockedValue { $0.count } }
}
