import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

private let template = """
    properties.speed = { baseType = "NUMBER", pushType = "VALUE", scanRate = 60, value = 7.5 }
    properties.count = { baseType = "INTEGER", pushType = "ALWAYS", scanRate = 60, value = 1 }
    properties.quiet = { baseType = "STRING", pushType = "NEVER", value = "hush" }
    properties.target = { baseType = "NUMBER", pushType = "VALUE", scanRate = 60, value = 0 }
    serviceDefinitions.Add(input { name = "a", baseType = "NUMBER" }, input { name = "b", baseType = "NUMBER" }, output { baseType = "NUMBER" }, description { "adds" })
    services.Add = function(me, headers, query, data) return 200, data.a + data.b end
    serviceDefinitions.Ok(output { baseType = "BOOLEAN" })
    services.Ok = function() return 200, true end
    serviceDefinitions.Bad(output { baseType = "NUMBER" })
    services.Bad = function() return 200, "abc" end
    serviceDefinitions.Raise(output { baseType = "NUMBER" })
    services.Raise = function() error("broken") end
    serviceDefinitions.Set(input { name = "speed", baseType = "NUMBER" })
    services.Set = function(me, headers, query, data) me.properties.speed.value = data.speed return 200 end
    tasks.Echo = function(me) me.properties.count.value = tonumber(io.popen("echo 21.5"):read("*a")) * 2 end
    """

private let entry =
    "{ file = 'thing.lua', template = 'machine', scanRateResolution = 20, scanRate = 60, taskRate = 50, keepAliveRate = 1000 }"

@Suite struct ChainTests {
    /// A running chain with the Lua Thing T1 bound, and its three ports.
    struct Running {
        let chain: Chain
        let platform, gateway, scripts: Program
        let platformPort, gatewayPort, scriptsPort: Int
    }

    func start() async throws -> Running {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        let platformPort = try await platform.port()
        try chain.writeGateway(platform: platformPort)
        let gateway = try chain.startGateway()
        let gatewayPort = try await gateway.port()
        try await gateway.line(containing: "and authenticated")
        try chain.writeTemplate("machine", template)
        try chain.writeScripts(gateway: gatewayPort, "scripts.T1 = \(entry)")
        let scripts = try chain.startScripts()
        let scriptsPort = try await scripts.port()
        try await platform.line(containing: "T1 is bound")
        try await platform.line(containing: "T1.speed = 7.5")
        return Running(
            chain: chain, platform: platform, gateway: gateway, scripts: scripts, platformPort: platformPort, gatewayPort: gatewayPort,
            scriptsPort: scriptsPort)
    }

    @Test("lsr 3, 4: values and services travel both ways") func valuesAndServicesTravelBothWays() async throws {
        let running = try await start()
        let platform = try running.chain.platform(running.platformPort)
        let gateway = try running.chain.local(running.gatewayPort)

        // The checks of "Verifying your connection".
        #expect(try await gateway.property("LocalEms", "isConnected") == true)
        #expect(try await gateway.property("SystemRepository", "name") == "SystemRepository")

        #expect(try await platform.property("T1", "isConnected") == true)
        #expect(try await platform.property("T1", "speed").double == 7.5)
        #expect(try await gateway.property("T1", "speed").double == 7.5)
        #expect(try await platform.property("T1", "quiet") == "hush")
        #expect(try await platform.invoke("T1", "Add", ["a": 2, "b": 40])["rows"]?[0]?["result"]?.int == 42)
        #expect(try await gateway.invoke("T1", "Add", ["a": 2, "b": 0.5])["rows"]?[0]?["result"]?.double == 2.5)
        #expect(try await platform.invoke("T1", "Ok")["rows"]?[0]?["result"] == true)

        let (bad, badJSON) = try await platform.send(.POST, RestClient.thing("T1", "Services", "Bad"), body: [:])
        #expect(bad == 500 && badJSON["message"]?.string?.contains("cannot convert abc to NUMBER") == true)
        let (raised, raisedJSON) = try await platform.send(.POST, RestClient.thing("T1", "Services", "Raise"), body: [:])
        #expect(raised == 500 && raisedJSON["message"]?.string?.contains("machine.lua:13: broken") == true)
        #expect(try await platform.send(.POST, RestClient.thing("T1", "Services", "None"), body: [:]).status == 404)

        // io.popen and ALWAYS; a change from inside; a write from outside.
        try await running.platform.line(containing: "T1.count = 43")
        _ = try await platform.invoke("T1", "Set", ["speed": 99])
        try await running.platform.line(containing: "T1.speed = 99")
        _ = try await platform.call(.PUT, RestClient.thing("T1", "Properties", "target"), body: ["target": 5])
        #expect(
            try await running.chain.local(running.scriptsPort).call(.GET, "/scripts/Thingworx/T1/Properties/target")["rows"]?[0]?["target"]?
                .int == 5)

