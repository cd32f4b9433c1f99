import Formats
import TestKit
import Testing

/// Lua 5.1 as users' files mean it (lua-library.md §2 and §3).
@Suite(.serialized) struct LuaLanguageTests {
    @Test("lsr 13: a backslash before a dot in quotes is the dot") func unknownEscapes() async throws {
        try await LuaHost.run(things: [
            "T": #"""
            properties.temp = { baseType = "NUMBER", value = 0 }
            local s = "t=21.5"
            properties.temp.value = string.match(s, "t=(%d+\.%d+)")
            """#
        ]) { host async throws in
            let answer = try await host.read("temp", of: "T")
            #expect(answer.status == 200 && answer.value("temp").double == 21.5, "\(answer)")
        }
    }

    @Test("lsr 14: the table arg of a function with ... that does not use it") func implicitArg() async throws {
        try await LuaHost.run(things: [
            "T": """
            local function f(a, ...) return arg.n end
            local function g(a, ...) local b = ... return arg end
            serviceDefinitions.Count(output { baseType = "NUMBER" })
            services.Count = function() return 200, f(1, nil, nil) end
            serviceDefinitions.None(output { baseType = "STRING" })
            services.None = function() return 200, type(g(1, 2)) end
            """
        ]) { host async throws in
            #expect(try await host.call("Count", of: "T").value().int == 2)
            #expect(try await host.call("None", of: "T").value() == "nil")
        }
    }

    @Test("lsr 15: functions of 5.1 that later versions dropped") func oldFunctions() async throws {
        try await LuaHost.holds(
            """
            assert(math.mod(-7, 3) == -1)
            local words = {}
            for word in string.gfind("a b", "%a") do words[#words + 1] = word end
            assert(#words == 2 and words[2] == "b")
            assert(pcall(table.setn, {}, 1) == false)
            assert(table.getn { 1, 2, 3 } == 3)
            assert(os.execute("exit 1") == 256 and os.execute("true") == 0 and io.popen("exit 3"):close() == true)
            assert(string.format("%.1f %d", "3.25", 1.5) == "3.2 1" and tostring(1e14) == "1e+14" and tostring(1234567890123) == "1234567890123")
            """)
    }

    /// The same for what loads code at run time.
    @Test func codeThatIsLoadedAtRunTime() async throws {
        try await LuaHost.holds(
            #"""
            assert(loadstring([[return "a\.b"]])() == "a.b")
            assert(loadstring([[return (function(...) return arg.n end)(1, nil)]])() == 2)
            local pieces = { "return ", "'\\%'", nil }
            local index = 0
            assert(load(function() index = index + 1 return pieces[index] end)() == "%")
            local path = os.tmpname()
            local file = io.open(path, "w") file:write('#!/usr/bin/lua\nreturn "\\.", ...') file:close()
            local chunk = assert(loadfile(path))
            assert(chunk(7) == "." and select(2, chunk(7)) == 7 and dofile(path) == ".")
            assert(loadfile("/none") == nil and select(2, loadfile("/none")):find("/none", 1, true))
            local ok, why = loadstring("x = = 1", "=mine")
            assert(ok == nil and why:find("mine:1:", 1, true))
            assert(require("lib.old") == "%." and package.loaded["lib.old"] == "%.")
            local missing, text = pcall(require, "lib.broken")
            assert(not missing and text:find("lib/broken.lua:2:", 1, true), text)
            assert(not pcall(dofile, path .. ".none"))
            """#, files: ["lua/lib/old.lua": #"return "\%\.""#, "lua/lib/broken.lua": "local a\nlocal = 5"])
    }

    @Test("lsr 56: the names of the library without any require") func namesWithoutRequire() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.holds(
            """
            assert(thingworx.server.invoke("S", {}) == 200 and thingworx.utils.PATH_PROPS == "Properties" and thingworx.utils.PATH_SVCS == "Services")
            ps_logger.info("a", "b")
            dataShapes.X { name = "n", baseType = "NUMBER" }
            assert(DataShape.X:clone():toTable().fieldDefinitions.n.baseType == "NUMBER" and DataShape.Y == nil)
            for _, name in ipairs { "p_data", "log", "ps_logger", "tw_utils", "ps_utils", "tw_http", "ps_http", "tw_dir", "ps_dir", "tw_script", "ps_script", "tw_mutex",
              "ps_mutex", "tw_ems", "tw_rap", "ps_rap", "tw_datashape", "tw_infotable", "tw_service", "json", "stringx", "page", "propGroups" } do
              assert(type(_G[name]) == "table", name)
            end
            assert(ps_logger == log and ps_utils == tw_utils and ps_rap == tw_ems and tw_rap == tw_ems)
            log.trace = function() traced = true end
            log.trace("x")
            assert(traced)
            """, gateway: gateway.port)
        await gateway.stop()
    }

    @Test("lsr 57: require of every name, in a script and in a template") func everyRequire() async throws {
        let names = [
            "log", "json", "stringx", "page", "propGroups", "tablex", "utils", "types.datashape", "server", "handler", "shape", "template",
            "softwarejob", "core",
            "thingworx.shapes.metadata", "thingworx.shapes.propsubscribe", "thingworx.shapes.swupdate", "thingworx.shapes.filetransfer",
        ]
        let all = names.map { "require \"\($0)\"" }.joined(separator: "\n")
        let plain = names.filter { !$0.contains("shapes") }.map { "assert(require \"\($0)\", '\($0)')" }.joined(separator: "\n")
        try await LuaHost.run(
            things: [
                "T":
                    "\(all)\nmodule(\"templates.tt\", thingworx.template.extend)\nproperties.shaped = { baseType = \"STRING\", value = type(base.shapes.metadata) .. type(base.core_handler) }"
            ],
            scripts: [
                "S": plain
                    + "\nrequire 'ps_library'\nassert(('a'):split(',')[1] == 'a' and table.containsKey)\nlog.info('s', 'required all')\nwhile p_data.run do tw_utils.psleep(50) end"
            ]
        ) { host async throws in
            let line = try await host.program.line(what: "the end") { $0.contains("required all") || $0.contains("[ERROR]") }
            #expect(line.contains("required all"), "\(line)")
            #expect(try await host.read("shaped", of: "T").value("shaped") == "tablefunction")
        }
    }
}
