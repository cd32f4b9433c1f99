import Formats
import Foundation
import TestKit
import Testing

/// Handlers, the main loop and the registration (lua-library.md §7 and §8).
@Suite(.serialized) struct LuaLifeTests {
    private let forever = "\nwhile p_data.run do tw_utils.psleep(50) end"

    @Test("lsr 58: the generator's functions") func generator() async throws {
        try await LuaHost.run(things: [
            "T": """
            local function p(name, baseType, more)
              more.baseType, more.handler, more.pushType = baseType, "generator", "NEVER"
              properties[name] = more
            end
            p("ramp", "NUMBER", { functionType = "ramp", minValue = 0, maxValue = 2, step = 1 })
            p("square", "INTEGER", { functionType = "SQUARE", minValue = 0, maxValue = 5 })
            p("sin", "NUMBER", { functionType = "sin", maxValue = 360, step = 30 })
            p("when", "DATETIME", { functionType = "random", minValue = "2020-01-01 00:00:00", maxValue = "2020-01-02 00:00:00" })
            p("user", "NUMBER", { functionType = "user", value = 1 })
            p("text", "STRING", { functionType = "random", step = 7 })
            p("place", "LOCATION", { functionType = "ramp" })
            p("bad", "NUMBER", { functionType = "ramp", qualityPercent = 0, errorQualityStatus = "UNCERTAIN" })
            p("odd", "STRING", { functionType = "sin" })
            """
        ]) { host async throws in
            func values(_ name: String, _ count: Int) async throws -> [JSONValue] {
                var values: [JSONValue] = []
                for _ in 0..<count { values.append(try await host.read(name, of: "T").value(name)) }
                return values
            }
            #expect(try await values("ramp", 4).map(\.int) == [1, 2, 0, 1])
            #expect(try await values("square", 3).map(\.int) == [5, 0, 5])
            #expect(try await values("sin", 13).allSatisfy { abs($0.double ?? 2) <= 1 })
            let when = try await values("when", 1)[0].double ?? 0
            #expect(when > 1_577_750_000_000 && when < 1_578_010_000_000)
            #expect(try await host.put("user", of: "T", #"{"user":42}"#).status == 200)
            #expect(try await values("user", 2).map(\.int) == [42, 42])
            #expect(try await values("text", 1)[0].string?.utf8.count == 7)
            #expect(try await values("place", 1)[0]["elevation"]?.int == 1)
            #expect(try await values("bad", 1)[0].int == 1)
            #expect(try await host.get("/scripts/T/Properties").json["bad"]?["quality"] == "UNCERTAIN")
            #expect(try await host.read("odd", of: "T").status == 500)
        }
    }

