import AlwaysOn
import Secrets
import Testing

@testable import ThingModel
@testable import ThingPlatform

/// Names that strangers choose: patterns, identifiers, those that wait, and the one table of rights.
@Suite struct HostileNameTests {
    @Test(arguments: [
        ("*", "anything", true), ("*", "", true), ("T*", "T1", true), ("T*", "XT", false), ("*-Press", "Line-Press", true),
        ("A*B*C", "AxxBxxC", true), ("A*B*C", "ABC", true),
        ("A*B*C", "AxxCxxB", false), ("A**B", "AB", true), ("", "", true), ("", "x", false), ("T1", "T1", true), ("T1", "T11", false),
        ("T*", "T\u{301}", true), ("*b", "aab", true),
        ("a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
    ])
    func patterns(pattern: String, name: String, fits: Bool) { #expect(NamePattern(pattern).matches(name) == fits) }

    @Test func holdersInTheOrderOfTheirBinds() {
        var table = BindingTable()
        for connection in [3, 1, 2] as [UInt32] { #expect(table.remember("*x", for: connection, of: "u\(connection)") == true) }
        func claim(_ names: [String], where mayBind: (UInt32) -> Bool = { _ in true }) -> UInt32? {
            table.claim(names, where: mayBind)?.connection
        }
        #expect(claim(["A", "*x"], where: { $0 != 3 }) == 1)
        // Who may not have it goes on waiting.
        #expect(claim(["*x"]) == 3)
        _ = table.disconnected(2)
        #expect(claim(["*x"]) == nil)
        // One that left and came back stands once, behind.
        for connection in [1, 2] as [UInt32] { _ = table.remember("*y", for: connection, of: "u") }
        table.forget("*y", of: 1)
        _ = table.remember("*y", for: 1, of: "u")
        #expect(claim(["*y"]) == 2)
        #expect(claim(["*y"]) == 1)
        #expect(claim(["*y"]) == nil)
    }

    @Test func nobodyFillsThePlacesOfOthers() {
        var names = WaitingNames()
        let added = (0..<WaitingNames.mostOfConnection).count { names.add("a\($0)", for: 1, of: "stranger") }
        #expect(added == WaitingNames.mostOfConnection)
        #expect(names.add("one more", for: 1, of: "stranger") == false)
        for connection in 2...4 as ClosedRange<UInt32> {
            for index in 0..<WaitingNames.mostOfConnection { _ = names.add("a\(index)", for: connection, of: "stranger") }
        }
        #expect(names.add("another", for: 5, of: "stranger") == false)
        #expect(names.add("a1", for: 6, of: "edge") == true)
        for connection in 1...4 as ClosedRange<UInt32> { names.removeAll(of: connection) }
        #expect(names.first(for: "a1", where: { _ in true }) == 6)
        #expect(names.add("another", for: 5, of: "stranger") == true)
    }

    @Test func anIdentifierHasOneThing() {
        var model = PlatformModel()
        for name in ["A", "B"] {
            var thing = Thing(name: name, template: "RemoteThing")
            thing.identifier = "id"
            model.put(thing)
        }
        #expect(model.thing(identifier: "id") == "A")
        model.removeThing("B")
        #expect(model.thing(bound: "*id")?.name == "A")
        model.removeThing("A")
        #expect(model.thing(bound: "*id") == nil)
    }

    @Test func valuesOfAThingHaveABound() {
        var model = PlatformModel()
        model.put(Thing(name: "A", template: "GenericThing"))
        let long = TimedValue(value: .string(String(repeating: "v", count: 1 << 20)), time: 1)
        var kept = 0
        while model.values.keep(long, of: "p\(kept)", thing: "A") { kept += 1 }
        #expect(kept == 63)
        // What takes less than before always fits, and makes room.
        #expect(model.values.keep(TimedValue(value: .integer(1), time: 2), of: "p0", thing: "A") == true)
        #expect(model.values.keep(long, of: "another", thing: "A") == true)
        #expect(model.values["A", "p0"]?.value == .integer(1))
        model.removeThing("A")
        #expect(model.values.keep(long, of: "p", thing: "A") == true)
    }

    /// Which services judge themselves, and that no other can be called without a right.
    @Test func theTableOfRights() {
        func without(_ table: [String: Service]) -> Set<String> { Set(table.values.filter { $0.right == nil }.map(\.name)) }
        #expect(without(ServiceTables.things) == ["GetPermissionsForCurrentUser"])
        #expect(without(ServiceTables.remoteThings).isEmpty)
        #expect(without(ServiceTables.users) == ["ChangePassword", "GetPermissionsForCurrentUser"])
        #expect(
            without(ServiceTables.keys) == ["GetPermissionsForCurrentUser"]
                && without(ServiceTables.groups) == ["GetPermissionsForCurrentUser"])
        // What reads or writes a value asks for more than to invoke.
        for service in ServiceTables.valueServices { #expect(service.right == .read || service.right == .write, "\(service.name)") }
        for service in ServiceTables.definitionServices { #expect(service.right == .view || service.right == .update, "\(service.name)") }
        // Nothing changes what is only looked at.
        for table in [
            ServiceTables.things, ServiceTables.templates, ServiceTables.users, ServiceTables.groups, ServiceTables.keys,
            ServiceTables.dataShapes,
        ] {
            for service in table.values
            where ["Add", "Set", "Remove", "Delete", "Purge", "Enable", "Disable", "Assign"].contains(where: { service.name.hasPrefix($0) })
            {
                #expect(service.right == .update || service.right == .write, "\(service.name)")
            }
        }
    }
}
