import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// What a Thing pushes, when, and in which order; against a gateway that keeps it.
@Suite(.serialized) struct ScriptPushTests {
    /// A Thing T of a template, whose service Set writes properties from inside.
    private func run(
        _ template: String, _ settings: String = "", gateway: StandInGateway, _ body: (RestClient, Program) async throws -> Void
    ) async throws {
        let chain = try Chain()
        try chain.writeTemplate(
            "push",
            template
                + "\nservices.Set = function(me, headers, query, data) for k, v in pairs(data) do properties[k].value = v end return 200 end"
                + "\nlocal scans = 0\nserviceDefinitions.Scans(output { baseType = 'INTEGER' })\nservices.Scans = function(me) return 200, scans end"
                + "\ntasks.EvaluateRules = function(me, name) if name == 'upToDate' then scans = scans + 1 end end")
        try chain.writeScripts(
            gateway: gateway.port,
            "scripts.T = { file = 'thing.lua', template = 'push', scanRateResolution = 20, scanRate = 40, taskRate = 50\(settings) }")
        let scripts = try chain.startScripts()
        try await body(try chain.local(try await scripts.port()), scripts)
        #expect(await scripts.end() == 0)
        await gateway.stop()
    }

    @Test("lsr 5: VALUE with a threshold, ALWAYS and NEVER") func pushTypes() async throws {
        let gateway = try await StandInGateway()
        try await run(
            """
            properties.value = { baseType = "NUMBER", pushType = "VALUE", pushThreshold = 1, value = 10 }
            properties.always = { baseType = "STRING", pushType = "ALWAYS", value = "same" }
            properties.never = { baseType = "NUMBER", pushType = "NEVER", value = 5 }
            properties.nothing = { baseType = "NUMBER", dataChangeType = "VALUE", threshold = 100, value = 1 }
            """, gateway: gateway
        ) { client, _ in
            _ = await gateway.pushes { $0.values(of: "value") == [10] }
            for (step, value) in [10.5, 11.0, 11.2, 10.3, 10.1].enumerated() {
                _ = try await client.call(
                    .POST, "/scripts/Thingworx/T/Services/Set", body: ["value": .double(value), "never": .int(step), "nothing": .int(step)])
                // Pushes of `always` show that scans have passed.
                let count = await gateway.pushes { _ in true }.values(of: "always").count
                _ = await gateway.pushes { $0.values(of: "always").count >= count + 3 }
            }
            let all = await gateway.pushes { _ in true }
            #expect(all.values(of: "value") == [10, 11.2, 10.1])
            #expect(
                all.values(of: "nothing") == [1] && all.values(of: "never").isEmpty && all.values(of: "always").allSatisfy { $0 == "same" })
            // A read gets the present value all the same.
            #expect(try await client.property(thing: "T", "never").int == 4)
        }
    }

    @Test("lsr 6: 250 changed properties arrive in three batches, in order") func batches() async throws {
        let gateway = try await StandInGateway()
        try await run("for i = 1, 250 do properties[string.format('p%03d', i)] = { baseType = 'NUMBER', value = i } end", gateway: gateway)
        { _, _ in
            let all = await gateway.pushes { $0.flatMap(\.rows).count >= 250 }
            #expect(all.map(\.rows.count) == [100, 100, 50])
            #expect(all.flatMap(\.rows).map(\.name) == (1...250).map { String(format: "p%03d", $0) })
        }
    }

    @Test func whatIsRefusedForAWhileArrivesInOrderWithItsTimes() async throws {
        let gateway = try await StandInGateway()
        try await run("properties.n = { baseType = 'INTEGER', value = 0 }", gateway: gateway) { client, scripts in
            _ = await gateway.pushes { $0.values(of: "n") == [0] }
            gateway.refuse(next: 1)
            let before = Int(Date().timeIntervalSince1970 * 1000)
            for value in 1...4 {
                let mark = scripts.mark
                _ = try await client.call(.POST, "/scripts/Thingworx/T/Services/Set", body: ["n": .int(value)])
                // Each is seen by a scan before the next one comes.
                if value == 1 {
                    try await scripts.line(containing: "1 changes wait", after: mark)
                } else {
                    try await Task.untilScanned(client)
                }
            }
            let all = await gateway.pushes { $0.values(of: "n").last == 4 }
            #expect(all.values(of: "n") == [0, 1, 2, 3, 4])
            let times = all.flatMap(\.rows).dropFirst().map(\.time)
            #expect(times == times.sorted() && Set(times).count == 4 && times.first! >= before, "times of when they were read: \(times)")
            #expect(gateway.refused == 1)
        }
    }

    @Test func whatCannotBeSentIsBounded() async throws {
        let gateway = try await StandInGateway()
        gateway.refuse(next: 3)
        try await run(
            "for i = 1, 500 do properties['p' .. i] = { baseType = 'INTEGER', pushType = 'ALWAYS', value = 0 } end\ntasks.Count = function() properties.p1.value = properties.p1.value + 1 end",
            gateway: gateway
        ) { client, scripts in
            try await scripts.line(containing: "more than 10000 changes wait for the platform: the oldest are dropped")
            let all = await gateway.pushes { $0.flatMap(\.rows).count >= 10_000 }
            let counts = all.values(of: "p1").compactMap(\.int)
            #expect(counts == counts.sorted() && counts.first! > 0, "\(counts.prefix(5))")
            #expect(gateway.refused == 3)
        }
    }

    @Test func thePlatformSaysWhatIsPushedAndHow() async throws {
        let gateway = try await StandInGateway()
        gateway.subscribe([
            ["edgeName": "value", "pushType": "VALUE", "pushThreshold": 5], ["edgeName": "always", "pushType": "ALWAYS"],
            ["edgeName": "band", "pushType": "DEADBAND", "pushThreshold": 2], ["edgeName": "on", "pushType": "ON"],
            ["edgeName": "ghost", "pushType": "VALUE"],
        ])
        try await run(
            """
            for _, name in ipairs { "value", "always", "band", "unlisted" } do properties[name] = { baseType = "NUMBER", pushType = "ALWAYS", value = 10 } end
            properties.on = { baseType = "BOOLEAN", value = false }
            """, gateway: gateway
        ) { client, scripts in
            try await scripts.line(containing: "the platform wants pushes of ghost, which is not a property here")
            _ = await gateway.pushes { $0.values(of: "always").count > 2 }
            let count = await gateway.pushes { _ in true }.values(of: "unlisted").count
            for (value, band) in [(14, 11), (16, 13), (16, 14), (30, 20)] {
                _ = try await client.call(
                    .POST, "/scripts/Thingworx/T/Services/Set", body: ["value": .int(value), "band": .int(band), "on": true])
                try await Task.untilScanned(client)
            }
            let all = await gateway.pushes { $0.values(of: "value").last == 30 && $0.values(of: "band").last == 20 }
            #expect(all.values(of: "value").suffix(3) == [10, 16, 30] && all.values(of: "band").suffix(3) == [10, 13, 20])
            #expect(all.values(of: "on").suffix(2) == [false, true] && all.values(of: "unlisted").count == count)
            // Told that it changed, it asks anew.
            gateway.subscribe([["edgeName": "unlisted", "pushType": "ALWAYS"]])
            _ = try await client.call(.POST, "/scripts/Thingworx/T/Services/NotifyPropertyUpdate", body: [:])
            _ = await gateway.pushes { $0.values(of: "unlisted").count > count + 1 }
            #expect(try await client.property(thing: "T", "upToDate") == true)
        }
    }
}

extension Task where Success == Never, Failure == Never {
    /// Until the Thing's properties were looked at twice more: its task EvaluateRules counts.
    fileprivate static func untilScanned(_ client: RestClient) async throws {
        func time() async throws -> Double {
            try await client.call(.POST, "/scripts/Thingworx/T/Services/Scans", body: [:])["rows"]?[0]?["result"]?.double ?? 0
        }
        let first = try await time()
        while try await time() < first + 2 {}
    }
}
