import Foundation
import Formats
import NIOCore
import TestKit
import Testing

/// Transfers both ways while both ends are killed in the middle of them. `FILE_RUNS` from `FILE_SEED` on; `make chaos-files` has many.
@Suite(.serialized) struct FileChaosTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let runs = environment["FILE_RUNS"].flatMap { Int($0) } ?? 8
    private static let seed = environment["FILE_SEED"].flatMap { UInt64($0) } ?? 1

    @Test("Whatever is killed, each transfer ends with the right bytes and nothing beside them")
    func everythingArrives() async throws {
        var random = SeededGenerator(seed: FileChaosTests.seed)
        let rate = #", "max_rate": 6000000"#
        let files = try await FileChain(file: rate, data: true)
        var (platform, gateway) = (files.platform, files.gateway)
        var kills = 0
        for run in 0..<FileChaosTests.runs {
            let size = Int.random(in: 0...3_000_000, using: &random)
            let bytes = FileChain.bytes(size, seed: UInt64(run) + FileChaosTests.seed)
            let inward = Bool.random(using: &random)
            let name = "f\(run)"
            if inward { try files.write("p-files/SystemRepository/\(name)", bytes) } else { try files.write("out/\(name)", bytes) }
            let (mark, gatewayMark) = (platform.program.mark, gateway.mark)
            let answer =
                inward
                ? try await platform.copy(
                    from: ("SystemRepository", "/\(name)"), to: (FileChain.thing, "/in/\(name)"), ["async": true, "queueable": true])
                : try await platform.copy(
                    from: (FileChain.thing, "/out/\(name)"), to: ("SystemRepository", "/\(name).back"), ["async": true, "queueable": true])
            let id = try #require(answer.rows.first?["transferId"]?.string, "\(answer.status) \(answer.text)")
            var lastMark = mark
            var hasBegun = true
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                // From the very beginning to long after the end.
                if hasBegun { try? await gateway.line(containing: id, after: gatewayMark, within: 10) }
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...300, using: &random)))
                kills += 1
                if Bool.random(using: &random) {
                    await gateway.end(SIGKILL)
                    lastMark = platform.program.mark
                    gateway = try files.chain.startGateway()
                } else {
                    await platform.program.end(SIGKILL)
                    platform = try await platform.restarted()
                    lastMark = 0
                }
                hasBegun = false
                try await platform.isBound(FileChain.thing, after: lastMark)
            }
            // It may have ended before the last kill.
            if try await platform.job(id)["isComplete"] != true {
                try await platform.program.line(containing: "transfer \(id) ends as", within: 90)
            }
            let job = try await platform.job(id)
            #expect(job["state"] == "VALIDATED", "run \(run): \(job)")
            #expect(FileChain.isSame(try files.read(inward ? "in/\(name)" : "p-files/SystemRepository/\(name).back"), bytes), "run \(run)")
            #expect(
                job["sourceChecksum"]?.string == FileChain.md5(bytes) && job["targetChecksum"]?.string == FileChain.md5(bytes),
                "run \(run): \(job)")
        }
        try await gateway.settled { files.staged.isEmpty }
        #expect(files.staged.isEmpty, "\(files.staged)")
        #expect(try files.names("p-files/.staging/SystemRepository").isEmpty)
        print("files: \(FileChaosTests.runs) transfers from seed \(FileChaosTests.seed), \(kills) kills: all bytes right, nothing left")
    }
}

extension Program {
    /// What a program does just after its last answer.
    fileprivate func settled(_ isSo: () -> Bool) async throws {
        for _ in 0..<1000 where !isSo() { try await Task.sleep(for: .milliseconds(5)) }
    }
}
