import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// `luaScriptResource -check`, secrets in `config.lua`, its log, and bounds of scripts.
@Suite(.serialized) struct ScriptConfigurationTests {
    private func check(_ chain: Chain) async throws -> (Int32, String) {
        let program = try Program(Chain.binary("luaScriptResource"), ["-check"], in: chain.directory.path)
        return (await program.exitStatus(), program.output)
    }

    @Test("-check names every mistake with file and line, and opens no port") func checking() async throws {
        let chain = try Chain()
        try chain.writeTemplate("good", "properties.p = { baseType = 'NUMBER', value = 1 }\ntasks.T = function() os.exit(3) end")
        try chain.writeTemplate("syntax", "properties.p = { baseType = }")
        try chain.writeTemplate("wrong", "properties.p = { baseType = 'NUMBER', pushType = 'SOMETIMES' }")
        try chain.writeTemplate("runs", "error('at load')")
        try chain.directory.write("etc/custom/scripts/plain.lua", "os.exit(4)")
        try chain.directory.write("etc/custom/scripts/torn.lua", "local x =\n")
        let good = "scripts.Good = { file = 'thing.lua', template = 'good' }\nscripts.Plain = { file = 'plain.lua' }\n"
        try chain.writeScripts(gateway: 1, good)
        #expect(try await check(chain) == (0, "etc/config.lua: usable"))
        try chain.writeScripts(
            gateway: 1,
            good + """
                scripts.Syntax = { file = 'thing.lua', template = 'syntax' }
                scripts.Wrong = { file = 'thing.lua', template = 'wrong' }
                scripts.Runs = { file = 'thing.lua', template = 'runs' }
                scripts.None = { file = 'thing.lua', template = 'nowhere' }
                scripts.Torn = { file = 'torn.lua' }
                """)
        let (status, output) = try await check(chain)
        #expect(status == 1)
        for text in [
            "scripts.Syntax:", "syntax.lua:2:", "scripts.Wrong: properties.p.pushType: expected ALWAYS, VALUE or NEVER, found SOMETIMES",
            "runs.lua:2: at load", "scripts.None:", "torn.lua:2:",
        ] {
            #expect(output.contains(text), "\(text) in \(output)")
        }
        #expect(!output.contains("Good") && !output.contains("Plain") && !output.contains("listening"))
        try chain.writeScripts(
            gateway: 1,
            "scripts.rap_port = 'x' scripts.log_level = 'LOUD'\nscripts.rap_prot = 5\nscripts.P = { file = 'plain.lua', maxMemory = 'much' } -- maxMemory = 5"
        )
        let (second, settings) = try await check(chain)
        #expect(
            second == 1 && settings.contains("etc/config.lua:10: scripts.rap_port: expected a whole number")
                && settings.contains("scripts.log_level: expected one of")
                && settings.contains("etc/config.lua:12: scripts.P.maxMemory: expected a whole number")
                && settings.contains("etc/config.lua:11: scripts.rap_prot: unknown setting, ignored; did you mean rap_port?"))
    }

    @Test func secretsAreEncryptedInPlace() async throws {
        let chain = try Chain()
        try chain.writeScripts(
            gateway: 1,
            """
            -- scripts.rap_password = "gateway-pass-71" is a comment
            scripts.rap_userid = "u"   scripts.rap_password   =  'gateway-pass-71' -- the old one was other-pass
            local word = "device-" .. "pass-72"
            scripts.script_resource_password = word
            scripts.Extra = { file = "none.lua", text = "rap_password = 'gateway-pass-71'" }
            """)
        let before = try chain.directory.read("etc/config.lua")
        let first = try chain.startScripts()
        try await first.line(containing: "encrypted the clear-text secrets in etc/config.lua: rap_password")
        try await first.line(containing: "script_resource_password stays in clear text")
        _ = try await first.port()
        #expect(await first.end() == 0)
        let after = try chain.directory.read("etc/config.lua")
        let changed = zip(before.components(separatedBy: "\n"), after.components(separatedBy: "\n")).filter { $0 != $1 }
        #expect(
            changed.count == 1 && changed[0].1.contains("scripts.rap_password   =  \"AGC0:")
                && changed[0].1.hasSuffix("-- the old one was other-pass"))
        let second = try chain.startScripts()
        _ = try await second.port()
        #expect(await second.end() == 0)
        #expect(try chain.directory.read("etc/config.lua") == after)
        #expect(!(first.output + second.output).contains("pass-7"))
    }

    @Test func logFiles() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/scripts/test.lua", "log.audit('a', 'audited') log.debug('a', 'detail') log.info('a', 'said') return 1")
        try chain.writeScripts(
            gateway: 1,
            """
            scripts.log_level = "INFO" scripts.log_publish_directory = "logs" scripts.log_publish_level = "DEBUG" scripts.log_audit_target = "file://audit.log"
            scripts.Test = { file = "test.lua" }
            """)
        let scripts = try chain.startScripts()
        try await scripts.line(containing: "said")
        #expect(await scripts.end() == 0)
        #expect(!scripts.output.contains("detail"))
        let file = try chain.directory.read("logs/ems_log_0.log")
        #expect(file.contains("detail") && file.contains("said") && file.contains("audited"))
        #expect(try chain.directory.read("audit.log").contains("[AUDIT]"))
    }

    @Test("endless loops and runaway memory end where a bound is set, and others do not notice") func bounds() async throws {
        let chain = try Chain()
        try chain.directory.write("etc/custom/scripts/loop.lua", "while true do end")
        try chain.directory.write("etc/custom/scripts/hoard.lua", "local t = {} while true do t[#t + 1] = string.rep('x', 1000) .. #t end")
        try chain.directory.write(
            "etc/custom/scripts/fair.lua",
            "tw_http.registerCallback('/x', function() return 200, {}, 'fine' end) while p_data.run do tw_utils.psleep(10) end")
        try chain.writeScripts(
            gateway: 1,
            """
            scripts.Loop = { file = "loop.lua", maxInstructions = 1000000 }
            scripts.Hoard = { file = "hoard.lua", maxMemory = 8000000 }
            scripts.Fair = { file = "fair.lua", maxInstructions = 1000000, maxMemory = 8000000 }
            """)
        let scripts = try chain.startScripts()
        let port = try await scripts.port()
        try await scripts.line(containing: "loop.lua:1: more than 1000000 instructions without a pause (maxInstructions)")
        try await scripts.line(containing: "hoard.lua:1: more than 8000000 bytes of memory (maxMemory)")
        var answer = try await Curl("http://127.0.0.1:\(port)/scripts/Fair/x")
        while answer.status != 200 { answer = try await Curl("http://127.0.0.1:\(port)/scripts/Fair/x") }
        #expect(answer.body == "fine")
        #expect(await scripts.end() == 0)
    }

    /// Every setting that is read is on the page, and every one on the page is read.
    @Test func theSettingsPageIsThatOfTheCode() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
        let code = try String(
            contentsOf: root.appending(path: "Sources/ScriptResource/Configuration/ScriptConfigurationReader.swift"), encoding: .utf8)
        let page = try String(contentsOf: root.appending(path: "Documentation/scripts.md"), encoding: .utf8)
        let read = Set(
            code.matches(of: /(?:string|integer|bool|choice|secret|words|host|file)\("(\w+)"/).map { String($0.1) }
                + code.matches(of: /\("(\w+)", [0-9_]+\)/).map { String($0.1) })
        let described = Set(
            page.split(separator: "\n").filter { $0.hasPrefix("| `") && !$0.contains(#/^\| `(?:GET|POST|\/)/#) }.flatMap { row in
                row.dropFirst().prefix { $0 != "|" }.matches(of: /`(\w+)`/).map { String($0.1) }
            })
        // Not read with the configuration, but by the script's own library.
        #expect(read == described.subtracting(["persist"]), "\(read.symmetricDifference(described))")
    }

    /// After a change of a function or its comment: `make docs`.
    @Test func theApiPageIsThatOfTheCode() async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized
        for (form, path) in [("page", "Documentation/lua-api.md"), ("meta", "Sources/ScriptResource/thingworx/meta/library.lua")] {
            let program = try Program("/usr/bin/python3", [root.appending(path: "Scripts/lua-api").path, form], in: root.path)
            #expect(await program.exitStatus() == 0)
            let isSame = try String(contentsOf: root.appending(path: path), encoding: .utf8) == program.output + "\n"
            #expect(isSame, "\(path): run `make docs`")
        }
    }
}
