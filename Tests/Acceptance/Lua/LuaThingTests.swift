import Formats
import TestKit
import Testing

/// The Thing, its declarations and its metadata (lua-library.md §3 to §5, §9).
@Suite(.serialized) struct LuaThingTests {
    @Test("lsr 28: what me, p_data and the scope hold") func theThingItself() async throws {
        try await LuaHost.run(
            things: [
                "T": """
                function helper(n) return n + 1 end
                variable = "of the template"
                tasks.Look = function(me)
                  local ok, why = pcall(function()
                    assert(me == p_data and me.p_data == me)
                    assert(me.helper(1) == 2 and type(me.scanRate) == "number" and me.mykey == "value" and me.number == 7)
                    me.count = 5
                    assert(p_data.count == 5 and p_data.script_resource_ssl:lower() == "false")
                    assert(tw_utils.toboolean(p_data.flag) == false and p_data.flag == "false" and tw_utils.toboolean(p_data.on) == true)
                    assert(identifier == "*SN-1" and p_data.identifier == "SN-1" and base == _G and name == "T" and p_data.name == "T")
                    assert(p_data.properties == properties and me.properties == properties and me.services == services)
                    assert(p_data.debug == nil and p_data.string == nil and p_data.rap_host == "127.0.0.1" and p_data.log_level == "TRACE" and p_data.run == true)
                    assert(me.variable == "of the template" and base.thing == me and base.templates.tt.helper == helper)
                    assert(type(data) == "table" and data.time == nil and type(me.registered) == "boolean" and p_data.useShapes == true and p_data.register == false)
                    for _, each in ipairs { "tw_ems", "tw_rap", "ps_rap", "tw_dir", "ps_dir", "tw_script", "tw_utils", "tw_mutex", "tw_http", "tw_datashape", "tw_infotable", "dataShapes",
                      "DataShape", "json", "log", "thingworx", "server", "tw_server", "serviceDefinitions", "definedServiceDefinitions" } do
                      assert(getfenv(1)[each] ~= nil, each)
                    end
                  end)
                  properties.seen.value = ok and "all" or tostring(why)
                end
                properties.seen = { baseType = "STRING", value = "" }
                """
            ],
            settings: [
                "T": "register = false, identifier = '*SN-1', mykey = 'value', number = 7, flag = false, on = true, \(LuaHost.rates)"
            ]
        ) { host async throws in
            let seen = try await host.read("seen", of: "T") { $0.value("seen") != "" }
            #expect(seen.value("seen") == "all", "\(seen.body)")
        }
    }

    @Test("lsr 29: a template's own getProperties and setProperties") func ownFunctions() async throws {
        try await LuaHost.run(things: [
            "T": """
            function getProperties(me) return 200, '{"own":1}' end
            function setProperties(me, headers, query, data) return 200, "set " .. tostring(data.a) end
            """
        ]) { host async throws in
            #expect(try await host.get("/scripts/T/Properties").body == #"{"own":1}"#)
            #expect(try await host.put("*", of: "T", #"{"a":5}"#).body == "set 5")
        }
    }

