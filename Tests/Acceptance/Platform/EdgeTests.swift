import AlwaysOn
import Formats
import TestKit
import Testing

/// Remote Things with and without an edge (platform.md §8, §10, §12): checks P26 to P31.
@Suite struct EdgeTests {
    private static let things = """
        [{"name": "T1", "properties": {"t": {"baseType": "NUMBER", "remote": true}}, "discover": false}]
        """

    @Test("platform 26: a remote Thing without an edge") func withoutAnEdge() async throws {
        let platform = try await TestPlatform(things: EdgeTests.things)
        #expect(try await platform.get("Things/T1/Properties/isConnected").rows[0]["isConnected"] == false)
        #expect(try await platform.call("Anything", on: "T1").status == 503)
        #expect(try await platform.call("GetRemoteMetadata", on: "T1").status == 503)
        #expect(try await platform.put("Things/T1/Properties/t", ["t": 1]).status == 503)
        #expect(try await platform.get("Things/T1/Properties/t").rows[0]["t"]?.double == 0)
        // All at once never waits for an edge.
        #expect(try await platform.get("Things/T1/Properties").status == 200)
        await platform.program.end()
    }

    @Test("platform 27, 28: a bound Thing, and a property that is defined while it is") func aBoundThing() async throws {
        let platform = try await TestPlatform(things: EdgeTests.things)
        let edge = try StandInEdge(port: platform.port, values: ["t": .number(3), "t2": .number(4)])
        edge.bind("T1")
        await edge.wasAsked("POST NotifyPropertyUpdate")
        #expect(try await platform.get("Things/T1/Properties/isConnected").rows[0]["isConnected"] == true)
        #expect(try await platform.get("Things/T1/Properties/lastConnection").rows[0]["lastConnection"]?.double ?? 0 > 1.7e12)
        #expect(try await platform.entityService("IsRemoteThingBound", ["name": "T1"]).result == true)
        #expect(try await platform.call("GetRemoteMetadata", on: "T1").json["serviceDefinitions"]?["Add"] != nil)
        #expect(try await edge.push("T1", [("t", .number(21), 1000)])?.status == .success)
        #expect(try await platform.get("Things/T1/Properties/t").rows[0]["t"]?.double == 21)
        let vtq = try await platform.get("Things/T1/PropertiesVTQ/t").rows[0]["t"]?["rows"]?[0]
        #expect(vtq?["time"]?.double == 1000 && vtq?["quality"] == "GOOD")
        // A write goes to the edge; the value here is what the edge pushes.
        #expect(try await platform.put("Things/T1/Properties/t", ["t": 22]).isDone)
        await edge.wasAsked("PUT t")
        #expect(try await platform.get("Things/T1/Properties/t").rows[0]["t"]?.double == 21)
        #expect(try await platform.call("Add", on: "T1", ["a": 1, "b": "2"]).result.double == 3)

        let body: JSONValue = ["name": "second", "type": "NUMBER", "remote": true, "remotePropertyName": "t2", "pushType": "ALWAYS"]
        #expect(try await platform.call("AddPropertyDefinition", on: "T1", body).isDone)
        await edge.wasAsked("POST NotifyPropertyUpdate", times: 2)
        let subscriptions = try #require(try await edge.invoke("T1", "GetPropertySubscriptions")?.content?.decoded())
        let row = (0..<subscriptions.rowCount).first { subscriptions[$0, "edgeName"]?.stringValue == "t2" }
        #expect(row.flatMap { subscriptions[$0, "pushType"]?.stringValue } == "ALWAYS")
        #expect(try await edge.push("T1", [("t2", .number(8), 2000), ("unknown", .number(1), 2000)])?.status == .badRequest)
        #expect(try await platform.get("Things/T1/Properties/second").rows[0]["second"]?.double == 8)
        #expect(try await platform.call("BindRemoteMetadata", on: "T1").rows.contains { $0["name"] == "t2" && $0["success"] == true })
        await platform.program.end()
    }

