import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOHTTP1
import TestKit
import Testing

/// Repositories of the platform (platform.md §13).
@Suite struct RepositoryTests {
    private static let token: HTTPHeaders = ["X-XSRF-TOKEN": "TWX-XSRF-TOKEN-VALUE"]
    private static let type = "multipart/form-data; boundary=bnd"

    private func form(_ fields: [(String, String)], file: (name: String, bytes: String)?, suffix: String = "") -> String {
        var text = ""
        for (name, value) in fields { text += "--bnd\r\nContent-Disposition: form-data; name=\"\(name)\(suffix)\"\r\n\r\n\(value)\r\n" }
        if let file {
            text +=
                "--bnd\r\nContent-Disposition: form-data; name=\"upload-files\(suffix)\"; filename=\"\(file.name)\"\r\nContent-Type: application/octet-stream\r\n\r\n\(file.bytes)\r\n"
        }
        return text + "--bnd\r\nContent-Disposition: form-data; name=\"upload-submit\"\r\n\r\nUpload\r\n--bnd--\r\n"
    }

    private func upload(
        _ platform: TestPlatform, _ body: String, key: String? = Chain.adminKey, headers: HTTPHeaders = token, type: String = type
    ) async throws -> TestPlatform.Answer {
        try await platform.send(.POST, "/Thingworx/FileRepositoryUploader", body, key: key, headers: headers, type: type)
    }

    private static let place = [("upload-repository", "SystemRepository"), ("upload-path", "/")]

