import EdgeREST
import Foundation
import TestKit
import Testing

/// `edgectl new template` and `edgectl lua repl`.
@Suite(.serialized) struct ScriptToolsTests {
    private func edgectl(_ chain: Chain, _ arguments: [String], input: String? = nil) async throws -> (status: Int32, output: String) {
        let program = try Program(Chain.binary("edgectl"), arguments, in: chain.directory.path, input: input)
        return (await program.exitStatus(), program.output)
    }

    @Test func aNewTemplateLoadsAndIsNeverOverwritten() async throws {
        let chain = try Chain()
        let made = try await edgectl(chain, ["new", "template", "boiler_1"])
        #expect(made.status == 0 && made.output.contains("scripts.MyBoiler_1 = { file = \"thing.lua\", template = \"boiler_1\""))
        let again = try await edgectl(chain, ["new", "template", "boiler_1"])
        #expect(again.status == 1 && again.output.contains("etc/custom/templates/boiler_1.lua is there already, and left alone"))
        for name in ["1a", "a-b", "../a", ""] { #expect(try await edgectl(chain, ["new", "template", name]).status == 2, "\(name)") }
        try chain.writeScripts(
            gateway: 1,
            "scripts.B = { file = 'thing.lua', template = 'boiler_1', register = false, scanRateResolution = 20, scanRate = 60, taskRate = 50 }"
        )
        let check = try Program(Chain.binary("luaScriptResource"), ["-check"], in: chain.directory.path)
        #expect(await check.exitStatus() == 0, "\(check.output)")
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        while try await client.send(.GET, "/scripts/Thingworx/B/Properties/load").status != 200 {}
        #expect(try await client.call(.POST, "/scripts/Thingworx/B/Services/SetSpeed", body: ["speed": 5])["rows"]?[0]?["result"] == true)
        #expect(try await client.send(.POST, "/scripts/Thingworx/B/Services/SetSpeed", body: ["speed": -5]).status == 400)
        #expect(await scripts.end() == 0)
    }

    @Test func codeIsEvaluatedWhereAThingSeesIt() async throws {
        let chain = try Chain()
        try chain.writeTemplate(
            "t",
            "local hidden = 1\nproperties.p = { baseType = 'NUMBER', value = 5 }\nservices.Twice = function(me, h, q, data) return 200, 2 * data.x end"
        )
        try chain.directory.write("etc/custom/scripts/plain.lua", "counter = 3 while p_data.run do tw_utils.psleep(20) end")
        try chain.writeScripts(
            gateway: 1,
            """
            scripts.T = { file = 'thing.lua', template = 't', identifier = 'SN-1', register = false, scanRateResolution = 20, scanRate = 60, taskRate = 50 }
            scripts.plain = { file = 'plain.lua' }
            """)
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        while try await client.send(.GET, "/scripts/Thingworx/T/Properties/p").status != 200 {}
        let socket = chain.directory.path("etc/config.lua.socket")
        #expect(try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int == 0o600)
        let session = try await edgectl(
            chain, ["lua", "REPL", "--thing", "*SN-1"],
            input: """
                properties.p.value = 7
                for i = 1, 2 do
                  print("line", i)
                end
                services.Twice(me, {}, {}, { x = 21 })
                local _ = tw_utils.psleep(30)
                { b = 2, a = "x" }
                """)
        #expect(session.status == 0)
        #expect(session.output == "line\t1\nline\t2\n200\t42\n{\n  a = \"x\",\n  b = 2\n}", "\(session.output)")
        #expect(try await client.property(thing: "T", "p").int == 7)
        let plain = try await edgectl(chain, ["lua", "repl", "--script", "plain"], input: "counter + 1\n")
        #expect(plain.output == "4")
        for (code, text) in [
            ("error('bad thing')", "bad thing"), ("x = = 1", "unexpected symbol"), ("while true do", "the input ended within a statement"),
            ("nil + 1", "attempt to perform arithmetic"),
        ] {
            let failed = try await edgectl(chain, ["lua", "repl", "--thing", "T"], input: code)
            #expect(failed.status == 1 && failed.output.contains(text), "\(failed.output)")
        }
        let unknown = try await edgectl(chain, ["lua", "repl", "--thing", "Nobody"], input: "1")
        #expect(unknown.status == 1 && unknown.output.contains("there is no script or Thing Nobody here; there are T, plain"))
        #expect(await scripts.end() == 0)
        #expect(!FileManager.default.fileExists(atPath: socket))
        let gone = try await edgectl(chain, ["lua", "repl", "--thing", "T"], input: "1")
        #expect(gone.status == 1 && gone.output.contains("is luaScriptResource running with this configuration"))
    }
}
