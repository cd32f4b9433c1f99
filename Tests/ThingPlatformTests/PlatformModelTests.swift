import AlwaysOn
import NIOCore
import Secrets
import TestKit
import Testing

@testable import ThingModel
@testable import ThingPlatform

@Suite struct BindingTableTests {
    @Test func aSecondConnectionTakesOver() {
        var table = BindingTable()
        #expect(table.bind("A", as: "A", to: 1) == .bound)
        #expect(table.bind("A", as: "A", to: 1) == .again)
        #expect(table.bind("A", as: "*id", to: 2) == .takenOver(from: 1))
        #expect(table.boundName(of: "A") == "*id")
        // What the first does now no longer touches the Thing.
        #expect(table.unbind("A", from: 1) == false)
        #expect(table.disconnected(1).isEmpty)
        #expect(table.connection(of: "A") == 2)
        #expect(table.disconnected(2) == ["A"])
        #expect(table.connection(of: "A") == nil)
    }

    @Test func unmatchedNamesWaitForTheirThing() {
        var table = BindingTable()
        #expect(table.remember("*id", for: 1, of: "u") == true)
        #expect(table.claim(["B"], where: { _ in true }) == nil)
        let claimed = table.claim(["B", "*id"]) { _ in true }
        #expect(claimed?.connection == 1 && claimed?.name == "*id")
        #expect(table.claim(["*id"], where: { _ in true }) == nil)
        _ = table.remember("C", for: 2, of: "u")
        _ = table.disconnected(2)
        #expect(table.claim(["C"], where: { _ in true }) == nil)
    }
}

@Suite struct AccessTests {
    private let rules = {
        var rules = AccessControl()
        rules.add(AccessRule(holder: .group("Edge"), entities: [NamePattern("Press*"), NamePattern("Oven")], rights: [.bind, .read]))
        rules.add(AccessRule(holder: .user("anna"), entities: [NamePattern("*")], rights: [.invoke]))
        return rules
    }()

    @Test func onlyWhatARuleAllows() {
        let edge = Principal(user: "e", groups: ["Edge"])
        #expect(
            rules.judge(.bind, on: EntityRef(.thing, "Press1"), for: edge).isAllowed
                && rules.judge(.read, on: EntityRef(.thing, "Oven"), for: edge).isAllowed)
        #expect(
            !rules.judge(.write, on: EntityRef(.thing, "Press1"), for: edge).isAllowed
                && !rules.judge(.bind, on: EntityRef(.thing, "Oven2"), for: edge).isAllowed)
        let anna = Principal(user: "anna", groups: [])
        #expect(
            rules.judge(.invoke, on: EntityRef(.thing, "Anything"), for: anna).isAllowed
                && !rules.judge(.read, on: EntityRef(.thing, "Press1"), for: anna).isAllowed)
        #expect(rules.judge(.delete, on: EntityRef(.thing, "X"), for: Principal(user: "root", groups: ["Administrators"])).isAllowed)
    }

    func model() -> PlatformModel {
        var model = PlatformModel()
        model.put(User(name: "u"))
        var group = Group(name: "Edge")
        group.members = [.init(name: "u", isGroup: false)]
        model.put(group)
        var off = User(name: "off")
        off.isEnabled = false
        model.put(off)
        func add(_ key: String, _ user: String, _ change: (inout ApplicationKey) -> Void = { _ in }) {
            var value = ApplicationKey(name: "n-\(key)", digest: KeyDigest(of: Secret(key)), user: user)
            change(&value)
            model.put(value)
        }
        add("good", "u")
        add("disabled", "u") { $0.isEnabled = false }
        add("expired", "u") { $0.expires = 1000 }
        add("local", "u") { $0.allowedAddresses = [AddressRange("127.0.0.0/8")!] }
        add("orphan", "nobody")
        add("ofOff", "off")
        return model
    }

    @Test func keysAreCheckedInEveryRespect() throws {
        let model = model()
        let here = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
        let there = try SocketAddress(ipAddress: "10.1.2.3", port: 1)
        #expect(model.authenticate(Secret("good"), from: there, now: 5) == .accepted(Principal(user: "u", groups: ["Edge"]), key: "n-good"))
        #expect(
            model.authenticate(Secret("expired"), from: there, now: 999)
                == .accepted(Principal(user: "u", groups: ["Edge"]), key: "n-expired"))
        #expect(
            model.authenticate(Secret("local"), from: here, now: 5) == .accepted(Principal(user: "u", groups: ["Edge"]), key: "n-local"))
        for (key, cause) in [
            ("wrong", "no such"), ("disabled", "disabled"), ("expired", "expired"), ("local", "10.1.2.3"), ("orphan", "nobody"),
            ("ofOff", "off"),
        ] {
            guard case .refused(let text) = model.authenticate(Secret(key), from: there, now: 1000) else {
                Issue.record("\(key) was accepted")
                continue
            }
            #expect(text.contains(cause) && !text.contains(" \(key) "))
        }
    }

    @Test func addressRanges() throws {
        func contains(_ range: String, _ address: String) throws -> Bool? {
            AddressRange(range)?.contains(try SocketAddress(ipAddress: address, port: 0))
        }
        #expect(try contains("10.0.0.0/8", "10.255.0.1") == true)
        #expect(try contains("10.0.0.0/9", "10.255.0.1") == false)
        #expect(try contains("fd00::/8", "fd12::1") == true)
        #expect(try contains("127.0.0.1", "::ffff:127.0.0.1") == true)
        #expect(AddressRange("10.0.0/8") == nil && AddressRange("10.0.0.0/33") == nil && AddressRange("x") == nil)
    }
}

