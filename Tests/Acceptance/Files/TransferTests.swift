import Foundation
import Formats
import TestKit
import Testing

@Suite struct TransferTests {
    @Test("ems 53: files go in and out, equal, and the staging directory is empty afterwards")
    func copiesBothWays() async throws {
        let files = try await FileChain()
        let bytes = FileChain.bytes(1_000_001)
        try await files.upload("/to edge ü.bin", bytes)
        let there = try await files.copy(from: ("SystemRepository", "/to edge ü.bin"), to: (FileChain.thing, "/in/arrived ü.bin"))
        let row = there.rows.first ?? .null
        #expect(there.status == 200, "\(there.text)")
        #expect(
            row["state"] == "VALIDATED" && row["isComplete"] == true && row["size"]?.int == bytes.count
                && row["bytesTransferred"]?.int == bytes.count)
        #expect(row["sourceChecksum"]?.string == FileChain.md5(bytes) && row["targetChecksum"] == row["sourceChecksum"])
        #expect(FileChain.isSame(try files.read("in/arrived ü.bin"), bytes))
        let back = try await files.copy(from: (FileChain.thing, "/in/arrived ü.bin"), to: ("SystemRepository", "/back.bin"))
        #expect(back.rows.first?["state"] == "VALIDATED")
        let sum = try await files.platform.files("GetFileChecksum", ["path": "/back.bin"])
        #expect(sum.result.string == FileChain.md5(bytes))
        #expect(files.staged.isEmpty, "\(files.staged)")
        #expect(try await files.platform.post("Subsystems/FileTransferSubsystem/Services/GetActiveTransferJobs").rows.isEmpty)
    }

    @Test("Files without a byte, with one, and of whole blocks")
    func edges() async throws {
        let files = try await FileChain()
        for size in [0, 1, 128_000, 256_000] { try await edges(size, files) }
    }

    private func edges(_ size: Int, _ files: FileChain) async throws {
        let bytes = FileChain.bytes(size)
        try files.write("out/a", bytes)
        let there = try await files.copy(from: (FileChain.thing, "/out/a"), to: ("SystemRepository", "/a"))
        #expect(there.rows.first?["state"] == "VALIDATED", "\(there.text)")
        let back = try await files.copy(from: ("SystemRepository", "/a"), to: (FileChain.thing, "/in/a"))
        #expect(back.rows.first?["state"] == "VALIDATED", "\(back.text)")
        #expect(FileChain.isSame(try files.read("in/a"), bytes))
    }

    @Test("From one edge to another, through the platform")
    func edgeToEdge() async throws {
        let files = try await FileChain()
        try await files.bound("TOther")
        let bytes = FileChain.bytes(700_000)
        try files.write("out/a", bytes)
        let answer = try await files.copy(from: (FileChain.thing, "/out/a"), to: ("TOther", "/in/b"))
        #expect(answer.rows.first?["state"] == "VALIDATED", "\(answer.text)")
        #expect(FileChain.isSame(try files.read("in/b"), bytes))
    }

    @Test("platform 38: an asynchronous copy says at once that it has begun, and is told of when it ends")
    func asynchronous() async throws {
        let files = try await FileChain()
        try await files.platform.makeThing("Listener")
        try files.write("out/a", FileChain.bytes(500_000))
        let answer = try await files.copy(
            from: (FileChain.thing, "/out/a"), to: ("SystemRepository", "/a"), ["async": true, "metadata": ["order": 7]])
        let sync = try await files.copy(from: (FileChain.thing, "/out/a"), to: ("SystemRepository", "/b"))
        #expect(sync.rows.first?["state"] == "VALIDATED" && sync.rows.first?["isComplete"] == true && sync.rows.first?["isAsync"] == false)
        let row = answer.rows.first ?? .null
        #expect(row["state"] == "ACTIVE" || row["state"] == "QUEUED")
        let id = try #require(row["transferId"]?.string)
        let job = try await files.platform.ended(id)
        #expect(job["state"] == "VALIDATED" && job["metadata"]?["order"] == 7 && job["isAsync"] == true)
        let history = try await files.platform.post(
            "Subsystems/FileTransferSubsystem/Services/GetFileTransferHistory", ["thingName": .string(FileChain.thing)])
        #expect(history.rows.contains { $0["transferId"]?.string == id })
        #expect(
            try await files.platform.post("Subsystems/FileTransferSubsystem/Services/IsTransferJobActive", ["tid": .string(id)]).result
                == false)
    }

    @Test("ems 54: no path leads out of its virtual directory")
    func nowayOut() async throws {
        let files = try await FileChain()
        try files.write("secret", Array("secret".utf8))
        try FileManager.default.createSymbolicLink(atPath: files.path("in/link"), withDestinationPath: files.path("secret"))
        try FileManager.default.createSymbolicLink(atPath: files.path("in/all"), withDestinationPath: "/")
        for path in [
            "/in/../secret", "/in/../../etc/passwd", "/../etc/passwd", "/in/./../secret", "in/../secret", "/in/link", "/in/all/etc/passwd",
            "/etc/passwd", "/in//../secret",
        ] {
            let read = try await files.copy(from: (FileChain.thing, path), to: ("SystemRepository", "/stolen"))
            #expect([400, 403, 404].contains(read.status), "\(path): \(read.status) \(read.text)")
            let info = try await files.platform.files("GetFileInfo", ["path": .string(path)], of: FileChain.thing)
            #expect([400, 403, 404].contains(info.status), "\(path): \(info.status) \(info.text)")
            let block = try await files.platform.files(
                "ReadFromBinaryFile", ["path": .string(path), "offset": 0, "count": 10], of: FileChain.thing)
            #expect([400, 403, 404].contains(block.status), "\(path): \(block.status) \(block.text)")
            let moved = try await files.platform.files(
                "MoveFile", ["sourcePath": .string(path), "targetPath": "/in/x", "overwrite": true], of: FileChain.thing)
            #expect([400, 403, 404].contains(moved.status), "\(path): \(moved.status) \(moved.text)")
        }
        try await files.upload("/new", [1])
        for path in ["/in/../new", "/in/all/tmp/new", "/new", "/in/link"] {
            let answer = try await files.copy(from: ("SystemRepository", "/new"), to: (FileChain.thing, path))
            #expect([400, 403, 404].contains(answer.status), "\(path): \(answer.status) \(answer.text)")
        }
        #expect(try files.read("secret") == Array("secret".utf8))
        #expect(try files.names("in") == ["all", "link"])
        let listing = try await files.platform.files("BrowseDirectory", ["path": "/in"], of: FileChain.thing)
        #expect(listing.rows.isEmpty, "links are not listed")
        for text in ["\"..\" is not allowed in a path", "/in/link: is a symbolic link"] {
            #expect(
                files.gateway.lines.contains { $0.contains("AUDIT") && $0.contains("a file was refused") && $0.contains(text) }, "\(text)")
        }
    }

    @Test("ems 55: a virtual directory that is not there is left out with a warning, and the gateway runs")
    func badDirectory() async throws {
        let platform = try await TestPlatform(things: FileChain.model)
        try platform.chain.writeGateway(
            platform: platform.port, autoBind: #"[{"name": "TFiles"}]"#, more: #", "file": {"virtual_dirs": [{"in": "/no/such/place"}]}"#)
        let gateway = try platform.chain.startGateway()
        try await gateway.line(containing: "virtual_dirs[0].in: /no/such/place is no directory that can be read")
        try await platform.isBound(FileChain.thing)
        let answer = try await platform.files("ListFiles", ["path": "/in"], of: FileChain.thing)
        #expect(answer.status >= 400)
    }

    @Test("What cannot be copied says why, and leaves nothing behind")
    func refusals() async throws {
        let files = try await FileChain(file: #", "max_file_size": 1000"#)
        try await files.upload("/small", FileChain.bytes(10))
        try await files.upload("/big", FileChain.bytes(2000))
        func refused(_ source: (String, String), _ target: (String, String), _ status: Int, _ text: String) async throws {
            let answer = try await files.copy(from: source, to: target)
            #expect(answer.status == status && answer.text.contains(text), "\(source) \(target): \(answer.status) \(answer.text)")
        }
        try await refused(("SystemRepository", "/none"), (FileChain.thing, "/in/a"), 404, "/none")
        try await refused(("SystemRepository", "/small"), (FileChain.thing, "/in/none/a"), 404, "/in/none")
        try await refused(("SystemRepository", "/small"), (FileChain.thing, "/nowhere/a"), 404, "virtual directory")
        try await refused(("SystemRepository", "/big"), (FileChain.thing, "/in/a"), 413, "1000 are allowed")
        try await refused((FileChain.thing, "/in/a"), ("SystemRepository", "/a"), 404, "/in/a")
        try await refused((FileChain.thing, "/in"), ("SystemRepository", "/a"), 400, "/in")
        try await refused(("SystemRepository", "/small"), ("Nobody", "/in/a"), 404, "Nobody")
        try await refused(("SystemRepository", "/small"), ("TPlain", "/in/a"), 400, "has no files")
        let wrong = try await files.copy(from: ("SystemRepository", "/small"), to: (FileChain.thing, "/in/a"), ["queueable": true])
        #expect(wrong.status == 400 && wrong.text.contains("async"))
        let forbidden = try await files.copy(from: ("SystemRepository", "/small"), to: ("TOther", "/in/a"), key: "wrong")
        #expect(forbidden.status == 401)
        #expect(try files.names("in").isEmpty && files.staged.isEmpty)
    }
}
