import EdgeREST
import Foundation
import Formats
import TestKit
import Testing

/// Things of the Lua host with directories of their own.
@Suite struct ThingFilesTests {
    /// A platform, a gateway without directories, and a Thing in Lua with its own.
    private func chain(_ entry: String, _ template: String, gateway: String = "") async throws -> (TestPlatform, Program, Program) {
        let platform = try await TestPlatform(things: FileChain.model)
        let chain = platform.chain
        for name in ["mine", "updates"] {
            try FileManager.default.createDirectory(atPath: chain.directory.path(name), withIntermediateDirectories: true)
        }
        try chain.writeGateway(platform: platform.port, more: gateway)
        let gateway = try chain.startGateway()
        try chain.writeTemplate("box", template)
        try chain.writeScripts(gateway: try await gateway.port(), "scripts.TFiles = { file = \"thing.lua\", template = \"box\", \(entry) }")
        let scripts = try chain.startScripts()
        try await platform.isBound(FileChain.thing)
        return (platform, gateway, scripts)
    }

    @Test("A Thing with the shape filetransfer has directories of its own, and nobody gets out of them")
    func ownDirectories() async throws {
        let (platform, gateway, scripts) = try await chain(
            "virtual_dirs = { { box = \"mine\" } }",
            "require \"thingworx.shapes.filetransfer\"\nproperties.n = { baseType = \"NUMBER\", pushType = \"NEVER\", value = 1 }\n")
        defer { _ = (gateway, scripts) }
        let bytes = FileChain.bytes(400_001)
        let saved = try await platform.files("SaveBinary", ["path": "/a", "content": .string(Base64.encode(bytes))])
        #expect(saved.isDone)
        let there = try await platform.copy(from: ("SystemRepository", "/a"), to: (FileChain.thing, "/box/b ü"))
        #expect(there.rows.first?["state"] == "VALIDATED", "\(there.text)")
        let path = platform.chain.directory.path("mine")
        #expect(FileChain.isSame(FileManager.default.contents(atPath: path + "/b ü").map { [UInt8]($0) }, bytes))
        #expect(try FileManager.default.contentsOfDirectory(atPath: path + "/staging").isEmpty)
        let back = try await platform.copy(from: (FileChain.thing, "/box/b ü"), to: ("SystemRepository", "/c"))
        #expect(back.rows.first?["state"] == "VALIDATED", "\(back.text)")
        #expect(try await platform.files("GetFileChecksum", ["path": "/c"]).result.string == FileChain.md5(bytes))
        let listing = try await platform.files("BrowseFileSystem", ["path": "/box"], of: FileChain.thing)
        #expect(listing.rows.map { $0["name"]?.string } == ["b ü", "staging"])
        for path in ["/box/../a", "/etc/passwd", "/box/none"] {
            let answer = try await platform.files("GetFileInfo", ["path": .string(path)], of: FileChain.thing)
            #expect([400, 404].contains(answer.status), "\(path): \(answer.status) \(answer.text)")
        }
        // Whatever else it is, it is a Thing as before.
        #expect(try await platform.call("GetMetadata", on: FileChain.thing).status == 200)
    }

    @Test("Software updates come into the directory that the setting names")
    func softwareUpdates() async throws {
        let (platform, gateway, scripts) = try await chain(
            "sw_update_dir = \"updates\"", "require \"thingworx.shapes.filetransfer\"\nrequire \"thingworx.shapes.swupdate\"\n")
        defer { _ = (gateway, scripts) }
        #expect(try await platform.files("SaveText", ["path": "/new.zip", "content": "zip"]).isDone)
        let there = try await platform.copy(from: ("SystemRepository", "/new.zip"), to: (FileChain.thing, "/sw_update/new.zip"))
        #expect(there.rows.first?["state"] == "VALIDATED", "\(there.text)")
        #expect(FileManager.default.contents(atPath: platform.chain.directory.path("updates/new.zip")) == Data("zip".utf8))
    }

    @Test("Without directories of its own a Thing has the gateway's")
    func gatewaysDirectories() async throws {
        let platformDirectory = #", "file": {"virtual_dirs": [{"shared": "."}]}"#
        let (platform, gateway, scripts) = try await chain("", "require \"thingworx.shapes.filetransfer\"\n", gateway: platformDirectory)
        defer { _ = (gateway, scripts) }
        let answer = try await platform.files("GetFileInfo", ["path": "/shared/etc/config.json"], of: FileChain.thing)
        #expect(answer.rows.first?["path"] == "/shared/etc/config.json", "\(answer.text)")
    }

    @Test("A directory that is not there is said, and the Thing runs")
    func badDirectory() async throws {
        let (_, gateway, scripts) = try await chain("virtual_dirs = { box = \"/no/such\" }", "require \"thingworx.shapes.filetransfer\"\n")
        defer { _ = gateway }
        try await scripts.line(containing: "no files: box: /no/such is no directory")
    }
}
