import AlwaysOn
import Crypto
import EdgeREST
import Formats
import Foundation
import Glibc
import HTTPTransport
import NIOCore
import NIOHTTP1
import NIOPosix
import TestKit
import Testing

/// Peers that do not read, do not authenticate, do not finish, or ask for what is not theirs.
extension Hostile {
    @Suite struct HostilePeerTests {
        private let memory = 100
        private let patience = Hostile.patience

        private func withPlatform(_ things: String, keys: String = "", _ body: (Program, Int, Chain) async throws -> Void) async throws {
            let chain = try Chain()
            try chain.writeModel(things: things, keys: keys)
            let platform = try chain.startPlatform()
            try await body(platform, try await platform.port(), chain)
            #expect(await platform.end() == 0)
        }

        // MARK: Back pressure

        @Test func strangersThatPingAndDoNotRead() async throws {
            try await withPlatform(#"[{"name": "T1"}]"#) { platform, port, chain in
                let rest = try chain.platform(port)
                let (taken, slowest) = try await Victim(program: platform).under {
                    let ping = HostilePeer.frame(9, [UInt8](repeating: 0x70, count: 125))
                    let flood = Array([[UInt8]](repeating: ping, count: 2000).joined())
                    let strangers = try (0..<4).map { _ in try HostilePeer.edge(port: port, key: nil) }
                    for _ in 0..<50 { for stranger in strangers { stranger.write(flood, withinSeconds: 1) } }
                } meanwhile: {
                    _ = try await rest.property("T1", "name")
                }
                #expect(taken <= memory && slowest < patience, "\(taken) MiB, \(slowest)")
                #expect(platform.output.contains("bytes before AUTH"))
            }
        }

        @Test func anEdgeThatPingsAndDoesNotRead() async throws {
            try await withPlatform(#"[{"name": "T1"}]"#) { platform, port, chain in
                let rest = try chain.platform(port)
                let edges = try (0..<4).map { _ in try HostilePeer.edge(port: port, key: Chain.edgeKey) }
                let (taken, slowest) = try await Victim(program: platform).under {
                    let flood = Array(
                        [[UInt8]](repeating: HostilePeer.frame(9, [UInt8](repeating: 0x70, count: 125)), count: 8_000).joined())
                    for edge in edges { edge.write(flood, withinSeconds: 1) }
                } meanwhile: {
                    _ = try await rest.property("T1", "name")
                }
                #expect(taken <= memory && slowest < patience, "\(taken) MiB, \(slowest)")
            }
        }

        /// 2000 reads of a long value whose answers nobody reads; when they are read after all, all of them are there, in order.
        @Test func readsThatNobodyReads() async throws {
            try await withPlatform(#"[{"name": "T1", "properties": {"long": {"baseType": "STRING"}}}]"#) { platform, port, chain in
                let rest = try chain.platform(port)
                _ = try await rest.call(
                    .PUT, "/Thingworx/Things/T1/Properties/long", body: ["long": .string(String(repeating: "v", count: 900_000))])
                let edge = try HostilePeer.edge(port: port, key: Chain.edgeKey)
                let (taken, slowest) = try await Victim(program: platform).under {
                    for id in 0..<2000 as Range<UInt32> {
                        let request = Message(
                            header: Header(code: 1, requestID: 10 + id, sessionID: 7),
                            body: .request(Request(.get, "T1", .property, "long")))
                        guard edge.send(request) else { break }
                    }
                } meanwhile: {
                    _ = try await rest.property("T1", "name")
                }
                #expect(taken <= memory && slowest < patience, "\(taken) MiB, \(slowest)")
            }
        }

