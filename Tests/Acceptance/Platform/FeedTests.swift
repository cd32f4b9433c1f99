import AlwaysOn
import Formats
import Foundation
import NIOHTTP1
import TestKit
import Testing

/// Watching values and events (Documentation/platform.md).
@Suite struct FeedTests {
    private static let things =
        #"[{"name": "T1", "template": "GenericThing", "properties": {"n": {"baseType": "NUMBER"}}}, {"name": "X1", "#
        + #""template": "GenericThing", "properties": {"n": {"baseType": "NUMBER"}}}]"#

    /// A watcher by curl, its lines as they come.
    private func watch(_ platform: TestPlatform, _ query: String, key: String) throws -> Program {
        try Program(
            "/usr/bin/curl", ["-sN", "-H", "appKey: \(key)", "http://127.0.0.1:\(platform.port)/Thingworx/Feed?\(query)"],
            in: platform.chain.directory.path)
    }

    @Test func valuesAndEventsAsTheyHappen() async throws {
        let platform = try await TestPlatform(things: FeedTests.things)
        let all = try watch(platform, "kinds=values,events", key: Chain.adminKey)
        let some = try watch(platform, "kinds=values,events", key: Chain.edgeKey)
        let one = try watch(platform, "kinds=values&thing=X1", key: Chain.adminKey)
        for program in [all, some, one] { try await program.line(containing: "\"kind\":\"start\"") }
        let mark = (all.mark, some.mark, one.mark)
        _ = try await platform.put("Things/X1/Properties/n", ["n": 4711])
        let line = try await all.line(containing: "4711", after: mark.0)
        #expect(line.hasPrefix("data: {\"kind\":\"value\"") && line.contains("\"property\":\"n\"") && line.contains("\"quality\":\"GOOD\""))
        try await one.line(containing: "4711", after: mark.2)
        _ = try await platform.put("Things/T1/Properties/n", ["n": 4712])
        try await some.line(containing: "4712", after: mark.1)
        // What one may not read one is not told, and what one did not ask for neither.
        #expect(!some.output.contains("X1") && !one.output.contains("4712"))
        try await platform.makeThing("Tnew", "RemoteThing")
        try await all.line(containing: "\"name\":\"ThingCreated\"")
        // Those who leave leave nothing behind, those who are sent away are.
        await some.end(SIGKILL)
        #expect(try await platform.post("ApplicationKeys/edge/Services/DisableKey").isDone)
        #expect(try await platform.get("Feed?kinds=messages", key: Chain.edgeKey).status == 401)
        #expect(await platform.program.end() == 0)
        #expect(await all.exitStatus() == 0)
        _ = await one.exitStatus()
    }

    @Test func aKeyThatIsTakenBackEndsItsFeeds() async throws {
        let platform = try await TestPlatform(things: FeedTests.things)
        #expect(try await platform.get("Feed?kinds=messages", key: Chain.edgeKey).status == 403)
        #expect(try await platform.get("Feed?kinds=nonsense").status == 400)
        #expect(try await platform.get("Feed?thing=X1", key: Chain.edgeKey).status == 403)
        let watcher = try watch(platform, "kinds=values", key: Chain.edgeKey)
        try await watcher.line(containing: "\"kind\":\"start\"")
        #expect(try await platform.post("ApplicationKeys/edge/Services/DisableKey").isDone)
        #expect(await watcher.exitStatus() == 0)
        await platform.program.end()
    }

    /// Messages as they go over the wire: to administrators, without what edges sign in with.
    @Test func messagesOfEdges() async throws {
        let platform = try await TestPlatform()
        let watcher = try watch(platform, "kinds=messages,events", key: Chain.adminKey)
        try await watcher.line(containing: "\"kind\":\"start\"")
        try await platform.makeThing("T0", "RemoteThing")
        let edge = try StandInEdge(port: platform.port)
        edge.bind("T0")
        await edge.wasAsked("POST NotifyPropertyUpdate")
        try await watcher.line(containing: "\"kind\":\"bind\"")
        let request = try await watcher.line(containing: "NotifyPropertyUpdate")
        #expect(request.contains("\"incoming\":false") && request.contains("\"bytes\":\"01"))
        #expect(!watcher.output.contains(Chain.edgeKey))
        await platform.program.end()
    }

    /// The same over a WebSocket: not for pages of others, nor without a key.
    @Test func overAWebSocket() async throws {
        let platform = try await TestPlatform(things: FeedTests.things)
        func upgrade(_ headers: String) throws -> HostilePeer {
            let peer = try HostilePeer(port: platform.port)
            peer.write(
                text:
                    "GET /Thingworx/Feed?kinds=values HTTP/1.1\r\nHost: 127.0.0.1:\(platform.port)\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(headers)\r\n"
            )
            return peer
        }
        #expect(try upgrade("").readHead().hasPrefix("HTTP/1.1 401"))
        #expect(try upgrade("appKey: wrong\r\n").readHead().hasPrefix("HTTP/1.1 401"))
        #expect(try upgrade("appKey: \(Chain.adminKey)\r\nOrigin: http://evil.example\r\n").readHead().hasPrefix("HTTP/1.1 403"))
        let peer = try upgrade("appKey: \(Chain.adminKey)\r\n")
        #expect(peer.readHead().hasPrefix("HTTP/1.1 101"))
        _ = try await platform.put("Things/X1/Properties/n", ["n": 4713])
        #expect(peer.read(until: "\"value\":4713"))
        // The end of the platform is the end of the feed.
        #expect(await platform.program.end() == 0)
        #expect(peer.readToEnd().utf8.count < 1 << 16)
    }

    /// One that takes nothing costs a bounded amount, and the latest values are what it gets in the end.
    @Test func aWatcherThatReadsNothing() async throws {
        let platform = try await TestPlatform(things: FeedTests.things)
        let silent = try HostilePeer(port: platform.port)
        silent.write(text: "GET /Thingworx/Feed?kinds=values HTTP/1.1\r\nHost: 127.0.0.1\r\nappKey: \(Chain.adminKey)\r\n\r\n")
        #expect(silent.readHead().hasPrefix("HTTP/1.1 200"))
        let edge = try StandInEdge(port: platform.port)
        for round in 0..<20 {
            _ = try await edge.push("T1", (0..<100).map { ("n", .number(Double(round * 100 + $0)), Int64($0)) })
        }
        #expect(try await platform.get("health", key: nil).status == 200)
        await platform.program.end()
    }
}
