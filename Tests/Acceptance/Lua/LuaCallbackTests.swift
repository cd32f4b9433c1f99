import Formats
import TestKit
import Testing

/// Callbacks, calls between scripts, and the HTTP interface (lua-library.md §6.7, §6.8 and §10).
@Suite(.serialized) struct LuaCallbackTests {
    private let forever = "\nwhile p_data.run do tw_utils.psleep(50) end"

    @Test("lsr 18: what a callback may return") func returns() async throws {
        try await LuaHost.run(scripts: [
            "S": """
            local answers = {
              two = function() return 200, "x" end, none = function() return 404, "y" end,
              three = function() return 200, { ["content-type"] = "text/xml" }, "<a/>" end, one = function() return 200 end,
              middle = function() return 201, nil, "m" end, last = function() return 201, "l", nil end, nothing = function() end,
              raises = function() error("on purpose") end, service = function() return 200, "t", { ["content-type"] = "text/css" } end,
            }
            for name, f in pairs(answers) do tw_http.registerCallback("/" .. name, f) end
            """ + forever
        ]) { host async throws in
            for (path, status, body, type) in [
                ("two", 200, "x", "text/plain"), ("none", 404, "y", "text/plain"), ("three", 200, "<a/>", "text/xml"), ("one", 200, "", ""),
                ("middle", 201, "m", "text/plain"),
                ("last", 201, "l", "text/plain"), ("nothing", 500, "the callback returned nothing", "text/plain"),
                ("service", 200, "t", "text/css"),
            ] {
                let answer = try await host.get("/scripts/S/\(path)")
                #expect(
                    answer.status == status && answer.body == body && (answer.headers.first(name: "content-type") ?? "").hasPrefix(type),
                    "\(path): \(answer)")
            }
            let raised = try await host.get("/scripts/S/raises")
            #expect(raised.status == 500 && raised.body.contains("on purpose"))
        }
    }

    @Test("lsr 19: what a callback gets as data") func data() async throws {
        try await LuaHost.run(scripts: [
            "S": """
            function tell(method, path, headers, query, data)
              local parts = { method, #path, tostring(path[1]), tostring(headers["content-type"]), tostring(headers["Content-Type"]), tostring(query.q) }
              local ok, decoded = pcall(json.decode, data.content or "")
              parts[#parts + 1] = ok and type(decoded) == "table" and "a=" .. tostring(decoded.a) or "content=" .. tostring(data.content)
              parts[#parts + 1] = tostring(data.a) .. "," .. tostring(data.b)
              return 200, table.concat(parts, "|")
            end
            tw_http.registerCallback("/", "tell")
            """ + forever
        ]) { host async throws in
            #expect(
                try await host.send(.POST, "/scripts/S/x?q=1", #"{"a":1}"#).body
                    == "POST|1|x|application/json|application/json|1|a=1|nil,nil")
            #expect(
                try await host.send(.POST, "/scripts/S", "<a/>", type: "text/xml").body
                    == "POST|0|nil|text/xml|text/xml|nil|content=<a/>|nil,nil")
            let form = try await host.send(.POST, "/scripts/S", "a=1&b=x%20y", type: "application/x-www-form-urlencoded").body
            #expect(form.hasSuffix("|1,x y"), "\(form)")
            #expect(try await host.get("/scripts/S/").body == "GET|0|nil|nil|nil|nil|content=nil|nil,nil")
        }
    }

    @Test("lsr 20, 21: calls from script to script") func betweenScripts() async throws {
        try await LuaHost.holds(
            """
            repeat tw_utils.psleep(10) until tw_script.getStatus("T") == "Running" and tw_script.getStatus("S2") == "Running"
            local c, b, h = tw_script.executeCallback("T", "GET", "Properties/p")
            assert(c == 200 and json.decode(b).rows[1].p == 5 and type(h) == "table" and h["Content-Type"] == "application/json", b)
            local c2, b2 = tw_script.executeCallback("T", "GET", "/Properties/p")
            assert(c2 == 200 and json.decode(b2).rows[1].p == 5)
            assert(tw_script.executeCallback("T", "GET") == 200)
            assert(tw_script.executeCallback("T", "PUT", "Properties/p", nil, nil, { content = '{"p":6}' }) == 200)
            assert(json.decode((select(2, tw_script.executeCallback("Thingworx", "GET", "Things/T/Properties/p")))).rows[1].p == 6)
            assert(select(2, tw_script.executeCallback("Thingworx", "GET", "Things")) == '{"Things":["T"]}')
            assert(tw_script.executeCallback("Thingworx", "POST", "registerIdentifier", nil, nil, { identifier = "x", thing = "T" }) == 200)
            c, b, h = tw_script.executeCallback("S2", "POST", "act", nil, { q = "1" }, { x = 1, content = "z" })
            assert(c == 201 and b == "1 z 1 act" and h.Mine == "yes", b)
            c, b = tw_script.executeCallback("Nobody", "GET", "x")
            assert(c == 404 and b:find("Nobody", 1, true))
            assert(tw_script.executeCallback("S2", "GET", "nothing") == 404 and tw_script.executeCallback(nil, nil, nil) == 404)
            """, things: ["T": "properties.p = { baseType = 'NUMBER', value = 5 }"],
            scripts: [
                "S2": """
                tw_http.registerCallback("/act", "act")
                function act(method, path, headers, query, data) return 201, { Mine = "yes" }, data.x .. " " .. data.content .. " " .. query.q .. " " .. path[1] end
                """ + forever
            ])
    }

    /// A call while a module loads, of others, of oneself, and of one that never answers.
    @Test func callsThatCannotWait() async throws {
        try await LuaHost.holds(
            """
            repeat tw_utils.psleep(10) until tw_script.getStatus("S2") == "Running" and tw_script.getStatus("Loop") == "Running"
            tw_http.registerCallback("/own", function() return 200, "own" end)
            assert(select(2, tw_script.executeCallback("Check", "GET", "own")) == "own")
            local seen = require("asks")
            assert(seen[1] == 200 and seen[2] == "two" and seen[3] == 503, tostring(seen[3]))
            local code, text = tw_script.executeCallback("Loop", "GET", "never")
            assert(code == 504 and text:find("did not answer", 1, true))
            """, settings: ["Check": "requestTimeout = 1000"],
            scripts: [
                "S2": "tw_http.registerCallback('/two', function() return 200, 'two' end)" + forever,
                "Loop": "tw_http.registerCallback('/never', function() while true do end end) while p_data.run do tw_utils.psleep(20) end",
            ],
            files: [
                "lua/asks.lua": """
                local code, text = tw_script.executeCallback("S2", "GET", "two")
                return { code, text, (tw_script.executeCallback("Check", "GET", "own")) }
                """
            ])
    }

    @Test("lsr 22: a Thing answers by itself and through Thingworx") func twoWays() async throws {
        try await LuaHost.run(things: ["T": "properties.p = { baseType = 'JSON', value = { a = 1 }, time = 1000 }"]) { host async throws in
            let own = try await host.get("/scripts/T/Properties/p")
            #expect(own.status == 200 && own.value("p")["a"]?.int == 1 && own.json["rows"]?[0]?["time"]?.int == 1000)
            #expect(own.json["dataShape"]?["fieldDefinitions"]?["time"]?["baseType"] == "DATETIME")
            let through = try await host.get("/scripts/Thingworx/Things/T/Properties/p").json
            #expect(through.isSame(as: own.json))
            let short = try await host.get("/scripts/Thingworx/T/Properties/p").json
            #expect(short.isSame(as: own.json))
            #expect(try await host.get("/scripts/T/").status == 200)
            #expect(try await host.get("/scripts/T/Nothing").status == 404)
            #expect(try await host.get("/scripts/Thingworx/Things").json == ["Things": ["T"]])
            #expect(
                try await host.send(
                    .POST, "/scripts/Thingworx/registerIdentifier", "identifier=a&thing=T", type: "application/x-www-form-urlencoded"
                ).status == 200)
            #expect(try await host.send(.POST, "/scripts/Thingworx/Things/T", "").json["name"] == "T")
            for (method, path, body, type, status) in [
                ("PUT", "Properties/p", #"{"p":{}}"#, "text/plain", 400), ("PUT", "Properties/p", "", "application/json", 400),
                ("DELETE", "Properties/p", nil, "application/json", 405),
                ("POST", "Properties", "{}", "application/json", 405), ("POST", "Services", "{}", "application/json", 404),
                ("POST", "Services/GetMetadata", "{}", "text/plain", 400),
                ("POST", "Services/None", "{}", "application/json", 404), ("GET", "Services/GetMetadata", nil, "application/json", 405),
            ] as [(String, String, String?, String, Int)] {
                let answer = try await host.send(.init(rawValue: method), "/scripts/T/\(path)", body, type: type)
                #expect(answer.status == status && !answer.body.hasPrefix("{"), "\(method) \(path) \(type): \(answer)")
            }
        }
    }

    @Test("lsr 23: a callback's function is looked up at each request") func lateFunctions() async throws {
        try await LuaHost.run(
            things: [
                "T": """
                local http = tw_http
                http.registerCallback("/mine", "ofTemplate")
                function ofTemplate() return 200, "of the template" end
                """
            ],
            scripts: [
                "S": """
                tw_http.registerCallback("/late", "late")
                tw_http.registerCallback("/change", "change")
                function late() return 200, "first" end
                function change() function late() return 200, "second" end return 200 end
                """ + forever
            ]
        ) { host async throws in
            let first = try await host.get("/scripts/S/late").body
            let change = try await host.get("/scripts/S/change").status
            let second = try await host.get("/scripts/S/late").body
            let mine = try await host.get("/scripts/T/mine").body
            #expect(first == "first" && change == 200 && second == "second" && mine == "of the template")
        }
    }

    @Test("lsr 53: forms and texts to other hosts") func forms() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.holds(
            """
            local body, code, headers = tw_http.post("127.0.0.1", \(gateway.port), "/echo", { a = "1 2" })
            assert(body == "a=1%202" and code == 200 and headers["content-type"] == "application/x-www-form-urlencoded", body)
            body, code, headers = tw_http.put("127.0.0.1", "\(gateway.port)", "echo", "plain text", { ["Content-Type"] = "text/plain" })
            assert(body == "plain text" and headers["Content-Type"] == "text/plain")
            local none, status, nothing, why = tw_http.get("127.0.0.1", 1, "/")
            assert(none == nil and status == 503 and nothing == nil and type(why) == "string")
            for _, bad in ipairs { { "127.0.0.1", 0, "/" }, { "127.0.0.1", 1, "/a b" }, { "127.0.0.1", 1, "/", { ["X Y"] = 1 } }, { "127.0.0.1", 1, "/", { X = "a\\r\\nb" } }, {}, { {}, {}, {} } } do
              local answer, code = tw_http.get(unpack(bad))
              assert(answer == nil and code == 400)
            end
            """, gateway: gateway.port)
        await gateway.stop()
    }

    @Test("lsr 67: a page from a callback") func pages() async throws {
        try await LuaHost.run(scripts: [
            "S": """
            tw_http.registerCallback("/page", function()
              local p = page:new("T")
              p:addContent("<b>%s</b>", "x")
              p:addTable({ { a = 1, b = 2 } }, "id", "class", { "a", "b" })
              p:addList({ "i", "j" }, true)
              p:addHeadContent("<meta name=%q>", "m")
              return p:render()
            end)
            tw_http.registerCallback("/moved", function() return page:new("T"):redirect(302, "/a") end)
            tw_http.registerCallback("/wrong", function() return page:new("T"):render(404, "not <here>", "gone") end)
            """ + forever
        ]) { host async throws in
            // The script runs while it still registers.
            while try await host.get("/scripts/S/moved").status == 404 {}
            let page = try await host.get("/scripts/S/page")
            #expect(
                page.status == 200 && page.headers.first(name: "Content-Type") == "text/html" && page.body.contains("<b>x</b>")
                    && page.body.contains("<title>T</title>"))
            #expect(
                page.body.contains("<th>a</th><th>b</th>") && page.body.contains("<td>1</td><td>2</td>") && page.body.contains("<ol>")
                    && page.body.contains("<meta name=\"m\">"))
            let moved = try await host.get("/scripts/S/moved")
            #expect(moved.status == 302 && moved.headers.first(name: "Location") == "/a")
            let wrong = try await host.get("/scripts/S/wrong")
            #expect(wrong.status == 404 && wrong.body.contains("not &lt;here&gt;") && wrong.body.contains("gone"))
        }
    }
}