    @Test("platform 36: a form uploads, with the token alone; both ways of downloading give the same bytes")
    func uploadAndDownload() async throws {
        let platform = try await TestPlatform()
        let text = "a line\r\n--bn\r\nand ü" + String(repeating: "x", count: 100_000)
        let answer = try await upload(platform, form(RepositoryTests.place, file: ("a ü.txt", text)))
        #expect(answer.isDone, "\(answer.status) \(answer.text)")
        #expect(try await upload(platform, form(RepositoryTests.place, file: ("b", "b")), headers: [:]).status == 403)
        let listing = try await platform.files("GetFileListing", ["path": "/"])
        #expect(listing.rows.map { $0["path"]?.string } == ["/a ü.txt"] && listing.rows.first?["size"]?.int == text.utf8.count)
        let direct = try await platform.get("FileRepositories/SystemRepository/a%20%C3%BC.txt")
        #expect(direct.text == text && direct.headers.first(name: "Content-Disposition")?.hasPrefix("attachment") == true)
        #expect(
            direct.headers.first(name: "Content-Type")?.hasPrefix("text/plain") == true
                && direct.headers.first(name: "Content-Length") == "\(text.utf8.count)")
        let other = try await platform.get(
            "FileRepositoryDownloader?download-repository=SystemRepository&download-path=%2Fa%20%C3%BC.txt&directRender=true")
        #expect(other.text == text && !other.headers.contains(name: "Content-Disposition"))
        #expect(other.headers.first(name: "Content-Security-Policy")?.hasPrefix("sandbox") == true)
        #expect(try await platform.get("Things/SystemRepository/a%20%C3%BC.txt").text == text)
        let replaced = try await upload(platform, form(RepositoryTests.place, file: ("a ü.txt", "new"), suffix: "-6fa459ea"))
        #expect(replaced.isDone)
        #expect(try await platform.get("FileRepositories/SystemRepository/a%20%C3%BC.txt").text == "new")
        let links = try await platform.files("GetFileListingWithLinks", ["path": "/"])
        let link = try #require(links.rows.first?["downloadLink"]?.string)
        #expect(try await platform.get(String(link.dropFirst("/Thingworx/".count))).text == "new")
    }

    @Test("Ranges: the first, the last, one too many, and one behind the end")
    func ranges() async throws {
        let platform = try await TestPlatform()
        #expect(try await upload(platform, form(RepositoryTests.place, file: ("a", "0123456789"))).isDone)
        func range(_ range: String, _ more: HTTPHeaders = [:]) async throws -> TestPlatform.Answer {
            var headers: HTTPHeaders = ["Range": range]
            headers.add(contentsOf: more)
            return try await platform.get("FileRepositories/SystemRepository/a", headers: headers)
        }
        for (wanted, status, text, content) in [
            ("bytes=0-3", 206, "0123", "bytes 0-3/10"), ("bytes=7-", 206, "789", "bytes 7-9/10"), ("bytes=-2", 206, "89", "bytes 8-9/10"),
            ("bytes=3-99", 206, "3456789", "bytes 3-9/10"), ("lines=1-2", 200, "0123456789", nil),
            ("bytes=0-1,3-4", 200, "0123456789", nil),
        ] as [(String, Int, String, String?)] {
            let answer = try await range(wanted)
            #expect(
                answer.status == status && answer.text == text && answer.headers.first(name: "Content-Range") == content,
                "\(wanted): \(answer.status) \(answer.text)")
        }
        for wanted in ["bytes=10-", "bytes=5-3", "bytes=-0", "bytes=", "bytes=a-b"] {
            let answer = try await range(wanted)
            #expect(answer.status == 416 && answer.headers.first(name: "Content-Range") == "bytes */10", "\(wanted): \(answer.status)")
        }
        let tag = try #require(try await range("bytes=0-0").headers.first(name: "ETag"))
        #expect(try await range("bytes=0-0", ["If-Range": tag]).status == 206)
        #expect(try await range("bytes=0-0", ["If-Range": "\"other\""]).status == 200)
        let head = try await platform.send(.HEAD, "/Thingworx/FileRepositories/SystemRepository/a")
        #expect(head.status == 200 && head.headers.first(name: "Content-Length") == "10" && head.text.isEmpty)
    }

    @Test("platform 37: folders, moving, what is not there, and ways out")
    func folders() async throws {
        let platform = try await TestPlatform()
        func status(_ service: String, _ body: JSONValue) async throws -> (Int, String) {
            let answer = try await platform.files(service, body)
            return (answer.status, answer.text)
        }
        #expect(try await status("CreateFolder", ["path": "/f/g"]).0 == 200)
        let again = try await status("CreateFolder", ["path": "/f/g"])
        #expect(again.0 == 500 && again.1.contains("already exists"))
        for name in ["/f/a.txt", "/f/b.txt"] { #expect(try await status("SaveText", ["path": .string(name), "content": "x"]).0 == 200) }
        #expect(try await status("MoveFile", ["sourcePath": "/f/a.txt", "targetPath": "/f/b.txt"]).0 == 406)
        #expect(try await status("MoveFile", ["sourcePath": "/f/a.txt", "targetPath": "/f/b.txt", "overwrite": true]).0 == 200)
        #expect(try await status("MoveFile", ["sourcePath": "/f/a.txt", "targetPath": "/f/c.txt"]).0 == 404)
        #expect(try await status("RenameFile", ["path": "/f/b.txt", "name": "d.txt"]).0 == 200)
        #expect(try await status("GetFileInfo", ["path": "/f/b.txt"]).0 == 404)
        #expect(try await status("GetFileInfo", ["path": "/f/d.txt"]).0 == 200)
        for service in ["DeleteFile", "DeleteFolder"] {
            let answer = try await status(service, ["path": "/none"])
            #expect(answer.0 == 500 && answer.1.contains("does not exist"))
        }
        #expect(try await status("DeleteFile", ["path": "/f/g"]).0 == 500)
        #expect(try await platform.files("ListDirectories", ["path": "/f"]).rows.map { $0["path"]?.string } == ["/f/g"])
        #expect(try await platform.files("GetDirectoryStructure", [:]).rows.map { $0["path"]?.string } == ["/", "/f", "/f/g"])
        #expect(
            try await platform.files("BrowseFileSystem", ["path": "/f"]).rows.map { $0["fileType"]?.string?.first }
                == ["F", "D"].map { $0.first })
        for path in ["/../etc/passwd", "/f/../../x", ".."] {
            for service in ["GetFileInfo", "LoadText", "CreateFolder", "DeleteFolder", "DeleteFile", "GetFileListing"] {
                #expect(try await status(service, ["path": .string(path)]).0 == 400, "\(service) \(path)")
            }
            #expect(
                try await platform.get(
                    "FileRepositoryDownloader?download-repository=SystemRepository&download-path=\(PercentEncoding.encode(path))"
                ).status == 400)
        }
        #expect(try await platform.get("FileRepositories/SystemRepository/%2e%2e/x").status == 400)
        #expect(try await status("DeleteFolder", ["path": "/f"]).0 == 200)
        #expect(try await platform.files("GetFileListing", ["path": "/"]).rows.isEmpty)
    }

    @Test("Text, JSON, bytes: saved, loaded, added to")
    func contents() async throws {
        let platform = try await TestPlatform()
        func call(_ service: String, _ body: JSONValue) async throws -> TestPlatform.Answer { try await platform.files(service, body) }
        #expect(try await call("SaveText", ["path": "/t", "content": "grüß\n"]).isDone)
        #expect(try await call("AppendToTextFile", ["path": "/t", "data": "more"]).isDone)
        #expect(try await call("LoadText", ["path": "/t"]).result == "grüß\nmore")
        #expect(try await call("WriteToTextFile", ["path": "/t", "data": "GR", "offset": 0]).isDone)
        #expect(try await call("LoadText", ["path": "/t"]).result == "GRüß\nmore")
        #expect(try await call("CreateTextFile", ["path": "/t", "data": "other", "overwrite": false]).isDone)
        #expect(try await call("LoadText", ["path": "/t"]).result == "GRüß\nmore", "without overwrite it stays")
        #expect(try await call("SaveJSON", ["path": "/j", "content": ["a": [1, 2]]]).isDone)
        #expect(try await call("LoadJSON", ["path": "/j"]).json["a"]?[1] == 2)
        #expect(try await call("LoadJSON", ["path": "/t"]).status == 400)
        #expect(try await call("SaveBinary", ["path": "/b", "content": .string(Base64.encode([0, 255, 128]))]).isDone)
        #expect(try await call("LoadBinary", ["path": "/b"]).result.string == Base64.encode([0, 255, 128]))
        #expect(try await call("LoadText", ["path": "/b"]).status == 400)
        #expect(try await call("WriteToBinaryFile", ["path": "/b", "data": .string(Base64.encode([9])), "offset": 3]).isDone)
        let block = try await call("ReadFromBinaryFile", ["path": "/b", "offset": 2, "count": 10])
        #expect(block.rows.first?["data"]?.string == Base64.encode([128, 9]) && block.rows.first?["eof"] == true)
        #expect(try await call("SaveText", ["path": "/no/such/folder", "content": "x"]).status == 404)
    }

    @Test("Who may not, does not; a repository that is deleted takes its files with it")
    func rights() async throws {
        let platform = try await TestPlatform(data: true)
        let guest = Chain.edgeKey
        #expect(try await platform.entityService("CreateThing", ["name": "Docs", "thingTemplateName": "FileRepository"]).isDone)
        #expect(try await upload(platform, form([("upload-repository", "Docs"), ("upload-path", "/")], file: ("a.txt", "secret"))).isDone)
        #expect(try await platform.get("FileRepositories/Docs/a.txt", key: guest).status == 403)
        #expect(try await platform.get("FileRepositories/Docs/a.txt", key: nil).status == 401)
        #expect(
            try await upload(platform, form([("upload-repository", "Docs"), ("upload-path", "/")], file: ("b.txt", "x")), key: guest).status
                == 403)
        #expect(try await platform.call("LoadText", on: "Docs", ["path": "/a.txt"], key: guest).status == 403)
        #expect(try await platform.copy(from: ("Docs", "/a.txt"), to: ("SystemRepository", "/a.txt"), key: guest).status == 403)
        let allowed = try await platform.call(
            "AddRunTimePermission", on: "Docs",
            ["principal": "edge", "principalType": "User", "resource": "*", "type": "ServiceInvoke", "allow": true])
        #expect(allowed.isDone, "\(allowed.text)")
        #expect(try await platform.get("FileRepositories/Docs/a.txt", key: guest).text == "secret")
        #expect(try await platform.copy(from: ("Docs", "/a.txt"), to: ("Docs", "/b.txt"), key: guest).rows.first?["state"] == "VALIDATED")
        await platform.program.end()
        let again = try await platform.restarted()
        #expect(try await again.get("FileRepositories/Docs/b.txt").text == "secret", "files outlast the program")
        #expect(try await again.send(.DELETE, "/Thingworx/Things/Docs").status == 200)
        #expect(try await again.get("FileRepositories/Docs/a.txt").status == 404)
        #expect(try await again.entityService("CreateThing", ["name": "Docs", "thingTemplateName": "FileRepository"]).isDone)
        #expect(try await again.call("GetFileListing", on: "Docs", ["path": "/"]).rows.isEmpty)
    }

    @Test("Forms that are wrong, long or cut off leave no file and no part")
    func badForms() async throws {
        let platform = try await TestPlatform(data: true)
        let whole = form(RepositoryTests.place, file: ("a", "text"))
        func refused(_ body: String, _ status: Int, type: String = RepositoryTests.type) async throws {
            let answer = try await upload(platform, body, type: type)
            #expect(answer.status == status, "\(answer.status) \(answer.text)")
        }
        try await refused(whole, 415, type: "multipart/form-data")
        try await refused(String(whole.dropLast(90)), 400)
        try await refused("nonsense", 400)
        try await refused(form([("upload-path", "/")], file: ("a", "text")), 400)
        try await refused(form([("upload-repository", "Nobody"), ("upload-path", "/")], file: ("a", "text")), 404)
        try await refused(form([("upload-repository", "SystemRepository"), ("upload-path", "/no/such")], file: ("a", "text")), 404)
        try await refused(form([("upload-repository", "SystemRepository"), ("upload-path", "/../..")], file: ("a", "text")), 400)
        try await refused(
            form([("upload-repository", "SystemRepository"), ("upload-path", String(repeating: "x", count: 5000))], file: ("a", "text")),
            413)
        try await refused(form(RepositoryTests.place, file: nil), 400)
        // A name of another place is a name alone.
        #expect(try await upload(platform, form(RepositoryTests.place, file: ("../../etc/evil", "x"))).isDone)
        #expect(try await platform.files("GetFileListing", ["path": "/"]).rows.map { $0["path"]?.string } == ["/evil"])
        // Half a form, then nothing: the connection goes, and what came with it.
        let peer = try HostilePeer(port: platform.port)
        let half =
            "POST /Thingworx/FileRepositoryUploader HTTP/1.1\r\nHost: localhost\r\nappKey: \(Chain.adminKey)\r\nX-XSRF-TOKEN: TWX-XSRF-TOKEN-VALUE\r\n"
            + "Content-Type: multipart/form-data; boundary=bnd\r\nContent-Length: 9000000000\r\n\r\n"
        peer.write(text: half + String(whole.dropLast(80)))
        let staging = platform.chain.directory.path("p-files/.staging/SystemRepository")
        while try FileManager.default.contentsOfDirectory(atPath: staging).isEmpty { await Task.yield() }
        peer.hangUp()
        while try !FileManager.default.contentsOfDirectory(atPath: staging).isEmpty { await Task.yield() }
        #expect(try await platform.files("GetFileListing", ["path": "/"]).rows.count == 1)
    }
}