    @Test("lsr 59, 60: values that a script gives and takes") func scriptHandler() async throws {
        try await LuaHost.run(
            things: [
                "T": """
                for _, each in ipairs { "v", "p", "seven", "plain", "gone", "list", "table_" } do
                  properties[each] = { baseType = "VARIANT", handler = "script", key = "S/" .. each .. "?from=key", pushType = "NEVER", value = "before" }
                end
                properties.named = { baseType = "STRING", handler = "S", key = "named", pushType = "NEVER", value = "" }
                """
            ],
            scripts: [
                "S": """
                local last = ""
                function v(method, path, headers, query, data)
                  if method == "PUT" then last = data.content return 200 end
                  local answers = { v = '{"value":5,"time":1000,"quality":"BAD"}', p = '{"p":7}', seven = '7', plain = 'abc', list = '[1,2]', table_ = '{"rows":[{"x":false}]}',
                    named = '{"result":"' .. method .. '"}' }
                  if not answers[path[1]] then return 404, "none of these" end
                  assert(path[1] == "named" or query.from == "key")
                  return 200, answers[path[1]]
                end
                tw_http.registerCallback("/last", function() return 200, last end)
                for _, each in ipairs { "v", "p", "seven", "plain", "gone", "list", "table_", "named" } do tw_http.registerCallback("/" .. each, "v") end
                """ + forever
            ]
        ) { host async throws in
            let v = try await host.read("v", of: "T") { $0.status == 200 }
            #expect(v.value("v").int == 5 && v.json["rows"]?[0]?["time"]?.int == 1000)
            for (name, value) in [("p", 7), ("seven", "7"), ("plain", "before"), ("list", "[1,2]"), ("table_", false), ("named", "GET")]
                as [(String, JSONValue)]
            {
                let answer = try await host.read(name, of: "T")
                #expect(answer.status == 200 && answer.value(name).isSame(as: value), "\(name): \(answer)")
            }
            #expect(try await host.read("gone", of: "T").status == 404)
            let all = try await host.get("/scripts/T/Properties").json
            #expect(
                all["v"]?["quality"] == "BAD" && all["plain"]?["quality"] == "UNKNOWN" && all["p"]?["quality"] == "GOOD"
                    && all["gone"]?["quality"] == "UNKNOWN")
            #expect(try await host.put("v", of: "T", #"{"v":9}"#).status == 200)
            let last = try await host.get("/scripts/S/last").json
            #expect(last["value"]?.int == 9 && last["v"]?.int == 9)
        }
    }

    @Test("lsr 62: tasks run at once, after the registration was tried") func firstTasks() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: ["T": "tasks.First = function(me) log.info(name, 'first task, registered %s, data %s', me.registered, data.name) end"],
            settings: ["T": "taskRate = 3600000"], gateway: gateway.port
        ) { host async throws in
            try await host.program.line(containing: "first task, registered true, data T")
        }
        await gateway.stop()
    }

    @Test("lsr 63: a Thing that does not register pushes") func withoutRegistration() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: ["T": "properties.p = { baseType = 'NUMBER', pushType = 'ALWAYS', value = 1 }"], gateway: gateway.port
        ) { host async throws in
            _ = await gateway.pushes { $0.values(of: "p").count > 2 }
            let calls = await gateway.calls { $0.contains { $0.path.hasSuffix("HasEdgeThing") } }
            #expect(!calls.contains { $0.path.hasSuffix("AddEdgeThing") || $0.path.hasSuffix("GetPropertySubscriptions") })
            await host.program.end()
            let last = await gateway.calls()
            #expect(last.contains { $0.path.hasSuffix("RemoveEdgeThing") }, "\(last.suffix(3)) \(host.program.output)")
        }
        await gateway.stop()
    }

    @Test("lsr 64: what is written is pushed, also where it is the same") func writingTheSame() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: [
                "T": """
                properties.p = { baseType = "NUMBER", pushType = "VALUE", value = 5 }
                services.Set = function(me)
                  local data = { value = 5 }
                  local code = me:setProperty("p", {}, {}, data)
                  return 299, code .. " " .. properties.p.value .. " " .. data.p .. " " .. tostring(properties.p.next ~= nil)
                end
                services.SetOther = function(me) me:setProperty("p", nil, nil, { p = 6 }) local before = properties.p.value me:getProperty("p") return 299, before .. " " .. properties.p.value end
                services.Unknown = function(me) return 299, tostring(pcall(me.setProperty, me, "nope", nil, nil, { value = 1 })) .. tostring(pcall(me.getProperty, me, "nope")) end
                """
            ], settings: ["T": LuaHost.rates], gateway: gateway.port
        ) { host async throws in
            _ = await gateway.pushes { $0.values(of: "p") == [5] }
            #expect(try await host.call("Set", of: "T").body == "200 5 5 true")
            _ = await gateway.pushes { $0.values(of: "p") == [5, 5] }
            #expect(try await host.call("SetOther", of: "T").body == "5 6")
            #expect(try await host.call("Unknown", of: "T").body == "falsefalse")
        }
        await gateway.stop()
    }

    @Test("lsr 71: subscriptions of the platform") func subscriptions() async throws {
        let gateway = try await StandInGateway()
        gateway.subscribe([["edgeName": "p", "pushType": "ON", "pushThreshold": 0], ["edgeName": "unknown", "pushType": "VALUE"]])
        try await LuaHost.run(
            things: [
                "T": """
                properties.p = { baseType = "NUMBER", pushType = "NEVER", value = 1 }
                properties.q = { baseType = "NUMBER", pushType = "ALWAYS", value = 1 }
                services.Set = function(me, h, q, data) properties.p.value = data.v return 200 end
                services.Fresh = function(me) return 299, tostring(properties.upToDate.value) .. " " .. properties.p.init.pushType .. " " .. tostring(me.initialPropertySubscriptionsAcquired) end
                """
            ], settings: ["T": LuaHost.rates], gateway: gateway.port
        ) { host async throws in
            _ = await gateway.pushes { $0.values(of: "p") == [1] }
            _ = try await host.program.line(what: "the warning") {
                $0.contains("[WARN]") && $0.contains("unknown, which is not a property here")
            }
            _ = try await host.call("Set", of: "T", #"{"v":2}"#)
            let pushes = await gateway.pushes { $0.values(of: "p") == [1, 2] }
            #expect(pushes.values(of: "q").isEmpty)
            #expect(try await host.call("Fresh", of: "T").body == "true NEVER true")
            #expect(try await host.read("upToDate", of: "T").value("upToDate") == true)
            // The platform says that something has changed.
            gateway.subscribe([["edgeName": "q", "pushType": "ALWAYS", "pushThreshold": 0]])
            #expect(try await host.call("NotifyPropertyUpdate", of: "T").status == 200)
            _ = await gateway.pushes { $0.values(of: "q").count > 1 }
        }
        await gateway.stop()
    }

    @Test("lsr 72, 73: the end of a Thing, and its listeners") func theEnd() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: [
                "T": """
                require "mine"
                module("templates.tt", thingworx.template.extend)
                properties.p = { baseType = "NUMBER", handler = "quiet", pushType = "NEVER", value = 1 }
                me:addLifecycleListener("stop", "x", function(...) log.info(name, "first listener") end)
                me:addLifecycleListener("stop", "x", function(...) log.info(name, "second listener with %d", select("#", ...)) end)
                me:addLifecycleListener("start", "x", function(...) error("a listener's error") end)
                assert(not pcall(me.addLifecycleListener, me, "middle", "x", print))
                tasks.Sleep = function() log.info(name, "sleeps") tw_utils.psleep(60000) log.info(name, "slept") end
                """
            ], settings: ["T": LuaHost.rates],
            files: [
                "handlers/quiet.lua":
                    "module('handlers.quiet', thingworx.handler.extend)\nfunction read() return 200 end\nfunction close() log.info(name, 'handler closes') end",
                "shapes/mine.lua": "module('shapes.mine', thingworx.shape.extend)\nfunction stop() log.info(name, 'shape stops') end",
            ], gateway: gateway.port
        ) { host async throws in
            try await host.program.line(containing: "sleeps")
            let start = ContinuousClock.now
            #expect(await host.program.end() == 0)
            #expect(start.duration(to: .now) < .seconds(4))
            for text in ["T: slept", "handler closes", "shape stops", "second listener with 0", "a listener's error"] {
                #expect(host.program.output.contains(text), "\(text): \(host.program.output)")
            }
            #expect(!host.program.output.contains("first listener"))
            let calls = await gateway.calls()
            #expect(calls.contains { $0.path.hasSuffix("RemoveEdgeThing") && $0.body["name"] == "T" })
        }
        await gateway.stop()
    }

    /// A gateway that takes requests and never answers does not keep a Thing from its end.
    @Test func theEndBesideASilentGateway() async throws {
        let silent = try ReservedPort()
        silent.listenSilently()
        try await LuaHost.run(
            things: [
                "T": """
                me:addLifecycleListener("stop", "x", function() log.info(name, "the listener ran") end)
                me:addLifecycleListener("start", "x", function() log.info(name, "began") end)
                """
            ], settings: ["T": LuaHost.rates], gateway: silent.port
        ) { host async throws in
            try await host.program.line(containing: "began")
            #expect(await host.program.end() == 0)
            #expect(host.program.output.contains("the listener ran"), "\(host.program.output)")
        }
    }

    /// Rules are asked after each property that is looked at, whatever its push type, and as a task.
    @Test func evaluateRules() async throws {
        try await LuaHost.run(things: [
            "T": """
            properties.a = { baseType = "NUMBER", pushType = "NEVER", value = 1 }
            properties.b = { baseType = "NUMBER", pushType = "ALWAYS", value = 1 }
            local seen = {}
            tasks.EvaluateRules = function(me, name) seen[tostring(name)] = true end
            services.Seen = function() return 299, tostring(seen.a and seen.b and seen.upToDate and seen["nil"]) end
            """
        ]) { host async throws in
            while try await host.call("Seen", of: "T").body != "true" {}
        }
    }
}
