import Formats
import Foundation
import TestKit
import Testing

/// The library's modules, each function with what it takes, what it returns and how it fails (lua-library.md §6).
@Suite(.serialized) struct LuaLibraryTests {
    @Test("lsr 39, 40: JSON") func json() async throws {
        try await LuaHost.holds(
            #"""
            local v = json.decode('{"a":null,"b":[1,null,3]}')
            assert(v.a == nil and v.b[2] == nil and v.b[3] == 3)
            assert(json.encode({}) == "[]" and json.encode({ 1, nil, 3 }) == "[1,null,3]" and json.encode({ a = json.null }) == '{"a":null}')
            assert(json.encode(json.null) == "null" and json.null() == json.null and type(json.null) == "function" and json.encode(nil) == "null")
            local both = json.decode("{'a':1, /* c */ \"b\":2,}")
            assert(both.a == 1 and both.b == 2)
            local ok, why = pcall(json.decode, "{")
            assert(not ok and why:find("line 1", 1, true))
            assert(json.decode("[1,2,] and more")[2] == 2 and json.decode("null") == nil and json.decode('"\\u00e9\\/"') == "é/" and json.decode("1e+2") == 100)
            assert(json.encode({ 1, x = 2 }) == '{"1":1,"x":2}' or json.encode({ 1, x = 2 }) == '{"x":2,"1":1}')
            assert(json.encode({ f = print, a = 1 }) == '{"a":1}' and not pcall(json.encode, print) and not pcall(json.encode, newproxy()))
            assert(json.encode('a"b\\\r\n\t') == [["a\"b\\\r\n\t"]] and json.encodeString("x") == '"x"')
            assert(json.isArray({ 1 }) and not json.isArray({ a = 1 }) and json.isArray({}) and json.isEncodable({}) and not json.isEncodable(print))
            assert(json.encode(json.object()) == "{}" and json.encode(json.decode('{"a":{},"b":[]}').a) == "{}")
            for _, bad in ipairs { "", "[1 2]", "[,1]", "[1,,2]", "{a:1}", "tru", "'", '"\\q"', "-", "[1", "/*" } do assert(not pcall(json.decode, bad), bad) end
            for _, bad in ipairs { 5, {}, true } do assert(not pcall(json.decode, bad)) end
            assert(not pcall(json.decode) and not pcall(json.decode, string.rep("[", 1000)))
            local deep = {} for i = 1, 200 do deep = { deep } end
            assert(not pcall(json.encode, deep))
            """#, covering: ["json"])
    }

    @Test("lsr 41, 42, 43: requests, headers and values with their times") func utilities() async throws {
        try await LuaHost.holds(
            #"""
            local ok, text = tw_utils.encodeData()
            assert(ok == true and text == "{}" and select(2, tw_utils.encodeData {}) == "{}")
            ok, text = tw_utils.encodeData("x")
            assert(ok == false and type(text) == "string" and tw_utils.encodeData(5) == false and select(2, tw_utils.encodeData { a = 1 }) == '{"a":1}')
            local headers, count = tw_utils.REQ_HEADERS(), 0
            for key, value in pairs(headers) do count = count + 1 end
            assert(count == 2 and headers["content-type"] == "application/json" and headers.host == "localhost")
            local t = { mine = 1 }
            assert(tw_utils.RESP_HEADERS("text/xml", t) == t and t["content-type"] == "text/xml" and t.mine == 1 and tw_utils.REQ_HEADERS("h", nil, t) == t and t.host == "h")
            local pt = { name = "p", baseType = "NUMBER", value = 5, quality = "GOOD", pushType = "VALUE", pushThreshold = 0.5, prev = { value = 4.6 } }
            local vtq = tw_utils.toVTQ(pt)
            assert(vtq.value == 5 and vtq.quality == "GOOD" and math.abs(vtq.time - (tw_utils.currentTime() - 62135596800000)) < 1000 and tw_utils.toVTQ({}).quality == "UNKNOWN")
            assert(tw_utils.toVariantVTQ(pt).value.baseType == "NUMBER" and tw_utils.toVariantVTQ(pt).value.value == 5)
            local decoded = json.decode(tw_utils.toJsonVTQ(pt))
            assert(decoded.value == 5 and decoded.time and decoded.quality == "GOOD" and type(tw_utils.toJsonVTQ({ value = print })) == "string")
            pt.time = 1000
            local table_ = json.decode(tw_utils.toJsonInfotable(pt))
            assert(#table_.rows == 1 and table_.rows[1].p == 5 and table_.rows[1].time == 1000 and table_.dataShape.fieldDefinitions.p.baseType == "NUMBER")
            local path, query = tw_utils.parseQueryParams("a/b?x=1&y=2&z")
            assert(path == "a/b" and query.x == "1" and query.y == "2" and query.z == "" and tw_utils.parseQueryParams("a") == "a" and tw_utils.parseQueryParams(nil) == "")
            assert(tw_utils.isJson('{"a":1}') and tw_utils.isJson("5") and not tw_utils.isJson("{") and not tw_utils.isJson(nil))
            assert(tw_utils.evaluateChange(pt) == false)
            pt.value = 6
            assert(tw_utils.evaluateChange(pt) == true)
            pt.pushType = "NEVER" assert(not tw_utils.evaluateChange(pt)) pt.pushType = "ALWAYS" assert(tw_utils.evaluateChange(pt))
            assert(tw_utils.evaluateChange { pushType = "VALUE", baseType = "LOCATION", value = { latitude = 1 }, prev = { value = { latitude = 2 } } })
            assert(tw_utils.evaluateChange { pushType = "VALUE", baseType = "NUMBER", value = "5", pushThreshold = 1, prev = { value = "x" } })
            for value, expected in pairs { ["0"] = true, [""] = true, ["FALSE"] = false, [0] = false, [2] = true, [true] = true, [false] = false } do assert(tw_utils.toboolean(value) == expected) end
            assert(tw_utils.toboolean({}) and not tw_utils.toboolean(nil))
            assert(tw_utils.toString({ a = 1, b = { c = 2 } }) == "b.c=2, a=1, " and tw_utils.toString({ 1 }, ";") == "1=1;" and not pcall(tw_utils.toString, { 1, a = 2 }))
            assert(tw_utils.EMS_SVC_PATH("T 1", "S") == "/Thingworx/Things/T 1/Services/S" and tw_utils.EMS_EVENT_PATH("T", "E") == "/Thingworx/Things/T/Events/E")
            assert(tw_utils.EMS_PROP_PATH("T", "p") == "/Thingworx/Things/T/Properties/p" and tw_utils.EMS_PROPS_VTQ_PATH("T") == "/Thingworx/Things/T/PropertiesVTQ/*")
            assert(tw_utils.PATH_PROPS == "Properties" and thingworx.utils == tw_utils)
            -- 44
            local key = "0123456789abcdef"
            for _, base64 in ipairs { true, false } do
              for _, each in ipairs { { n = 0 }, { key } } do
                assert(tw_utils.aes_decrypt(tw_utils.aes_encrypt("s\0ecret", base64, each[1]), base64, each[1]) == "s\0ecret")
              end
            end
            for _, call in ipairs { { tw_utils.aes_decrypt, "??", true }, { tw_utils.aes_decrypt, "short", false }, { tw_utils.aes_decrypt, nil }, { tw_utils.aes_encrypt, nil }, { tw_utils.aes_encrypt, "x", true, "" },
              { tw_utils.aes_encrypt, {}, true, key }, { tw_utils.base64_decode, "%%" }, { tw_utils.base64_decode, nil }, { tw_utils.base64_encode, {} } } do
              local value, why = call[1](call[2], call[3], call[4])
              assert(value == nil and type(why) == "string")
            end
            assert(tw_utils.base64_encode("\0\255") == "AP8=" and tw_utils.base64_decode("AP8=") == "\0\255")
            -- 45
            local now = tw_utils.currentTime()
            assert(math.abs(tw_utils.datetimeToLuaTime(now) - os.time()) < 2 and type(tw_utils.psleep(20)) == "number" and tw_utils.psleep(nil))
            assert(tw_utils.datetimeToString(62135596800007, "%Y-%m-%d", true, true) == "1970-01-01,007" and type(tw_utils.datetimeToString(now)) == "string")
            assert(tw_utils.host_os() == "linux" and tw_utils.isWindows() == false and tw_utils.memory() > 1000)
            local copy = tw_utils.deserializeTable(tw_utils.serializeTable { a = { 1.5, true, "x\n\0\"" }, [3] = false, ["odd key"] = -1e300, [true] = 0 / 0 })
            assert(copy.a[1] == 1.5 and copy.a[3] == "x\n\0\"" and copy[3] == false and copy["odd key"] == -1e300 and copy[true] ~= copy[true])
            assert(tw_utils.deserializeTable("return { x = 1; 'a', [2] = nil }").x == 1)
            for _, bad in ipairs { "os.exit(1)", "{", "{ f() }", "{ a = }", "(function() while true do end end)()", "", "{1 2}", "'x", string.rep("{", 200) } do
              local value, why = tw_utils.deserializeTable(bad)
              assert(value == nil and type(why) == "string", bad)
            end
            assert(tw_utils.deserializeTable(nil) == nil and not pcall(tw_utils.serializeTable, 5))
            local loop = {} loop.self = loop
            assert(not pcall(tw_utils.serializeTable, loop))
            assert(tw_utils.calculateCRC16("123456789") == 0x4B37 and tw_utils.calculateCRC16(nil) == nil)
            assert(tw_utils.uri_encode("a b/é") == "a%20b%2F%C3%A9" and tw_utils.uri_decode("a+b%2F") == "a b/")
            local a, b, c = tw_utils.scopelock(function(...) return ... end, 1, nil, 3)
            assert(a == 1 and b == nil and c == 3 and not pcall(tw_utils.scopelock, error))
            tw_mutex.lock() tw_mutex.unlock()
            """#, covering: ["tw_utils", "tw_mutex"])
    }

    @Test("lsr 44, 45: ciphers and times") func ciphersAndTimes() async throws {
        try await LuaHost.holds(
            #"""
            assert(tw_utils.aes_decrypt(tw_utils.aes_encrypt("s", true), true) == "s" and tw_utils.aes_decrypt(tw_utils.aes_encrypt("s")) == "s")
            assert(tw_utils.aes_decrypt(tw_utils.aes_encrypt("s", true, "0123456789abcdef"), true, "another key here") == nil)
            assert(math.abs((tw_utils.currentTime() - 62135596800000) / 1000 - os.time()) < 2 and type(tw_utils.psleep(20)) == "number")
            """#)
    }

    @Test("lsr 46, 47, 68: texts, tables and groups") func textsAndTables() async throws {
        try await LuaHost.holds(
            #"""
            local list, n = ("a,,b"):split(",")
            assert(#list == 2 and n == 2 and list[2] == "b")
            list, n = ("a b\tc"):split()
            assert(n == 3 and select(2, ("a, b"):split(", ")) == 2 and select(2, ("a^b]c-d%e"):split("^]-%")) == 5 and #stringx.split("x.y", ".") == 2)
            assert(stringx.stringToTable(nil) == nil and stringx.stringToTable({}) == nil and #stringx.stringToTable("") == 0 and #stringx.stringToTable(12, 1) == 1)
            local t = { a = 1, b = { c = 2, d = { 1, 2 } } }
            assert(table.containsKey(t, "a") == t and table.containsKey(t, "z") == nil and table.containsKey(nil, "a") == nil)
            assert(table.containsValue(t, 1) == t and table.containsValue(t, 9) == nil and table.containsValue(nil, 1) == nil)
            local shared = {}
            local copy = table.fullCopy(setmetatable({ x = shared, y = shared, [shared] = 1 }, { __index = t }))
            assert(copy.x == copy.y and copy.x ~= shared and copy[copy.x] == 1 and getmetatable(copy) == nil and table.fullCopy(5) == 5)
            local sparse, kind = table.sparseCopy(t, { "b", "d", "2" })
            assert(sparse.b.d[2] == 2 and sparse.a == nil and sparse.b.c == nil and kind == "number" and select(2, table.sparseCopy(t, { "no" })) == "nil" and table.sparseCopy(5, {}) == nil)
            local flat = table.toFlatTable(t)
            assert(flat["b.d.2"] == 2 and flat.a == 1 and table.toFlatTable(5).ERROR and table.toFlatTable({ f = print }).ERROR)
            assert(table.toString({ a = 1, b = "x=y" }) == 'b="x=y"\na=1\n' and table.toString({ a = 1 }, "p", { delim = ":" }) == "p.a:1\n")
            assert(table.toCsv({ a = 1, b = 2 }) == "2,1,\n" and table.toCsv({ a = 1, b = "x,y" }, nil, { headers = true }) == 'b,a,\n"x,y",1,\n')
            local xml = table.toXml("r", { a = "x", list = { "p", "q" } })
            assert(xml:find("<r>") and xml:find("<a>x</a>") and xml:find('<list id="1">p</list>') and xml:find('<list id="2">q</list>'), xml)
            assert(table.toXml(nil, 5):find("<root>5</root>") and not xml:find("ERROR"))
            local html = table.toHtml({ k = "v<", sub = {} }, "up")
            assert(html:find('class="palantiriTable"', 1, true) and html:find("v&lt;", 1, true) and html:find('href="up/sub"', 1, true))
            for kind, text in pairs { ["text/xml"] = "<?xml", ["application/xml"] = "<?xml", ["text/html; charset=x"] = "<table", ["text/csv"] = "1,", ["text/x-lua-table"] = "{", ["application/json"] = "{", ["other"] = "a=1" } do
              assert(table.toContentTypeString({ a = 1 }, kind):find(text, 1, true) == 1, kind)
            end
            assert(table.fromCsv("a,b\n1,2", nil, true)[1].b == "2" and #table.fromCsv("a,b\n1,2") == 2 and table.fromCsv("a,b\n1,2")[1][2] == "b")
            assert(table.fromCsv("k,v\nx,1\n\ny,2\n", 1, true).y.v == "2" and table.fromCsv(nil) == nil and table.fromCsv({}) == nil)
            local quoted = table.fromCsv('"a ""b"", c",2\r\n"x\ny",\n')
            assert(quoted[1][1] == 'a "b", c' and quoted[2][1] == "x\ny" and quoted[2][2] == "" and #table.fromCsv("") == 0)
            local keys = {}
            for key in orderedPairs { b = 1, a = 2, [3] = 3 } do keys[#keys + 1] = tostring(key) end
            assert(table.concat(keys) == "3ab")
            keys = {}
            for key in orderedPairs({ b = 1, a = 2 }, function(x, y) return x > y end) do keys[#keys + 1] = key end
            assert(table.concat(keys) == "ba")
            p_data.add = function(a, b) return a + b end
            local values = { a = 1, b = 2 }
            local access = function(name) return values[name] end
            local group = propGroups.getGroup(access, { "a", n = "b", c = { f = "add", "a", 2 }, d = { f = "none" } })
            assert(group[1] == 1 and group.n == 2 and group.c == 3 and group.d == nil and propGroups.getGroup(access, nil) == nil)
            local p = page:new("T<")
            assert(not pcall(page.new, page) and p.status == 200 and p.headers["Content-Type"] == "text/html")
            p:addHeadContent("100%")
            p:addContent("50%% of %d", 3)
            p:addTable({ { 1, "a%b" }, { x = 5 } })
            p:addList({ k = "v" })
            local code, headers, body = p:success()
            assert(code == 200 and headers == p.headers and body:find("<title>T&lt;</title>", 1, true) and body:find("50% of 3", 1, true) and body:find("a%b", 1, true) and body:find("x = 5", 1, true) and body:find("<dt>k</dt>", 1, true))
            p.headers["Content-Type"] = "text/plain"
            assert(select(3, p:render()):find("html>", 1, true) == nil)
            p.headers["Content-Type"] = "text/xml"
            assert(select(3, p:render()):find("<?xml", 1, true) == 1)
            assert(select(1, page:new("x"):error(nil, "m")) == 500 and select(1, page:new("x"):render(303, "/y")) == 303 and select(2, page:new("x"):redirect(nil, "/z")).Location == "/z")
            assert(page:render_table({}):find("<table>", 1, true) and page:render_list({}):find("<ul>", 1, true) and page.escape("<") == "&lt;" and page:render_list(nil):find("<dl>", 1, true))
            """#, covering: ["stringx", "tablex", "propGroups", "page"])
    }

    @Test("lsr 9, 51, 52: scripts at run time") func scriptsOfScripts() async throws {
        try await LuaHost.holds(
            #"""
            local text, code = tw_script.addScript("X", "x.lua", nil, nil, { word = "one", flag = true })
            assert(type(text) == "string" and code == 0)
            assert(select(2, tw_script.addScript("X", "x.lua")) == 409 and select(2, tw_script.addScript("Y", "missing.lua")) == 404)
            for _, name in ipairs { "", "a/b", "Thingworx" } do assert(select(2, tw_script.addScript(name, "x.lua")) == 400) end
            assert(select(2, tw_script.addScript()) == 400 and select(2, tw_script.addScript({}, {})) == 400)
            assert(tw_script.loadScriptFromFile("X", "x.lua", 5) == true and tw_script.loadScriptFromFile("Broken", "broken.lua", 5) == false)
            assert(tw_script.loadScriptFromFile("Gone", "gone.lua", 1) == false and not pcall(tw_script.loadScriptFromFile, "X") and not pcall(tw_script.loadScriptFromFile))
            repeat tw_utils.psleep(10) until tw_script.executeCallback("X", "GET", "x") == 200
            assert(select(2, tw_script.executeCallback("X", "GET", "x")) == "x one true")
            assert(tw_script.getFilename("X") == "x.lua" and tw_script.getProperty("X", "word") == "one" and tw_script.getProperties("X").word == "one")
            assert(tw_script.setProperties("X", { word = "two" }) == 0 and tw_script.setProperties("Nobody", {}) == 404 and tw_script.setProperties("X") == 400)
            repeat tw_utils.psleep(10) until select(2, tw_script.executeCallback("X", "GET", "x")) == "x two true"
            text, code = tw_script.updateScript("X", "y.lua")
            assert(code == 0 and tw_script.getFilename("X"):find("y%.lua$") and select(2, tw_script.updateScript("Nobody", "y.lua")) == 404)
            repeat tw_utils.psleep(10) until tw_script.executeCallback("X", "GET", "y") == 200
            assert(select(2, tw_script.executeCallback("X", "GET", "y")) == "y two")
            assert(tw_script.getScriptList().X == "Running" and tw_script.getScriptList().Thingworx == "Running" and tw_script.getStatus("X") == "Running")
            for _, f in ipairs { "getStatus", "getResult", "getFilename", "getProperties", "getProperty" } do assert(type(tw_script[f]("Nobody", "x")) == "string", f) end
            text, code = tw_script.removeScript("X")
            assert(code == 0 and select(2, tw_script.removeScript("X")) == 404 and select(2, tw_script.removeScript("Check")) == 409 and select(2, tw_script.removeScript()) == 400)
            assert(select(2, tw_script.addScript("Short", nil, "return 'result', { a = 1 }")) == 0)
            repeat tw_utils.psleep(10) until tw_script.getStatus("Short") == "Finished"
            local first, second = tw_script.getResult("Short")
            assert(first == "result" and second.a == 1 and type(tw_script.cleanupFinishedScripts()) == "string")
            repeat tw_utils.psleep(10) until tw_script.getScriptList().Short == nil
            -- A script from a text ends after its time.
            local began = os.time()
            assert(select(2, tw_script.addScript("Timed", nil, "while p_data.run do tw_utils.psleep(20) end", 1)) == 0)
            repeat tw_utils.psleep(10) until tw_script.getStatus("Timed") == "Stopped"
            assert(os.time() - began <= 3)
            assert(tw_script.executeCallback("Check", "GET", "nothing") == 404)
            """#, covering: ["tw_script"],
            files: [
                "scripts/x.lua":
                    "tw_http.registerCallback('/x', function() return 200, 'x ' .. p_data.word .. ' ' .. tostring(p_data.flag) end) while p_data.run do tw_utils.psleep(20) end",
                "scripts/y.lua":
                    "tw_http.registerCallback('/y', function() return 200, 'y ' .. p_data.word end) while p_data.run do tw_utils.psleep(20) end",
                "scripts/broken.lua": "x = = 1",
            ])
    }

    @Test("lsr 54, 55: the platform by way of the gateway") func server() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: [
                "T": """
                properties.p = { baseType = "NUMBER", value = 5, time = 1000, pushType = "NEVER" }
                tasks.Once = function(me)
                  if me.isDone then return end
                  me.isDone = true
                  assert(server.invoke(nil) == 404 and server.invoke("S", "text") == 400 and server.fireEvent(nil) == 404 and server.fireEvent("E", 5) == 400)
                  assert(server.getProperty(nil) == 404 and server.setProperty(nil) == 404 and server.setProperty("p", 5) == 400 and server.setProperties(nil) == 404 and server.setProperties(5) == 400)
                  assert(server.setProperty("p", { value = 1 }) == 200)
                  assert(server.setProperty(properties.p) == 200 and server.available and server.online)
                  local many = {}
                  for index = 1, 250 do many["m" .. index] = { name = "m" .. index, baseType = "NUMBER", value = index } end
                  assert(server.setProperties(many, "Other") == 200)
                  assert(server.invoke("S", { x = 1 }, "Other") == 200 and server.invokeLocalEms("L") == 200 and server.invokeChannel("C") == 200)
                  local it = tw_infotable.createInfoTable(tw_datashape.createDataShape("a", "NUMBER"))
                  it:addRow { a = 1 }
                  assert(server.invoke("Table", it) == 200 and server.fireEvent("E", it:toTable()) == 200 and server.getProperty("q", { name = "Named" }) == 200)
                  assert(server.get("/Thingworx/Things/T/Properties/x") == 200 and server.put("/Thingworx/Things/T/Properties/x", "{}") == 200)
                  assert(server.post("/Thingworx/Things/T/Services/x", {}) == 200 and server.delete("/Thingworx/Things/T/Properties/x") == 200)
                  local response, code = tw_ems.get("/Thingworx/Things/T/Properties/x")
                  assert(code == 200 and select(2, tw_ems.put("/x/Properties", { a = 1 })) == 200 and select(2, tw_ems.post("/x/Services", "t")) == 200 and select(2, tw_ems.delete("/x/Events")) == 200)
                  assert(select(2, tw_ems.get(nil)) == 400 and select(2, tw_ems.get("/with blank")) == 400)
                  assert(server.get("/elsewhere") == 404 and server.available and server.online)
                  log.info(name, "all was sent")
                end
                """
            ], settings: ["T": LuaHost.rates], gateway: gateway.port
        ) { host async throws in
            let line = try await host.program.line(what: "the end") {
                $0.contains("all was sent") || ($0.contains("[ERROR]") && $0.contains("tt.lua"))
            }
            #expect(line.contains("all was sent"), "\(line)")
            let calls = await gateway.calls()
            #expect(
                calls.contains {
                    $0.method == "PUT" && $0.path == "/Thingworx/Things/T/Properties/p" && $0.body == ["value": 1]
                        && $0.type == "application/json"
                })
            let pushes = await gateway.pushes { _ in true }
            #expect(pushes.contains { $0.thing == "T" && $0.rows.count == 1 && $0.rows[0].name == "p" && $0.rows[0].time == 1000 })
            #expect(pushes.filter { $0.thing == "Other" }.map(\.rows.count) == [100, 100, 50])
            for path in [
                "/Thingworx/Things/Other/Services/S", "/Thingworx/Things/LocalEms/Services/L", "/Thingworx/Things/me/Services/C",
                "/Thingworx/Things/T/Events/E", "/Thingworx/Things/Named/Properties/q",
            ] {
                #expect(calls.contains { $0.path == path }, "\(path)")
            }
            #expect(
                calls.contains { $0.path.hasSuffix("Services/Table") && $0.body["rows"]?[0]?["a"]?.int == 1 && $0.body["dataShape"] != nil }
            )
            #expect(calls.contains { $0.path.hasSuffix("Services/L") && $0.body == [:] })
        }
        await gateway.stop()
    }

    @Test("lsr 55: a batch that fails is the last") func failedBatch() async throws {
        let gateway = try await StandInGateway()
        gateway.refuse(next: 1)
        try await LuaHost.holds(
            """
            local many = {}
            for index = 1, 150 do many[index] = { name = "m" .. index, baseType = "NUMBER", value = index } end
            local code, response = server.setProperties(many, "Other")
            assert(code == 503 and response:find("away", 1, true), response)
            local ok = server.setProperties({}, "Other")
            assert(ok == 200)
            """, gateway: gateway.port)
        let pushes = await gateway.pushes { _ in true }
        #expect(pushes.map(\.rows.count) == [0] && gateway.refused == 1)
        await gateway.stop()
    }

    @Test func theLogAndServicesOfTheSystem() async throws {
        try await LuaHost.holds(
            #"""
            for level in ("trace debug info warn error audit force"):gmatch("%S+") do log[level]("area", "a %d of %s", 1, level) end
            log.info("only text") log.info("area", "100%") log.info("area", "no number: %d", "x") log.info("area", "%s %s %s", nil, {}, true) log.info("area", "%s", 1, 2) log.info() log.info(nil, nil) log.info("area", {})
            assert(log.info("area", "x") == nil)
            for _, name in ipairs { "no such; service", "", "no-such-service-here" } do
              assert(tw_service.start(name) == false and tw_service.stop(name, 1) == false)
              assert(tw_service.waitForState(name, "RUNNING", 0.1) == false)
            end
            assert(tw_service.waitForState(nil, nil) == false and tw_service.start(nil) == false)
            """#, covering: ["log", "tw_service"])
    }

    @Test("a meter by Modbus: registers, coils, formats and exceptions") func modbus() async throws {
        let chain = try Chain()
        let meter = try Program("/usr/bin/python3", [ExampleThingTests.directory.appending(path: "slave").path], in: chain.directory.path)
        try await LuaHost.holds(
            """
            local modbus = require('modbus')
            local meter = modbus:new { host = '127.0.0.1', port = \(try await meter.port()) }
            local values = assert(meter:executeFunction(3, 3, 10, 2))
            assert(values[1] == 2301 and values[2] == 499)
            assert(meter:executeFunction(3, 6, 20, 1, 4711) == 0 and meter:executeFunction(3, 4, 20, 1)[1] == 4711)
            assert(meter:executeFunction(3, 16, 30, 3, { 1, 2, 65535 }) == 0 and meter:executeFunction(3, 3, 30, 3)[3] == 65535)
            assert(meter:executeFunction(3, 5, 5, 1, true) == 0 and meter:executeFunction(3, 15, 7, 3, { true, false, true }) == 0)
            local coils = meter:executeFunction(3, 1, 5, 5)
            assert(coils[1] and not coils[2] and coils[3] and not coils[4] and coils[5] and #coils == 5)
            local formatted = meter:executeFunction(3, 3, 30, 3, nil, { { "Int16" }, { "Uint16", 0.5, 1 }, { "MaskedBitmap16", 4, 4 } })
            assert(formatted[1] == 1 and formatted[2] == 2 and formatted[3] == 15)
            local function values(bytes, ...) return meter:processResponse(3, string.char(#bytes) .. bytes, { ... }) end
            assert(values("\\255\\255\\255\\254", { "Int32" })[1] == -2 and values("\\63\\192\\0\\0", { "Float", 2, 1 })[1] == 4 and values("\\63\\240\\0\\0\\0\\0\\0\\0", { "Double" })[1] == 1)
            assert(values("ab\\0\\0", { "String", 4 })[1] == "ab" and values("\\0\\1\\0\\2\\7\\228\\0\\3\\0\\4\\0\\5", { "Timestamp" })[1] == os.time { year = 2020, month = 1, day = 2, hour = 3, min = 4, sec = 0 } * 1000 + 5)
            local some, why = values("\\0\\1", { "Int16" }, { "Int32" })
            assert(#some == 1 and why:find("too few", 1, true) and select(2, values("\\0\\1", { "Odd" })):find("Odd", 1, true))
            local none
            none, why = meter:executeFunction(3, 3, 99, 2)
            assert(none == nil and why == 'illegal data address')
            local frame = meter:transmitFrame(3, 3, 10, 1)
            assert(frame.slave == 3 and frame.code == 3 and frame.data == "\\2\\8\\253")
            for _, bad in ipairs { { nil, 3, 0, 1 }, { 300, 3, 0, 1 }, { 1, 99, 0, 1 }, { 1, 16, 0, 500, {} }, { 1, 15, 0, 0 } } do
              none, why = meter:executeFunction(bad[1], bad[2], bad[3], bad[4], bad[5])
              assert(none == nil and type(why) == "string")
            end
            meter:set_read_timeout(500)
            meter:close()
            assert(meter:rcvFrame(3, 3) == nil and not pcall(modbus.new, modbus, 5))
            meter = modbus:new { host = '127.0.0.1', port = 1 }
            none, why = meter:executeFunction(3, 3, 0, 1)
            assert(none == nil and why == 'connection refused')
            """, covering: ["modbus"])
        await meter.end()
    }
}