    @Test("platform 29: reads honour the cache time") func cacheTime() async throws {
        let platform = try await TestPlatform(things: EdgeTests.things)
        let edge = try StandInEdge(port: platform.port, values: ["t": .number(3)])
        edge.bind("T1")
        await edge.wasAsked("POST NotifyPropertyUpdate")
        try await edge.push("T1", [("t", .number(21), 1000)])
        #expect(try await platform.call("SetRemotePropertyBinding", on: "T1", ["propertyName": "t", "cacheTime": -1]).isDone)
        for _ in 0..<3 { #expect(try await platform.get("Things/T1/Properties/t").rows[0]["t"]?.double == 3) }
        #expect(edge.asked.count { $0 == "GET t" } == 3)
        #expect(try await platform.call("GetRemotePropertyBinding", on: "T1", ["propertyName": "t"]).rows[0]["cacheTime"]?.int == -1)
        #expect(try await platform.call("SetRemotePropertyBinding", on: "T1", ["propertyName": "t", "cacheTime": 0]).isDone)
        #expect(try await platform.get("Things/T1/Properties/t").rows[0]["t"]?.double == 21)
        #expect(edge.asked.count { $0 == "GET t" } == 3)
        // The value is of 1970: older than any time; what was fetched is good for an hour.
        #expect(try await platform.call("SetRemotePropertyBinding", on: "T1", ["propertyName": "t", "cacheTime": 3_600_000]).isDone)
        for _ in 0..<3 { #expect(try await platform.get("Things/T1/Properties/t").rows[0]["t"]?.double == 3) }
        #expect(edge.asked.count { $0 == "GET t" } == 4)
        #expect(try await platform.call("RemoveRemotePropertyBinding", on: "T1", ["propertyName": "t"]).isDone)
        #expect(try await platform.get("Things/T1/Properties/t").rows[0]["t"]?.double == 3)
        #expect(edge.asked.count { $0 == "GET t" } == 4)
        await platform.program.end()
    }

    @Test("platform 30: a name that no Thing has, claimed by its identifier") func claiming() async throws {
        let platform = try await TestPlatform()
        let edge = try StandInEdge(port: platform.port)
        edge.bind("*T-SN-9", "Tlater")
        try await platform.program.line(containing: "Tlater, which no Thing is called")
        let unbound = try await platform.post("Resources/DeviceFunctions/Services/GetUnboundRemoteThings")
        #expect(
            unbound.rows.contains(["name": "T-SN-9", "isIdentifier": true])
                && unbound.rows.contains(["name": "Tlater", "isIdentifier": false]))
        try await platform.makeThing("T9", "RemoteThing")
        #expect(try await platform.call("SetIdentifier", on: "T9", ["identifier": "T-SN-9"]).isDone)
        #expect(try await platform.get("Things/T9/Properties/isConnected").rows[0]["isConnected"] == true)
        #expect(
            try await platform.post("Resources/DeviceFunctions/Services/GetUnboundRemoteThings").rows == [
                ["name": "Tlater", "isIdentifier": false]
            ])
        try await platform.makeThing("T8")
        let second = try await platform.call("SetIdentifier", on: "T8", ["identifier": "T-SN-9"])
        #expect(second.status == 500 && second.text.contains("T-SN-9"))
        // A deleted Thing is a name that waits again.
        _ = try await platform.send(.DELETE, "/Thingworx/Things/T9")
        #expect(
            try await platform.post("Resources/DeviceFunctions/Services/GetUnboundRemoteThings").rows.contains([
                "name": "T-SN-9", "isIdentifier": true,
            ]))
        await platform.program.end()
    }

    @Test("platform 31: connections of edges, seen and closed") func connections() async throws {
        let platform = try await TestPlatform(things: EdgeTests.things)
        let edge = try StandInEdge(port: platform.port)
        edge.bind("T1")
        await edge.wasAsked("POST NotifyPropertyUpdate")
        let sessions = try await platform.post("Subsystems/WSCommunicationsSubsystem/Services/QueryEndpointSessions")
        let row = try #require(sessions.rows.first)
        #expect(
            sessions.rows.count == 1 && row["numberBoundThings"]?.int == 1 && row["appKeyName"] == "edge" && row["userContext"] == "edge")
        #expect(
            try await platform.post(
                "Subsystems/WSCommunicationsSubsystem/Services/GetBoundThingsForEndpoint", ["endpointId": row["endpointId"] ?? ""]
            ).rows[0]["name"] == "T1")
        #expect(try await platform.post("Subsystems/WSCommunicationsSubsystem/Services/CloseEndpointSessions").status == 400)
        #expect(
            try await platform.post(
                "Subsystems/WSCommunicationsSubsystem/Services/CloseEndpointSessions", ["endpointId": row["endpointId"] ?? ""]
            ).result.double == 1)
        await edge.ended()
        try await platform.program.line(containing: "T1 is not connected any more")
        let history = try await platform.call("QueryEvents", on: "T1")
        #expect(history.rows.map { $0["name"] } == ["Unbound", "Bound"])
        await platform.program.end()
    }

    /// A gateway's own services, under the names that platforms have for them.
    @Test func servicesOfAGateway() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "Gate1", "template": "EMSGateway"}]"#)
        let platform = try await TestPlatform(chain: chain)
        try chain.writeGateway(
            platform: platform.port, autoBind: #"[{"name": "Gate1", "gateway": true}, {"name": "T1", "host": "127.0.0.1", "port": 1}]"#)
        let gateway = try chain.startGateway()
        try await platform.program.line(containing: "Gate1 is bound")
        #expect(try await platform.call("GetMicroServerVersion", on: "Gate1").result.string?.isEmpty == false)
        #expect(try await platform.call("GetEdgeThings", on: "Gate1").rows.contains { $0["name"] == "T1" })
        #expect(try await platform.call("GetLogData", on: "Gate1", ["maxItems": "3"]).rows.count == 3)
        #expect(try await platform.call("TestPort", on: "Gate1", ["host": "127.0.0.1", "port": .int(platform.port)]).result == true)
        #expect(try await platform.get("Things/Gate1/ServiceDefinitions/TestPort").status == 200)
        #expect(await gateway.end() == 0)
        await platform.program.end()
    }

    /// What ends a key or user ends what they have begun, and what comes after is refused.
    @Test func aKeyThatIsTakenBackEndsItsConnections() async throws {
        let platform = try await TestPlatform(things: EdgeTests.things)
        let edge = try StandInEdge(port: platform.port)
        edge.bind("T1")
        await edge.wasAsked("POST NotifyPropertyUpdate")
        #expect(try await platform.post("ApplicationKeys/edge/Services/DisableKey").isDone)
        await edge.ended()
        #expect(try await platform.get("Things", key: Chain.edgeKey).status == 401)
        #expect(throws: (any Error).self) { try StandInEdge(port: platform.port) }
        await platform.program.end()
    }
}