        /// A platform that accepts everything and reads nothing any more.
        @Test func aPlatformThatDoesNotRead() async throws {
            let chain = try Chain()
            let listener = try SilentPlatform()
            try chain.writeGateway(platform: listener.port)
            let gateway = try chain.startGateway()
            let port = try await gateway.port()
            try await gateway.line(containing: "authenticated")
            let local = try chain.local(port)
            let (taken, slowest) = try await Victim(program: gateway).under {
                let body = Array(#"{"v":"\#(String(repeating: "x", count: 900_000))"}"#.utf8)
                var clients: [HostilePeer] = []
                for _ in 0..<100 {
                    let client = try HostilePeer(port: port)
                    client.write(
                        text:
                            "POST /Thingworx/Things/T1/Services/S HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
                    )
                    client.write(body)
                    clients.append(client)
                    if clients.count > 10 { clients.removeFirst() }
                }
            } meanwhile: {
                _ = try? await local.property("LocalEms", "isConnected")
            }
            #expect(taken <= memory && slowest < Hostile.patience, "\(taken) MiB, \(slowest)")
            #expect(await gateway.end() == 0)
            withExtendedLifetime(listener) {}
        }

        // MARK: Bodies and heads

        @Test func bodiesOfStrangersAreNotKept() async throws {
            try await withPlatform(#"[{"name": "T1"}]"#, keys: #", {"name": "reader", "key": "reader-key-1", "user": "edge"}"#) {
                platform, port, chain in
                let rest = try chain.platform(port)
                let (taken, slowest) = try await Victim(program: platform).under {
                    let part = [UInt8](repeating: 0x20, count: 1 << 20)
                    for key in ["", "appKey: wrong\r\n", "appKey: \(Chain.edgeKey)\r\n"] {
                        // A Thing that the key's user has no right to.
                        let peers = try (0..<20).map { _ in try HostilePeer(port: port) }
                        for peer in peers {
                            peer.write(
                                text:
                                    "PUT /Thingworx/Things/Other/Properties/p HTTP/1.1\r\nHost: localhost\r\n\(key)Content-Length: 3000000\r\n\r\n"
                            )
                        }
                        for _ in 0..<3 { for peer in peers { peer.write(part, withinSeconds: 1) } }
                    }
                } meanwhile: {
                    _ = try await rest.property("T1", "name")
                }
                #expect(taken <= memory && slowest < patience, "\(taken) MiB, \(slowest)")
            }
        }

        @Test func clientsThatTrickleDoNotLockTheServer() async throws {
            let chain = try Chain()
            try chain.writeGateway(
                platform: 1,
                more:
                    #", "http_server": {"host": "127.0.0.1", "port": 0, "ssl": false, "authenticate": false, "max_clients": 15, "content_read_timeout": 4000}"#
            )
            let gateway = try chain.startGateway()
            let port = try await gateway.port()
            let idle = try (0..<15).map { _ in try HostilePeer(port: port) }
            // Idle connections give their places up once they were idle for a second.
            var freed = 0
            let began = ContinuousClock.now
            while freed != 200, ContinuousClock.now - began < .seconds(20) {
                freed = (try? await Curl("http://127.0.0.1:\(port)/").status) ?? 0
            }
            #expect(freed == 200)
            let start = ContinuousClock.now
            let slow = try (0..<15).map { _ in try HostilePeer(port: port) }
            for peer in slow { peer.write(text: "GET / HT") }
            var status = 0
            while status != 200, ContinuousClock.now - start < .seconds(30) {
                for peer in slow { peer.write(text: "x") }
                status = (try? await Curl("http://127.0.0.1:\(port)/").status) ?? 0
            }
            #expect(status == 200 && ContinuousClock.now - start < .seconds(20))
            withExtendedLifetime((idle, slow)) {}
            #expect(await gateway.end() == 0)
        }

        // MARK: Rights

        /// A key that may only invoke reaches no value by a service.
        @Test func everyWayToAValueAsksForItsRight() async throws {
            let chain = try Chain()
            try chain.directory.write(
                "platform.json",
                """
                {"server": {}, "users": [{"name": "a", "groups": ["Administrators"]}, {"name": "i"}],
                 "application_keys": [{"name": "admin", "key": "\(Chain.adminKey)", "user": "a"}, {"name": "i", "key": "invoker", "user": "i"}],
                 "permissions": [{"user": "i", "things": ["T*"], "allow": ["invoke"]}],
                 "things": [{"name": "T1", "properties": {"p": {"baseType": "NUMBER"}}}]}
                """)
            let platform = try chain.startPlatform()
            let port = try await platform.port()
            let (admin, invoker) = (try chain.platform(port), try chain.platform(port, key: "invoker"))
            _ = try await admin.call(.PUT, "/Thingworx/Things/T1/Properties/p", body: ["p": 1])
            let push: JSONValue = [
                "values": [
                    "rows": [["name": "p", "value": 2]],
                    "dataShape": [
                        "fieldDefinitions": [
                            "name": ["name": "name", "baseType": "STRING"], "value": ["name": "value", "baseType": "VARIANT"],
                        ]
                    ],
                ]
            ]
            for (method, path, body) in [
                (HTTPMethod.POST, "Services/GetPropertyValues", nil), (.POST, "Services/UpdateSubscribedPropertyValues", push),
                (.POST, "Services/GetPropertySubscriptions", nil),
                (.POST, "Services/IsConnected", nil), (.GET, "Properties/p", nil), (.GET, "Properties/", nil),
                (.PUT, "Properties/p", ["p": 3]), (.POST, "Events/E", [:]),
            ] as [(HTTPMethod, String, JSONValue?)] {
                #expect(try await invoker.send(method, "/Thingworx/Things/T1/\(path)", body: body).status == 403, "\(path)")
            }
            #expect(try await invoker.send(.POST, "/Thingworx/Things/T1/Services/Any", body: [:]).status == 503)
            // And by AlwaysOn.
            let edge = try HostilePeer.edge(port: port, key: "invoker")
            for request in [
                Request(.post, "T1", .service, "GetPropertyValues"), Request(.get, "T1", .property, "p"),
                Request(.post, "T1", .service, "UpdateSubscribedPropertyValues"),
            ] {
                #expect(edge.ask(request)?.status == .forbidden, "\(request.name)")
            }
            #expect(try await admin.property("T1", "p") == 1)
            #expect(await platform.end() == 0)
        }

        /// A stranger who waits for an identifier neither takes the place of the one who may have it, nor fills the others' places.
        @Test func namesThatWait() async throws {
            try await withPlatform("[]", keys: "") { platform, port, chain in
                let admin = try chain.platform(port)
                let edge = try HostilePeer.edge(port: port, key: Chain.edgeKey)
                let bind = { (peer: HostilePeer, names: [String], id: UInt32) -> Status? in
                    peer.send(Message(header: Header(code: Code.bind, requestID: id, sessionID: 7), body: .bind(Bind(names: names))))
                    return peer.answer(to: id)?.status
                }
                // The key's user may bind what begins with T; the Thing of this identifier is called otherwise.
                #expect(bind(edge, ["*serial-1"], 2) == .success)
                #expect(bind(edge, [String(repeating: "T", count: 100_000)], 3) == .forbidden)
                #expect(bind(edge, (0..<20_000).map { "*x\($0)" }, 4) == .forbidden)
                let honest = try HostilePeer.edge(port: port, key: Chain.adminKey)
                #expect(bind(honest, ["*serial-1", "*serial-2"], 2) == .success)
                _ = try await admin.invoke(
                    resource: "CreateThing", ["name": "Press", "thingTemplateName": "RemoteThing", "identifier": "serial-1"])
                #expect(try await admin.property("Press", "isConnected") == true)
                #expect(honest.message().map { if case .request(let request) = $0.body { request.entityName } else { "" } } == "*serial-1")
                // An identifier has one Thing, and stays that Thing's.
                #expect(
                    try await admin.send(
                        .POST, "/Thingworx/Resources/EntityServices/Services/CreateThing",
                        body: ["name": "Other", "thingTemplateName": "RemoteThing", "identifier": "serial-1"]
                    ).status == 500)
                #expect(
                    try await admin.send(.POST, "/Thingworx/Resources/EntityServices/Services/DeleteThing", body: ["name": "Other"]).status
                        == 404)
                #expect(try await admin.property("*serial-1", "name") == "Press")
            }
        }
    }
}

