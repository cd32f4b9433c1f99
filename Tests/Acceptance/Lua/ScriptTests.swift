import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// The script resource by itself: no gateway answers.
@Suite(.serialized) struct ScriptTests {
    let rates = "scanRateResolution = 20, scanRate = 60, taskRate = 50"

    @Test("lsr 2: one script's trouble stays its own") func oneScriptsTroubleStaysItsOwn() async throws {
        let chain = try Chain()
        try chain.writeTemplate(
            "good", "properties.p = { baseType = 'NUMBER', value = 5 }\ntasks.Fail = function() error('task trouble') end")
        try chain.writeTemplate("syntax", "properties.p = = 5")
        try chain.directory.write("etc/custom/scripts/loop.lua", "while true do end")
        try chain.writeScripts(
            gateway: 1,
            """
            scripts.script_resource_request_timeout = 500
            scripts.Good = { file = 'thing.lua', template = 'good', \(rates) }
            scripts.Syntax = { file = 'thing.lua', template = 'syntax', \(rates) }
            scripts.Missing = { file = 'thing.lua', template = 'nowhere', \(rates) }
            scripts.Slow = { file = 'thing.lua', template = 'good', scanRateResolution = 60, scanRate = 60 }
            scripts.Loop1 = { file = 'loop.lua' }
            scripts.Loop2 = { file = 'loop.lua' }
            scripts.Loop3 = { file = 'loop.lua' }
            """)
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        try await scripts.line(containing: "syntax.lua:2: unexpected symbol near '='")
        try await scripts.line(containing: "nowhere")
        try await scripts.line(containing: "Slow: scanRateResolution (60) must be less than scanRate (60)")
        // Errors in tasks are told with file and line, again and again, and end nothing.
        try await scripts.line(containing: "good.lua:3: task trouble")
        try await scripts.line(containing: "good.lua:3: task trouble", after: scripts.mark)
        let states = try await client.call(.GET, "/scripts").array ?? []
        let byName = Dictionary(uniqueKeysWithValues: states.map { ($0["name"]!.string!, $0["status"]!.string!) })
        #expect(byName["Good"] == "Running" && byName["Syntax"] == "Error" && byName["Missing"] == "Error" && byName["Slow"] == "Error")
        #expect(try await client.property(thing: "Good", "p").int == 5)
        // A callback into a script that never returns is given up, and so is waiting for its end.
        #expect(try await client.send(.GET, "/scripts/Loop1/x").status == 504)
        #expect(await scripts.end() == 0, "\(scripts.output)")
    }

