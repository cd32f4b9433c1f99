import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// The platform by `edgectl`, and its model as a whole.
@Suite struct ToolTests {
    private func edgectl(_ platform: TestPlatform, _ arguments: String...) async throws -> (status: Int32, output: String) {
        let program = try Program(
            Chain.binary("edgectl"), arguments + ["--url", "http://127.0.0.1:\(platform.port)"], in: platform.chain.directory.path,
            environment: ["THINGWORX_APP_KEY": Chain.adminKey])
        return (await program.exitStatus(), program.output)
    }

    @Test func peopleLookAfterAPlatform() async throws {
        let platform = try await TestPlatform(
            things: #"[{"name": "T1", "template": "GenericThing", "properties": {"n": {"baseType": "NUMBER", "logged": true}}}]"#)
        #expect(try await edgectl(platform, "things", "create", "Press-12", "--identifier", "SN-1").status == 0)
        let things = try await edgectl(platform, "things")
        #expect(things.output.contains("NAME") && things.output.contains("Press-12") && things.output.contains("RemoteThing"))
        #expect(try await edgectl(platform, "props", "add", "Press-12", "force", "NUMBER", "--remote", "--logged").status == 0)
        #expect(try await edgectl(platform, "props", "Press-12").output.contains("force"))
        let bad = try await edgectl(platform, "props", "add", "Press-12", "force", "NUMBER")
        #expect(bad.status != 0 && bad.output.contains("403") && bad.output.contains("force"))
        for value in 1...3 { _ = try await platform.put("Things/T1/Properties/n", ["n": .int(value)]) }
        let history = try await edgectl(platform, "history", "T1", "n", "--json")
        #expect(try history.output.split(separator: "\n").map { try JSONValue(parsing: String($0))["n"]?.int } == [3, 2, 1])
        #expect(try await edgectl(platform, "services", "T1", "--all").output.contains("GetPropertyValues"))

        #expect(try await edgectl(platform, "users", "create", "anna", "--without-password", "--group", "Edge").status == 0)
        #expect(try await edgectl(platform, "users").output.contains("anna"))
        let key = try await edgectl(platform, "keys", "create", "anna-key", "--user", "anna")
        #expect(try await platform.get("Things", key: key.output.trimmingCharacters(in: .whitespacesAndNewlines)).status == 200)
        #expect(try await edgectl(platform, "keys").output.contains("anna-key"))
        let why = try await edgectl(platform, "permissions", "why", "anna", "read", "Press-12")
        #expect(why.output == "no: no rule allows it")
        #expect(try await edgectl(platform, "permissions", "add", "read", "--group", "Edge", "--on", "Press-*").status == 0)
        #expect(try await edgectl(platform, "permissions", "why", "anna", "read", "Press-12").output.hasPrefix("yes: rule 2 allows it"))
        #expect(try await edgectl(platform, "permissions", "delete", "2").status == 0)
        #expect(try await edgectl(platform, "things", "delete", "Press-12").status == 0)
        #expect(try await platform.get("Things/Press-12").status == 404)
        await platform.program.end()
    }

    @Test func aModelMovesToAnotherPlatform() async throws {
        let one = try await TestPlatform(
            things:
                #"[{"name": "T1", "identifier": "SN-1", "properties": {"n": {"baseType": "NUMBER", "remote": true, "#
                + #""pushType": "ALWAYS"}}}]"#,
            data: true)
        #expect(try await one.entityService("CreateThingTemplate", ["name": "Machine", "thingTemplateName": "RemoteThing"]).isDone)
        #expect(try await one.entityService("CreateThingTemplate", ["name": "A-Press", "thingTemplateName": "Machine"]).isDone)
        try await one.makeThing("P1", "A-Press")
        let exported = try await edgectl(one, "model", "export")
        #expect(exported.status == 0 && !exported.output.contains("keyDigest") && !exported.output.contains("passwordHash"))
        let two = try await TestPlatform()
        try two.chain.directory.write("model.json", exported.output)
        #expect(try await edgectl(two, "model", "import", "model.json").status == 0)
        for path in ["Things/T1", "Things/P1", "ThingTemplates/A-Press"] {
            let (before, after) = (try await one.get(path).json, try await two.get(path).json)
            for member in ["thingShape", "remotePropertyBindings", "identifier", "thingTemplate", "baseThingTemplate"] {
                #expect(before[member] == after[member], "\(path) \(member)")
            }
        }
        // One that cannot be leaves everything as it was.
        let broken = exported.output.replacingOccurrences(of: "\"baseType\":\"NUMBER\"", with: "\"baseType\":\"NOPE\"")
            .replacingOccurrences(of: "\"P1\"", with: "\"P2\"")
        try two.chain.directory.write("broken.json", broken)
        let refused = try await edgectl(two, "model", "import", "broken.json")
        #expect(refused.status != 0 && refused.output.contains("NOPE"))
        #expect(try await two.get("Things/P2").status == 404)

        let backup = try await edgectl(one, "model", "backup", "copy.db")
        #expect(backup.status == 0)
        #expect(try await edgectl(one, "model", "backup", "../copy.db").status != 0)
        await one.program.end()
        let copy = try Program(
            Chain.binary("thingplatform"),
            ["--config", one.chain.directory.path("platform.json"), "--port", "0", "--data", one.chain.directory.path("copy.db")],
            in: one.chain.directory.path)
        let rest = try one.chain.platform(try await copy.port())
        #expect(try await rest.call(.GET, "/Thingworx/Things/P1")["thingTemplate"] == "A-Press")
        await copy.end()
        await two.program.end()
    }

    /// The first start of all tells a password, once; a link signs in, once.
    @Test func theFirstStart() async throws {
        let directory = try TemporaryDirectory()
        func start() throws -> Program {
            try Program(Chain.binary("thingplatform"), ["--port", "0", "--link", "--demo"], in: directory.path)
        }
        let first = try start()
        let line = try await first.line(containing: "sign in as Administrator with the password")
        let link = try await first.line(containing: "/#token=")
        let port = try await first.port()
        let password = try #require(line.components(separatedBy: "password ").last?.prefix { $0 != "," })
        let token = try #require(link.components(separatedBy: "#token=").last)
        func signIn(_ body: JSONValue, _ port: Int) async throws -> Int {
            try await RestClient(url: "http://127.0.0.1:\(port)", key: nil, on: TestPlatform.loop).send(
                .POST, "/Thingworx/Sessions", body: body
            ).status
        }
        #expect(try await signIn(["token": .string(token)], port) == 200)
        #expect(try await signIn(["token": .string(token)], port) == 403)
        #expect(try await signIn(["user": "Administrator", "password": .string(String(password))], port) == 200)
        #expect(try await signIn(["user": "Administrator", "password": "guess"], port) == 403)
        #expect(try await signIn(["user": "Nobody", "password": "guess"], port) == 403)
        await first.end(SIGKILL)
        let second = try start()
        #expect(try await signIn(["user": "Administrator", "password": .string(String(password))], try await second.port()) == 200)
        #expect(!second.output.contains("with the password"))
        let attributes = try FileManager.default.attributesOfItem(atPath: directory.path("thingplatform.db"))
        #expect((attributes[.posixPermissions] as? Int) == 0o600)
        await second.end()
    }
}
