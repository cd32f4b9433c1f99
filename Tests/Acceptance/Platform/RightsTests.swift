import Formats
import HTTPTransport
import NIOHTTP1
import TestKit
import Testing

/// Rights, users and keys (platform.md §11): checks P39 and P40.
@Suite struct RightsTests {
    @Test("platform 39: nothing without a rule, and each rule what it says") func rules() async throws {
        let platform = try await TestPlatform(
            things:
                #"[{"name": "X1", "template": "GenericThing", "properties": {"a": {"baseType": "NUMBER"}, "b": {"baseType": "NUMBER"}}}]"#)
        let key = Chain.edgeKey
        func permission(_ service: String, _ type: String, _ more: JSONObject = [:]) async throws {
            var body: JSONObject = ["principal": "edge", "principalType": "User", "type": .string(type)]
            for member in more.members { body[member.name] = member.value }
            let answer = try await platform.call(service, on: "X1", .object(body))
            #expect(answer.isDone, "\(service): \(answer.text)")
        }
        #expect(try await platform.get("Things/X1/Properties/a", key: key).status == 403)
        #expect(try await platform.get("Things", key: key).rows.contains { $0["name"] == "X1" } == false)
        try await permission("AddRunTimePermission", "PropertyRead", ["resource": "*", "allow": true])
        #expect(try await platform.get("Things/X1/Properties/a", key: key).status == 200)
        #expect(try await platform.put("Things/X1/Properties/a", ["a": 1], key: key).status == 403)
        #expect(
            try await platform.call("CheckPermissionForUser", on: "X1", ["user": "edge", "name": "*", "type": "PropertyRead"]).result
                == true)
        #expect(
            try await platform.call("CheckPermissionForUser", on: "X1", ["user": "edge", "name": "*", "type": "PropertyWrite"]).result
                == false)
        // A refusal wins, for the one property.
        try await permission("AddRunTimePermission", "PropertyRead", ["resource": "b", "allow": false])
        #expect(try await platform.get("Things/X1/Properties/b", key: key).status == 403)
        let all = try await platform.get("Things/X1/Properties", key: key)
        #expect(all.rows[0]["a"] != nil && all.rows[0]["b"] == nil)
        #expect(try await platform.call("GetPropertyValuesVTQ", on: "X1", key: key).rows[0]["b"] == nil)
        #expect(try await platform.call("GetNumberPropertyValue", on: "X1", ["propertyName": "b"], key: key).status == 404)
        // Without design rights nobody gives oneself more.
        #expect(
            try await platform.call(
                "AddRunTimePermission", on: "X1", ["principal": "edge", "principalType": "User", "type": "PropertyWrite"], key: key
            ).status == 403)
        #expect(try await platform.put("Things/X1", ["description": "mine"], key: key).status == 403)
        let rules = try await platform.call("GetRunTimePermissions", on: "X1")
        #expect(rules.rows.count == 2 && rules.rows.allSatisfy { $0["permissionName"] == "PropertyRead" })
        try await permission("DeleteRunTimePermission", "PropertyRead", ["resource": "*"])
        #expect(try await platform.get("Things/X1/Properties/a", key: key).status == 403)

        let why = try await platform.post(
            "Resources/PermissionServices/Services/Explain", ["user": "edge", "right": "read", "entity": "T5"])
        #expect(why.json["allowed"] == true && why.json["why"]?.string?.contains("group Edge") == true)
        let no = try await platform.post(
            "Resources/PermissionServices/Services/Explain", ["user": "edge", "right": "read", "entity": "X1", "resource": "a"])
        #expect(no.json["allowed"] == false && no.json["why"] == "no rule allows it")
        let audit = try await platform.post("Resources/PermissionServices/Services/QueryAudit")
        #expect(audit.rows.contains { $0["name"] == "RuleAdded" } && audit.rows.contains { $0["name"] == "refused" })
        #expect(try await platform.post("Resources/PermissionServices/Services/QueryAudit", key: key).status == 403)
        await platform.program.end()
    }

    @Test("platform 40: who is asking, keys by service, and searching") func usersAndKeys() async throws {
        let platform = try await TestPlatform(
            things:
                #"[{"name": "T1", "template": "GenericThing", "properties": {"n": {"baseType": "NUMBER"}}}, {"name": "T2", "#
                + #""template": "GenericThing", "properties": {"n": {"baseType": "NUMBER"}}}, {"name": "Other", "#
                + #""template": "GenericThing"}]"#
        )
        #expect(try await platform.post("Resources/CurrentSessionInfo/Services/GetCurrentUser").result == "Administrator")
        #expect(
            try await platform.entityService(
                "CreateApplicationKey", ["name": "new", "user": "edge", "whitelist": "127.0.0.1", "expirationDate": "2099-01-01T00:00:00Z"]
            ).isDone)
        let secret = try #require(try await platform.post("ApplicationKeys/new/Services/GetKeyID").result.string)
        #expect(try await platform.get("Things", key: secret).status == 200)
        #expect(!platform.program.output.contains(secret))
        #expect(try await platform.post("ApplicationKeys/new/Services/GetKeyID", key: secret).status == 403)
        #expect(try await platform.post("ApplicationKeys/new/Services/SetIPWhitelist", ["list": "10.0.0.0/8"]).isDone)
        #expect(try await platform.get("Things", key: secret).status == 401)
        #expect(try await platform.post("ApplicationKeys/new/Services/SetIPWhitelist", ["list": ""]).isDone)
        #expect(try await platform.entityService("DeleteApplicationKey", ["name": "new"]).isDone)
        #expect(try await platform.get("Things", key: secret).status == 401)
        // A key for another is made by those who may change the other.
        #expect(
            try await platform.entityService("CreateApplicationKey", ["name": "mine", "user": "Administrator"], key: Chain.edgeKey).status
                == 403)

        #expect(try await platform.post("Subsystems/PlatformSubsystem/Services/GetThingworxVersion").result.string?.isEmpty == false)
        _ = try await platform.put("Things/T1/Properties/n", ["n": 5])
        let query: JSONValue = ["filters": ["type": "EQ", "fieldName": "n", "value": 5]]
        let found = try await platform.post(
            "ThingTemplates/GenericThing/Services/QueryImplementingThings", ["nameMask": "T*", "query": query])
        #expect(found.rows.map { $0["name"] } == ["T1"])
        let spotlight = try await platform.post(
            "Resources/SearchFunctions/Services/SpotlightSearch", ["searchExpression": "T", "types": ["items": ["Thing"]]])
        #expect(spotlight.rows.contains { $0["name"] == "T1" && $0["type"] == "Thing" })
        #expect(
            try await platform.entityService("GetEntityList", ["type": "Thing", "nameMask": "T?"]).rows.map { $0["name"] } == ["T1", "T2"])

        #expect(try await platform.entityService("CreateGroup", ["name": "Shift"]).isDone)
        #expect(try await platform.post("Groups/Shift/Services/AddMember", ["member": "edge", "type": "User"]).isDone)
        #expect(try await platform.post("Groups/Shift/Services/AddMember", ["member": "edge", "type": "User"]).isDone)
        #expect(try await platform.post("Groups/Shift/Services/AddMember", ["name": "edge"]).status == 500)
        #expect(try await platform.post("Groups/Shift/Services/GetGroupMembers").rows.map { $0["name"] } == ["edge"])
        #expect(try await platform.post("Users/edge/Services/GetGroups").rows.map { $0["name"] } == ["Edge", "Shift"])
        await platform.program.end()
    }

    /// Nobody climbs: not by groups, documents, imports or shapes that others may change.
    @Test func nobodyGivesOneselfMore() async throws {
        let platform = try await TestPlatform()
        let key = Chain.edgeKey
        #expect(try await platform.post("Groups/Administrators/Services/AddMember", ["member": "edge"], key: key).status == 403)
        #expect(try await platform.put("Groups/Administrators", ["members": [["name": "edge", "type": "User"]]], key: key).status == 403)
        #expect(try await platform.put("Users/edge", ["enabled": false], key: key).status == 403)
        #expect(
            try await platform.post(
                "Resources/PermissionServices/Services/AddRule", ["principal": "edge", "entities": "*", "rights": "design"], key: key
            ).status == 403)
        #expect(
            try await platform.post(
                "Subsystems/PlatformSubsystem/Services/ImportModel", ["model": ["format": "thingplatform-model"]], key: key
            ).status == 403)
        #expect(
            try await platform.post("Subsystems/PlatformSubsystem/Services/SetFilterContentType", ["filterContentType": false], key: key)
                .status == 403)
        #expect(try await platform.post("Subsystems/PlatformSubsystem/Services/ExportModel", key: key).status == 403)
        #expect(try await platform.get("Users/Administrator", key: key).status == 403)
        #expect(
            try await platform.entityService("CreateThing", ["name": "T5", "thingTemplateName": "GenericThing"], key: key).status == 403)
        // The last administrator does not lock oneself out.
        #expect(
            try await platform.post("Groups/Administrators/Services/DeleteMember", ["member": "Administrator", "type": "User"]).status
                == 403)
        #expect(try await platform.post("Users/Administrator/Services/DisableUser").status == 403)
        #expect(try await platform.send(.DELETE, "/Thingworx/Users/Administrator").status == 403)
        await platform.program.end()
    }

    /// A thousand wrong keys cost their sender, and nobody else.
    @Test func wrongKeysAreLimited() async throws {
        let platform = try await TestPlatform()
        var statuses: [Int: Int] = [:]
        for attempt in 0..<100 { statuses[try await platform.get("Things", key: "wrong-\(attempt)").status, default: 0] += 1 }
        #expect(statuses[401, default: 0] >= 20 && statuses[429, default: 0] >= 50, "\(statuses)")
        #expect(try await platform.get("Things").status == 200)
        #expect(platform.program.lines.count { $0.contains("no such application key") } < 60)
        await platform.program.end()
    }
}
