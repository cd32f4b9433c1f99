import Formats
import TestKit
import Testing

/// Definitions, values and documents over REST (platform.md §7, §8, §10): checks P9 to P15, P18, P19.
@Suite struct DefinitionTests {
    @Test("platform 9, 10, 11, 12, 13: properties and their values") func propertiesAndValues() async throws {
        let platform = try await TestPlatform()
        try await platform.makeThing("T1")
        #expect(try await platform.call("AddPropertyDefinition", on: "T1", ["name": "SomeNumber", "type": "NUMBER"]).isDone)
        #expect(try await platform.call("AddPropertyDefinition", on: "T1", ["name": "SomeNumber", "type": "NUMBER"]).status == 403)
        let unknown = try await platform.call("AddPropertyDefinition", on: "T1", ["name": "x", "type": "NOPE"])
        #expect(unknown.status == 400 && unknown.text.contains("NOPE"))
        #expect(try await platform.call("RestartThing", on: "T1").isDone)

        #expect(try await platform.put("Things/T1/Properties/SomeNumber", ["SomeNumber": 34.4]).isDone)
        let read = try await platform.get("Things/T1/Properties/SomeNumber")
        #expect(read.rows.count == 1 && read.rows[0].object?.members.count == 1 && read.rows[0]["SomeNumber"]?.double == 34.4)
        #expect(try await platform.put("Things/T1/Properties/SomeNumber", ["SomeNumber": "35"]).isDone)
        #expect(try await platform.get("Things/T1/Properties/SomeNumber").rows[0]["SomeNumber"]?.double == 35)

        #expect(try await platform.put("Things/T1/Properties/somenumber", ["somenumber": 1]).status == 404)
        #expect(try await platform.get("Things/T1/Properties/Nope").status == 404)
        let wrong = try await platform.put("Things/T1/Properties/SomeNumber", ["SomeNumber": "abc"])
        #expect(wrong.status == 400 && wrong.text.contains("SomeNumber") && wrong.text.contains("NUMBER"))
        #expect(try await platform.get("Things/T1/Properties/SomeNumber").rows[0]["SomeNumber"]?.double == 35)

        #expect(try await platform.call("AddPropertyDefinition", on: "T1", ["name": "S", "type": "STRING"]).isDone)
        #expect(try await platform.put("Things/T1/Properties/*", ["SomeNumber": 1, "S": "x"]).isDone)
        #expect(try await platform.get("Things/T1/Properties/S").rows[0]["S"] == "x")
        #expect(try await platform.put("Things/T1/Properties/*", ["SomeNumber": 2, "Unknown": 3]).status == 404)
        #expect(try await platform.get("Things/T1/Properties/SomeNumber").rows[0]["SomeNumber"]?.double == 1)
        #expect(try await platform.call("SetPropertyValues", on: "T1", ["values": ["rows": [["S": "y"]]]]).isDone)
        #expect(try await platform.get("Things/T1/Properties/S").rows[0]["S"] == "y")
        await platform.program.end()
    }

    @Test("platform 14, 15: all values with aspects, and definitions") func allValuesAndDefinitions() async throws {
        let platform = try await TestPlatform()
        try await platform.makeThing("T1")
        _ = try await platform.call(
            "AddPropertyDefinition", on: "T1",
            ["name": "SomeNumber", "type": "NUMBER", "readOnly": true, "persistent": true, "defaultValue": "7"])
        let one = try await platform.get("Things/T1/Properties")
        let other = try await platform.send(.GET, "/Thingworx/Things/T1/Properties/")
        #expect(one.text == other.text && one.rows.count == 1)
        #expect(one.rows[0]["name"] == "T1" && one.rows[0]["description"] == "" && one.rows[0]["SomeNumber"]?.double == 7)
        let aspects = try #require(one.json["dataShape"]?["fieldDefinitions"]?["SomeNumber"]?["aspects"])
        #expect(aspects["isReadOnly"] == true && aspects["isPersistent"] == true && aspects["isLogged"] == false)
        #expect(aspects["dataChangeType"] == "VALUE" && aspects["cacheTime"]?.double == 0)
        // Read only is for clients.
        #expect(try await platform.put("Things/T1/Properties/SomeNumber", ["SomeNumber": 1]).status == 403)

        let definitions = try await platform.get("Things/T1/PropertyDefinitions")
        #expect(definitions.rows.first { $0["name"] == "SomeNumber" }?["baseType"] == "NUMBER")
        #expect(try await platform.get("Things/T1/ServiceDefinitions").rows.contains { $0["name"] == "GetPropertyValues" })
        #expect(try await platform.get("Things/T1/PropertyDefinitions/SomeNumber").rows.count == 1)
        for path in ["PropertyDefinitions/Nope", "ServiceDefinitions/Nope", "EventDefinitions/Nope"] {
            #expect(try await platform.get("Things/T1/\(path)").status == 404)
        }
        await platform.program.end()
    }

