import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// What strangers, mistakes and bad luck send to scripts: each gets a clear answer, and the others go on.
@Suite(.serialized) struct ScriptBadInputTests {
    private let rates = "register = false, scanRateResolution = 20, scanRate = 60, taskRate = 50"

    private let json = ["-H", "Content-Type: application/json"]

    private func run(_ template: String, settings: String = "", _ body: (RestClient, Int, Program) async throws -> Void) async throws {
        let chain = try Chain()
        try chain.writeTemplate("t", template)
        try chain.writeScripts(gateway: 1, "\(settings)\nscripts.T = { file = 'thing.lua', template = 't', \(rates) }")
        let scripts = try chain.startScripts()
        let port = try await scripts.port()
        let client = try chain.local(port)
        while try await client.send(.GET, "/scripts/Thingworx/T/Services").status != 200 {}
        try await body(client, port, scripts)
        #expect(await scripts.end() == 0, "\(scripts.output)")
    }

    @Test func servicesThatReturnNonsense() async throws {
        let cases: [(name: String, output: String, body: String, status: Int, error: String)] = [
            ("Nothing", "NUMBER", "", 500, "cannot convert nil to NUMBER"), ("Word", "NUMBER", "return 'x'", 500, "cannot convert nil"),
            ("Code", "NUMBER", "return 700, 'odd'", 500, "odd"), ("Huge", "NUMBER", "return 1e300, 'odd'", 500, "odd"),
            ("NaNCode", "NUMBER", "return 0/0, 'odd'", 500, "odd"), ("Teapot", "NUMBER", "return 418, 'odd'", 418, "odd"),
            ("Sleeps", "NUMBER", "tw_utils.psleep(0/0) tw_utils.psleep(-1) return 200, 1", 200, ""),
            ("Negative", "NUMBER", "return -1, 'odd'", 500, "odd"),
            ("Function", "STRING", "return 200, print", 200, ""), ("FunctionJSON", "JSON", "return 200, { f = print, n = 1 }", 200, ""),
            ("Cycle", "JSON", "local t = {} t.t = t return 200, t", 500, "nested deeper than 100"),
            ("Table", "NUMBER", "return 200, {}", 500, "cannot convert a table to NUMBER"),
            ("Infotable", "INFOTABLE", "return 200, 5", 500, "cannot convert 5 to INFOTABLE"),
            ("Location", "LOCATION", "return 200, 'here'", 500, "cannot convert here to LOCATION"),
            ("Rows", "INFOTABLE", "return 200, { rows = 5 }", 500, "rows"), ("NaN", "NUMBER", "return 200, 0/0", 200, ""),
            ("Thrown", "NUMBER", "error({ code = 5 })", 500, "table: 0x"), ("Nil", "NUMBER", "error(nil)", 500, "nil"),
            ("Deep", "NUMBER", "local function f() return 1 + f() end return 200, f()", 500, "stack overflow"),
            ("Exit", "NUMBER", "coroutine.yield() return 200, 1", 500, "coroutine.yield outside"),
            ("Binary", "STRING", "return 200, 'a\\255\\0b'", 200, ""),
        ]
        let shaped = """
            dataShapes.Row({ name = "n", baseType = "NUMBER" }, { name = "s", baseType = "STRING", aspects = { defaultValue = "d" } })
            properties.i = { baseType = "INFOTABLE", dataShape = "Row" }
            serviceDefinitions.Shaped(input { name = "n", baseType = "JSON" }, output { baseType = "INFOTABLE", aspects = { dataShape = "Row" } })
            services.Shaped = function(me, headers, query, data) return 200, { rows = { { n = 1 }, data.n } } end

            """
        let template =
            shaped
            + cases.map {
                "serviceDefinitions.\($0.name)(output { baseType = '\($0.output)', aspects = { dataShape = 'Row' } })\nservices.\($0.name) = function(me, headers, query, data) \($0.body) end"
            }.joined(separator: "\n")
        try await run(template) { client, port, _ in
            for (name, _, _, status, error) in cases {
                let answer = try await Curl(json + ["-d", "{}", "http://127.0.0.1:\(port)/scripts/Thingworx/T/Services/\(name)"])
                #expect(
                    answer.status == status && (error.isEmpty || answer.body.contains(error)), "\(name): \(answer.status) \(answer.body)")
                let isJSON = (try? JSONValue(parsing: answer.body)) != nil
                #expect(isJSON || status != 200, "\(name): \(answer.body)")
            }
            let url = "http://127.0.0.1:\(port)/scripts/Thingworx/T"
            for (row, why) in [
                ("{\"m\": 1}", "row 2: the data shape has no field m"), ("{\"n\": \"x\"}", "row 2: n: cannot convert x to NUMBER"),
                ("5", "row 2: expected a table of fields"),
            ] {
                // A table of a service goes as it is, one that is written is checked.
                let given = try await Curl(json + ["-d", "{\"n\": \(row)}", "\(url)/Services/Shaped"])
                #expect(given.status == 200 && given.body.contains("fieldDefinitions"), "\(given.body)")
                let written = try await Curl(
                    json + ["-X", "PUT", "-d", "{\"i\": {\"rows\": [{\"n\": 1}, \(row)]}}", "\(url)/Properties/i"])
                #expect(written.status == 400 && written.body.contains(why), "\(written.body)")
            }
            let fits = try await Curl(json + ["-X", "PUT", "-d", "{\"i\": {\"rows\": [{\"n\": \"2.5\"}]}}", "\(url)/Properties/i"])
            #expect(fits.status == 200)
            let rows = try JSONValue(parsing: try await Curl("\(url)/Properties/i").body)["rows"]?[0]?["i"]?["rows"]
            #expect(rows?[0]?["n"]?.double == 2.5 && rows?[0]?["s"] == "d")
            let binary = try await Curl(json + ["-d", "{}", "http://127.0.0.1:\(port)/scripts/Thingworx/T/Services/Binary"])
            #expect(binary.body.contains("a\u{FFFD}\\u0000b"))
        }
    }

    @Test func requestsThatAreNone() async throws {
        try await run(
            """
            properties.n = { baseType = "NUMBER", value = 1 }
            dataShapes.Any({ name = "a", baseType = "NUMBER" })
            properties.i = { baseType = "INFOTABLE", dataShape = "Any" }
            serviceDefinitions.Length(input { name = "s", baseType = "STRING" }, output { baseType = "INTEGER" })
            services.Length = function(me, headers, query, data) return 200, #data.s end
            """
        ) { client, port, scripts in
            let base = "http://127.0.0.1:\(port)/scripts"
            for (arguments, status, text) in [
                (["-X", "PUT", "-d", "{", "\(base)/Thingworx/T/Properties/n"], 400, "json.decode: line 1"),
                (["-X", "PUT", "-d", "[]", "\(base)/Thingworx/T/Properties/n"], 400, "expected"),
                (["-X", "PUT", "-d", "5", "\(base)/Thingworx/T/Properties/n"], 400, "expected a JSON object"),
                (["-X", "PUT", "-d", "{\"n\": \"x\"}", "\(base)/Thingworx/T/Properties/n"], 400, "cannot convert x to NUMBER"),
                (["-X", "PUT", "-d", "{\"i\": 5}", "\(base)/Thingworx/T/Properties/i"], 400, "INFOTABLE"),
                (["-X", "PUT", "-d", "{\"n\": 1, \"zz\": 2}", "\(base)/Thingworx/T/Properties/*"], 404, "zz"),
                (["-X", "DELETE", "\(base)/Thingworx/T/Services/Length"], 405, "DELETE"),
                (["-d", "{}", "\(base)/Thingworx/T/Services/Length"], 500, "attempt to get length"),
                (["--path-as-is", "\(base)/../../etc/passwd"], 404, ""),
                (["--path-as-is", "\(base)/Thingworx/%2e%2e/%2e%2e/etc/passwd"], 404, ""),
                (["\(base)/Thingworx/T/Properties/%00"], 400, ""),
                (["\(base)/Thingworx/T/Properties/__index"], 404, ""), (["-d", "{}", "\(base)/Thingworx/T/Services/__index"], 404, ""),
                (["\(base)/T/x"], 404, "expected Properties or Services"), (["\(base)/Thingworx"], 200, ""),
                (["\(base)/Thingworx/T/Properties/n/more"], 404, ""), (["\(base)/%ff%fe"], 400, ""),
            ] as [([String], Int, String)] {
                let answer = try await Curl(json + arguments)
                #expect(
                    answer.status == status && (text.isEmpty || answer.body.contains(text)),
                    "\(arguments.last!): \(answer.status) \(answer.body)")
            }
            // 10 MB are fine, 17 are not.
            let directory = try TemporaryDirectory()
            for (megabytes, status) in [(10, 200), (17, 413)] {
                try directory.write("body", "{\"s\":\"" + String(repeating: "x", count: megabytes << 20) + "\"}")
                let answer = try await Curl(
                    "-H", "Expect:", "-H", "Content-Type: application/json", "--data-binary", "@\(directory.path("body"))",
                    "\(base)/Thingworx/T/Services/Length")
                #expect(answer.status == status)
                if status == 200 { #expect(answer.body.contains("\(megabytes << 20)")) }
            }
            #expect(!scripts.output.contains("[ERROR] ") || scripts.output.contains("attempt to get length"))
        }
    }

    @Test func clientsThatHang() async throws {
        let settings = "scripts.script_resource_request_timeout = 1000\nscripts.script_resource_max_clients = 5"
        try await run("properties.n = { baseType = 'NUMBER', value = 1 }", settings: settings) { _, port, _ in
            // They begin and do not go on: each is let go, and with as many as may be, one more is told so.
            let hanging = try (0..<5).map { _ in
                try RawConnection(
                    port: port, "POST /scripts/Thingworx/T/Services/Length HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
            }
            let url = "http://127.0.0.1:\(port)/scripts/Thingworx/T/Properties/n"
            var sixth = try await Curl(url)
            #expect(sixth.status == 503 || sixth.status == 200)
            for client in hanging {
                let answer = client.readToEnd()
                #expect(answer.contains("408") || answer.contains("503"), "\(answer)")
            }
            while sixth.status != 200 { sixth = try await Curl(url) }
        }
    }

    /// A finalizer runs whenever memory is taken, also while no Lua code does.
    @Test func finalizersThatRaiseErrorsAndScriptsThatExit() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/scripts/final.lua",
            """
            local ffi = require "ffi"
            local function litter()
              for i = 1, 200 do
                local proxy = newproxy(true)
                getmetatable(proxy).__gc = function() error("a proxy's end") end
                ffi.gc(ffi.new("char[16]"), function() error("a cdata's end") end)
              end
            end
            tw_http.registerCallback("/x", function(method, path, headers, query, data) litter() return 200, {}, string.rep("x", #data.content) end)
            litter()
            while p_data.run do tw_utils.psleep(5) end
            """)
        try chain.directory.write("etc/custom/scripts/exit.lua", "os.exit(3)")
        try chain.writeScripts(gateway: 1, "scripts.final = { file = 'final.lua' }\nscripts.exit = { file = 'exit.lua' }")
        let scripts = try chain.startScripts()
        let url = "http://127.0.0.1:\(try await scripts.port())/scripts/final/x"
        let body = String(repeating: "y", count: 20_000)
        for _ in 0..<30 { #expect(try await Curl("-d", body, url).status == 200) }
        try await scripts.line(containing: "exit.lua:1: os.exit(3) ends this script, and not the program")
        try await scripts.line(containing: "final.lua:5: a proxy's end")
        try await scripts.line(containing: "final.lua:6: a cdata's end")
        #expect(await scripts.end() == 0)
    }

    /// A user's file of the name of one of ours is what that user's require finds; the library goes on with its own.
    @Test func templatesNamedLikeModulesOfOurs() async throws {
        let chain = try Chain()
        for name in ["json", "server", "thing", "boot", "log"] {
            try chain.writeTemplate(name, "properties.p = { baseType = 'JSON', value = { a = '\(name)' } }")
        }
        try chain.directory.write("etc/custom/lua/json.lua", "return { mine = true }")
        try chain.directory.write(
            "etc/custom/scripts/asks.lua", "log.info('asks', '%s %s', tostring(require('json').mine), json.encode({ 1 }))")
        let things = ["json", "server", "thing", "boot", "log"].map {
            "scripts.T\($0) = { file = 'thing.lua', template = '\($0)', \(rates) }"
        }
        try chain.writeScripts(gateway: 1, things.joined(separator: "\n") + "\nscripts.asks = { file = 'asks.lua' }")
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        try await scripts.line(containing: "asks: true [1]")
        for name in ["json", "server", "thing", "boot", "log"] {
            while try await client.send(.GET, "/scripts/Thingworx/T\(name)/Properties/p").status != 200 {}
            #expect(try await client.property(thing: "T\(name)", "p") == ["a": .string(name)])
        }
        #expect(await scripts.end() == 0)
    }

    @Test("lsr 10: a thousand Things each have their state, and one that loops for ever delays none") func aThousandThings() async throws {
        let chain = try Chain()
        try chain.writeTemplate(
            "many",
            """
            for i = 1, 20 do properties["p" .. i] = { baseType = "NUMBER", value = i } end
            shared = (shared or 0) + 1
            serviceDefinitions.Shared(output { baseType = "INTEGER" })
            services.Shared = function() return 200, shared end
            """)
        try chain.writeTemplate(
            "watching",
            """
            local socket = require "socket"
            local last, longest = nil, 0
            tasks.Measure = function(me)
              local now = socket.gettime()
              if last then longest = math.max(longest, now - last) end
              last = now
            end
            serviceDefinitions.Longest(output { baseType = "NUMBER" })
            services.Longest = function() local l = longest longest = 0 return 200, l end
            """)
        try chain.directory.write(
            "etc/custom/scripts/loop.lua",
            "tw_http.registerCallback('/go', function() while true do end end) while p_data.run do tw_utils.psleep(50) end")
        let things = (0..<1000).map { "scripts.T\($0) = { file = 'thing.lua', template = 'many', register = false, scanRate = 1000 }" }
        try chain.writeScripts(
            gateway: 1,
            things.joined(separator: "\n")
                + "\nscripts.loop = { file = 'loop.lua' }\nscripts.W = { file = 'thing.lua', template = 'watching', register = false, scanRateResolution = 500, scanRate = 1000, taskRate = 501 }\nscripts.script_resource_request_timeout = 1000"
        )
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        var running = 0
        while running < 1002 { running = try await client.call(.GET, "/scripts").array?.count { $0["status"] == "Running" } ?? 0 }
        #expect(try await client.send(.GET, "/scripts/loop/go").status == 504)
        func longest() async throws -> Double {
            try await client.call(.POST, "/scripts/Thingworx/W/Services/Longest", body: [:])["rows"]?[0]?["result"]?.double ?? 0
        }
        _ = try await longest()
        var seen = 0.0
        for _ in 0..<4 { seen = max(seen, try await nextMeasure(longest)) }
        // Its tasks run every two rounds; a delay of more than one resolution would be beyond 1.5 s.
        #expect(seen < 1.5, "\(seen) s between two rounds")
        for thing in ["T0", "T500", "T999"] {
            #expect(try await client.call(.POST, "/scripts/Thingworx/\(thing)/Services/Shared", body: [:])["rows"]?[0]?["result"]?.int == 1)
        }
        #expect(await scripts.end() == 0)
    }

    private func nextMeasure(_ longest: () async throws -> Double) async throws -> Double {
        while true {
            let value = try await longest()
            if value > 0 { return value }
        }
    }
}
