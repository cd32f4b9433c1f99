import Foundation
import Formats
import TestKit
import Testing

/// `edgectl cp`, `ls` and `transfers`.
@Suite struct FileToolTests {
    private func start(_ files: FileChain, _ arguments: String...) throws -> Program {
        try Program(
            Chain.binary("edgectl"), arguments + ["--url", "http://127.0.0.1:\(files.platform.port)"], in: files.chain.directory.path,
            environment: ["THINGWORX_APP_KEY": Chain.adminKey])
    }

    private func edgectl(_ files: FileChain, _ arguments: String...) async throws -> (status: Int32, output: String) {
        let program = try Program(
            Chain.binary("edgectl"), arguments + ["--url", "http://127.0.0.1:\(files.platform.port)"], in: files.chain.directory.path,
            environment: ["THINGWORX_APP_KEY": Chain.adminKey])
        return (await program.exitStatus(), program.output)
    }

    @Test func filesGoEverywhere() async throws {
        let files = try await FileChain()
        for (name, size) in [("empty", 0), ("big ü.bin", 700_001)] {
            let bytes = FileChain.bytes(size)
            try files.write(name, bytes)
            for (source, target) in [
                (name, "platform:/SystemRepository/"), ("platform:/SystemRepository/\(name)", "TFiles:/in/"),
                ("TFiles:/in/\(name)", "platform:/SystemRepository/back"),
                ("platform:/SystemRepository/back", "back"),
            ] {
                let copied = try await edgectl(files, "cp", source, target)
                #expect(copied.status == 0, "\(source) \(target): \(copied.output)")
            }
            #expect(FileChain.isSame(try files.read("back"), bytes))
        }
        let listing = try await edgectl(files, "ls", "TFiles:/in")
        #expect(listing.output.contains("big ü.bin") && listing.output.contains("700001"))
        #expect(try await edgectl(files, "ls", "TFiles:/").output.contains("out"))
        #expect(try await edgectl(files, "ls", "platform:/SystemRepository/", "b*").output.contains("back"))
        let history = try await edgectl(files, "transfers", "--history")
        #expect(history.output.contains("VALIDATED") && history.output.contains("SystemRepository:/back"))
        for (source, target) in [
            ("none", "platform:/SystemRepository/"), ("platform:/SystemRepository/none", "TFiles:/in/"), ("big ü.bin", "TFiles:/in/"),
            ("a", "b"),
        ] {
            let wrong = try await edgectl(files, "cp", source, target)
            #expect(wrong.status != 0 && !wrong.output.isEmpty, "\(source) \(target)")
        }
        #expect(try files.names(".").filter { $0.hasSuffix(".part") }.isEmpty)
    }

    @Test("Ctrl-C ends the watching: the same command goes on with the same copy")
    func interrupted() async throws {
        let files = try await FileChain(file: #", "max_rate": 200000"#)
        let bytes = FileChain.bytes(2_000_000)
        try files.write("out/a", bytes)
        let first = try start(files, "cp", "TFiles:/out/a", "platform:/SystemRepository/a")
        try await files.platform.program.line(containing: "begins: /out/a")
        first.signal(SIGINT)
        #expect(await first.exitStatus() == 130)
        #expect(first.output.contains("the platform goes on with it"))
        let active = try await edgectl(files, "transfers")
        #expect(active.output.contains("ACTIVE") && active.output.contains("TFiles:/out/a"))
        let second = try await edgectl(files, "cp", "TFiles:/out/a", "platform:/SystemRepository/a")
        #expect(second.status == 0, "\(second.output)")
        let history = try await files.platform.post("Subsystems/FileTransferSubsystem/Services/GetFileTransferHistory")
        #expect(history.rows.count == 1, "one copy, and not two")
    }

    @Test("A copy to this machine goes on where it was")
    func partOfADownload() async throws {
        let files = try await FileChain()
        let bytes = FileChain.bytes(2_300_000)
        try await files.upload("/a", bytes)
        let head = try await files.platform.send(.HEAD, "/Thingworx/FileRepositories/SystemRepository/a")
        let tag = try #require(head.headers.first(name: "ETag")).filter { $0 != "\"" }
        // What an earlier try has brought; its bytes are not looked at again.
        try files.write("b.\(tag).part", Array(bytes.prefix(2_000_000)))
        #expect(try await edgectl(files, "cp", "platform:/SystemRepository/a", "b").status == 0)
        #expect(FileChain.isSame(try files.read("b"), bytes))
    }

    @Test("Names are bytes: whatever is in them, they arrive as they are")
    func names() async throws {
        let files = try await FileChain()
        let names = [
            "e\u{301}", "é", "😀", "a\nb", " x ", "%2e%2e", "a:b", "-rf", "\u{202e}x", "a\\b", "..a", "'\"",
            String(repeating: "ß", count: 120),
        ]
        for name in names {
            try files.write("out/x", [1, 2, 3])
            let moved = try await files.platform.files(
                "MoveFile", ["sourcePath": "/out/x", "targetPath": .string("/out/" + name), "overwrite": false], of: FileChain.thing)
            #expect(moved.status == 200, "\(moved.text)")
            let copied = try await files.platform.copy(from: (FileChain.thing, "/out/" + name), to: ("SystemRepository", "/" + name))
            #expect(copied.rows.first?["state"] == "VALIDATED", "\(copied.text)")
            let back = try await files.platform.copy(from: ("SystemRepository", "/" + name), to: (FileChain.thing, "/in/" + name))
            #expect(back.rows.first?["state"] == "VALIDATED", "\(back.text)")
        }
        let listing = try await files.platform.files("ListFiles", ["path": "/in"], of: FileChain.thing)
        let found = Set(listing.rows.compactMap { $0["name"]?.string.map { Array($0.utf8) } })
        #expect(found == Set(names.map { Array($0.utf8) }))
    }
}