@Suite struct ModelFileTests {
    @Test func everyErrorNamesItsPlace() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(
            "platform.json",
            """
            {
              "users": [{"name": "u"}, {}],
              "application_keys": [{"name": "k", "key": "x", "user": "nobody", "expires": "tomorrow", "allowed_addresses": ["home"]}],
              "permissions": [{"user": "u", "group": "g"}, {"user": "u", "things": ["*"], "allow": ["fly"]}],
              "things": [{"name": "T", "template": "Nope", "properties": {"p": {"baseType": "NUMBR"}}}]
            }
            """)
        let error = #expect(throws: ModelFileErrors.self) { try ModelFile(path: path).read().model }
        let text = error?.description ?? ""
        for expected in [
            "line 2, column 28: users[1]: expected a string \"name\"", "application_keys[0].user: no user \"nobody\"",
            "expires: expected a time such as",
            "expected an address or a range", "permissions[0]: expected either", "found \"fly\"", "no template \"Nope\"",
            "things[0].properties.p.baseType: expected one of",
        ] { #expect(text.contains(expected), "\(expected) is not in\n\(text)") }
    }

    @Test func templatesPassOnTheirProperties() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.write(
            "platform.json",
            """
            {"templates": [{"name": "Machine", "base": "RemoteThing", "properties": {"speed": {"baseType": "NUMBER", "remote": true}}},
                           {"name": "Press", "base": "Machine", "properties": {"force": {"baseType": "NUMBER"}}}],
             "things": [{"name": "P1", "template": "Press", "identifier": "SN-1"}]}
            """)
        let model = try ModelFile(path: path).read().model
        let thing = try #require(model.thing(bound: "*SN-1"))
        #expect(thing.name == "P1" && model.isRemote(thing))
        #expect(thing.properties["speed"]?.isRemote == true && thing.properties["force"]?.isRemote == false)
        #expect(model.thing(bound: "SN-1") == nil)
    }
}

@Suite struct PropertyUpdateTests {
    @Test func readsAPush() {
        var values = Infotable(
            DataShape([.init("name", .string), .init("value", .variant), .init("time", .datetime), .init("quality", .string)]))
        values.append([.string("a"), .variant(.number(1)), .datetime(5), .string("GOOD")])
        values.append([.string("b"), .variant(.string("x")), .nothing, .nothing])
        let expected = [PropertyUpdate(name: "a", value: .number(1), time: 5), PropertyUpdate(name: "b", value: .string("x"), time: nil)]
        #expect(PropertyUpdate.list(from: Infotable("values", .infotable(values))) == expected)
        #expect(PropertyUpdate.list(from: values) == expected)
        #expect(PropertyUpdate.list(from: Infotable("x", .number(1))) == nil)
    }
}
