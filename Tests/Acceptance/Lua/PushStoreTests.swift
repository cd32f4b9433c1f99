import EdgeREST
import Formats
import Foundation
import MessageStore
import Secrets
import TestKit
import Testing

/// Changes of Lua Things while the gateway, or the platform behind it, is away.
@Suite(.serialized, .timeLimit(.minutes(2))) struct PushStoreTests {
    private static let entry = "{ file = 'thing.lua', template = 'counter', scanRateResolution = 10, scanRate = 20, keepAliveRate = 300 }"

    private struct Running {
        let chain: Chain
        var platform, gateway, scripts: Program
        let platformPort, gatewayPort: Int

        init(settings: String) async throws {
            chain = try Chain()
            try chain.writeModel(things: #"[{"name": "T1", "properties": {"n": {"baseType": "NUMBER", "remote": true}}}]"#)
            platform = try chain.startPlatform(journal: true)
            platformPort = try await platform.port()
            try chain.writeGateway(platform: platformPort, more: ", \"offline_msg_store\": {\"directory\": \"store\"}")
            gateway = try chain.startGateway()
            gatewayPort = try await gateway.port()
            try chain.fixGatewayPort(gatewayPort)
            try await gateway.line(containing: "and authenticated")
            try chain.writeTemplate("counter", "properties.n = { baseType = 'NUMBER', pushType = 'VALUE', value = 0 }")
            try chain.writeScripts(gateway: gatewayPort, "\(settings)\nscripts.T1 = \(PushStoreTests.entry)")
            scripts = try chain.startScripts()
            try await platform.line(containing: "T1.n = 0")
        }

        /// What the platform got, the same value in a row once: a Thing that registers again pushes what it has.
        func values() throws -> [Int] {
            try chain.journal().compactMap { $0["value"]?.int }.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
        }

        func set(_ value: Int) async throws {
            let host = try chain.local(try await scripts.port())
            #expect(try await host.send(.PUT, "/scripts/Thingworx/T1/Properties/n", body: ["n": .int(value)]).status == 200)
        }

        /// Waits until a store's newest message holds a value, as a number in JSON or on the wire.
        func kept(_ value: Int, in directory: String) async throws {
            let json = ["}", ","].map { Array("\"value\":\(value)\($0)".utf8) }
            let wire = withUnsafeBytes(of: Double(value).bitPattern.bigEndian) { Array($0) }
            while true {
                let ring = try KeyFile(besides: chain.directory.path("etc/config.lua"), credentialsDirectory: nil).load()
                let log = try SegmentLog(
                    files: DiskFiles(chain.directory.path(directory), reading: true), ring: ring, limits: StoreLimits(), isReading: true)
                let bytes = Array(
                    log.read(from: .init(), bytes: .max, isWanted: { _, _ in true }).messages.last?.payload.readableBytesView ?? .init())
                if json.contains(where: { bytes.firstRange(of: $0) != nil }) || bytes.firstRange(of: wire) != nil { return }
                try await Task.sleep(for: .milliseconds(50))
            }
        }

        func arrived(_ value: Int) async throws { while try values().last != value { try await Task.sleep(for: .milliseconds(100)) } }

        func end() async {
            for program in [scripts, gateway, platform] { await program.end() }
        }
    }

    @Test func changesOnDiskOutlastAKillOfTheHost() async throws {
        var running = try await Running(settings: "scripts.push_store = 'pushes'")
        await running.gateway.end(SIGKILL)
        for value in 1...5 {
            try await running.set(value)
            try await running.kept(value, in: "pushes")
        }
        await running.scripts.end(SIGKILL)
        running.scripts = try running.chain.startScripts()
        // The value that it starts with is one more.
        try await running.kept(0, in: "pushes")
        for value in 6...8 {
            try await running.set(value)
            try await running.kept(value, in: "pushes")
        }
        running.gateway = try running.chain.startGateway()
        try await running.arrived(8)
        let values = try running.values()
        #expect(values == [0, 1, 2, 3, 4, 5, 0, 6, 7, 8], "\(values) \((try? running.chain.directory.read("journal.jsonl")) ?? "")")
        await running.end()
    }

    @Test func changesWaitInMemoryWhileTheGatewayIsAway() async throws {
        var running = try await Running(settings: "")
        await running.gateway.end(SIGKILL)
        for value in 1...5 {
            try await running.set(value)
            // Nobody is told of a scan: several of them pass.
            try await Task.sleep(for: .milliseconds(200))
        }
        running.gateway = try running.chain.startGateway()
        try await running.arrived(5)
        let values = try running.values()
        #expect(values == [0, 1, 2, 3, 4, 5], "\(values) \((try? running.chain.directory.read("journal.jsonl")) ?? "")")
        await running.end()
    }

    @Test func theGatewayKeepsThemWhileThePlatformIsAway() async throws {
        var running = try await Running(settings: "scripts.push_store = 'pushes'")
        let mark = running.gateway.mark
        await running.platform.end(SIGKILL)
        try await running.gateway.line(containing: "was lost", after: mark)
        for value in 1...5 {
            try await running.set(value)
            try await running.kept(value, in: "store")
        }
        // Both die: what the gateway has said that it stored is there.
        await running.gateway.end(SIGKILL)
        await running.scripts.end(SIGKILL)
        running.platform = try running.chain.startPlatform(port: running.platformPort, journal: true)
        running.gateway = try running.chain.startGateway()
        running.scripts = try running.chain.startScripts()
        // Its port is open before the script has started.
        try await running.platform.line(containing: "T1 is bound")
        try await running.set(6)
        try await running.arrived(6)
        let values = try running.values().filter { $0 != 0 }
        #expect(values == [1, 2, 3, 4, 5, 6], "\(values) \((try? running.chain.directory.read("journal.jsonl")) ?? "")")
        await running.end()
    }
}
