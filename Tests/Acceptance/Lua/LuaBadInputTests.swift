import Formats
import Foundation
import TestKit
import Testing

/// Every function of the library with what no user means: an error or an answer, and the script goes on.
@Suite(.serialized) struct LuaBadInputTests {
    @Test func everyFunctionWithEveryWrongValue() async throws {
        try await LuaHost.holds(
            #"""
            -- These wait for what is asked of them, or end what calls them.
            local waiting = { psleep = true, waitForFile = true, dwell = true, waitForState = true, start = true, stop = true, loadScriptFromFile = true, lock = true, unlock = true, scopelock = true }
            -- Made anew for each call: some functions write into what they get.
            local function looped() local loop = {} loop.loop = loop return loop end
            local makers = {
              function() return nil end, function() return {} end, function() return true end, function() return -1 end, function() return 0 / 0 end, function() return 1e308 end, function() return "" end,
              function() return string.rep("x", 4000) end, function() return "a\0b\255" end, function() return print end, newproxy, function() return coroutine.create(print) end, looped,
            }
            local objects = {
              log = log, json = json, tw_utils = tw_utils, tw_dir = tw_dir, tw_script = tw_script, tw_http = tw_http, tw_ems = tw_ems, server = server, stringx = stringx, propGroups = propGroups,
              page = page, tw_datashape = tw_datashape, tw_infotable = tw_infotable, softwarejob = softwarejob, modbus = require("modbus"), tw_service = tw_service, tw_mutex = tw_mutex,
            }
            local shape = tw_datashape.createDataShape("n", "NUMBER", "", {})
            local methods = { shape = shape, it = tw_infotable.createInfoTable(shape), page = page:new("t"), modbus = modbus or require("modbus"):new { port = 1 } }
            objects.tablex = {}
            for _, name in ipairs { "fullCopy", "sparseCopy", "containsKey", "containsValue", "toXml", "toFlatTable", "toString", "toHtml", "toCsv", "toContentTypeString", "fromCsv" } do objects.tablex[name] = table[name] end
            local count, answered = 0, 0
            for name, object in pairs(objects) do
              if name == "tw_utils" then local _ = object.isJson end
              for key, f in pairs(object) do
                if type(f) == "function" and not waiting[key] and not string.find(key, "^_") then
                  for _, make in ipairs(makers) do
                    for size = 1, 3 do
                      local arguments = {}
                      for index = 1, size do
                        arguments[index] = make()
                        -- Whoever reads the log has enough of the short ones.
                        if name == "log" and type(arguments[index]) == "string" and #arguments[index] > 1000 then arguments[index] = "long" end
                      end
                      count = count + 1
                      if pcall(f, unpack(arguments, 1, size)) then answered = answered + 1 end
                    end
                  end
                end
              end
            end
            for _, object in pairs(methods) do
              for _, name in ipairs { "addField", "clone", "toTable", "addRow", "addContent", "addTable", "addList", "render", "error", "redirect", "success", "executeFunction", "processResponse", "rcvFrame", "transmitFrame", "set_read_timeout" } do
                for _, make in ipairs(makers) do
                  count = count + 1
                  if object[name] then pcall(object[name], object, make(), make(), make(), make()) end
                end
              end
            end
            assert(count > 4000 and answered > 500, count .. " calls, " .. answered .. " answered")
            """#, settings: ["Check": "requestTimeout = 500"], config: "scripts.log_level = 'INFO'\n")
    }

    /// Declarations that are no such thing.
    @Test func templatesOfNonsense() async throws {
        let cases: [(name: String, template: String, text: String)] = [
            ("A", "properties.p = 5", "properties.p: expected a table, found number"),
            ("B", "properties.p = { pushType = 'OFTEN' }", "properties.p.pushType: expected ALWAYS, VALUE or NEVER, found OFTEN"),
            ("C", "dataShapes.X({ baseType = 'NUMBER' })", "dataShapes.X: expected a field with a name"),
            ("D", "dataShapes.X(5)", "dataShapes.X: expected tables of fields"), ("E", "error({})", "table: 0x"),
            ("F", "properties.p = { handler = 'broken' }", "broken.lua:1"),
            ("G", "properties.p = { handler = 'plain' }", "expected module(\"handlers.plain\""),
            ("H", "while true do end", "maxInstructions"),
        ]
        try await LuaHost.run(
            things: Dictionary(
                uniqueKeysWithValues: cases.map { ($0.name, $0.template) } + [
                    (
                        "Fine",
                        "properties.p = { baseType = 'NUMBER', value = 1 }\nproperties.odd = { baseType = {}, value = print }\nserviceDefinitions.S(5, 'x', nil, {}, print)\nservices.S = 5\ntasks.T = 'x'"
                    )
                ]),
            settings: ["H": "register = false, maxInstructions = 100000, \(LuaHost.rates)"],
            files: ["handlers/broken.lua": "x = = 1", "handlers/plain.lua": "return 5"]
        ) { host async throws in
            for each in cases {
                let status = try await host.get("/scripts/\(each.name)?status").json
                #expect(status["status"] == "Error" && status["message"]?.string?.contains(each.text) == true, "\(each.name): \(status)")
            }
            #expect(try await host.read("p", of: "Fine").value("p").int == 1)
            #expect(try await host.call("S", of: "Fine").status == 404)
            #expect(try await host.call("GetMetadata", of: "Fine").json["serviceDefinitions"]?["S"] != nil)
        }
    }
}
