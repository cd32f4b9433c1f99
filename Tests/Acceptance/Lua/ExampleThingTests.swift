import EdgeREST
import Formats
import Foundation
import NIOPosix
import TestKit
import Testing

/// The larger templates of `Examples/things`, as they stand.
@Suite(.serialized) struct ExampleThingTests {
    static let directory = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../Examples/things").standardized

    @Test("lsr 12: a printer driven by io.popen and a Modbus meter run as they are") func printerAndMeter() async throws {
        let directory = try TemporaryDirectory()
        for name in ["etc", "printer", "slave"] {
            try FileManager.default.copyItem(at: ExampleThingTests.directory.appending(path: name), to: URL(filePath: directory.path(name)))
        }
        let check = try Program(Chain.binary("luaScriptResource"), ["-check"], in: directory.path)
        #expect(await check.exitStatus() == 0, "\(check.output)")
        let gateway = try await StandInGateway()
        var slave = try Program("/usr/bin/python3", ["slave"], in: directory.path)
        let meterPort = try await slave.port()
        let environment = [
            "GATEWAY_PORT": "\(gateway.port)", "SCRIPTS_PORT": "0", "METER_PORT": "\(meterPort)", "PRINTER_STATE": directory.path("state"),
        ]
        let scripts = try Program(Chain.binary("luaScriptResource"), [], in: directory.path, environment: environment)
        let client = try RestClient(
            url: "http://127.0.0.1:\(try await scripts.port())", key: nil, on: MultiThreadedEventLoopGroup.singleton.next())
        func call(_ thing: String, _ service: String, _ parameters: JSONValue = [:]) async throws -> (status: Int, result: JSONValue?) {
            let (status, json) = try await client.send(.POST, "/scripts/Thingworx/\(thing)/Services/\(service)", body: parameters)
            return (status, json["rows"]?[0]?["result"] ?? json)
        }

        _ = await gateway.pushes { $0.values(of: "state").last == "idle" && $0.values(of: "voltage").last == 230.1 }
        let files = try await client.call(.POST, "/scripts/Thingworx/Printer/Services/ListFiles", body: [:])["rows"]
        #expect(
            files?.array?.count == 3 && files?[1]?["name"] == "gear wheel.gcode" && files?[1]?["bytes"]?.int == 903_211
                && files?[1]?["kind"] == "gcode")
        #expect(try await call("Printer", "Heat", ["part": "nozzle", "degrees": 10]).status == 400)
        #expect(try await call("Printer", "Heat", ["part": "bed", "degrees": 121]).status == 400)
        #expect(try await call("Printer", "Heat", ["part": "bed", "degrees": 60]).result == true)
        #expect(try await call("Printer", "StartPrint", ["file": "gear wheel.gcode"]).status == 400)
        #expect(try await call("Printer", "StartPrint", ["file": "gear wheel.gcode; echo $(id) 'x", "minutes": 0.1]).result == true)
        #expect(try await call("Printer", "StartPrint", ["file": "a", "minutes": 1]).status == 409)
        let pushed = await gateway.pushes {
            $0.values(of: "state").last == "printing" && $0.values(of: "file").last != "" && ($0.values(of: "bed").last?.double ?? 0) > 25
        }
        #expect(pushed.values(of: "file").last == "gear wheel.gcode; echo $(id) 'x")
        try await scripts.line(containing: "is printed, number 1")
        let pushes = await gateway.pushes { $0.values(of: "prints").last == 1 }
        #expect(pushes.values(of: "state").contains("finished"))

        #expect(try await call("Meter", "SetLimit", ["watts": 70_000]).status == 400)
        #expect(try await call("Meter", "SetLimit", ["watts": 2500]).result == true)
        #expect(try await call("Meter", "Switch", ["closed": true]).result == true)
        _ = await gateway.pushes {
            $0.values(of: "limit").last == 2500 && $0.values(of: "closed").last == true && $0.values(of: "frequency").last == 49.9
        }
        // The meter goes away, and comes back where it was.
        var mark = scripts.mark
        await slave.end(SIGKILL)
        try await scripts.line(containing: "the meter does not answer", after: mark)
        #expect(try await call("Meter", "SetLimit", ["watts": 1]).status == 504)
        mark = scripts.mark
        slave = try Program("/usr/bin/python3", ["slave", "\(meterPort)"], in: directory.path)
        try await scripts.line(containing: "the meter answers again", after: mark)
        #expect(await scripts.end() == 0, "\(scripts.output)")
        #expect(try JSONValue(parsing: try directory.read("etc/config.lua.p_data"))["Printer"]?["prints"]?.int == 1)
        await slave.end()
        await gateway.stop()
    }

    @Test func theReadmesThingWorksAsItStands() async throws {
        let readme = try String(contentsOf: ExampleThingTests.directory.appending(path: "../../README.md").standardized, encoding: .utf8)
        func block(_ file: String) -> String {
            guard let start = readme.range(of: "`\(file)`:\n\n```lua\n"),
                let end = readme.range(of: "```", range: start.upperBound..<readme.endIndex)
            else { return "" }
            return String(readme[start.upperBound..<end.lowerBound])
        }
        let chain = try Chain()
        try chain.directory.write("etc/custom/templates/tank.lua", block("etc/custom/templates/tank.lua"))
        try chain.directory.write("etc/config.lua", block("etc/config.lua") + "scripts.script_resource_port = 0")
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        while try await client.send(.GET, "/scripts/Thingworx/Tank/Properties/level").status != 200 {}
        _ = try await client.call(.PUT, "/scripts/Thingworx/Tank/Properties/level", body: ["level": 50])
        // What is written takes its place when it is read.
        _ = try await client.property(thing: "Tank", "level")
        let drained = try await client.call(.POST, "/scripts/Thingworx/Tank/Services/Drain", body: ["litres": 20])["rows"]?[0]?["result"]?
            .double
        // Its task fills it meanwhile, by one every two seconds.
        #expect(drained.map { (30..<50).contains($0) } == true)
        #expect(await scripts.end() == 0)
    }
}
