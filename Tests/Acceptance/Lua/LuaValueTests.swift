import Formats
import Foundation
import TestKit
import Testing

/// Values between Lua and the base types (lua-library.md §9).
@Suite(.serialized) struct LuaValueTests {
    @Test("lsr 33: images of properties stay Base64") func images() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: [
                "T": #"""
                properties.photo = { baseType = "IMAGE", pushType = "VALUE", value = "aGk=\n" }
                properties.none = { baseType = "IMAGE", pushType = "VALUE", value = 0 }
                properties.wrong = { baseType = "IMAGE", pushType = "VALUE", value = "no image!" }
                properties.after = { baseType = "NUMBER", pushType = "VALUE", value = 1 }
                services.Held = function() return 299, tostring(properties.photo.value) end
                """#
            ], settings: ["T": LuaHost.rates], gateway: gateway.port
        ) { host async throws in
            #expect(try await host.read("photo", of: "T").value("photo") == "aGk=")
            let pushes = await gateway.pushes { !$0.values(of: "after").isEmpty }
            #expect(pushes.values(of: "photo") == ["aGk="] && pushes.values(of: "none") == [""] && pushes.values(of: "wrong").isEmpty)
            _ = try await host.program.line(what: "the warning") {
                $0.contains("[WARN]") && $0.contains("wrong is not pushed: cannot convert no image! to IMAGE")
            }
            #expect(try await host.put("photo", of: "T", #"{"photo":"QUE="}"#).status == 200)
            #expect(try await host.read("photo", of: "T").value("photo") == "QUE=")
            #expect(try await host.call("Held", of: "T").body == "QUE=")
        }
        await gateway.stop()
    }

    @Test("lsr 34: images and blobs of services") func imagesOfServices() async throws {
        try await LuaHost.run(things: [
            "T": #"""
            serviceDefinitions.Photo(input { name = "i", baseType = "IMAGE" }, output { baseType = "STRING" })
            services.Photo = function(me, h, q, data) return 200, data.i end
            serviceDefinitions.Raw(output { baseType = "IMAGE" })
            services.Raw = function() return 200, "hi" end
            serviceDefinitions.Blob(input { name = "b", baseType = "BLOB" }, output { baseType = "BLOB" })
            services.Blob = function(me, h, q, data) return 200, data.b end
            properties.blob = { baseType = "BLOB", value = "AAEC" }
            """#
        ]) { host async throws in
            #expect(try await host.call("Photo", of: "T", #"{"i":"aGk="}"#).value() == "aGk=")
            #expect(try await host.call("Raw", of: "T").value() == "aGk=")
            #expect(try await host.call("Blob", of: "T", #"{"b":"AAEC"}"#).value() == "AAEC")
            #expect(try await host.read("blob", of: "T").value("blob") == "AAEC")
        }
    }

    @Test("lsr 35: truth values are converted when they are read") func booleans() async throws {
        let cases: [(lua: String, value: Bool)] = [
            ("0", false), ("'false'", false), ("'FALSE'", false), ("1", true), ("'0'", true), ("''", true), ("false", false),
            ("true", true), ("{}", true),
        ]
        let template = cases.enumerated().map { "properties.b\($0.offset) = { baseType = 'BOOLEAN', value = \($0.element.lua) }" }.joined(
            separator: "\n")
        try await LuaHost.run(things: ["T": template]) { host async throws in
            for (index, each) in cases.enumerated() {
                let answer = try await host.read("b\(index)", of: "T")
                #expect(answer.value("b\(index)") == .bool(each.value), "\(each.lua): \(answer.body)")
            }
            #expect(try await host.put("b0", of: "T", #"{"value":"False"}"#).status == 200)
            #expect(try await host.read("b0", of: "T").value("b0") == false)
        }
    }

    @Test("lsr 36: numbers that are texts, and one that is none") func numericTexts() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: [
                "T": #"""
                properties.text = { baseType = "NUMBER", value = "21.5\n" }
                properties.none = { baseType = "NUMBER", value = 0 }
                properties.none.value = nil
                properties.word = { baseType = "INTEGER", value = "many" }
                properties.plain = { baseType = "NUMBER", value = 3 }
                local loop = {} loop.loop = loop
                properties.loop = { baseType = "JSON", value = loop }
                properties.code = { baseType = "VARIANT", pushType = "ALWAYS", value = {} }
                properties.code.value.f = print
                tasks.Lose = function() properties.none.value = nil end
                services.Held = function() return 299, properties.text.value end
                """#
            ], settings: ["T": LuaHost.rates], gateway: gateway.port
        ) { host async throws in
            let pushes = await gateway.pushes { !$0.values(of: "plain").isEmpty && !$0.values(of: "text").isEmpty }
            #expect(
                pushes.values(of: "text").first?.double == 21.5 && pushes.values(of: "word").isEmpty && pushes.values(of: "loop").isEmpty)
            _ = try await host.program.line(what: "the other warning") {
                $0.contains("loop is not pushed: json.encode: tables nested deeper")
            }
            #expect(try await host.read("loop", of: "T").status == 500)
            #expect(try await host.read("text", of: "T").value("text").double == 21.5)
            #expect(try await host.call("Held", of: "T").body == "21.5\n")
            _ = try await host.program.line(what: "the warning") {
                $0.contains("[WARN]") && $0.contains("word is not pushed: cannot convert many to INTEGER")
            }
        }
        await gateway.stop()
    }

    @Test("lsr 37, 38: results of services") func results() async throws {
        let cases: [(name: String, output: String?, body: String, status: Int, result: JSONValue?, text: String)] = [
            ("Number", "NUMBER", "return 200, ' 4 '", 200, 4, ""),
            ("Word", "NUMBER", "return 200, 'x'", 500, nil, "cannot convert x to NUMBER"),
            ("NoNumber", "NUMBER", "return 200", 500, nil, "Number"),
            ("NoBoolean", "BOOLEAN", "return 200", 200, false, ""), ("Json", "JSON", "return 200, { a = 1 }", 200, ["a": 1], ""),
            ("JsonText", "JSON", #"return 200, '{"a":[1]}'"#, 200, ["a": [1]], ""),
            ("Query", "QUERY", #"return 200, '[1]'"#, 200, [1], ""),
            ("Place", "LOCATION", "return 200, 'x'", 500, nil, "cannot convert x to LOCATION"),
            ("PlaceText", "LOCATION", #"return 200, '{"latitude":1,"longitude":2}'"#, 200, ["latitude": 1, "longitude": 2], ""),
            ("Text", "STRING", #"return 200, '{"a":1}'"#, 200, #"{"a":1}"#, ""),
            ("Quoted", "STRING", #"return 200, '"a b"'"#, 200, "a b", ""), ("NoText", "STRING", "return 200", 200, "", ""),
            ("TableText", "STRING", "return 200, { 1 }", 200, "[1]", ""),
            ("Time", "DATETIME", "return 200, '1000'", 200, 1000, ""),
            ("Guide", "STRING", "return 200, { ['content-type'] = 'application/json' }, 'in the guide'", 200, "in the guide", ""),
            ("Undefined", nil, "return 200, 5", 200, nil, ""), ("Nothing", "NOTHING", "return 200, 5", 200, nil, ""),
            ("Raises", "NUMBER", "error('on purpose')", 500, nil, "on purpose"),
            ("Other", "NUMBER", "return 404, 'no such thing'", 404, nil, "no such thing"),
            ("TimeInput", "NUMBER", "return 200, data.at - 1000", 200, 500, ""),
        ]
        let template = cases.map { each in
            (each.output.map {
                "serviceDefinitions.\(each.name)(input { name = 'at', baseType = 'DATETIME' }, output { baseType = '\($0)' })\n"
            } ?? "") + "services.\(each.name) = function(me, headers, query, data) \(each.body) end"
        }.joined(separator: "\n")
        try await LuaHost.run(things: ["T": template]) { host async throws in
            for each in cases {
                let answer = try await host.call(each.name, of: "T", #"{"at":1500}"#)
                #expect(answer.status == each.status, "\(each.name): \(answer)")
                if let result = each.result {
                    let isSame = answer.value().isSame(as: result)
                    #expect(isSame, "\(each.name): \(answer)")
                } else if each.status == 200 {
                    #expect(answer.body.isEmpty, "\(each.name): \(answer)")
                } else {
                    #expect(answer.body.contains(each.text) || answer.body.contains("NUMBER"), "\(each.name): \(answer)")
                }
            }
            // Without a body there is a table without parameters, and so with an infotable without rows.
            #expect(try await host.send(.POST, "/scripts/T/Services/NoText").value() == "")
            #expect(try await host.call("NoText", of: "T", #"{"dataShape":{"fieldDefinitions":{}},"rows":[]}"#).value() == "")
        }
    }

    @Test("lsr 27, 61: the times of properties") func times() async throws {
        let gateway = try await StandInGateway()
        try await LuaHost.run(
            things: [
                "T": """
                properties.year1 = { baseType = "NUMBER", handler = "clock", pushType = "ALWAYS", value = 0 }
                properties.own = { baseType = "NUMBER", pushType = "VALUE", value = 1, time = 1000 }
                properties.none = { baseType = "NUMBER", pushType = "VALUE", value = 1 }
                properties.late = { baseType = "NUMBER", pushType = "VALUE", value = 1, time = 2000 }
                services.Set = function(me, h, q, data) properties.late.value = 2 properties.none.time, properties.none.value = nil, 2 return 200 end
                """
            ], settings: ["T": LuaHost.rates],
            files: [
                "handlers/clock.lua": """
                module("handlers.clock", thingworx.handler.extend)
                function read(me, pt) pt.value, pt.time, pt.quality = 1, tw_utils.currentTime(), "GOOD" return 200 end
                """
            ], gateway: gateway.port
        ) { host async throws in
            let now = Int64(Date().timeIntervalSince1970 * 1000)
            let rows = await gateway.pushes { !$0.values(of: "year1").isEmpty && !$0.values(of: "late").isEmpty }.flatMap(\.rows)
            func time(_ name: String) -> Int { rows.first { $0.name == name }?.time ?? 0 }
            #expect(abs(time("year1") - Int(now)) < 60_000 && time("own") == 1000 && time("late") == 2000)
            #expect(try await host.read("year1", of: "T").json["rows"]?[0]?["time"].map { abs($0.int! - Int(now)) < 60_000 } == true)
            // A value that changes without its time is of now.
            _ = try await host.call("Set", of: "T")
            let later = await gateway.pushes { $0.values(of: "late").contains(2) }.flatMap(\.rows).last { $0.name == "late" }
            #expect(abs((later?.time ?? 0) - Int(now)) < 60_000)
            let timeless = await gateway.pushes { $0.values(of: "none").contains(2) }.flatMap(\.rows).last { $0.name == "none" }
            #expect(abs((timeless?.time ?? 0) - Int(now)) < 60_000)
            let reply = try await host.read("none", of: "T").json
            #expect(
                reply["rows"]?[0]?["none"]?.int == 2 && reply["rows"]?[0]?["time"] == nil
                    && reply["dataShape"]?["fieldDefinitions"]?["time"] != nil)
        }
        await gateway.stop()
    }
}
