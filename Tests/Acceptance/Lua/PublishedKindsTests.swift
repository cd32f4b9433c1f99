import Formats
import Foundation
import TestKit
import Testing

/// Templates and scripts in the manner of those that users publish, as they stand.
@Suite(.serialized) struct PublishedKindsTests {
    private static func file(_ name: String) throws -> String {
        try String(contentsOf: Bundle.module.resourceURL!.appendingPathComponent("Fixtures/things/\(name).lua"), encoding: .utf8)
    }

    /// Things of templates and plain scripts, each in a file of its name.
    private func run(
        templates: [String], scripts: [String] = [], settings: String = LuaHost.rates, files: [String: String] = [:],
        gateway: StandInGateway, _ body: (LuaHost) async throws -> Void
    ) async throws {
        var files = files
        var entries = ""
        for name in templates {
            files["templates/\(name).lua"] = try PublishedKindsTests.file(name)
            entries += "scripts.\(name) = { file = 'thing.lua', template = '\(name)', \(settings) }\n"
        }
        for name in scripts {
            files["scripts/\(name).lua"] = try PublishedKindsTests.file(name)
            entries += "scripts.\(name) = { file = '\(name).lua' }\n"
        }
        try await LuaHost.run(files: files, config: entries, gateway: gateway.port, body)
        await gateway.stop()
    }

    @Test("lsr 16: a board whose temperatures come from commands") func board() async throws {
        let gateway = try await StandInGateway()
        let shape = "module('shapes.yourshape', thingworx.shape.extend)"
        try await run(templates: ["board"], files: ["shapes/yourshape.lua": shape], gateway: gateway) { host async throws in
            let pushes = await gateway.pushes { $0.values(of: "cpu_temperature").contains(38.5) && $0.values(of: "cpu_volt").contains(1.2) }
            let row = pushes.flatMap(\.rows).last { $0.name == "cpu_temperature" && $0.value == 38.5 }
            #expect(abs((row?.time ?? 0) - Int(Date().timeIntervalSince1970 * 1000)) < 60_000)
            #expect(try await host.call("GetSystemProperties", of: "board").value() == true)
            #expect(!host.program.output.contains("[ERROR]"), "\(host.program.output)")
        }
    }

    @Test("lsr 17: a lamp whose state begins as 0") func lamp() async throws {
        let gateway = try await StandInGateway()
        try await run(templates: ["lamp"], gateway: gateway) { host async throws in
            _ = await gateway.pushes { $0.values(of: "LED") == [false] }
            #expect(try await host.call("ToggleLED", of: "lamp").value() == true)
            _ = await gateway.pushes { $0.values(of: "LED") == [false, true] }
            #expect(try await host.call("ToggleLED", of: "lamp").value() == false)
            #expect(try await host.read("Switches", of: "lamp").value("Switches").int == 2)
        }
    }

    @Test func hub() async throws {
        let gateway = try await StandInGateway()
        try await run(templates: ["hub"], gateway: gateway) { host async throws in
            let photo = Base64.encode([0xFF, 0xD8] + Array("photo".utf8))
            #expect(try await host.call("TakePhoto", of: "hub").value().string == photo)
            #expect(try await host.read("Photo", of: "hub").value("Photo").string == photo)
            _ = await gateway.pushes {
                $0.values(of: "Photo").contains(.string(photo))
                    && $0.values(of: "States").contains { $0["rows"]?[0]?["percent"]?.int == 25 }
            }
            let states = try await host.call("GetStates", of: "hub").json
            #expect(
                states["rows"]?[1]?["percent"]?.int == 50 && states["rows"]?[1]?["state"] == "idle"
                    && states["dataShape"]?["fieldDefinitions"]?["percent"]?["baseType"] == "NUMBER")
            let sent = try await host.call("SendCommand", of: "hub", #"{"printer":"south","command":"it's $HOME"}"#)
            #expect(sent.value() == "it's $HOME")
            #expect(try await host.call("SendCommand", of: "hub", #"{"printer":"east","command":"x"}"#).status == 404)
            let calls = await gateway.calls { $0.contains { $0.path.hasSuffix("/Events/CommandSent") } }
            #expect(calls.contains { $0.path == "/Thingworx/Things/hub/Events/CommandSent" && $0.body["printer"] == "south" })
        }
    }

    @Test func everyHandlerAndGenerator() async throws {
        let gateway = try await StandInGateway()
        let handler = """
            module ("handlers.custom", thingworx.handler.extend)
            local stored = 4
            function read(me, pt, headers, query) pt.value = stored * pt.factor pt.time = tw_utils.currentTime() pt.quality = "GOOD" return 200 end
            function write(me, pt, headers, query, data) stored = data.value return 200 end
            """
        try await run(templates: ["everything"], scripts: ["sample"], files: ["handlers/custom.lua": handler], gateway: gateway) {
            host async throws in
            _ = try await host.read("Script_Value", of: "everything") { $0.value("Script_Value").double == 12.5 }
            #expect(try await host.put("Script_Named", of: "everything", #"{"Script_Named":50}"#).status == 200)
            #expect(try await host.read("Script_Value", of: "everything").value("Script_Value").int == 50)
            #expect(try await host.read("Custom", of: "everything").value("Custom").int == 8)
            #expect(try await host.put("Custom", of: "everything", #"{"value":1}"#).status == 200)
            #expect(try await host.read("Custom", of: "everything").value("Custom").int == 2)
            for name in ["Number_ramp", "Number_random", "Number_sin", "Number_cos", "Number_square", "When", "Noise", "Wander", "Written"]
            {
                #expect(try await host.read(name, of: "everything").status == 200, "\(name)")
            }
            #expect(try await host.call("AddNumbers", of: "everything", #"{"p1":2,"p2":40}"#).value().int == 42)
            #expect(try await host.call("AddNumbers", of: "everything", #"{"p1":2}"#).body == "You must provide p1 and p2")
            _ = await gateway.pushes {
                $0.values(of: "InMemory_Location").last?["latitude"]?.double == 40.03 && $0.values(of: "InMemory_Boolean").last == true
            }
            try await host.program.line(containing: "everything: started")
        }
    }

    @Test func plainScripts() async throws {
        let gateway = try await StandInGateway()
        try await run(templates: [], scripts: ["sample", "sensor"], gateway: gateway) { host async throws in
            try await host.program.line(containing: "posted: 200 got itself 3")
            #expect(try await host.send(.POST, "/scripts/sample/receive", "{").status == 400)
            while try await host.get("/scripts/sensor").json["temperature"]?.double != 25.08 {}
            #expect(try await host.get("/scripts/sensor/registers").body == "128,10,255")
            #expect(try await host.send(.PUT, "/scripts/sensor", "{}").body == "only GET")
        }
    }
}
