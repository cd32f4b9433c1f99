import AlwaysOn
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOPosix
import TestKit
import Testing

/// Content that once stopped or froze the programs: each is refused, or done in proportion to its size, and costs nobody else.
extension Hostile {
    @Suite struct HostileContentTests {
        /// Bounds of every test here: memory beyond what is taken without the attack, and the time of a plain request meanwhile.
        /// The programs of the tests are built without optimisation.
        private let memory = 100
        private let patience = Hostile.patience

        private func nested(_ depth: Int, around core: String) -> String {
            (0..<depth).reduce(core) { inner, _ in
                #"{"rows":[{"n":\#(inner)}],"dataShape":{"fieldDefinitions":{"n":{"name":"n","baseType":"INFOTABLE"}}}}"#
            }
        }

        private func fields(_ count: Int, _ name: (Int) -> String) -> String {
            (0..<count).map { #""\#(name($0))":{"name":"\#(name($0))","baseType":"STRING","ordinal":\#($0)}"# }.joined(separator: ",")
        }

        /// Bodies that are sent to a service of either program.
        private var bodies: [(String, String)] {
            let deep = nested(29, around: JSONValue.string(nested(29, around: #"{"rows":[]}"#)).description)
            let wide =
                #"{"dataShape":{"fieldDefinitions":{\#(fields(3000) { "f\($0)" })}},"rows":[\#([String](repeating: "{}", count: 100_000).joined(separator: ","))]}"#
            let outOfOrder = (0..<28).reduce(#"{"rows":[]}"#) { inner, _ in
                #"{"dataShape":{"fieldDefinitions":{"a":{"name":"a","baseType":"INFOTABLE","ordinal":0},"b":{"name":"b","baseType":"NUMBER","ordinal":1},"c":{"name":"c","baseType":"NUMBER","ordinal":2}}},"rows":[{"a":\#(inner),"c":1,"b":2}]}"#
            }
            let members = "{" + (0..<60_000).map { #""m\#($0)":1"# }.joined(separator: ",") + "}"
            let longNames =
                #"{"dataShape":{"fieldDefinitions":{\#(fields(20) { String(repeating: "n", count: 5000) + "\($0)" })}},"rows":[\#([String](repeating: "{}", count: 40_000).joined(separator: ","))]}"#
            return [
                ("deep text", deep), ("wide", wide), ("out of order", #"{"name":"x","t":\#(outOfOrder)}"#),
                ("members", #"{"config":\#(members)}"#), ("many fields", members), ("long names", longNames),
            ]
        }

        @Test func bodiesOfRequests() async throws {
            let chain = try Chain()
            try chain.writeModel(things: #"[{"name": "T1"}]"#)
            let platform = try chain.startPlatform()
            let platformPort = try await platform.port()
            try chain.writeGateway(platform: platformPort)
            let gateway = try chain.startGateway()
            let gatewayPort = try await gateway.port()
            try await gateway.line(containing: "authenticated")
            let (bodies, rest, local) = (bodies, try chain.platform(platformPort), try chain.local(gatewayPort))
            let targets = [
                (platform, platformPort, "/Thingworx/Resources/EntityServices/Services/CreateThing"),
                (platform, platformPort, "/Thingworx/Things/T1/Services/UpdateSubscribedPropertyValues"),
                (platform, platformPort, "/Thingworx/Things/T1/Services/Other"),
                (gateway, gatewayPort, "/Thingworx/Things/LocalEms/Services/AddEdgeThing"),
                (gateway, gatewayPort, "/Thingworx/Things/LocalEms/Services/UpdateConfiguration"),
                (gateway, gatewayPort, "/Thingworx/Things/T1/Services/Other"),
            ]
            for (program, port, path) in targets {
                let (taken, slowest) = try await Victim(program: program).under {
                    for (name, body) in bodies {
                        let peer = try HostilePeer(port: port)
                        peer.write(
                            text:
                                "POST \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nappKey: \(Chain.edgeKey)\r\nContent-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                        )
                        peer.write(Array(body.utf8))
                        let answer = peer.readToEnd()
                        guard answer.hasPrefix("HTTP/1.1 ") else {
                            throw Program.Failure(description: "\(path) with \(name): \"\(answer)\"")
                        }
                    }
                } meanwhile: {
                    if program === platform {
                        _ = try await rest.property("T1", "name")
                    } else {
                        _ = try await local.property("LocalEms", "isConnected")
                    }
                }
                #expect(taken <= memory && slowest < patience, "\(path): \(taken) MiB, \(slowest)")
            }
            // The connection between them is the one that it was.
            #expect(try await local.property("LocalEms", "isConnected") == true)
            #expect(!platform.output.contains("could not be read, the last one"))
            #expect(await gateway.end() == 0)
            #expect(await platform.end() == 0)
        }

        /// An infotable whose last field has an aspect that once began a new account, in a request, an event, and an answer.
        private var oddTable: [UInt8] {
            var bytes: [UInt8] = []
            for index in 0..<1000 {
                let name = Array("f\(index)".utf8)
                bytes += [1, UInt8(name.count)] + name + [0, 0]
                bytes += index < 999 ? [0, 0] : [0, 1, 1, UInt8(ascii: "a"), 18, 0xFF]
            }
            return bytes + [0, 1, 0, 0, 0]
        }

        @Test func messagesOfAnEdge() async throws {
            let chain = try Chain()
            try chain.writeModel(things: #"[{"name": "T1", "discover": true}, {"name": "T2"}]"#)
            let platform = try chain.startPlatform()
            let port = try await platform.port()
            let rest = try chain.platform(port)
            let odd = try EncodedInfotable(validating: ByteBuffer(bytes: oddTable))
            let (taken, slowest) = try await Victim(program: platform).under {
                let edge = try HostilePeer.edge(port: port, key: Chain.edgeKey)
                edge.send(Message(header: Header(code: Code.bind, requestID: 2, sessionID: 7), body: .bind(Bind(names: ["T1"]))))
                guard edge.answer(to: 2)?.status == .success else { throw Program.Failure(description: "BIND was refused") }
                for (characteristic, name) in [(Characteristic.event, "E"), (.service, "UpdateSubscribedPropertyValues"), (.property, "p")]
                {
                    let method: AlwaysOn.Method = characteristic == .property ? .put : .post
                    guard edge.ask(Request(method, "T1", characteristic, name, content: odd)) != nil else {
                        throw Program.Failure(description: "\(name) was not answered")
                    }
                }
                // Tables that are too wide or too deep are refused one by one, and close nothing.
                var wide: [UInt8] = []
                for _ in 0..<66_000 { wide += [1, 1, 0x66, 0, 0, 0, 0] }
                let tooWide = wide + [0, 0]
                let tooDeep = (0..<40).reduce([0, 0] as [UInt8]) { inner, _ in [1, 1, 0x6E, 0, 5, 0, 0, 0, 1, 0, 1, 5] + inner + [0] }
                for (index, content) in [tooWide, tooDeep, tooWide, tooDeep, tooDeep].enumerated() {
                    let request = Message(
                        header: Header(code: 3, requestID: UInt32(20 + index), sessionID: 7),
                        body: .request(Request(.post, "T1", .service, "UpdateSubscribedPropertyValues")))
                    edge.send(raw: Array(request.encoded().readableBytesView.dropLast()) + [5] + content)
                    guard let status = edge.answer(to: UInt32(20 + index))?.status, status == .entityTooLarge else {
                        throw Program.Failure(description: "table \(index) was not refused")
                    }
                }
                // More properties than a Thing may have are refused by name.
                var values = Infotable(DataShape([.init("name", .string), .init("value", .variant)]))
                for index in 0..<12_000 { values.append([.string("d\(index)"), .variant(.integer(1))]) }
                let content = try EncodedInfotable(Infotable("values", .infotable(values)))
                guard
                    edge.ask(Request(.post, "T1", .service, "UpdateSubscribedPropertyValues", content: content), id: 40)?.status
                        == .badRequest
                else {
                    throw Program.Failure(description: "12,000 properties were taken")
                }
            } meanwhile: {
                _ = try await rest.property("T2", "name")
            }
            #expect(taken <= memory && slowest < patience, "\(taken) MiB, \(slowest)")
            // In an answer, on its way to JSON.
            let edge = try HostilePeer.edge(port: port, key: Chain.edgeKey)
            edge.send(Message(header: Header(code: Code.bind, requestID: 2, sessionID: 7), body: .bind(Bind(names: ["T2"]))))
            #expect(edge.answer(to: 2)?.status == .success)
            async let answer = rest.send(.POST, "/Thingworx/Things/T2/Services/Odd")
            try await Hostile.onThread {
                while let message = edge.message() {
                    guard case .request(let request) = message.body else { continue }
                    edge.send(Message(header: message.header.response(.success), body: .response(Response(.success, content: odd))))
                    if request.name == "Odd" { break }
                }
            }
            #expect(try await answer.json["rows"]?[0]?.object?.members.count == 1000)
            #expect(try await rest.call(.GET, "/Thingworx/Things/T1/Properties/")["rows"]?[0]?.object?.members.count ?? 0 > 5000)
            // All values of many fields at once.
            let many = JSONValue.object([
                "dataShape": [
                    "fieldDefinitions": .object(
                        JSONObject(names: (0..<9000).map { "d\($0)" }) { ["name": .string($0), "baseType": "NUMBER"] })
                ],
                "rows": [.object(JSONObject(names: (0..<9000).map { "d\($0)" }) { _ in 2 })],
            ])
            let start = ContinuousClock.now
            _ = try await rest.send(.PUT, "/Thingworx/Things/T1/Properties/*", body: many)
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(await platform.end() == 0)
        }

        /// 300 chunks of one byte, each with an entity name of a megabyte.
        @Test func chunksWithLongNames() async throws {
            let chain = try Chain()
            try chain.writeModel(things: #"[{"name": "T1"}]"#)
            let platform = try chain.startPlatform()
            let port = try await platform.port()
            let rest = try chain.platform(port)
            let (taken, slowest) = try await Victim(program: platform).under {
                let edge = try HostilePeer.edge(port: port, key: Chain.edgeKey)
                let name = String(repeating: "T", count: 900_000)
                for id in 0..<150 as Range<UInt32> {
                    let chunk = Chunk(
                        header: Header(code: 3, requestID: 100 + id, sessionID: 7), number: 1, count: 2, size: 8192,
                        entity: .init(type: .thing, name: name), data: ByteBuffer(bytes: [2]))
                    guard edge.send(raw: Array(chunk.encoded().readableBytesView)) else { break }
                }
            } meanwhile: {
                _ = try await rest.property("T1", "name")
            }
            #expect(taken <= memory && slowest < patience, "\(taken) MiB, \(slowest)")
            #expect(await platform.end() == 0)
        }

        /// What a device answers is no better than what a stranger sends.
        @Test func answersOfADevice() async throws {
            let chain = try Chain()
            try chain.writeModel(things: #"[{"name": "T1"}]"#)
            let platform = try chain.startPlatform()
            let platformPort = try await platform.port()
            let answers = bodies.map(\.1)
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let device = try await HTTPServer.start(HTTPServer.Configuration(), on: loop, logger: .init(label: "device")) { request in
                let index = request.path.last.flatMap { Int($0.dropFirst()) } ?? 0
                return loop.makeSucceededFuture(.json(ByteBuffer(string: index < answers.count ? answers[index] : "{}")))
            }
            try chain.writeGateway(platform: platformPort, autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": \#(device.port)}]"#)
            let gateway = try chain.startGateway()
            let local = try chain.local(try await gateway.port())
            try await platform.line(containing: "T1 is bound")
            let rest = try chain.platform(platformPort)
            let count = answers.count
            let (taken, slowest) = try await Victim(program: gateway).under {
                let done = DispatchSemaphore(value: 0)
                Task.detached {
                    for index in 0..<count { _ = try? await rest.send(.POST, "/Thingworx/Things/T1/Services/S\(index)") }
                    done.signal()
                }
                done.wait()
            } meanwhile: {
                _ = try await local.property("LocalEms", "isConnected")
            }
            #expect(taken <= memory && slowest < patience, "\(taken) MiB, \(slowest)")
            #expect(try await local.property("LocalEms", "isConnected") == true)
            await device.stop()
            #expect(await gateway.end() == 0)
            #expect(await platform.end() == 0)
        }
    }
}

extension JSONObject {
    fileprivate init(names: [String], _ value: (String) -> JSONValue) {
        self.init()
        for name in names { self[name] = value(name) }
    }
}
