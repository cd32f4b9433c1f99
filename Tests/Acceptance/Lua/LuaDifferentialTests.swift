import Foundation
import TestKit
import Testing

/// The same Lua under PUC's interpreter and in the host's states, with the same output.
@Suite(.serialized) struct LuaDifferentialTests {
    private static func fixture(_ path: String) -> String { Bundle.module.resourceURL!.appendingPathComponent("Fixtures/\(path)").path }

    /// Runs a chunk that calls `write` for its output under both, and compares.
    private func compare(_ code: String) async throws -> [String] {
        let directory = try TemporaryDirectory()
        func writing(to name: String) -> String {
            "local out = assert(io.open('\(directory.path(name))', 'w'))\nlocal function write(line) out:write(line, '\\n') end\n\(code)\nout:close()\n"
        }
        try directory.write("run.lua", writing(to: "theirs"))
        let reference = try Program("/usr/bin/env", ["lua5.1", "run.lua"], in: directory.path)
        #expect(await reference.exitStatus() == 0, "\(reference.output)")
        try await LuaHost.run(scripts: ["S": writing(to: "ours") + "native.log('info', 's', 'was compared')"]) { host async throws in
            let line = try await host.program.line(what: "the end") { $0.contains("was compared") || $0.contains("[ERROR]") }
            #expect(line.contains("was compared"), "\(line)")
        }
        func lines(_ name: String) throws -> [String] { try directory.read(name).components(separatedBy: "\n").dropLast() }
        let (ours, theirs) = (try lines("ours"), try lines("theirs"))
        for (ours, theirs) in zip(ours, theirs) where ours != theirs { Issue.record("\(ours)\nand under lua5.1\n\(theirs)") }
        #expect(ours.count == theirs.count)
        return theirs
    }

    @Test func snippets() async throws {
        let lines = try await compare("assert(loadfile('\(LuaDifferentialTests.fixture("language/snippets.lua"))'))(write)")
        // Pieces of Lua, and the kinds of difference that are meant, each with its reason in the file.
        #expect(lines.last == "657 snippets, 16 kinds skipped")
    }

    @Test func templates() async throws {
        let lines = try await compare(
            """
            print = function(...)
              local parts = {}
              for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
              write(table.concat(parts, "\\t"))
            end
            assert(loadfile('\(LuaDifferentialTests.fixture("things/plain.lua"))'))('\(LuaDifferentialTests.fixture("things"))')
            """)
        #expect(lines.contains("38.5\t385\t600000000") && lines.last == "200\t128,10,255")
    }
}
