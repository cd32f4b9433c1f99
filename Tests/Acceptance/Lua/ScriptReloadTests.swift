import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

/// Changes while a script resource runs: SIGHUP, and files that are watched.
@Suite(.serialized) struct ScriptReloadTests {
    let rates = "register = false, scanRateResolution = 20, scanRate = 60, taskRate = 50"

    @Test func aChangedTemplateIsTakenOverWithTheValuesThatWereThere() async throws {
        let chain = try Chain()
        try chain.directory.write(
            "etc/custom/shapes/extra.lua", "module('shapes.extra', thingworx.shape.extend)\nservices.Shaped = function() return 200, 1 end")
        let properties =
            "require 'extra'\nproperties.level = { baseType = 'NUMBER', value = 1 }\nproperties.place = { baseType = 'LOCATION' }\nproperties.kind = { baseType = 'STRING', value = 'a' }"
        try chain.writeTemplate("tank", properties)
        try chain.writeScripts(gateway: 1, "scripts.watch = true\nscripts.Tank = { file = 'thing.lua', template = 'tank', \(rates) }")
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        while try await client.send(.GET, "/scripts/Thingworx/Tank/Properties/level").status != 200 {}
        _ = try await client.call(.PUT, "/scripts/Thingworx/Tank/Properties/level", body: ["level": 42.5])
        _ = try await client.call(
            .PUT, "/scripts/Thingworx/Tank/Properties/place", body: ["place": ["latitude": 1, "longitude": 2, "elevation": 3]])
        _ = try await client.call(.PUT, "/scripts/Thingworx/Tank/Properties/kind", body: ["kind": "b"])

        var mark = scripts.mark
        try chain.writeTemplate(
            "tank",
            properties.replacingOccurrences(of: "'STRING', value = 'a'", with: "'INTEGER', value = 7")
                + "\nservices.Fresh = function() return 200, 'new' end")
        try await scripts.line(containing: "Tank: changed, started anew", after: mark)
        while try await client.send(.POST, "/scripts/Thingworx/Tank/Services/Fresh", body: [:]).status != 200 {}
        #expect(try await client.property(thing: "Tank", "level").double == 42.5)
        #expect(try await client.property(thing: "Tank", "place")["longitude"]?.int == 2)
        // Of another base type now: the template's value.
        #expect(try await client.property(thing: "Tank", "kind").int == 7)

        // A mistake is told, and the Thing goes on as it was; so does a mistake in a shape.
        mark = scripts.mark
        try chain.writeTemplate("tank", properties + "\nlocal x = = 1")
        let refusal = try await scripts.line(containing: "tank.lua:6: unexpected symbol", after: mark)
        #expect(refusal.contains("Tank: changed, and not started anew"))
        #expect(try await client.property(thing: "Tank", "level").double == 42.5)
        mark = scripts.mark
        try chain.writeTemplate("tank", properties)
        try await scripts.line(containing: "Tank: changed, started anew", after: mark)
        // The next change comes when this one has been taken over.
        while try await client.send(.POST, "/scripts/Thingworx/Tank/Services/Fresh", body: [:]).status != 404 {}
        mark = scripts.mark
        try chain.directory.write(
            "etc/custom/shapes/extra.lua",
            "module('shapes.extra', thingworx.shape.extend)\nserviceDefinitions.Shaped(output { baseType = 'NUMBER' })\nservices.Shaped = function() return 200, 22 end"
        )
        try await scripts.line(containing: "Tank: changed, started anew", after: mark)
        var answer = try await client.send(.POST, "/scripts/Thingworx/Tank/Services/Shaped", body: [:])
        while answer.json["rows"]?[0]?["result"]?.int != 22 {
            answer = try await client.send(.POST, "/scripts/Thingworx/Tank/Services/Shaped", body: [:])
        }
        #expect(await scripts.end() == 0)
    }

    @Test func sighupTakesOverWhatChanged() async throws {
        let chain = try Chain()
        try chain.writeTemplate(
            "one",
            "properties.p = { baseType = 'NUMBER', value = 1 }\nserviceDefinitions.Rate(output { baseType = 'NUMBER' })\nservices.Rate = function(me) return 200, me.scanRate end"
        )
        try chain.directory.write(
            "etc/custom/scripts/plain.lua",
            "log.debug('plain', 'began') while p_data.run do tw_utils.psleep(50) end log.info('plain', 'ended')")
        let before =
            "scripts.Same = { file = 'thing.lua', template = 'one', \(rates) }\nscripts.Other = { file = 'thing.lua', template = 'one', \(rates) }\nscripts.Plain = { file = 'plain.lua' }"
        try chain.writeScripts(gateway: 1, before)
        let scripts = try chain.startScripts()
        let client = try chain.local(try await scripts.port())
        while try await client.send(.GET, "/scripts/Thingworx/Other/Properties/p").status != 200 {}
        _ = try await client.call(.PUT, "/scripts/Thingworx/Other/Properties/p", body: ["p": 9])

        try chain.writeScripts(
            gateway: 1, port: 1,
            """
            scripts.Same = { file = 'thing.lua', template = 'one', \(rates) }
            scripts.Other = { file = 'thing.lua', template = 'one', \(rates.replacingOccurrences(of: "60", with: "77")) }
            scripts.New = { file = 'thing.lua', template = 'one', identifier = 'SN-2', \(rates) }
            scripts.script_resource_authenticate = true scripts.script_resource_userid = "u" scripts.script_resource_password = "p"
            """)
        var mark = scripts.mark
        scripts.signal(SIGHUP)
        try await scripts.line(containing: "reloaded etc/config.lua: Plain removed, New added, Other started anew", after: mark)
        try await scripts.line(containing: "in force after the next start: script_resource_port", after: mark)
        try await scripts.line(containing: "plain ended", after: mark)
        // Whoever calls needs the new credentials at once.
        #expect(try await client.send(.GET, "/scripts").status == 401)
        let base = "http://127.0.0.1:\(try await scripts.port())/scripts"
        var rate = try await Curl("\(base)/Thingworx/Other/Services/Rate", "-u", "u:p", "-H", "Content-Type: application/json", "-d", "{}")
        while rate.status != 200 {
            rate = try await Curl("\(base)/Thingworx/Other/Services/Rate", "-u", "u:p", "-H", "Content-Type: application/json", "-d", "{}")
        }
        #expect(rate.body.contains("{\"result\":77}"), "\(rate.body)")
        let kept = try await Curl("\(base)/Thingworx/Other/Properties/p", "-u", "u:p")
        #expect(kept.body.contains("\"p\":9"), "\(kept.body)")
        var byIdentifier = try await Curl("\(base)/Thingworx/*SN-2/Properties/p", "-u", "u:p")
        while byIdentifier.status != 200 { byIdentifier = try await Curl("\(base)/Thingworx/*SN-2/Properties/p", "-u", "u:p") }
        let list = try await Curl("\(base)", "-u", "u:p").body
        #expect(list.contains("New") && !list.contains("Plain"))

        // One that cannot be used changes nothing.
        mark = scripts.mark
        try chain.directory.write("etc/config.lua", "scripts.X = {")
        scripts.signal(SIGHUP)
        try await scripts.line(containing: "not reloaded: etc/config.lua:1:", after: mark)
        #expect(try await Curl("\(base)", "-u", "u:p").body == list)
        #expect(await scripts.end() == 0)
    }
}