    @Test("platform 18, 19: the whole of a Thing, there and back") func documents() async throws {
        let platform = try await TestPlatform()
        #expect(try await platform.entityService("CreateThingShape", ["name": "Tank"]).isDone)
        #expect(try await platform.post("ThingShapes/Tank/Services/AddPropertyDefinition", ["name": "level", "type": "NUMBER"]).isDone)
        #expect(try await platform.entityService("CreateThingTemplate", ["name": "Machine", "thingTemplateName": "RemoteThing"]).isDone)
        #expect(
            try await platform.post(
                "ThingTemplates/Machine/Services/AddPropertyDefinition", ["name": "speed", "type": "NUMBER", "remote": true]
            ).isDone)
        try await platform.makeThing("T1", "Machine")
        #expect(try await platform.entityService("AddShapeToThing", ["name": "T1", "thingShapeName": "Tank"]).isDone)
        #expect(
            try await platform.call("AddPropertyDefinition", on: "T1", ["name": "SomeNumber", "type": "NUMBER", "persistent": true]).isDone)
        _ = try await platform.put("Things/T1/Properties/SomeNumber", ["SomeNumber": 5])
        let document = try await platform.get("Things/T1", headers: ["Accept": "application/json"]).json
        #expect(document["name"] == "T1" && document["thingTemplate"] == "Machine" && document["enabled"] == "true")
        #expect(document["thingShape"]?["propertyDefinitions"]?["SomeNumber"]?["baseType"] == "NUMBER")
        #expect(document["thingShape"]?["propertyDefinitions"]?["speed"] == nil)
        for name in ["SomeNumber", "speed", "level"] {
            #expect(document["effectiveShape"]?["propertyDefinitions"]?[name] != nil, "\(name)")
        }
        #expect(document["effectiveRemotePropertyBindings"]?["speed"]?["sourceName"] == "speed")
        #expect(document["thingProperties"]?["SomeNumber"]?["value"]?.double == 5)

        guard case .object(var changed) = document else { throw Program.Failure(description: "no object") }
        changed["description"] = "another one"
        changed["madeUp"] = ["by": "a client"]
        #expect(try await platform.put("Things/T1", .object(changed)).status == 200)
        let after = try await platform.get("Things/T1").json
        #expect(after["description"] == "another one")
        #expect(after["thingShape"] == document["thingShape"] && after["effectiveShape"] == document["effectiveShape"])
        #expect(
            after["effectiveRemotePropertyBindings"] == document["effectiveRemotePropertyBindings"]
                && after["remotePropertyBindings"] == document["remotePropertyBindings"])
        #expect(try await platform.get("Things/T1/Properties/SomeNumber").rows[0]["SomeNumber"]?.double == 5)
        // Part of a document is a part of the change; a new one comes by the collection.
        #expect(try await platform.put("Things/T1", ["identifier": "SN-1"]).status == 200)
        #expect(try await platform.get("Things/T1").json["thingShape"] == document["thingShape"])
        #expect(try await platform.put("Things", ["name": "T2", "thingTemplate": "GenericThing"]).status == 200)
        #expect(try await platform.get("Things/T2").status == 200)
        let bad = try await platform.put(
            "Things/T3", ["thingTemplate": "GenericThing", "thingShape": ["propertyDefinitions": ["p": ["baseType": "NOPE"]]]])
        #expect(bad.status == 400 && bad.text.contains("propertyDefinitions.p.baseType"))
        #expect(try await platform.get("Things/T3").status == 404)
        // What others use stays.
        let used = try await platform.send(.DELETE, "/Thingworx/ThingTemplates/Machine")
        #expect(used.status == 500 && used.text.contains("T1"))
        await platform.program.end()
    }
}
