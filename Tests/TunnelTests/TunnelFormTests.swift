import Formats
import NIOCore
import TestKit
import Testing

@testable import Tunnels

@Suite struct TunnelFormTests {
    @Test func framesAreReadAsTheyWereWritten() throws {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<2000 {
            let id = UInt32.random(in: 1 ... .max, using: &random)
            let bytes = ByteBuffer(
                bytes: (0..<Int.random(in: 1...300, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) })
            let frames: [TunnelFrame] = [
                .open(id), .accept(id), .data(id, bytes), .credit(id, UInt32.random(in: 1 ... .max, using: &random)), .end(id),
                .reset(id, "why ✓"),
                .ping(UInt64.random(in: 0 ... .max, using: &random)), .pong(7),
            ]
            for frame in frames {
                var buffer = ByteBuffer()
                TunnelFrame.encode(frame, into: &buffer)
                #expect(try TunnelFrame.decode(buffer) == frame)
                if case .data(_, let data) = frame {
                    #expect(TunnelFrame.payload(of: buffer) == data.readableBytes)
                } else {
                    #expect(TunnelFrame.payload(of: buffer) == 0)
                }
                #expect(TunnelFrame.isOpen(buffer) == (frame == .open(id)))
            }
        }
    }

    @Test func whatIsNoFrame() {
        let texts: [[UInt8]] = [
            [], [1], [1, 0, 0, 0], [0, 0, 0, 0, 1], [9, 0, 0, 0, 1], [1, 0, 0, 0, 0], [1, 0, 0, 0, 1, 0], [3, 0, 0, 0, 1], [4, 0, 0, 0, 1],
            [4, 0, 0, 0, 1, 0, 0, 0, 0], [4, 0, 0, 0, 1, 0, 0, 0, 1, 0], [7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0], [7, 0, 0, 0, 0, 1],
            [6, 0, 0, 0, 1] + [UInt8](repeating: 65, count: 257), [3, 0, 0, 0, 1] + [UInt8](repeating: 0, count: 65_537),
        ]
        for bytes in texts { #expect(throws: TunnelFault.self, "\(bytes.prefix(16))") { try TunnelFrame.decode(ByteBuffer(bytes: bytes)) } }
    }

    @Test func aLongReasonIsCutAndReadable() throws {
        var buffer = ByteBuffer()
        TunnelFrame.encode(.reset(1, String(repeating: "é", count: 500)), into: &buffer)
        guard case .reset(1, let reason) = try TunnelFrame.decode(buffer) else {
            Issue.record("no reset")
            return
        }
        #expect(reason.utf8.count <= 256)
    }

    @Test func textMessagesHoldWhatWasAgreedOn() throws {
        let bytes = SimulatedTunnel.bytes(100_000, seed: 4)
        let messages = TextPayload.messages(ByteBuffer(bytes: bytes), most: 8176)
        #expect(messages.allSatisfy { $0.readableBytes <= (8192 + 2) / 3 * 4 })
        #expect(try messages.flatMap { try TextPayload.bytes($0).readableBytesView } == bytes)
        #expect(TextPayload.messages(ByteBuffer(), most: 10).isEmpty)
        #expect(throws: TunnelFault.self) { try TextPayload.bytes(ByteBuffer(string: "no base64!")) }
    }

    @Test func targets() throws {
        for (text, host, port) in [("localhost:22", "localhost", 22), ("[::1]:5900", "::1", 5900), ("10.0.0.7:65535", "10.0.0.7", 65535)] {
            let target = try TunnelTarget(text)
            #expect(target.host == host && target.port == port && "\(target)" == text)
        }
        for text in [
            "localhost", "localhost:", "localhost:0", "localhost:65536", "::1:22", ":22", "a b:22", "a\r\nb:22", "a/b:1",
            String(repeating: "a", count: 256) + ":1",
        ] {
            #expect(throws: TunnelFault.self, "\(text)") { try TunnelTarget(text) }
        }
    }

    @Test func policies() throws {
        func allows(_ patterns: [String], _ target: String) throws -> Bool { try TunnelPolicy(patterns).allows(TunnelTarget(target)) }
        #expect(try allows(["*"], "anywhere.example:1") && allows(["*"], "[fe80::1]:9"))
        #expect(try !allows([], "localhost:22"))
        #expect(try allows(["plc-*.plant.example:44818"], "PLC-7.plant.example:44818"))
        #expect(try !allows(["plc-*.plant.example:44818"], "plc-7.plant.example:22") && !allows(["*.example:22"], "example:22"))
        #expect(try allows(["10.1.0.0/16:22"], "10.1.200.3:22") && !allows(["10.1.0.0/16:22"], "10.2.0.1:22"))
        #expect(try allows(["10.1.*:5900-5910"], "10.1.2.3:5905") && !allows(["10.1.*:5900-5910"], "10.1.2.3:5911"))
        // A name that looks like an address leads elsewhere.
        #expect(try !allows(["10.1.*:22"], "10.1.evil.example:22") && !allows(["10.1.0.0/16:22"], "10.1.0.0.example:22"))
        #expect(try allows(["[fd00::/8]:*"], "[fd12::7]:80") && !allows(["[fd00::/8]:*"], "[fe80::7]:80"))
        #expect(try allows(["127.0.0.1:80"], "[::ffff:127.0.0.1]:80"))
        for text in ["", "host", "host:0", "host:99999", "host:9-1", "::1:22", "10.0.0.0/33:1", "name/8:1", ":22", "host:1-2-3", "host:x"] {
            #expect(throws: TunnelFault.self, "\(text)") { try TunnelPolicy([text]) }
        }
    }

    @Test func theStandardPolicyIsThisMachineAndTheDevice() throws {
        let policy = TunnelPolicy.standard(deviceHost: "Press-12.plant.example")
        for text in [
            "localhost:22", "LOCALHOST:1", "127.0.0.1:80", "127.9.9.9:80", "[::1]:443", "press-12.plant.example:8001", "localhost.:22",
        ] {
            #expect(policy.allows(try TunnelTarget(text)), "\(text)")
        }
        for text in [
            "10.0.0.1:22", "127.1:80", "127.evil.example:80", "localhost.evil.example:22", "0.0.0.0:22", "2130706433:22", "press-12:22",
            "[::]:22",
        ] {
            #expect(!policy.allows(try TunnelTarget(text)), "\(text)")
        }
        #expect(TunnelPolicy.standard(deviceHost: "10.0.0.9").allows(try TunnelTarget("10.0.0.9:5900")))
    }

    @Test func startsAreReadAndWritten() throws {
        var start = TunnelStart(id: "a", target: try TunnelTarget("press:5900"))
        (start.connects, start.user, start.message) = (-1, "anna", "m")
        var read = TunnelStart(id: "a", target: try TunnelTarget("x:1"))
        try read.take(connection: JSONValue.object(start.connection).description)
        #expect(read == start)
        var bare = TunnelStart(id: "a", target: try TunnelTarget("x:1"))
        try bare.take(connection: #"{"host": "h", "port": 22}"#)
        #expect(bare.connects == 1 && bare.user == nil)
        for text in [
            "", "[]", "{}", #"{"host": "h"}"#, #"{"host": "h", "port": "22"}"#, #"{"host": "h", "port": 0}"#,
            #"{"host": "h", "port": 1, "num_connects": "2"}"#,
        ] {
            #expect(throws: TunnelFault.self, "\(text)") { try bare.take(connection: text) }
        }
        #expect(
            TunnelStart.isID("7f-A_.~") && !TunnelStart.isID("..") && !TunnelStart.isID("a/b") && !TunnelStart.isID("")
                && !TunnelStart.isID("a\r\n"))
    }

    @Test func singleTunnels() {
        /// What comes of calls, in order.
        func run(_ connects: Int, _ calls: [(inout SingleTunnel) -> [SingleTunnel.Action]]) -> [[SingleTunnel.Action]] {
            var tunnel = SingleTunnel(connects: connects)
            return [tunnel.begin()] + calls.map { $0(&tunnel) }
        }
        let stands: (inout SingleTunnel) -> [SingleTunnel.Action] = { tunnel in
            tunnel.connected()
            return []
        }
        let gone: (inout SingleTunnel) -> [SingleTunnel.Action] = { $0.disconnected("gone") }
        let connect: (inout SingleTunnel) -> [SingleTunnel.Action] = { $0.command(.connect).actions }
        let disconnect: (inout SingleTunnel) -> [SingleTunnel.Action] = { $0.command(.disconnect).actions }
        #expect(run(0, [stands, connect, gone, connect, gone]) == [[.connect], [], [], [.tell(.disconnect), .end("gone")], [], []])
        #expect(
            run(2, [stands, gone, connect, stands, disconnect])
                == [[.connect], [], [.tell(.disconnect)], [.connect], [], [.disconnect, .end("disconnected by the platform")]])
        #expect(run(-1, [stands, disconnect, gone]) == [[.connect], [], [.disconnect, .connect], [.tell(.disconnect)]])
        #expect(run(2, [gone, connect, gone]) == [[.connect], [.tell(.disconnect)], [.connect], [.tell(.disconnect), .end("gone")]])
        var idle = SingleTunnel(connects: -1)
        let (first, second, late) = (idle.end("idle", telling: .cancel), idle.end("again"), idle.command(.connect).isPossible)
        #expect(first == [.tell(.cancel), .end("idle")] && second == [] && !late)
    }