        // All of them end in order.
        #expect(await running.scripts.end() == 0)
        try await running.platform.line(containing: "T1 is not connected any more")
        #expect(await running.gateway.end() == 0)
        #expect(await running.platform.end(SIGINT) == 0)
    }

    @Test("ems 40: a killed script resource is noticed and comes back") func aKilledScriptResourceIsNoticedAndComesBack() async throws {
        let running = try await start()
        let start = ContinuousClock.now
        let mark = running.platform.mark
        await running.scripts.end(SIGKILL)
        try await running.platform.line(containing: "T1 is not connected any more", after: mark)
        #expect(ContinuousClock.now - start < .seconds(5), "far later than its keep-alive of 1 s")
        let platform = try running.chain.platform(running.platformPort)
        #expect(try await platform.property("T1", "isConnected") == false)
        let (status, json) = try await platform.send(.POST, RestClient.thing("T1", "Services", "Add"), body: ["a": 1, "b": 1])
        #expect(status == 503 && json["message"]?.string?.contains("T1") == true)

        let again = try running.chain.startScripts()
        try await running.platform.line(containing: "T1 is bound", after: running.platform.mark - 1)
        #expect(try await platform.invoke("T1", "Add", ["a": 1, "b": 1])["rows"]?[0]?["result"]?.int == 2)
        await again.end()
    }

    @Test("ems 43: a killed platform is found again and all is bound") func aKilledPlatformIsFoundAgainAndAllIsBound() async throws {
        let running = try await start()
        await running.platform.end(SIGKILL)
        try await running.gateway.line(containing: "was lost")
        let gateway = try running.chain.local(running.gatewayPort)
        #expect(try await gateway.property("LocalEms", "isConnected") == false)
        #expect(try await gateway.send(.GET, RestClient.thing("T1", "Properties", "speed")).status == 503)

        let platform = try running.chain.startPlatform(port: running.platformPort)
        try await platform.line(containing: "T1 is bound")
        // The Thing is told, and pushes what it has.
        try await platform.line(containing: "T1.speed = 7.5")
        #expect(try await gateway.property("LocalEms", "isConnected") == true)
        #expect(
            try await running.chain.platform(running.platformPort).invoke("T1", "Add", ["a": 3, "b": 4])["rows"]?[0]?["result"]?.int == 7)
    }

    @Test("lsr 7: a killed gateway is found again by its Things") func aKilledGatewayIsFoundAgainByItsThings() async throws {
        let running = try await start()
        let mark = running.platform.mark
        await running.gateway.end(SIGKILL)
        try await running.platform.line(containing: "T1 is not connected any more", after: mark)
        try running.chain.fixGatewayPort(running.gatewayPort)
        let gateway = try running.chain.startGateway()
        try await running.platform.line(containing: "T1 is bound", after: mark + 1)
        try await running.platform.line(containing: "T1.speed = 7.5", after: mark + 1)
        #expect(await gateway.end() == 0)
    }
}
