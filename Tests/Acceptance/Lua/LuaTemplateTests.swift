import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// Templates as users write them, and values of every base type through the whole chain.
@Suite(.serialized) struct LuaTemplateTests {
    @Test("lsr 1: a template with shape, data shape, service, task and handler loads as it is") func aTemplateLoadsUnmodified() async throws
    {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/shapes/yourshape.lua",
            """
            module ("shapes.yourshape", thingworx.shape.extend)
            properties.fromShape = { basetype = "STRING", value = "shape" }
            function start() log.info(name, "shape started") end
            function stop() log.info(name, "shape stopped") end
            """)
        try chain.directory.write(
            "etc/custom/scripts/cpu.lua",
            """
            require "utils"
            local value = 12.5
            function load(method, path, headers, query, data)
              if method == "PUT" then value = json.decode(data.content).value end
              return 200, tw_utils.RESP_HEADERS(), json.encode { value = value }
            end
            tw_http.registerCallback("/load", "load")
            while p_data.run do tw_utils.psleep(100) end
            """)
        try chain.directory.write(
            "etc/custom/templates/example.lua",
            """
            require "yourshape"

            module ("templates.example", thingworx.template.extend)

            dataShapes.MeterReading(
              { name="Temp", baseType="INTEGER" },
              { name="Status", baseType="STRING", aspects={defaultValue="Unknown"} }
            )

            properties.cpu = { baseType="NUMBER", pushType="ALWAYS", scanRate=5000, handler="script", key="cpu/load" }
            properties.place = { baseType="LOCATION", value = { latitude=1, longitude=2, elevation=3 } }
            properties.Pushed_Threshold = { baseType="INTEGER", pushType="VALUE", pushThreshold=20 }

            serviceDefinitions.Add(
              input { name="p1", baseType="NUMBER", description="The first addend of the operation" },
              input { name="p2", baseType="NUMBER", description="The second addend of the operation" },
              output { baseType="NUMBER", description="The sum of the two parameters" },
              description { "Add two numbers" }
            )
            serviceDefinitions.Readings(output { baseType="INFOTABLE", aspects={dataShape="MeterReading"} })

            services.Add = function(me, headers, query, data)
              if not data.p1 or not data.p2 then
                return 400, "You must provide the parameters p1 and p2"
              end
              return 200, data.p1 + data.p2
            end

            services.Readings = function(me, headers, query, data)
              local it = tw_infotable.createInfoTable(DataShape.MeterReading:clone())
              it:addRow { Temp = 20, Status = "Online" }
              it:addRow { Temp = 21 }
              return 200, it:toTable()
            end

            local function helper(n) return n + 1 end
            tasks.Refresh = function(me)
              log.info("example", "refreshing %d", helper(1))
              if properties.upToDate.value then seen = true end
            end
            me:addLifecycleListener("start", "mine", function() log.info(name, "listener for %s", me.name) end)
            """)
        try chain.writeScripts(
            gateway: 1,
            "scripts.cpu = { file = 'cpu.lua' }\nscripts.T = { file = 'thing.lua', template = 'example', scanRate = 1000, taskrate = 600, scanRateResolution = 100 }"
        )
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        try await scripts.line(containing: "T: listener for T")
        try await scripts.line(containing: "T: shape started")
        #expect(try await client.property(thing: "T", "cpu").double == 12.5)
        try await scripts.line(containing: "example refreshing 2")
        #expect(try await client.property(thing: "T", "fromShape") == "shape")
        #expect(try await client.property(thing: "T", "Pushed_Threshold").int == 0)
        #expect(
            try await client.call(.POST, "/scripts/Thingworx/T/Services/Add", body: ["p1": 2, "p2": 40])["rows"]?[0]?["result"]?.int == 42)
        #expect(try await client.send(.POST, "/scripts/Thingworx/T/Services/Add", body: ["p1": 2]).status == 400)
        let readings = try await client.call(.POST, "/scripts/Thingworx/T/Services/Readings", body: [:])
        #expect(
            readings["rows"]?[1]?["Status"] == "Unknown" && readings["dataShape"]?["fieldDefinitions"]?["Temp"]?["baseType"] == "INTEGER")
        let metadata = try await client.call(.POST, "/scripts/Thingworx/T/Services/GetMetadata", body: [:])
        #expect(
            metadata["serviceDefinitions"]?["Add"]?["Inputs"]?["fieldDefinitions"]?["p2"]?["description"]
                == "The second addend of the operation")
        #expect(metadata["propertyDefinitions"]?["Pushed_Threshold"]?["aspects"]?["pushThreshold"]?.int == 20)
        #expect(await scripts.end() == 0)
        #expect(scripts.output.contains("T: shape stopped"))
    }

    /// What a template does between lock and unlock is seen by nobody.
    @Test func readsWaitForTheLock() async throws {
        let chain = try Chain()
        try chain.writeTemplate(
            "locks",
            """
            properties.p = { baseType = "NUMBER", value = 1 }
            tasks.Change = function(me)
              for i = 1, 5 do
                tw_mutex.lock()
                properties.p.value = -1
                tw_utils.psleep(3)
                properties.p.value = 1
                tw_mutex.unlock()
                tw_utils.psleep(3)
              end
            end
            """)
        try chain.writeScripts(
            gateway: 1,
            "scripts.T = { file = 'thing.lua', template = 'locks', register = false, scanRateResolution = 5, scanRate = 60, taskRate = 6 }")
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        while try await client.send(.GET, "/scripts/Thingworx/T/Properties/p").status != 200 {}
        for _ in 0..<200 {
            let value = try await client.property(thing: "T", "p").int
            #expect(value == 1)
        }
        #expect(await scripts.end() == 0)
    }

    /// Base type, a value as it stands in JSON, and whether a service gives it back through `tostring` and the like.
    private static let values: [(type: String, value: JSONValue)] = [
        ("STRING", "Grüße, 世界 \u{1F600} \"'\\\n\u{1}"), ("TEXT", "t"), ("HTML", "<b>&amp;</b>"), ("XML", "<a b='c'/>"),
        ("HYPERLINK", "https://example.org/?a=b&c"), ("IMAGELINK", "/i.png"),
        ("GUID", "00000000-0000-4000-8000-000000000000"), ("NUMBER", 0.1), ("NUMBER", -1e300), ("INTEGER", -2_147_483_648),
        ("LONG", 9_007_199_254_740_991),
        ("BOOLEAN", true), ("DATETIME", 1_790_000_000_123), ("LOCATION", ["latitude": 52.5, "longitude": -13.25, "elevation": 34.5]),
        ("JSON", ["a": [1, "x", .null, ["b": false]], "c": [:]]),
        ("QUERY", ["filters": ["type": "EQ", "fieldName": "n", "value": 1]]), ("IMAGE", "iVBORw0KGgoAAP8="), ("BLOB", "AAECA/8="),
        ("PASSWORD", "s3cret"), ("TAGS", "A:b"),
        (
            "INFOTABLE",
            [
                "dataShape": [
                    "fieldDefinitions": [
                        "n": ["name": "n", "baseType": "NUMBER", "description": "", "ordinal": 0, "aspects": [:]],
                        "s": ["name": "s", "baseType": "STRING", "description": "", "ordinal": 1, "aspects": [:]],
                    ]
                ],
                "rows": [["n": 1.5, "s": "x"], ["n": -2, "s": ""]],
            ]
        ),
    ]

    @Test("lsr 3, 8: every base type, as property and through a service, by identifier, without loss") func baseTypes() async throws {
        let chain = try Chain()
        let types = LuaTemplateTests.values.map(\.type)
        let names = types.indices.map { "v\($0)" }
        try chain.writeModel(things: "[{\"name\": \"T1\", \"identifier\": \"SN-1\"}]")
        let platform = try chain.startPlatform()
        try chain.writeGateway(platform: try await platform.port())
        let gateway = try chain.startGateway()
        try await gateway.line(containing: "and authenticated")
        // What a service returns as an image are its bytes; what it gets is Base64.
        let properties = zip(names, types).map {
            """
            properties.\($0) = { baseType = '\($1)', pushType = 'NEVER', dataShape = 'Echoed' }
            serviceDefinitions.Echo_\($0)(input { name = 'x', baseType = '\($1)', aspects = { dataShape = 'Echoed' } }, output { baseType = '\($1)', aspects = { dataShape = 'Echoed' } })
            services.Echo_\($0) = function(me, h, q, data) return 200, \($1 == "IMAGE" ? "tw_utils.base64_decode(data.x)" : "data.x") end
            """
        }
        try chain.writeTemplate(
            "types",
            "dataShapes.Echoed({ name = 'n', baseType = 'NUMBER' }, { name = 's', baseType = 'STRING' })\n"
                + properties.joined(separator: "\n"))
        try chain.writeScripts(
            gateway: try await gateway.port(),
            "scripts.Device = { file = 'thing.lua', template = 'types', identifier = 'SN-1', scanRateResolution = 20, scanRate = 60 }")
        let scripts = try chain.startScripts()
        try await platform.line(containing: "T1 is bound")
        let local = try chain.local(try await scripts.port())
        let admin = try chain.platform(try await platform.port())
        for (name, (type, value)) in zip(names, LuaTemplateTests.values) {
            _ = try await local.call(.PUT, "/scripts/Thingworx/*SN-1/Properties/\(name)", body: .object([name: value]))
            let own = try await local.property(thing: "Device", name)
            #expect(own.isSame(as: value), "\(type): \(own)")
            let echo = try await local.call(.POST, "/scripts/Thingworx/Device/Services/Echo_\(name)", body: ["x": value])
            let result = type == "INFOTABLE" ? echo : echo["rows"]?[0]?["result"] ?? .null
            #expect(result.isSame(as: value), "\(type) by its service: \(result)")
            // LONG is no base type of the wire; what the model does not say is asked of the device.
            let remote = try await admin.send(.POST, RestClient.thing("T1", "Services", "Echo_\(name)"), body: ["x": value])
            let far = type == "INFOTABLE" || type == "JSON" ? remote.json : remote.json["rows"]?[0]?["result"] ?? .null
            // A platform writes tags as objects.
            let expected: JSONValue = type == "TAGS" ? [["vocabulary": "A", "vocabularyTerm": "b"]] : value
            #expect(remote.status == 200 && far.isSame(as: expected), "\(type) through the platform: \(remote.status) \(remote.json)")
        }
        await scripts.end()
        await gateway.end()
    }
}

extension JSONValue {
    /// The same value, whatever the order of members and the way a number is written; an infotable's rows alone count.
    func isSame(as other: JSONValue) -> Bool {
        if let rows = self["rows"], let others = other["rows"], self["dataShape"] != nil { return rows.isSame(as: others) }
        switch (self, other) {
        case (.object(let a), .object(let b)):
            return a.members.count == b.members.count
                && a.members.allSatisfy { member in b[member.name].map { member.value.isSame(as: $0) } ?? false }
        case (.array(let a), .array(let b)): return a.count == b.count && zip(a, b).allSatisfy { $0.isSame(as: $1) }
        case (.number, .number): return double == other.double
        default: return self == other
        }
    }
}