    @Test func sessionsOfAPlatform() throws {
        var table = TunnelTable()
        table.limits.legs = 3
        func session(_ id: String, connects: Int = -1) throws -> TunnelSession {
            var session = TunnelSession(id: id, thing: "T", user: "anna", target: try TunnelTarget("h:1"), startTime: 1000, patience: 5000)
            session.connects = connects
            return session
        }
        try table.add(session("a"))
        #expect(throws: TunnelTable.Refusal.unknown) { try table.edgeJoined("b", carriesMany: true) }
        let edge = try table.edgeJoined("a", carriesMany: true)
        #expect(edge.state == .starting)
        #expect(throws: TunnelTable.Refusal.taken) { try table.edgeJoined("a", carriesMany: true) }
        let user = try table.userJoined("a")
        #expect(user.state == .active)
        #expect(throws: TunnelTable.Refusal.taken) { try table.userJoined("a") }
        table.note("a", sent: 5, received: 7, connections: 2, lastTraffic: 2000)
        #expect(table["a"]?.expiry(now: 301_999) == nil && table["a"]?.expiry(now: 302_000)?.code == 408)
        let ended = table.end("a", .completed, code: 200, "done", now: 9000)
        let again = table.end("a", .failed, code: 500, "", now: 1)
        #expect(ended?.sent == 5 && ended?.duration(now: 99_999) == 8000 && again == nil)

        try table.add(session("s", connects: 3))
        #expect(table["s"]?.expiry(now: 6000)?.code == 504)
        _ = try table.edgeJoined("s", carriesMany: false)
        var number = 0
        let make = { () -> String in
            number += 1
            return "leg\(number)"
        }
        let (first, second) = (table.takeLeg(of: "s", makeID: make), table.takeLeg(of: "s", makeID: make))
        #expect(first?.leg == "s" && first?.isOpen == true && second?.leg == "leg1" && second?.isOpen == false)
        #expect(throws: TunnelTable.Refusal.taken) { try table.edgeJoined("leg1", carriesMany: true) }
        _ = try table.edgeJoined("leg1", carriesMany: false)
        table.useLeg("leg1")
        table.removeLeg("s")
        let (third, fourth) = (table.takeLeg(of: "s", makeID: make), table.takeLeg(of: "s", makeID: make))
        #expect(third != nil && fourth == nil, "its connections are used up")
        #expect(table.legs(of: "s").count == 2)
        _ = table.end("s", .cancelled, code: 410, "", now: 1)
        #expect(table.leg("leg1") == nil && table.isEmpty)
        table.limits.ofUser = 1
        try table.add(session("x"))
        #expect(throws: TunnelFault.self) { try table.add(session("y")) }
    }
}
