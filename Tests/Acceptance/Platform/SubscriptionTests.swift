import AlwaysOn
import Formats
import TestKit
import Testing

/// Things that follow each other (platform.md §9, §12).
@Suite struct SubscriptionTests {
    @Test func aServiceRunsWhenAnotherThingChanges() async throws {
        let platform = try await TestPlatform(
            things:
                #"[{"name": "T1"}, {"name": "Source", "template": "GenericThing", "properties": {"n": {"baseType": "NUMBER"}, "#
                + #""m": {"baseType": "NUMBER"}}}]"#
        )
        let edge = try StandInEdge(port: platform.port)
        edge.bind("T1")
        await edge.wasAsked("POST NotifyPropertyUpdate")
        let subscription: JSONValue = ["thingName": "Source", "eventName": "DataChange", "propertyName": "n", "serviceName": "OnChange"]
        #expect(try await platform.call("AddDynamicSubscription", on: "T1", subscription).isDone)
        #expect(try await platform.call("IsDynamicSubscriptionCreated", on: "T1", subscription).result == true)
        _ = try await platform.put("Things/Source/Properties/m", ["m": 1])
        _ = try await platform.put("Things/Source/Properties/n", ["n": 1])
        await edge.wasAsked("POST OnChange")
        // The same value is no change; a disabled subscription is not run.
        _ = try await platform.put("Things/Source/Properties/n", ["n": 1])
        #expect(try await platform.call("DisableSubscription", on: "T1", subscription).isDone)
        _ = try await platform.put("Things/Source/Properties/n", ["n": 2])
        #expect(try await platform.call("EnableSubscription", on: "T1", subscription).isDone)
        _ = try await platform.put("Things/Source/Properties/n", ["n": 3])
        await edge.wasAsked("POST OnChange", times: 2)
        #expect(edge.asked.count { $0 == "POST OnChange" } == 2)
        #expect(try await platform.call("RemoveDynamicSubscription", on: "T1", subscription).isDone)
        // Nobody subscribes to what one may not.
        #expect(try await platform.call("AddDynamicSubscription", on: "T1", subscription, key: Chain.edgeKey).status == 403)
        await platform.program.end()
    }

    /// A property that follows one of another Thing, in a ring too.
    @Test func propertiesFollowEachOther() async throws {
        let things = ["A", "B", "C"].map {
            #"{"name": "\#($0)", "template": "GenericThing", "properties": {"n": {"baseType": "NUMBER", "logged": true}}}"#
        }
        let platform = try await TestPlatform(things: "[\(things.joined(separator: ","))]")
        for (follower, source) in [("B", "A"), ("C", "B"), ("A", "C")] {
            #expect(
                try await platform.call(
                    "SetLocalPropertyBinding", on: follower,
                    ["propertyName": "n", "sourceThingName": .string(source), "sourcePropertyName": "n"]
                ).isDone)
        }
        #expect(try await platform.put("Things/A/Properties/n", ["n": 7]).isDone)
        for thing in ["A", "B", "C"] { #expect(try await platform.get("Things/\(thing)/Properties/n").rows[0]["n"]?.double == 7) }
        #expect(try await platform.call("QueryNumberPropertyHistory", on: "C", ["propertyName": "n"]).rows.count == 1)
        #expect(try await platform.call("RemoveLocalPropertyBinding", on: "B", ["propertyName": "n"]).isDone)
        #expect(try await platform.put("Things/A/Properties/n", ["n": 8]).isDone)
        #expect(try await platform.get("Things/B/Properties/n").rows[0]["n"]?.double == 7)
        await platform.program.end()
    }

    /// What a template gets, all its Things have, bound ones too.
    @Test func templatesChangeTheirThings() async throws {
        let platform = try await TestPlatform()
        #expect(try await platform.entityService("CreateThingTemplate", ["name": "Machine", "thingTemplateName": "RemoteThing"]).isDone)
        // One that has properties is not asked for others.
        #expect(
            try await platform.post(
                "ThingTemplates/Machine/Services/AddPropertyDefinition", ["name": "hours", "type": "NUMBER", "remote": true]
            ).isDone)
        try await platform.makeThing("T1", "Machine")
        let edge = try StandInEdge(port: platform.port, values: ["speed": .number(5)])
        edge.bind("T1")
        await edge.wasAsked("POST NotifyPropertyUpdate")
        let body: JSONValue = ["name": "speed", "type": "NUMBER", "remote": true, "logged": true]
        #expect(try await platform.post("ThingTemplates/Machine/Services/AddPropertyDefinition", body).isDone)
        await edge.wasAsked("POST NotifyPropertyUpdate", times: 2)
        #expect(try await edge.push("T1", [("speed", .number(9), 1000)])?.status == .success)
        let found = try await platform.post(
            "ThingTemplates/Machine/Services/QueryImplementingThingsWithData",
            ["query": ["filters": ["type": "GT", "fieldName": "speed", "value": 8]]])
        #expect(found.rows.map { $0["name"] } == ["T1"] && found.rows[0]["speed"]?.double == 9)
        // Rights on the Things of a template.
        #expect(
            try await platform.post(
                "ThingTemplates/Machine/Services/AddInstanceRunTimePermission",
                ["principal": "edge", "principalType": "User", "type": "PropertyRead", "allow": false]
            ).isDone)
        #expect(try await platform.get("Things/T1/Properties/speed", key: Chain.edgeKey).status == 403)
        #expect(try await platform.post("ThingTemplates/Machine/Services/RemovePropertyDefinition", ["name": "speed"]).isDone)
        #expect(try await platform.get("Things/T1/Properties/speed").status == 404)
        await platform.program.end()
    }
}
