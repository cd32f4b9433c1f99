import Foundation
import TestKit
import Testing

/// The guides are done as they are read: every command, in order, in one directory, and what it should print is looked for.
@Suite struct GuideTests {
    private static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../Documentation/guides")
        .standardized

    private enum Block {
        case commands(String)
        case output(String)
    }

    private func blocks(of guide: String) throws -> [Block] {
        let text = try String(contentsOf: GuideTests.directory.appending(path: guide), encoding: .utf8)
        return text.matches(of: /(?sm)^```(sh|text)\n(.*?)^```$/).map { match in
            match.1 == "sh" ? .commands(String(match.2)) : .output(String(match.2))
        }
    }

    @Test("the first gateway, and on to the first Lua Thing") func gatewayAndLua() async throws {
        try await follow(["gateway.md", "lua.md"])
    }

    @Test func moving() async throws { try await follow(["moving.md"]) }

    private func follow(_ names: [String]) async throws {
        let directory = try TemporaryDirectory()
        let ports = try ReservedPort(consecutive: 3)
        let blocks = try names.flatMap { try self.blocks(of: $0) }
        try #require(blocks.count > 5)
        // Each block's output goes to a file of its own; programs in the background end with the script.
        var script = "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"
        var expected: [(file: String, text: String)] = []
        var number = 0
        func ported(_ text: String) -> String {
            [(8080, 0), (8000, 1), (8001, 2)].reduce(text) { text, port in
                text.replacing("\(port.0)", with: "\(ports.port + port.1)")
            }
        }
        for block in blocks {
            switch block {
            case .commands(let commands):
                number += 1
                script += "{ :\n\(ported(commands))} > \"$TOP/out\(number)\" 2>&1\n"
            case .output(let text):
                for line in text.split(separator: "\n") { expected.append(("out\(number)", ported(String(line)))) }
            }
        }
        for index in 0..<3 { ports.release(index) }
        try directory.write("guide.sh", script + "echo the end is reached\n")
        let programs = URL(filePath: Chain.binary("wsems")).deletingLastPathComponent().path
        let run = try Program(
            "/bin/bash", ["guide.sh"], in: directory.path, environment: ["PATH": "\(programs):/usr/bin:/bin", "TOP": directory.path])
        let status = await run.exitStatus()
        let outputs = (1...number).map { (try? directory.read("out\($0)")) ?? "" }
        #expect(status == 0 && run.output.contains("the end is reached"), "\(run.output)\n\(outputs.joined(separator: "\n--\n"))")
        for (file, line) in expected {
            let output = (try? directory.read(file)) ?? ""
            let isThere = output.contains(line)
            #expect(isThere, "\(file) lacks \"\(line)\": \(output)")
        }
    }
}

/// What the troubleshooting guide explains is what the programs say.
@Suite struct TroubleshootingTests {
    @Test func everyMessageIsOneOfThePrograms() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
        let guide = try String(contentsOf: root.appending(path: "Documentation/guides/troubleshooting.md"), encoding: .utf8)
        var sources = ""
        let files = FileManager.default.enumerator(at: root.appending(path: "Sources"), includingPropertiesForKeys: nil)
        while let file = files?.nextObject() as? URL {
            guard ["swift", "lua", "c", "h"].contains(file.pathExtension) else { continue }
            // Texts that go over several lines are one.
            sources += try String(contentsOf: file, encoding: .utf8).replacing(/" \+?\n *\+? ?"/, with: "").replacing(/\\\n */, with: "")
        }
        var count = 0
        for row in guide.split(separator: "\n") where row.hasPrefix("| `") && !row.contains("*(the system's)*") {
            let cell = row.dropFirst(2).prefix { $0 != "|" }
            for message in cell.matches(of: /`([^`]+)`/).map({ String($0.1) }) {
                count += 1
                let isThere = sources.contains(message)
                #expect(isThere, "no program says \"\(message)\"")
            }
        }
        #expect(count > 35)
    }

    /// Links between the documents lead somewhere.
    @Test func linksLeadSomewhere() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
        let files = FileManager.default.enumerator(at: root.appending(path: "Documentation"), includingPropertiesForKeys: nil)
        var documents = [root.appending(path: "README.md"), root.appending(path: "CONTRIBUTING.md")]
        while let file = files?.nextObject() as? URL { if file.pathExtension == "md" { documents.append(file) } }
        for document in documents {
            for match in try String(contentsOf: document, encoding: .utf8).matches(of: /\]\(([^)#:]+)(#[^)]*)?\)/) {
                let target = document.deletingLastPathComponent().appending(path: String(match.1))
                #expect(FileManager.default.fileExists(atPath: target.path), "\(document.lastPathComponent) links to \(match.1)")
            }
        }
    }
}
