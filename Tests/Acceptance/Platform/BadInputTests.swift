import AlwaysOn
import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOHTTP1
import TestKit
import Testing

/// What people and programs should not send: it is stored and shown as text, or refused with what was expected.
@Suite struct PlatformBadInputTests {
    static let names = [
        "Robert'); DROP TABLE entity;--", "\" OR 1=1 --", "<script>alert(1)</script>", "%00%0a", "../../etc/passwd", "a/b?c#d&e=f", "*",
        "ＦＵＬＬ 全角 😀",
        "e\u{301}", String(repeating: "n", count: 1024), "null", "{\"a\":1}", " leading and trailing ", "a\\b\tc\nd", "__proto__",
        "constructor",
    ]

    @Test func namesOfAnyKindOutlastAKill() async throws {
        let first = try await TestPlatform(data: true)
        for name in PlatformBadInputTests.names {
            let answer = try await first.entityService(
                "CreateThing",
                ["name": .string(name), "thingTemplateName": "GenericThing", "description": .string(name), "tags": .string("V:\(name)")])
            #expect(answer.isDone, "\(name): \(answer.text)")
            let property: JSONValue = [
                "name": .string(name), "type": "STRING", "persistent": true, "logged": true, "description": .string(name),
                "defaultValue": .string(name),
            ]
            #expect(try await first.call("AddPropertyDefinition", on: name, property).isDone, "\(name)")
            #expect(
                try await first.put(
                    "Things/\(PercentEncoding.encode(name))/Properties/\(PercentEncoding.encode(name))", .object([name: .string(name)])
                ).isDone, "\(name)")
            for (service, more) in [
                ("CreateThingTemplate", ["thingTemplateName": "RemoteThing"]), ("CreateThingShape", [:]), ("CreateDataShape", [:]),
                ("CreateGroup", [:]),
            ]
                as [(String, JSONObject)]
            {
                var body: JSONObject = ["name": .string(name)]
                for member in more.members { body[member.name] = member.value }
                #expect(try await first.entityService(service, .object(body)).isDone, "\(service) \(name)")
            }
        }
        await first.program.end(SIGKILL)
        let second = try await first.restarted()
        let listed = try await second.get("Things").rows.compactMap { $0["name"]?.string }
        for name in PlatformBadInputTests.names {
            // Byte for byte: Swift takes some texts for equal that are not.
            #expect(listed.contains { Array($0.utf8) == Array(name.utf8) }, "\(name)")
            let path = "Things/\(PercentEncoding.encode(name))"
            #expect(try await second.get("\(path)/Properties/\(PercentEncoding.encode(name))").rows[0][name]?.string == name, "\(name)")
            #expect(
                try await second.call("QueryStringPropertyHistory", on: name, ["propertyName": .string(name)]).rows.map {
                    $0["value"]?.string
                } == [name])
            #expect(try await second.get("DataShapes/\(PercentEncoding.encode(name))").status == 200)
            #expect(try await second.send(.DELETE, "/Thingworx/\(path)").status == 200)
            #expect(try await second.get(path).status == 404)
        }
        await second.program.end()
    }

    @Test func valuesThatAreNone() async throws {
        let platform = try await TestPlatform()
        try await platform.makeThing("T1")
        for (type, wrong) in [
            ("NUMBER", #""x""#), ("INTEGER", "1.5"), ("INTEGER", "3000000000"), ("BOOLEAN", #""maybe""#), ("DATETIME", #""yesterday""#),
            ("LOCATION", #"{"latitude": "north"}"#),
            ("LOCATION", "5"), ("INFOTABLE", "5"), ("INFOTABLE", #""text""#), ("IMAGE", #""%%%""#), ("BLOB", "7"),
        ] {
            let name = "p\(type)"
            _ = try await platform.call("AddPropertyDefinition", on: "T1", ["name": .string(name), "type": .string(type)])
            let answer = try await platform.send(.PUT, "/Thingworx/Things/T1/Properties/\(name)", "{\"\(name)\": \(wrong)}")
            #expect(
                answer.status == 400 && answer.text.contains(name) && answer.text.contains(type),
                "\(type) \(wrong): \(answer.status) \(answer.text)")
        }
        for (type, right) in [
            ("LOCATION", #"{"latitude": "52.5", "longitude": "13.4", "units": "WGS84"}"#),
            ("DATETIME", #""2026-01-31T00:00:00.000+01:00""#), ("JSON", #"{"a": [1, {"b": null}]}"#),
            ("INFOTABLE", #"{"rows": [{"a": 1}], "dataShape": {"fieldDefinitions": {"a": {"name": "a", "baseType": "NUMBER"}}}}"#),
            ("TAGS", #"[{"vocabulary": "V", "vocabularyTerm": "t"}]"#),
            ("TAGS", #""V:t;V:u""#), ("IMAGE", #""aGVsbG8=""#),
        ] {
            let name = "p\(type)"
            _ = try await platform.call("AddPropertyDefinition", on: "T1", ["name": .string(name), "type": .string(type)])
            let answer = try await platform.send(.PUT, "/Thingworx/Things/T1/Properties/\(name)", "{\"\(name)\": \(right)}")
            #expect(answer.isDone, "\(type) \(right): \(answer.status) \(answer.text)")
            #expect(try await platform.get("Things/T1/Properties/\(name)").status == 200)
        }
        for body in [
            "[]", "5", "\"x\"", "{", "{\"a\":}", String(repeating: "[", count: 10_000),
            "{\"n\":" + String(repeating: "{\"n\":", count: 5000),
        ] {
            for path in ["Things/T1/Properties/pNUMBER", "Things/T1", "Things"] {
                let answer = try await platform.send(.PUT, "/Thingworx/\(path)", body)
                #expect((400..<500).contains(answer.status), "\(path) \(body.prefix(20)): \(answer.status)")
            }
            #expect((400..<500).contains(try await platform.send(.POST, "/Thingworx/Things/T1/Services/SetPropertyValues", body).status))
        }
        // Numbers that are no dates, spans that end before they begin, and more than there can be.
        for body in [
            #"{"startDate": 1e300}"#, #"{"startDate": 9, "endDate": 1}"#, #"{"maxItems": -1}"#, #"{"maxItems": "many"}"#,
            #"{"query": {"filters": 5}}"#,
        ] {
            #expect(
                (400..<500).contains(try await platform.send(.POST, "/Thingworx/Things/T1/Services/QueryPropertyHistory", body).status),
                "\(body)")
        }
        #expect(
            try await platform.send(.POST, "/Thingworx/Things/T1/Services/QueryChart", #"{"propertyName":"pNUMBER","points":1e9}"#).status
                < 500)
        #expect(try await platform.get("health", key: nil).status == 200)
        await platform.program.end()
    }

    /// Paths that lead out of the console's directory lead nowhere.
    @Test func pathTricks() async throws {
        let platform = try await TestPlatform()
        for path in [
            "/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/console/../platform.json", "/%2e%2e/platform.json", "//etc/passwd",
            "/app.js/..", "/index.html%00.js",
        ] {
            let answer = try await RawConnection.exchange(
                platform.port, "GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 404") || answer.hasPrefix("HTTP/1.1 400"), "\(path): \(answer.prefix(60))")
        }
        let page = try await platform.get("", key: nil)
        #expect(
            page.status == 200 && page.headers.first(name: "Content-Security-Policy")?.contains("script-src 'self'") == true
                && !page.text.contains("<script>"))
        await platform.program.end()
    }

    /// What a page of another site could have a signed-in browser do.
    @Test func pagesOfOthers() async throws {
        let platform = try await TestPlatform(
            things: #"[{"name": "T1", "template": "GenericThing", "properties": {"n": {"baseType": "NUMBER"}}}]"#)
        let begun = try await platform.get("Things", headers: ["x-thingworx-session": "true"])
        let cookie = String(try #require(begun.headers.first(name: "Set-Cookie")).prefix { $0 != ";" })
        #expect(begun.headers.first(name: "Set-Cookie")?.contains("SameSite=Strict") == true)
        func send(_ method: HTTPMethod, _ path: String, _ body: String?, _ type: String?, _ headers: HTTPHeaders) async throws -> Int {
            var all: HTTPHeaders = ["Cookie": cookie]
            all.add(contentsOf: headers)
            return try await platform.send(method, path, body, key: nil, headers: all, type: type).status
        }
        let path = "/Thingworx/Things/T1/Properties/n"
        #expect(try await send(.PUT, path, #"{"n":1}"#, "application/json", [:]) == 200)
        #expect(try await send(.PUT, path, #"{"n":2}"#, "application/json", ["Origin": "http://evil.example"]) == 403)
        #expect(try await send(.POST, "/Thingworx/Things/T1/Services/EnableThing", nil, "text/plain", [:]) == 403)
        #expect(
            try await send(.POST, "/Thingworx/Things/T1/Services/EnableThing", nil, "application/json", ["Sec-Fetch-Site": "cross-site"])
                == 403)
        #expect(
            try await send(.GET, "/Thingworx/Things/T1/Services/DisableThing?method=POST", nil, nil, ["Sec-Fetch-Site": "cross-site"])
                == 403)
        #expect(
            try await send(.GET, "/Thingworx/Things/T1/Services/DisableThing?method=POST", nil, nil, ["Referer": "http://evil.example/"])
                == 403)
        #expect(try await platform.get("Things/T1/Properties/n").rows[0]["n"]?.double == 1)
        await platform.program.end()
    }
}