extension RestClient {
    fileprivate func invoke(resource service: String, _ parameters: JSONValue) async throws -> JSONValue {
        try await call(.POST, "/Thingworx/Resources/EntityServices/Services/\(service)", body: parameters)
    }
}

/// Answers upgrade and AUTH, and then reads nothing.
private final class SilentPlatform: @unchecked Sendable {
    let port: Int
    private let listener: Int32
    private var client: Int32 = -1

    init() throws {
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let (listener, isOpen) = withUnsafeMutablePointer(to: &address) { [listener] pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                (listener, bind(listener, $0, length) == 0 && listen(listener, 1) == 0 && getsockname(listener, $0, &length) == 0)
            }
        }
        guard isOpen else { throw Program.Failure(description: "no port for a platform") }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread { [weak self] in
            let client = Glibc.accept(listener, nil, nil)
            self?.client = client
            var head: [UInt8] = []
            var byte: UInt8 = 0
            while !head.suffix(4).elementsEqual("\r\n\r\n".utf8), read(client, &byte, 1) == 1 { head.append(byte) }
            let key =
                String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n").first {
                    $0.lowercased().hasPrefix("sec-websocket-key:")
                }.map { $0.dropFirst(18).trimmingCharacters(in: .whitespaces) } ?? ""
            let answer =
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: \(SilentPlatform.accept(key))\r\n\r\n"
            _ = answer.withCString { write(client, $0, strlen($0)) }
            var block = [UInt8](repeating: 0, count: 4096)
            _ = read(client, &block, block.count)
            let accepted = Array(
                Message(header: Header(code: 0x40, requestID: 1, sessionID: 7), body: .response(Response(.success))).encoded()
                    .readableBytesView)
            let frame = [0x82, UInt8(accepted.count)] + accepted
            _ = frame.withUnsafeBytes { write(client, $0.baseAddress, $0.count) }
        }.start()
    }

    deinit {
        if client >= 0 { close(client) }
        close(listener)
    }

    private static func accept(_ key: String) -> String {
        Base64.encode(Array(Insecure.SHA1.hash(data: Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))))
    }
}
