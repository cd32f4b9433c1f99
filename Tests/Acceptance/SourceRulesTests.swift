import Foundation
import TestKit
import Testing

/// Rules of the house that a script can judge.
@Suite struct SourceRulesTests {
    /// What may trap on the way of input was looked at, and says why no input gets there.
    @Test func nothingNewMayTrap() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
        let program = try Program("/usr/bin/env", ["bash", root.appending(path: "Scripts/traps").path], in: root.path)
        #expect(await program.exitStatus() == 0, "\(program.output)")
        let list = try String(contentsOf: root.appending(path: "Tests/Acceptance/Fixtures/traps.txt"), encoding: .utf8)
        #expect(list.split(separator: "\n").allSatisfy { $0.hasPrefix("#") || $0.contains("  <- ") })
    }
}
