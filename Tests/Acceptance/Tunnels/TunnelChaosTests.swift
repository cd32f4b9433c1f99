import Foundation
import TestKit
import Testing

/// Connections through a tunnel while what carries them is killed. `TUNNEL_SECONDS` from `TUNNEL_SEED` on; `make chaos-tunnels` takes
/// longer.
@Suite(.serialized) struct TunnelChaosTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let seconds = environment["TUNNEL_SECONDS"].flatMap { Int($0) } ?? 8
    private static let seed = environment["TUNNEL_SEED"].flatMap { UInt64($0) } ?? 1

    /// Connections that go on at once.
    private static let workers = 6

    @Test("Whatever is killed: what arrives is right, what breaks is seen to break, nothing is left, and the next connection goes through")
    func killsInMidFlight() async throws {
        var random = SeededGenerator(seed: TunnelChaosTests.seed)
        let tunnels = try await TunnelChain()
        var platform = tunnels.platform
        var gateway = try await tunnels.startGateway()
        var (tool, port) = try await tunnels.tunnel()
        let load = try TunnelChain.python(["tunnel_load.py", "churn", "\(port)", "\(TunnelChaosTests.seed)"], in: tunnels.chain)
        try await load.line(containing: "churning")
        var kills = ["gateway": 0, "platform": 0, "edgectl": 0]
        let end = ContinuousClock.now + .seconds(TunnelChaosTests.seconds)
        while ContinuousClock.now < end {
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...1500, using: &random)))
            switch Int.random(in: 0..<5, using: &random) {
            case 0, 1:
                kills["gateway", default: 0] += 1
                let mark = platform.program.mark
                await gateway.end(SIGKILL)
                gateway = try tunnels.chain.startGateway()
                try await platform.program.line(containing: "TTunnels is bound to connection", after: mark)
            case 2, 3:
                kills["platform", default: 0] += 1
                await platform.program.end(SIGKILL)
                platform = try await TestPlatform(chain: tunnels.chain, port: platform.port)
                try await platform.isBound(TunnelChain.thing)
            default:
                kills["edgectl", default: 0] += 1
                await tool.end(SIGKILL)
                (tool, port) = try await tunnels.tunnel(nil, key: Chain.adminKey, port: nil, "-L", "\(port)")
            }
        }
        #expect(try await tunnels.use(port, "echo", 100_000) == ["1 fine"])
        load.signal(SIGTERM)
        let counts = try await load.line(containing: "counts ", within: 90).split(separator: " ").map(String.init)
        func count(_ name: String) -> Int { counts.firstIndex(of: name).flatMap { Int(counts[$0 + 1]) } ?? -1 }
        #expect(count("fine") > 0 && count("wrong") == 0 && count("stuck") == 0, "\(load.output)")
        // Only the system's own end of a killed edgectl may look like an end in order.
        #expect(count("early") <= (kills["edgectl"] ?? 0) * TunnelChaosTests.workers, "\(load.output)")

        #expect(await tool.end(SIGINT) == 0)
        try await tunnels.untilNone()
        let status = try await tunnels.chain.local(try await gateway.port()).call(.GET, "/")
        #expect(status["tunnels"]?["open"]?.array?.isEmpty == true, "\(status)")
        #expect(await gateway.end() == 0)
        await platform.program.end()
        print(
            "tunnels: \(TunnelChaosTests.seconds) s from seed \(TunnelChaosTests.seed), \(kills) killed, \(counts.joined(separator: " "))")
    }
}