    @Test func callbacksScriptsAndHandlers() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/scripts/cpu.lua",
            """
            local load = 12.5
            function readLoad(method, path, headers, query, data)
              if method == "PUT" then load = json.decode(data.content).value return 200, {}, "" end
              return 200, tw_utils.RESP_HEADERS(), json.encode { value = load, time = 1000, quality = "GOOD", path = path[2], q = query.q }
            end
            tw_http.registerCallback("/load", "readLoad")
            tw_http.registerCallback("/text", function() return 200, { ["Content-Type"] = "text/plain" }, "hello" end)
            while p_data.run do tw_utils.psleep(1000) end
            log.info("cpu", "ended with %d and %s", p_data.extra, p_data.run)
            """)
        try chain.writeTemplate(
            "host",
            """
            properties.load = { baseType = "NUMBER", handler = "script", key = "cpu/load", value = 0 }
            properties.other = { baseType = "NUMBER", handler = "cpu", key = "load" }
            properties.own = { baseType = "NUMBER", handler = "mine", factor = 3 }
            """)
        try chain.directory.write(
            "etc/custom/handlers/mine.lua",
            """
            module("handlers.mine", thingworx.handler.extend)
            local stored = 2
            function open() log.info(name, "handler opened") end
            function close() log.info(name, "handler closed") end
            function read(me, pt, headers, query) pt.value, pt.time, pt.quality = stored * pt.factor, 1000, "GOOD" return 200 end
            function write(me, pt, headers, query, data) stored = data.value return 200 end
            """)
        try chain.writeScripts(
            gateway: 1,
            """
            scripts.cpu = { file = "cpu.lua", extra = 7 }
            scripts.H = { file = 'thing.lua', template = 'host', \(rates) }
            """)
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        try await scripts.line(containing: "not registered with the gateway")
        let answer = try await client.call(.GET, "/scripts/cpu/load/more?q=1")
        #expect(answer["value"]?.double == 12.5 && answer["path"] == "more" && answer["q"] == "1")
        #expect(try await client.send(.GET, "/scripts/cpu/nothing").status == 404)
        #expect(try await client.property(thing: "H", "load").double == 12.5)
        _ = try await client.call(.PUT, "/scripts/Thingworx/H/Properties/load", body: ["load": 50])
        #expect(try await client.property(thing: "H", "other").int == 50)
        #expect(try await client.property(thing: "H", "own").int == 6)
        _ = try await client.call(.PUT, "/scripts/Thingworx/H/Properties/own", body: ["own": 5])
        #expect(try await client.property(thing: "H", "own").int == 15 && scripts.output.contains("handler opened"))
        #expect(try await client.send(.GET, "/scripts/Nobody/x").status == 404)
        #expect(await scripts.end() == 0, "\(scripts.output)")
        #expect(scripts.output.contains("cpu: ended with 7 and false") && scripts.output.contains("handler closed"))
    }

    @Test func infotablesShapesAndTheMutex() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/shapes/counter.lua",
            """
            module("shapes.counter", thingworx.shape.extend)
            properties.count = { baseType = "INTEGER", value = 1 }
            properties.own = { baseType = "STRING", value = "of the shape" }
            services.Next = function(me) me.properties.count.value = me.properties.count.value + 1 return 200 end
            serviceDefinitions.Next(output { baseType = 'NOTHING' })
            """)
        try chain.writeTemplate(
            "full",
            """
            require "counter"
            dataShapes.Reading({ name = "Temp", baseType = "INTEGER" }, { name = "Status", baseType = "STRING", aspects = { defaultValue = "Unknown" } })
            properties.own = { baseType = "STRING", value = "of the template" }
            properties.table_ = { baseType = "INFOTABLE", dataShape = "Reading" }
            serviceDefinitions.Read(output { baseType = "INFOTABLE", aspects = { dataShape = "Reading" } })
            services.Read = function()
              local it = tw_infotable.createInfoTable(DataShape.Reading:clone())
              it:addRow { Temp = "20.6", Status = "OK" }
              it:addRow { Temp = 3 }
              local ok, why = it:addRow { Wrong = 1 }
              assert(not ok and why == "the data shape has no field Wrong")
              local ds = tw_datashape.createDataShape("a", "NUMBER", "first", {})
              ds:addField("b", "STRING")
              assert(ds:toTable().fieldDefinitions.b.ordinal == 1 and it:getRowCount() == 2 and it.Temp == 21)
              return 200, it:toTable()
            end
            serviceDefinitions.Where(output { baseType = "LOCATION" })
            services.Where = function() return 200, { latitude = 1, longitude = 2, elevation = 3 } end
            serviceDefinitions.Many(input { name = "t", baseType = "INFOTABLE", aspects = { dataShape = "Reading" } }, output { baseType = "JSON" })
            services.Many = function(me, headers, query, data) return 200, { n = #data.t.rows, first = data.t.rows[1], list = { 1, 2 } } end
            """)
        try chain.directory.write(
            "etc/custom/scripts/locked.lua",
            """
            local busy = false
            tw_http.registerCallback("/check", function() return 200, {}, tostring(busy) end)
            tw_http.registerCallback("/start", function() return 200, {}, "" end)
            while p_data.run do
              tw_mutex.lock()
              busy = true
              tw_utils.psleep(30)
              busy = false
              tw_mutex.unlock()
              tw_utils.psleep(5)
            end
            """)
        try chain.writeScripts(
            gateway: 1,
            """
            scripts.F = { file = 'thing.lua', template = 'full', identifier = 'SN-9', \(rates) }
            scripts.locked = { file = 'locked.lua' }
            """)
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        try await scripts.line(containing: "not registered with the gateway")
        let read = try await client.call(.POST, "/scripts/Thingworx/F/Services/Read", body: [:])
        #expect(read["rows"] == [["Status": "OK", "Temp": 21], ["Status": "Unknown", "Temp": 3]] || read["rows"]?[0]?["Temp"]?.int == 21)
        #expect(read["rows"]?[1]?["Status"] == "Unknown")
        #expect(read["dataShape"]?["fieldDefinitions"]?["Status"]?["ordinal"]?.int == 1)
        // By identifier, and with the collection in the path as a gateway writes it.
        #expect(
            try await client.call(.POST, "/scripts/Thingworx/Things/*SN-9/Services/Where", body: [:])["rows"]?[0]?["result"]?["longitude"]?
                .int == 2)
        #expect(try await client.property(thing: "F", "own") == "of the template")
        _ = try await client.call(.POST, "/scripts/Thingworx/F/Services/Next", body: [:])
        #expect(try await client.property(thing: "F", "count").int == 2)
        #expect(try await client.property(thing: "F", "table_")["rows"] == [])
        let table: JSONValue = ["t": ["rows": [["x": 1], ["x": 2]], "dataShape": ["fieldDefinitions": ["x": ["baseType": "NUMBER"]]]]]
        let many = try await client.call(.POST, "/scripts/Thingworx/F/Services/Many", body: table)["rows"]?[0]?["result"]
        #expect(many?["n"]?.int == 2 && many?["first"]?["x"]?.int == 1 && many?["list"] == [1, 2])
        for (method, path, status) in [
            ("GET", "/scripts/Thingworx/F/Properties/none", 404), ("PUT", "/scripts/Thingworx/F/Properties/own", 400),
            ("DELETE", "/scripts/Thingworx/F/Properties/own", 405), ("GET", "/scripts/Thingworx/F/Events", 404), ("GET", "/elsewhere", 404),
        ] { #expect(try await client.send(.init(rawValue: method), path).status == status, "\(method) \(path)") }
        // A callback never runs between lock and unlock.
        for _ in 0..<20 {
            let (status, json) = try await client.send(.GET, "/scripts/locked/check")
            #expect(status == 200 && json == false)
        }
        #expect(await scripts.end() == 0, "\(scripts.output)")
    }

    @Test("lsr 5: what is within its threshold stays, and what waited is pushed later") func pushesAreThresholdedBatchedAndKept()
        async throws
    {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        let port = try await platform.port()
        try chain.writeGateway(platform: port)
        let gateway = try chain.startGateway()
        try await gateway.line(containing: "and authenticated")
        try chain.writeTemplate(
            "push",
            """
            for i = 1, 250 do properties["p" .. i] = { baseType = "NUMBER", value = i, scanRate = 100 } end
            properties.level = { baseType = "NUMBER", pushThreshold = 1, scanRate = 60, value = 10 }
            serviceDefinitions.Set(input { name = "level", baseType = "NUMBER" })
            services.Set = function(me, headers, query, data) properties.level.value = data.level return 200 end
            """)
        try chain.writeScripts(
            gateway: try await gateway.port(), "scripts.T1 = { file = 'thing.lua', template = 'push', \(rates), keepAliveRate = 1000 }")
        let scripts = try chain.startScripts()
        try await platform.line(containing: "T1.level = 10")
        try await platform.line(containing: "T1.p250 = 250")
        let admin = try chain.platform(port)
        // Within the threshold, then beyond it: the first is not pushed.
        _ = try await admin.invoke("T1", "Set", ["level": 10.5])
        // Another property that is written after it, and pushed, shows that a scan has passed.
        _ = try await admin.call(.PUT, RestClient.thing("T1", "Properties", "p1"), body: ["p1": -1])
        try await platform.line(containing: "T1.p1 = -1")
        _ = try await admin.invoke("T1", "Set", ["level": 11.2])
        try await platform.line(containing: "T1.level = 11.2")
        #expect(!platform.output.contains("T1.level = 10.5"))
        // What changes while the platform is away arrives when it is back.
        await platform.end(SIGKILL)
        try await gateway.line(containing: "was lost")
        _ = try await chain.local(try await scripts.port()).call(.POST, "/scripts/Thingworx/T1/Services/Set", body: ["level": 77])
        let again = try chain.startPlatform(port: port)
        try await again.line(containing: "T1.level = 77")
        await scripts.end()
    }
}