    @Test("lsr 30: what they are without") func defaultFunctions() async throws {
        try await LuaHost.run(things: [
            "T": """
            properties.p = { baseType = "NUMBER", value = 5, extra = { 1 }, f = print }
            services.Ask = function(me) local code, text = me:setProperties() return 418, code .. " " .. type(text) end
            services.Names = function(me) local code, text = me:getServices() return code + 1, text end
            """
        ]) { host async throws in
            let all = try await host.get("/scripts/T/Properties").json["p"]
            #expect(
                all?["value"]?.int == 5 && all?["time"]?.int != nil && all?["quality"] == "GOOD" && all?["baseType"] == "NUMBER"
                    && all?["extra"]?[0]?.int == 1 && all?["f"] == nil)
            #expect(try await host.call("Ask", of: "T").body == "500 string")
            #expect(try await host.call("Names", of: "T").json.array?.contains("GetMetadata") == true)
            // Several at once, where the template has no function of its own for it.
            #expect(try await host.put("*", of: "T", #"{"p":6}"#).status == 200)
            #expect(try await host.put("*", of: "T", #"{"p":6,"q":1}"#).status == 404)
            #expect(try await host.read("p", of: "T").value("p").int == 6)
        }
    }

    @Test("lsr 31: private services, and parts of definitions that are shared") func privateAndShared() async throws {
        try await LuaHost.run(things: [
            "T": """
            local p = input { name = "shared", baseType = "NUMBER" }
            serviceDefinitions.Hidden(private(true), output { baseType = "NUMBER" })
            serviceDefinitions.HiddenToo(description { "d" }, private { true })
            serviceDefinitions.Empty(private {})
            serviceDefinitions.Shown(private(false), p)
            serviceDefinitions.Other(p, output { baseType = "NUMBER" }, description { "the other" })
            for _, each in ipairs { "Hidden", "HiddenToo", "Empty", "Shown", "Other" } do services[each] = function(me, h, q, data) return 200, data.shared or 1 end end
            """
        ]) { host async throws in
            let metadata = try await host.call("GetMetadata", of: "T").json
            let definitions = metadata["serviceDefinitions"]
            #expect(
                definitions?["Hidden"] == nil && definitions?["HiddenToo"] == nil && definitions?["Empty"] == nil
                    && definitions?["Shown"] != nil)
            for each in ["Shown", "Other"] {
                #expect(definitions?[each]?["Inputs"]?["fieldDefinitions"]?["shared"]?["baseType"] == "NUMBER")
            }
            #expect(definitions?["Other"]?["description"] == "the other")
            #expect(try await host.call("Hidden", of: "T").value().int == 1)
        }
    }

    @Test("lsr 32: an input without a name, and an infotable without a shape") func incompleteDefinitions() async throws {
        try await LuaHost.run(things: [
            "T":
                "serviceDefinitions.One(input { baseType = 'NUMBER' }, input { baseType = 'INFOTABLE' })\nservices.One = function() return 200 end",
            "Out": "serviceDefinitions.Lists(output { baseType = 'INFOTABLE' })",
            "In": "serviceDefinitions.Takes(input { name = 'rows', baseType = 'INFOTABLE' })",
            "Table": "properties.t = { baseType = 'INFOTABLE', dataShape = 'None' }",
            "Fast": "properties.f = { baseType = 'NUMBER', scanRate = 20 }",
        ]) { host async throws in
            let metadata = try await host.call("GetMetadata", of: "T").json
            #expect(metadata["serviceDefinitions"]?["One"]?["Inputs"]?["fieldDefinitions"] == [:])
            for (thing, text) in [
                ("Out", "tout.lua:2: serviceDefinitions.Lists: the output"), ("In", "tin.lua:2: serviceDefinitions.Takes: the input rows"),
                ("Table", "properties.t: a table of the data shape None"),
                ("Fast", "properties.f.scanRate (20) must be greater than scanRateResolution (20)"),
            ] {
                let status = try await host.get("/scripts/\(thing)?status").json
                #expect(status["status"] == "Error" && status["message"]?.string?.contains(text) == true, "\(status)")
            }
        }
    }

    @Test("lsr 24, 25: a handler of one's own") func ownHandler() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: [
                "T": """
                for _, each in ipairs { "a", "b", "c" } do properties[each] = { baseType = "NUMBER", handler = "mine", factor = 3, pushType = "ALWAYS", value = 0 } end
                """
            ],
            files: [
                "handlers/mine.lua": """
                module("handlers.mine", thingworx.handler.extend)
                local stored, opened, last = 2, 0, nil
                for _, each in ipairs { "name", "base", "p_data", "server", "tw_utils", "properties", "services", "tasks" } do assert(getfenv(1)[each] ~= nil, each) end
                function open(...) opened = opened + 1 log.info(name, "opened %d with %d", opened, select("#", ...)) end
                function close(...) log.info(name, "closed with %d", select("#", ...)) end
                function read(me, pt, headers, query, more)
                  if headers then last = headers["X-Mine"] or query.q end
                  assert(more == nil and me.name == "T" and pt.prev ~= nil)
                  pt.value, pt.time, pt.quality = stored * pt.factor, 1000, last and "UNCERTAIN" or "GOOD"
                  return 200
                end
                function write(me, pt, headers, query, data)
                  assert(type(data) == "table" and data.value == data[pt.name] and me == p_data)
                  if data.value == 13 then return 423, "locked" end
                  stored = data.value
                  return 200
                end
                """
            ], gateway: gateway.port
        ) { host async throws in
            #expect(try await host.get("/scripts/T/Properties/a?q=1").value("a").int == 6)
            let put = try await host.put("b", of: "T", #"{"b":5,"quality":"GOOD"}"#)
            #expect(put.status == 200 && put.body.isEmpty)
            #expect(try await host.put("b", of: "T", #"{"value":"7"}"#).status == 200)
            #expect(try await host.read("c", of: "T").value("c").int == 21)
            let refused = try await host.put("b", of: "T", #"{"value":13}"#)
            #expect(refused.status == 423 && refused.body == "locked")
            await host.program.end()
            let lines = host.program.lines
            #expect(
                lines.count { $0.contains("opened 1 with 0") } == 1 && lines.count { $0.contains("opened 2") } == 0
                    && lines.count { $0.contains("closed with 0") } == 1)
        }
        await gateway.stop()
    }

    @Test("lsr 26: a read that fails, returns nothing or raises") func readsThatFail() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: [
                "T": """
                for _, each in ipairs { "fails", "nothing", "raises", "works" } do properties[each] = { baseType = "NUMBER", handler = "odd", pushType = "ALWAYS", value = 1 } end
                """
            ],
            files: [
                "handlers/odd.lua": """
                module("handlers.odd", thingworx.handler.extend)
                function read(me, pt)
                  if pt.name == "fails" then pt.quality = "BAD" return 500, "on purpose" end
                  if pt.name == "nothing" then return end
                  if pt.name == "raises" then error("raised on purpose") end
                  pt.value = (pt.value or 0) + 1
                  return 200
                end
                """
            ], gateway: gateway.port
        ) { host async throws in
            for name in ["fails", "nothing", "raises"] {
                let answer = try await host.read(name, of: "T")
                #expect(answer.status == 500, "\(name): \(answer)")
                _ = try await host.program.line(what: name) { $0.contains("[ERROR]") && $0.contains("reading \(name)") }
            }
            #expect(try await host.get("/scripts/T/Properties").json["fails"]?["quality"] == "BAD")
            let pushes = await gateway.pushes { $0.values(of: "works").count > 3 }
            for name in ["fails", "nothing", "raises"] { #expect(pushes.values(of: name).isEmpty) }
        }
        await gateway.stop()
    }

    @Test("lsr 65: GetMetadata is the object itself") func metadata() async throws {
        let gateway = try await StandInGateway()
        gateway.subscribe([["edgeName": "p", "pushType": "ALWAYS", "pushThreshold": 9]])
        try await LuaHost.run(
            things: [
                "T": """
                require "mine"
                module("templates.tt", thingworx.template.extend)
                dataShapes.Row({ name = "n", baseType = "NUMBER", description = "the n", ordinal = 3 }, { name = "s", baseType = "STRING", aspects = { defaultValue = "d" } })
                properties.p = { baseType = "NUMBER", pushType = "VALUE", pushThreshold = 2, dataChangeType = "ON", dataChangeThreshold = 4, cacheTime = 100, value = 5, description = "the p" }
                properties.never = { baseType = "STRING", pushType = "NEVER" }
                properties.rows = { baseType = "INFOTABLE", dataShape = "Row" }
                properties.hidden = { baseType = "STRING", private = "true" }
                serviceDefinitions.List(input { name = "rows", baseType = "INFOTABLE", aspects = { dataShape = "Row" } }, output { baseType = "INFOTABLE", description = "o", aspects = { dataShape = "Row" } }, description { "lists" })
                serviceDefinitions.Lost(output { baseType = "INFOTABLE", aspects = { dataShape = "Nowhere" } })
                """
            ], settings: ["T": "identifier = 'SN-2', description = 'a Thing', \(LuaHost.rates)"],
            files: ["shapes/mine.lua": "module('shapes.mine', thingworx.shape.extend)\nproperties.ofShape = { baseType = 'STRING' }"],
            gateway: gateway.port
        ) { host async throws in
            _ = await gateway.pushes { $0.values(of: "p").count > 1 }
            let metadata = try await host.call("GetMetadata", of: "T").json
            #expect(
                metadata["name"] == "*SN-2" && metadata["type"] == "Things" && metadata["isSystemObject"] == false
                    && metadata["description"] == "a Thing")
            #expect(metadata["implementedShapes"]?.array == ["metadata", "propsubscribe", "mine"])
            let properties = metadata["propertyDefinitions"]
            let aspects = properties?["p"]?["aspects"]
            #expect(
                aspects?["pushType"] == "VALUE" && aspects?["pushThreshold"]?.int == 2 && aspects?["dataChangeType"] == "ON"
                    && aspects?["dataChangeThreshold"]?.int == 4)
            #expect(
                aspects?["cacheTime"]?.int == 100 && aspects?["defaultValue"]?.int == 5 && aspects?["isReadOnly"] == false
                    && aspects?["isPersistent"] == false)
            #expect(
                properties?["p"]?["sourceType"] == "ThingShape" && properties?["p"]?["tags"] == []
                    && properties?["p"]?["description"] == "the p" && properties?["p"]?["ordinal"]?.int == 0)
            #expect(properties?["never"]?["aspects"]?["cacheTime"]?.int == -1 && properties?["ofShape"] != nil)
            #expect(properties?["rows"]?["aspects"]?["dataShape"] == "Row" && properties?["rows"]?["aspects"]?["defaultValue"] == nil)
            #expect(properties?["rows"]?["dataShape"]?["fieldDefinitions"]?["s"]?["aspects"]?["defaultValue"] == "d")
            #expect(properties?["hidden"] == nil && properties?["upToDate"] == nil)
            let service = metadata["serviceDefinitions"]?["List"]
            #expect(
                service?["description"] == "lists" && service?["sourceType"] == "Thing" && service?["Outputs"]?["name"] == "result"
                    && service?["Outputs"]?["description"] == "o")
            #expect(
                service?["Outputs"]?["fieldDefinitions"]?["n"]?["baseType"] == "NUMBER"
                    && service?["Outputs"]?["aspects"]?["dataShape"] == "Row")
            #expect(service?["Inputs"]?["fieldDefinitions"]?["rows"]?["dataShape"]?["fieldDefinitions"]?["n"]?["description"] == "the n")
            #expect(metadata["serviceDefinitions"]?["Lost"] == nil && metadata["serviceDefinitions"]?["GetMetadata"] == nil)
            _ = try await host.program.line(what: "the error") { $0.contains("[ERROR]") && $0.contains("Nowhere") }
        }
        await gateway.stop()
    }

    @Test("lsr 66: data shapes and rows of infotables") func infotables() async throws {
        try await LuaHost.holds(
            """
            dataShapes.X({ name = "n", baseType = "NUMBER" }, { name = "s", baseType = "STRING", aspects = { defaultValue = "d" } }, { name = "t", baseType = "INFOTABLE" })
            local it = tw_infotable.createInfoTable(DataShape.X)
            local ok, err = it:addRow { n = 1 }
            assert(ok and err == nil and it:toTable().rows[1].s == "d")
            ok, err = it:addRow { n = "x" }
            assert(ok == false and type(err) == "string")
            local inner = tw_infotable.createInfoTable(tw_datashape.createDataShape("a", "NUMBER", "first", { x = 1 }))
            inner:addRow { a = "5" }
            assert(it:addRow { t = inner, s = json.null })
            local t = it:toTable()
            assert(getmetatable(t.rows[2].t) == nil and t.rows[2].t.rows[1].a == 5 and t.dataShape.fieldDefinitions.n.name == "n")
            local ds = tw_datashape.createDataShape("a", "NUMBER", "first", {})
            ds:addField("b", "STRING", "second", { defaultValue = "z" })
            local clone = ds:clone()
            clone:addField("c", "NUMBER")
            assert(ds:toTable().fieldDefinitions.c == nil and clone:toTable().fieldDefinitions.b.description == "second")
            for _, bad in ipairs { 5, "x", {}, false } do assert(not pcall(tw_infotable.createInfoTable, bad)) end
            for _, bad in ipairs { 5, "x", print } do assert(it:addRow(bad) == false) end
            assert(it:addRow(nil) == false and it:addRow { nope = 1 } == false and not pcall(tw_datashape.createDataShape))
            assert(json.decode(json.encode(it)).rows[1].n == 1)
            """)
    }
}
