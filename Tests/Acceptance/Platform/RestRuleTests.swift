import Formats
import Foundation
import HTTPTransport
import NIOHTTP1
import TestKit
import Testing

/// The rules that every REST request is under (platform.md §2 to §4): checks P1 to P8, P16, P17, P20 to P25.
@Suite struct RestRuleTests {
    @Test("platform 1, 4: keys, the six columns, and health without a key") func listsAndKeys() async throws {
        let platform = try await TestPlatform(things: #"[{"name": "T1", "description": "x"}]"#)
        #expect(try await platform.get("Things", key: nil).status == 401)
        #expect(try await platform.get("Things", key: "wrong").status == 401)
        let list = try await platform.get("Things")
        #expect(
            list.status == 200 && list.headers.first(name: "Content-Type") == "application/json;charset=UTF-8"
                && list.headers.contains(name: "Content-Length"))
        #expect(list.text.hasPrefix("{\"dataShape\"") && !list.text.contains("\n"))
        let row = try #require(list.rows.first { $0["name"] == "T1" })
        #expect(
            row["description"] == "x" && row["tags"] == [] && row["isSystemObject"] == false && row["homeMashup"] == ""
                && row["avatar"] == "/Thingworx/Things/T1/Avatar")
        #expect(row.object?.members.prefix(6).map(\.name) == ["name", "description", "tags", "isSystemObject", "homeMashup", "avatar"])
        #expect(try await platform.get("health", key: nil).status == 200)
        for collection in [
            "ThingTemplates", "ThingShapes", "DataShapes", "Users", "Groups", "ApplicationKeys", "Projects", "Resources", "Subsystems",
        ] {
            #expect(try await platform.get(collection).status == 200, "\(collection)")
        }
        let missing = try await platform.get("Mashups")
        #expect(missing.status == 404 && missing.text.contains("offers no Mashups"))
        await platform.program.end()
    }

    @Test("platform 2: a key in the query") func aKeyInTheQuery() async throws {
        let platform = try await TestPlatform()
        for word in ["appKey", "appkey"] { #expect(try await platform.get("Things?\(word)=\(Chain.adminKey)", key: nil).status == 200) }
        let strict = try await TestPlatform(server: #", "key_in_query": false"#)
        #expect(try await strict.get("Things?appKey=\(Chain.adminKey)", key: nil).status == 401)
        try await strict.program.line(containing: "the application key stands in the query")
        #expect(try await strict.get("Things").status == 200)
        #expect(!strict.program.output.contains(Chain.adminKey))
        await platform.program.end()
        await strict.program.end()
    }

    @Test("platform 3, 25: passwords and sessions") func passwordsAndSessions() async throws {
        let platform = try await TestPlatform()
        #expect(try await platform.entityService("CreateUser", ["name": "anna", "password": "correct horse"]).isDone)
        let right: HTTPHeaders = ["Authorization": "Basic " + Data("anna:correct horse".utf8).base64EncodedString()]
        let wrong: HTTPHeaders = ["Authorization": "Basic " + Data("anna:wrong".utf8).base64EncodedString()]
        for _ in 0..<3 { #expect(try await platform.get("Things", key: nil, headers: right).status == 200) }
        let refused = try await platform.get("Things", key: nil, headers: wrong)
        #expect(refused.status == 401 && refused.headers.first(name: "WWW-Authenticate")?.hasPrefix("Basic realm=") == true)
        #expect(try await platform.get("Things", key: "wrong").headers.contains(name: "WWW-Authenticate") == false)
        // The key counts where both are given.
        #expect(
            try await platform.send(.POST, "/Thingworx/Resources/CurrentSessionInfo/Services/GetCurrentUser", headers: wrong).result
                == "Administrator")

        let plain = try await platform.get("Things")
        #expect(!plain.headers.contains(name: "Set-Cookie"))
        let begun = try await platform.get("Things", headers: ["x-thingworx-session": "true"])
        let cookie = try #require(begun.headers.first(name: "Set-Cookie"))
        #expect(cookie.hasPrefix("JSESSIONID=") && cookie.contains("Path=/Thingworx") && cookie.contains("HttpOnly"))
        let session: HTTPHeaders = ["Cookie": "other=1; " + String(cookie.prefix { $0 != ";" })]
        #expect(try await platform.get("Things", key: nil, headers: session).status == 200)
        #expect(try await platform.send(.DELETE, "/Thingworx/Sessions", key: nil, headers: session).status == 200)
        #expect(try await platform.get("Things", key: nil, headers: session).status == 401)
        #expect(try await platform.get("Things", key: nil, headers: ["Cookie": "JSESSIONID=made-up"]).status == 401)
        await platform.program.end()
    }

    @Test("platform 5, 6, 7: making Things, and the content type") func makingThings() async throws {
        let platform = try await TestPlatform()
        let path = "/Thingworx/Resources/EntityServices/Services/CreateThing"
        let body = #"{"name":"T1","thingTemplateName":"GenericThing"}"#
        for type in ["text/plain", "application/x-www-form-urlencoded", nil] {
            let answer = try await platform.send(.POST, path, body, type: type)
            #expect(answer.status == 403 && answer.text.contains("Content-Type"))
        }
        #expect(try await platform.get("Things/T1").status == 404)
        #expect(try await platform.send(.POST, path, body, type: "application/json; charset=utf-8").isDone)
        let again = try await platform.send(.POST, path, body)
        #expect(again.status == 500 && again.text.contains("T1"))
        #expect(try await platform.send(.POST, path, #"{"name":"T2","thingTemplateName":"Nope"}"#).status == 404)
        #expect(try await platform.send(.POST, path, #"{"name":"T2"}"#).status == 404)
        #expect(try await platform.send(.POST, path, #"{"thingTemplateName":"GenericThing"}"#).status == 404)
        #expect(try await platform.get("Things/T2").status == 404)
        // A multipart body needs its token.
        #expect(try await platform.send(.POST, path, "x", type: "multipart/form-data; boundary=x").status == 403)
        // With the filter off anything goes.
        let lax = try await TestPlatform(server: #", "filter_content_type": false"#)
        #expect(try await lax.send(.POST, path, body, type: nil).isDone)
        await platform.program.end()
        await lax.program.end()
    }

    @Test("platform 8, 16, 17, 20: bodies, methods and unknown names") func callingServices() async throws {
        let platform = try await TestPlatform()
        try await platform.makeThing("T1")
        for body in [nil, "{}", "null", " null\n"] {
            #expect(try await platform.send(.POST, "/Thingworx/Things/T1/Services/EnableThing", body).isDone)
        }
        #expect(try await platform.call("IsEnabled", on: "T1").result == true)
        #expect(try await platform.call("DisableThing", on: "T1").isDone)
        let stopped = try await platform.call("GetPropertyValues", on: "T1")
        #expect(stopped.status == 500 && stopped.text.contains("Thing [T1] is not running."))
        #expect(try await platform.call("EnableThing", on: "T1").isDone)

        let off = try await TestPlatform(things: #"[{"name": "T1"}]"#, server: #", "allow_method_switch": false"#)
        #expect(try await off.get("things/T1/services/GetPropertyValues").status == 405)
        #expect(try await off.get("things/T1/services/GetPropertyValues?method=post").status == 405)
        #expect(try await platform.get("things/T1/services/GetPropertyValues?method=post").rows.first?["name"] == "T1")
        #expect(try await platform.send(.POST, "/Thingworx/things/T1/services/GetPropertyValues").rows.count == 1)
        // Further words are parameters, as text.
        let mask = "/Thingworx/Resources/EntityServices/Services/GetEntityList?method=POST&type=Thing&nameMask=T*&maxItems=1&_=9"
        #expect(try await platform.send(.GET, mask).rows.map { $0["name"] } == ["T1"])
        // A page of another site cannot have a browser do that.
        #expect(
            try await platform.get("Things/T1/Services/RestartThing?method=POST", headers: ["Sec-Fetch-Site": "cross-site"]).status == 403)

        let unknown = try await platform.call("NoSuch", on: "T1", [:])
        #expect(unknown.status == 404 && unknown.text.contains("NoSuch") && unknown.text.contains("T1"))
        let nobody = try await platform.call("X", on: "Nope")
        #expect(nobody.status == 404 && nobody.text.contains("[Nope]"))
        #expect(try await platform.send(.POST, "/Thingworx/Things/T1/Services/AddPropertyDefinition", "[1]").status == 400)
        #expect(try await platform.send(.POST, "/Thingworx/Things/T1/Services/AddPropertyDefinition", "{").status == 400)

        _ = try await platform.call("AddPropertyDefinition", on: "T1", ["name": "n", "type": "NUMBER"])
        _ = try await platform.call("AddPropertyDefinition", on: "T1", ["name": "s", "type": "STRING"])
        #expect(try await platform.call("GetPropertyDefinitions", on: "T1", ["type": "NUMBER"]).rows.map { $0["name"] } == ["n"])
        let metadata = try await platform.call("GetMetadataAsJSON", on: "T1")
        #expect(metadata.json["rows"] == nil && metadata.json["propertyDefinitions"]?["n"]?["baseType"] == "NUMBER")
        await platform.program.end()
        await off.program.end()
    }

    @Test("platform 21, 22, 23: deleting, what is accepted, and names of any kind") func deletingAndAccepting() async throws {
        let platform = try await TestPlatform()
        try await platform.makeThing("T1")
        #expect(try await platform.send(.DELETE, "/Thingworx/Things/T1", type: nil).status == 403)
        #expect(try await platform.send(.DELETE, "/Thingworx/Things/T1").status == 200)
        #expect(try await platform.send(.DELETE, "/Thingworx/Things/T1").status == 404)
        try await platform.makeThing("T1")
        #expect(try await platform.send(.DELETE, "/Thingworx/Things/T1?Content-Type=application/json", type: nil).status == 200)

        #expect(try await platform.get("Things", headers: ["Accept": "application/foo"]).status == 406)
        #expect(try await platform.get("Things", headers: ["Accept": "text/xml"]).status == 406)
        for accept in ["application/json, */*", "*/*", "text/html, application/json;q=0.5"] {
            #expect(try await platform.get("Things", headers: ["Accept": accept]).json["rows"] != nil, "\(accept)")
        }
        #expect(try await platform.get("Things").json["rows"] != nil)
        #expect(try await platform.get("Things?Accept=application/json", headers: ["Accept": "application/foo"]).status == 200)
        // Nothing is to be formatted: it does not matter what is accepted.
        #expect(
            try await platform.send(.POST, "/Thingworx/Things/SystemRepository/Services/EnableThing", headers: ["Accept": "text/html"])
                .isDone)

        let name = "Größe / 5 %?"
        try await platform.makeThing(name)
        let path = "/Thingworx/Things/" + PercentEncoding.encode(name)
        #expect(try await platform.send(.GET, path + "/Properties/name").rows.first?["name"] == .string(name))
        #expect(try await platform.send(.GET, path).json["name"] == .string(name))
        #expect(try await platform.send(.DELETE, path).status == 200)
        #expect(try await platform.send(.GET, path).status == 404)
        #expect(try await platform.get("Things//Properties").status == 404)
        #expect(try await platform.send(.GET, "/Thingworx/Things/").status == 200)
        await platform.program.end()
    }

    @Test("platform 24: raw requests, stray bytes and wrong lengths") func rawRequests() async throws {
        let platform = try await TestPlatform(
            things: #"[{"name": "T1", "template": "GenericThing", "properties": {"n": {"baseType": "NUMBER"}}}]"#)
        let head =
            "PUT /Thingworx/Things/T1/Properties/n HTTP/1.1\r\nHost: 127.0.0.1\r\nappKey: \(Chain.adminKey)\r\nContent-Type: application/json\r\nConnection: close\r\n"
        let stray = try await RawConnection.exchange(platform.port, head + "Content-Length: 7\r\n\r\n{\"n\":4}\r\n\r\n")
        #expect(stray.components(separatedBy: "HTTP/1.1 ").count == 2 && stray.hasPrefix("HTTP/1.1 200"))
        let read = try await RawConnection.exchange(
            platform.port,
            "GET /Thingworx/Things/T1/Properties/n HTTP/1.1\r\nHost: 127.0.0.1\r\nappKey: \(Chain.adminKey)\r\nConnection: close\r\n\r\n\r\n"
        )
        let body = try #require(read.components(separatedBy: "\r\n\r\n").last)
        #expect(body.hasPrefix("{") && body.contains("\"n\":4"))
        // One that announces less than it sends: the rest is no request, or a malformed one.
        let short = try await RawConnection.exchange(platform.port, head + "Content-Length: 3\r\n\r\n{\"n\":5}")
        #expect(short.hasPrefix("HTTP/1.1 400"))
        #expect(try await platform.get("health", key: nil).status == 200)
        await platform.program.end()
    }
}
