import EdgeREST
import Formats
import Foundation
import MessageStore
import TestKit
import Testing

/// What a gateway keeps while there is no connection, and what becomes of it.
@Suite struct StoreTests {
    private static let things = #"""
        [{"name": "T1", "properties": {"speed": {"baseType": "NUMBER"}}}, {"name": "T2", "properties": {"speed": {"baseType": "NUMBER"}}},
         {"name": "T3", "properties": {"speed": {"baseType": "NUMBER"}}}]
        """#

    /// A platform with a journal, and a gateway that is connected to it.
    private struct Pair {
        let chain: Chain
        let port: Int
        var platform: Program
        var gateway: Program
        var local: RestClient

        init(autoBind: String = "[]", store: String = "", more: String = "") async throws {
            chain = try Chain()
            try chain.writeModel(things: StoreTests.things)
            platform = try chain.startPlatform(journal: true)
            port = try await platform.port()
            try chain.writeGateway(
                platform: port, autoBind: autoBind,
                more: ", \"offline_msg_store\": {\"enabled\": true, \"directory\": \"store\"\(store)}\(more)")
            gateway = try chain.startGateway()
            try await gateway.line(containing: "and authenticated")
            local = try chain.local(try await gateway.port())
        }

        mutating func losePlatform() async throws {
            let mark = gateway.mark
            await platform.end(SIGKILL)
            try await gateway.line(containing: "was lost", after: mark)
        }

        mutating func startPlatform() throws { platform = try chain.startPlatform(port: port, journal: true) }

        mutating func killGateway() async throws {
            await gateway.end(SIGKILL)
            gateway = try chain.startGateway()
            local = try chain.local(try await gateway.port())
        }

        func put(_ thing: String, _ value: Int) async throws -> (status: Int, json: JSONValue) {
            try await local.send(.PUT, RestClient.thing(thing, "Properties", "speed"), body: ["speed": .int(value)])
        }

        func push(_ thing: String, _ values: [(name: String, value: Int, time: Int)]) async throws -> Int {
            let rows = values.map { value -> JSONValue in
                ["name": .string(value.name), "value": .int(value.value), "time": .int(value.time), "quality": "GOOD"]
            }
            let fields: JSONValue = [
                "name": ["name": "name", "baseType": "STRING"], "value": ["name": "value", "baseType": "VARIANT"],
                "time": ["name": "time", "baseType": "DATETIME"], "quality": ["name": "quality", "baseType": "STRING"],
            ]
            let body: JSONValue = ["values": ["dataShape": ["fieldDefinitions": fields], "rows": .array(rows)]]
            return try await local.send(.POST, RestClient.thing(thing, "Services", "UpdateSubscribedPropertyValues"), body: body).status
        }

        /// Waits until the store is empty.
        func drained() async throws {
            while try await local.send(.GET, "/").json["store"]?["messages"]?.int != 0 { try await Task.sleep(for: .milliseconds(100)) }
        }

        func values(of thing: String) throws -> [Int] {
            try chain.journal().filter { $0["thing"]?.string == thing }.compactMap { $0["value"]?.int }
        }

        func end() async {
            #expect(await gateway.end() == 0)
            await platform.end()
        }
    }

    @Test("ems 49: three writes while there is no platform arrive once, in order, after BIND, with the time at which they were accepted")
    func threeWrites() async throws {
        var pair = try await Pair(autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": 1}]"#)
        #expect(try await pair.put("T1", 0).status == 200)
        try await pair.losePlatform()
        for value in 1...3 {
            let answer = try await pair.put("T1", value)
            #expect(answer.status == 202 && answer.json == [:])
        }
        #expect(try await pair.local.send(.POST, RestClient.thing("T1", "Events", "Overheated"), body: ["temperature": 99]).status == 202)
        #expect(try await pair.local.send(.GET, RestClient.thing("T1", "Properties", "speed")).status == 503)
        #expect(try await pair.local.send(.POST, RestClient.thing("T1", "Services", "Restart"), body: [:]).status == 503)
        let before = Int(Date().timeIntervalSince1970 * 1000)
        try pair.startPlatform()
        try await pair.drained()
        let text = pair.platform.output
        let bound = try #require(text.range(of: "T1 is bound")).lowerBound
        #expect(bound < (try #require(text.range(of: "T1.speed = ")).lowerBound))
        #expect(text.contains("event T1/Overheated {\"temperature\":99}"))
        #expect(try pair.values(of: "T1") == [0, 1, 2, 3])
        let entries = try pair.chain.journal()
        #expect(entries.dropFirst().allSatisfy { $0["time"]?.int ?? .max <= before })
        #expect(Set(entries.compactMap { $0["id"]?.string }).count == 4)
        #expect(try await pair.put("T1", 4).status == 200)
        await pair.end()
    }

    @Test("ems 50: with the store off nothing is written and a write is answered 503") func off() async throws {
        let chain = try Chain()
        let nobody = try ReservedPort()
        try chain.writeGateway(platform: nobody.port, more: ", \"offline_msg_store\": {\"enabled\": false, \"directory\": \"store\"}")
        let gateway = try chain.startGateway()
        let local = try chain.local(try await gateway.port())
        #expect(try await local.send(.PUT, RestClient.thing("T1", "Properties", "speed"), body: ["speed": 1]).status == 503)
        #expect(!FileManager.default.fileExists(atPath: chain.directory.path("store")))
        #expect(await gateway.end() == 0)
    }

    @Test("ems 51: a full store refuses with 503 and a warning, and keeps what it has") func full() async throws {
        var pair = try await Pair(store: ", \"max_size\": 2000")
        try await pair.losePlatform()
        var stored = 0
        while try await pair.put("T1", stored).status == 202 { stored += 1 }
        let refused = try await pair.put("T1", stored)
        #expect(refused.status == 503 && refused.json["error"]?.string?.contains("the store is full") == true)
        let line = try await pair.gateway.line(containing: "the store is full")
        #expect(line.contains("WARN"))
        #expect(stored > 5)
        try pair.startPlatform()
        try await pair.drained()
        #expect(try pair.values(of: "T1") == Array(0..<stored))
        await pair.end()
    }

    @Test("ems 52: what the platform does not acknowledge stays stored, and is worked on once when it does") func unacknowledged()
        async throws
    {
        var pair = try await Pair(
            store: ", \"blocking\": true",
            more:
                ", \"ws_connection\": {\"encryption\": \"none\", \"max_connect_delay\": 0, \"connect_retry_interval\": 100, \"msg_timeout\": 300}"
        )
        try await pair.platform.halt()
        // It has taken the request, and nobody knows whether it has worked on it.
        #expect(try await pair.put("T1", 1).status == 202)
        #expect(try await pair.put("T1", 2).status == 202)
        await pair.gateway.end(SIGKILL)
        let log = try SegmentLog(
            files: DiskFiles(pair.chain.directory.path("store"), reading: true), ring: nil, limits: StoreLimits(), isReading: true)
        #expect(log.messages == 2)
        pair.platform.signal(SIGCONT)
        pair.gateway = try pair.chain.startGateway()
        pair.local = try pair.chain.local(try await pair.gateway.port())
        try await pair.drained()
        #expect(try pair.values(of: "T1") == [1, 2])
        await pair.end()
    }

    @Test func nothingIsLostWhenTheGatewayIsKilled() async throws {
        var pair = try await Pair()
        try await pair.losePlatform()
        for value in 1...9 {
            for thing in ["T1", "T2"] { #expect(try await pair.put(thing, value).status == 202) }
            if value % 3 == 0 { try await pair.killGateway() }
        }
        try pair.startPlatform()
        try await pair.drained()
        #expect(try pair.values(of: "T1") == Array(1...9))
        #expect(try pair.values(of: "T2") == Array(1...9))
        await pair.end()
    }

    @Test func pushesAreJoinedAndKeepTheirTimes() async throws {
        var pair = try await Pair(autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": 1}]"#)
        try await pair.losePlatform()
        for number in 0..<100 {
            #expect(try await pair.push("T1", [("speed", 2 * number, 1000 + number), ("speed", 2 * number + 1, 2000 + number)]) == 202)
        }
        try pair.startPlatform()
        try await pair.drained()
        #expect(try pair.values(of: "T1") == Array(0..<200))
        #expect(try pair.chain.journal().compactMap { $0["time"]?.int } == (0..<100).flatMap { [1000 + $0, 2000 + $0] })
        // Joined: far fewer messages than pushes.
        #expect(pair.gateway.lines.count { $0.contains("to the platform #") && $0.contains("UpdateSubscribedPropertyValues:") } < 20)
        await pair.end()
    }

    @Test func whatThePlatformRefusesIsSetAsideAndInNobodysWay() async throws {
        var pair = try await Pair(autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": 1}]"#, store: ", \"tries\": 2")
        try await pair.losePlatform()
        _ = try await pair.push("T1", [("speed", 1, 1)])
        _ = try await pair.push("T1", [("nonsense", 2, 2)])
        _ = try await pair.push("T1", [("speed", 3, 3)])
        _ = try await pair.put("T2", 4)
        try pair.startPlatform()
        try await pair.drained()
        #expect(try pair.values(of: "T1") == [1, 3])
        #expect(try pair.values(of: "T2") == [4])
        try await pair.gateway.line(containing: "a stored request for T1 again and again")
        let status = try await pair.local.send(.GET, "/").json["store"]
        #expect(status?["refused"]?.int == 1)
        await pair.end()
    }

    @Test func peopleSeeRetryAndDropWhatWasRefused() async throws {
        var pair = try await Pair(store: ", \"tries\": 1, \"parallel\": 4")
        try pair.chain.fixGatewayPort(try await pair.gateway.port())
        try await pair.losePlatform()
        for number in 1...3 { _ = try await pair.push("T\(number)", [("later", number, number), ("later", 10 * number, number)]) }
        let before = try await edgectl(pair, "list", "--waiting")
        #expect(before.contains { $0.contains("T2\tpush of 2 values") && $0.hasPrefix("w") })
        try pair.startPlatform()
        try await pair.drained()
        while try await pair.local.send(.GET, "/").json["store"]?["refused"]?.int != 3 { try await Task.sleep(for: .milliseconds(100)) }
        let listed = try await edgectl(pair, "list").filter { $0.hasPrefix("r") }
        #expect(
            listed.count == 3 && listed[0].contains("T1\tpush of 2 values\tbad request (4.00), not stored, because they are not defined"))
        let id = String(listed[1].prefix { $0 != "\t" })
        let shown = try JSONValue(parsing: try await edgectl(pair, "show", id).joined())
        #expect(shown["thing"] == "T2" && shown["content"]?["values"]?["rows"]?[1]?["value"]?["value"]?.int == 20)
        #expect(try await edgectl(pair, "export").count == 3)

        // The property is made, and one of them goes.
        await pair.platform.end(SIGKILL)
        try pair.chain.writeModel(
            things: StoreTests.things.replacingOccurrences(of: "\"speed\"", with: "\"later\": {\"baseType\": \"NUMBER\"}, \"speed\""))
        try pair.startPlatform()
        #expect(try await edgectl(pair, "drop", id) == ["1 thrown away"])
        #expect(try await edgectl(pair, "retry", "--all") == ["2 to be tried again"])
        try await pair.drained()
        #expect(try pair.values(of: "T1") == [1, 10] && pair.values(of: "T3") == [3, 30] && pair.values(of: "T2") == [])
        #expect(try await edgectl(pair, "list").last == "0 wait for the platform, 0 were refused")
        try await pair.gateway.line(containing: "2 refused requests are tried again")
        await pair.end()
    }

    private func edgectl(_ pair: Pair, _ arguments: String...) async throws -> [String] {
        let tool = try Program(Chain.binary("edgectl"), ["store"] + arguments, in: pair.chain.directory.path)
        #expect(await tool.exitStatus() == 0, "\(tool.output)")
        return tool.lines
    }

    /// A Thing that the platform does not have must not keep others waiting.
    @Test func aThingThatIsNotBoundIsWaitedForAlone() async throws {
        var pair = try await Pair(
            autoBind: #"[{"name": "T1", "host": "127.0.0.1", "port": 1}, {"name": "TNew", "host": "127.0.0.1", "port": 1}]"#,
            store: ", \"tries\": 1")
        try await pair.losePlatform()
        for value in 1...3 { for thing in ["TNew", "T1"] { _ = try await pair.push(thing, [("speed", value, value)]) } }
        try pair.startPlatform()
        // The platform says of TNew that it is bound, and then that it is not there: that is no refusal.
        try await pair.gateway.line(containing: "UpdateSubscribedPropertyValues: not found")
        while try pair.values(of: "T1").count < 3 { try await Task.sleep(for: .milliseconds(100)) }
        let admin = try pair.chain.platform(pair.port)
        _ = try await admin.call(
            .POST, "/Thingworx/Resources/EntityServices/Services/CreateThing", body: ["name": "TNew", "thingTemplateName": "RemoteThing"])
        try await pair.drained()
        #expect(try pair.values(of: "TNew") == [1, 2, 3])
        await pair.end()
    }

    @Test(arguments: [("strict", 202), ("live_first", 404)]) func whatComesNowWaitsOrDoesNot(order: String, status: Int) async throws {
        var pair = try await Pair(autoBind: #"[{"name": "TNew", "host": "127.0.0.1", "port": 1}]"#, store: ", \"order\": \"\(order)\"")
        try await pair.losePlatform()
        #expect(try await pair.put("TNew", 1).status == 202)
        let mark = pair.gateway.mark
        try pair.startPlatform()
        try await pair.gateway.line(containing: "and authenticated", after: mark)
        // Its binding is refused, so that what is stored stays; what comes now goes to the platform, or behind it.
        #expect(try await pair.put("TNew", 2).status == status)
        #expect(try await pair.put("T1", 3).status == 200)
        await pair.end()
    }

    @Test func anOrderlyStopMayWaitForDeliveries() async throws {
        var pair = try await Pair(store: ", \"drain_on_stop\": 20000, \"blocking\": true")
        try await pair.losePlatform()
        for value in 0..<150 { #expect(try await pair.put("T1", value).status == 202) }
        let mark = pair.gateway.mark
        try pair.startPlatform()
        try await pair.gateway.line(containing: "and authenticated", after: mark)
        #expect(await pair.gateway.end() == 0)
        #expect(try pair.values(of: "T1") == Array(0..<150))
        await pair.platform.end()
    }

    @Test func inTheOffPhaseOfTheDutyCycleRequestsAreKept() async throws {
        let pair = try await Pair(more: ", \"duty_cycle\": {\"duty_cycle\": 50, \"connect_period\": 1500, \"delay_duty_cycle\": 0}")
        try await pair.gateway.line(containing: "leaving the network")
        // On a slow machine the next on phase may have begun before the first is sent.
        var value = 1
        while try await pair.put("T1", value).status != 202 { value += 1 }
        while try pair.values(of: "T1") != Array(1...value) { try await Task.sleep(for: .milliseconds(100)) }
        await pair.end()
    }

    // MARK: Directories that will not do

    @Test func aSecondGatewayDoesNotTakeTheFirstOnesStore() async throws {
        let first = try await Pair()
        let chain = try Chain()
        try chain.writeGateway(
            platform: first.port,
            more: ", \"offline_msg_store\": {\"enabled\": true, \"directory\": \"\(first.chain.directory.path("store"))\"}")
        let second = try chain.startGateway()
        try await second.line(containing: "is in use by another process (\(first.gateway.pid))")
        let local = try chain.local(try await second.port())
        try await second.line(containing: "and authenticated")
        await first.platform.end(SIGKILL)
        try await second.line(containing: "was lost")
        #expect(try await local.send(.PUT, RestClient.thing("T1", "Properties", "speed"), body: ["speed": 1]).status == 503)
        #expect(await second.end() == 0)
        #expect(await first.gateway.end() == 0)
    }

    @Test func aFileInPlaceOfTheDirectoryKeepsNothingFromRunning() async throws {
        let chain = try Chain()
        try chain.directory.write("store", "text")
        try chain.writeGateway(platform: 1, more: ", \"offline_msg_store\": {\"enabled\": true, \"directory\": \"store\"}")
        let gateway = try chain.startGateway()
        try await gateway.line(containing: "offline_msg_store: store is no directory")
        #expect(
            try await chain.local(try await gateway.port()).send(.PUT, RestClient.thing("T1", "Properties", "speed"), body: ["speed": 1])
                .status == 503)
        #expect(await gateway.end() == 0)
    }

    @Test func aDamagedStoreCostsWhatIsDamaged() async throws {
        var pair = try await Pair()
        try await pair.losePlatform()
        for value in 0..<40 { _ = try await pair.put("T1", value) }
        await pair.gateway.end(SIGKILL)
        // What is encrypted with a key keeps that key.
        let rotation = try Program(Chain.binary("edgectl"), ["secrets", "rotate"], in: pair.chain.directory.path)
        #expect(await rotation.exitStatus() == 1)
        #expect(rotation.output.contains("nothing was changed: 40 requests in store wait for the platform"))
        let store = pair.chain.directory.path("store")
        let name = try #require(try FileManager.default.contentsOfDirectory(atPath: store).first { $0.hasSuffix(".seg") })
        var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(store)/\(name)"))
        for index in 600..<700 { bytes[index] = 0xAA }
        try bytes.write(to: URL(fileURLWithPath: "\(store)/\(name)"))
        pair.gateway = try pair.chain.startGateway()
        pair.local = try pair.chain.local(try await pair.gateway.port())
        try await pair.gateway.line(containing: "cannot be read and were set aside as damaged-")
        try pair.startPlatform()
        try await pair.drained()
        let values = try pair.values(of: "T1")
        #expect(values.count >= 37 && values.count < 40 && values == values.sorted())
        await pair.end()
    }
}
