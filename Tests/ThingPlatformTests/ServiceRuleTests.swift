import AlwaysOn
import Formats
import NIOCore
import Secrets
import TestKit
import Testing

@testable import ThingModel
@testable import ThingPlatform

/// Queries, patterns, changes, attempts and rules, without a server.
@Suite struct ServiceRuleTests {
    private static let shape = DataShape([
        .init("name", .string), .init("n", .number), .init("on", .boolean), .init("t", .datetime), .init("tags", .tags),
        .init("at", .location),
    ])
    private static let rows: [[Value]] = [
        [
            .string("Alpha"), .number(1), .boolean(true), .datetime(1000), .text(.tags, "A:x;B:y"),
            .location(Location(latitude: 52.5, longitude: 13.4)),
        ],
        [
            .string("beta"), .number(2), .boolean(false), .datetime(2000), .text(.tags, "A:x"),
            .location(Location(latitude: 48.1, longitude: 11.6)),
        ],
        [.string("Gamma"), .nothing, .nothing, .nothing, .text(.tags, ""), .nothing],
    ]

    @Test(arguments: [
        (#"{"type":"EQ","fieldName":"n","value":1}"#, [0]), (#"{"type":"NE","fieldName":"n","value":1}"#, [1, 2]),
        (#"{"type":"gt","fieldName":"n","value":"1"}"#, [1]),
        (#"{"type":"LIKE","fieldName":"name","value":"*A"}"#, [0, 1, 2]), (#"{"type":"LIKE","fieldName":"name","value":"?eta"}"#, [1]),
        (#"{"type":"NOTLIKE","fieldName":"name","value":"%lph%"}"#, [1, 2]), (#"{"type":"IN","fieldName":"n","values":[2,3]}"#, [1]),
        (#"{"type":"BETWEEN","fieldName":"t","from":500,"to":"1970-01-01T00:00:01.500Z"}"#, [0]),
        (#"{"type":"MISSINGVALUE","fieldName":"n"}"#, [2]),
        (#"{"type":"NOTMISSINGVALUE","fieldName":"n"}"#, [0, 1]),
        (#"{"type":"MATCHES","fieldName":"name","expression":"[A-G][a-z]+"}"#, [0, 2]),
        (#"{"type":"TAGGED","fieldName":"tags","tags":[{"vocabulary":"A","vocabularyTerm":"x"}]}"#, [0, 1]),
        (#"{"type":"NEAR","fieldName":"at","distance":100,"units":"K","location":{"latitude":"52.4","longitude":13.5}}"#, [0]),
        (#"{"type":"AND","filters":[{"type":"EQ","fieldName":"on","value":"true"},{"type":"GE","fieldName":"n","value":1}]}"#, [0]),
        (#"{"type":"OR","filters":[{"type":"EQ","fieldName":"n","value":2},{"type":"MISSINGVALUE","fieldName":"on"}]}"#, [1, 2]),
    ])
    func filters(text: String, expected: [Int]) throws {
        for whole in [text, "{\"filters\":\(text)}"] {
            let query = try QueryFilter(JSONValue(parsing: whole))
            #expect(
                query.applied(to: ServiceRuleTests.rows, ServiceRuleTests.shape, most: 10) == expected.map { ServiceRuleTests.rows[$0] },
                "\(whole)")
        }
    }

    @Test func sorts() throws {
        let query = try QueryFilter(JSONValue(parsing: #"{"sorts":[{"fieldName":"name","isAscending":false,"isCaseSensitive":false}]}"#))
        #expect(
            query.applied(to: ServiceRuleTests.rows, ServiceRuleTests.shape, most: 2).map { $0[0] } == [.string("Gamma"), .string("beta")])
    }

    @Test(arguments: [
        #"{"filters":{"type":"NOPE","fieldName":"n"}}"#, #"{"filters":{"type":"EQ"}}"#, #"{"filters":{"fieldName":"n"}}"#, "[1]",
        #"{"filters":{"type":"MATCHES","fieldName":"n","expression":"(a)\\1"}}"#,
        #"{"filters":{"type":"MATCHES","fieldName":"n","expression":"a{9999}"}}"#,
        #"{"filters":{"type":"MATCHES","fieldName":"n","expression":"("}}"#,
        "{\"filters\":" + String(repeating: #"{"type":"AND","filters":["#, count: 20) + #"{"type":"EQ","fieldName":"n","value":1}"#
            + String(repeating: "]}", count: 20) + "}",
    ])
    func queriesThatAreNone(text: String) { #expect(throws: (any Error).self) { try QueryFilter(JSONValue(parsing: text)) } }

    /// Expressions that keep engines busy that try every way to divide a text.
    @Test(arguments: ["(a+)+b", "(a|a)*b", "(a*)*b", "a*a*a*a*a*a*a*a*b", "(a|aa)+b", "((((a*)*)*)*)*b", "(.*)*x", "(a{1,32}){1,32}b"])
    func expressionsWithoutEnd(text: String) throws {
        let pattern = try TextPattern.expression(text)
        let start = ContinuousClock.now
        for _ in 0..<20 { #expect(!pattern.matches(String(repeating: "a", count: 4000))) }
        #expect(ContinuousClock.now - start < .seconds(5), "\(text)")
    }

    @Test(arguments: [
        ("T-\\d+", "T-12", true), ("T-\\d+", "T-x", false), ("[A-Z]{2,3}\\.x", "AB.x", true), ("a|b", "b", true), ("a|b", "ab", false),
        ("Größe.*", "Größe 5", true),
    ])
    func expressions(text: String, name: String, fits: Bool) throws { #expect(try TextPattern.expression(text).matches(name) == fits) }

    @Test func changes() {
        var property = PropertyDefinition(baseType: .number)
        #expect(
            property.isChange(from: .number(0), to: .number(0), isFirst: true)
                && !property.isChange(from: .number(1), to: .number(1), isFirst: false))
        property.dataChangeThreshold = 2
        #expect(
            !property.isChange(from: .number(1), to: .number(3), isFirst: false)
                && property.isChange(from: .number(1), to: .number(3.1), isFirst: false))
        property.dataChangeType = .always
        #expect(property.isChange(from: .number(1), to: .number(1), isFirst: false))
        property.dataChangeType = .never
        #expect(!property.isChange(from: .number(1), to: .number(9), isFirst: true))
        property.dataChangeType = .on
        #expect(
            property.isChange(from: .boolean(false), to: .boolean(true), isFirst: false)
                && !property.isChange(from: .boolean(true), to: .boolean(true), isFirst: false))
        property.dataChangeType = .off
        #expect(
            property.isChange(from: .boolean(true), to: .boolean(false), isFirst: false)
                && !property.isChange(from: .boolean(false), to: .boolean(true), isFirst: false))
    }

    /// Who tries too often waits; nobody else does.
    @Test func attempts() {
        var limiter = AttemptLimiter()
        var now = NIODeadline.uptimeNanoseconds(0)
        var allowed = 0
        while limiter.allows("10.0.0.1", now: now) {
            limiter.failed("10.0.0.1", now: now)
            allowed += 1
        }
        #expect(allowed == 20 && limiter.allows("10.0.0.2", now: now))
        now = now + .seconds(1)
        #expect(limiter.allows("10.0.0.1", now: now))
        limiter.failed("10.0.0.1", now: now)
        #expect(!limiter.allows("10.0.0.1", now: now))
        // Thousands of addresses do not make one forget who tried much last.
        for index in 0..<5000 { limiter.failed("\(index)", now: now + .nanoseconds(Int64(index))) }
        #expect(limiter.allows("10.0.0.1", now: now + .seconds(60)))
    }

    @Test func sessionsEnd() {
        var credentials = Credentials()
        let now = NIODeadline.uptimeNanoseconds(0)
        let token = credentials.begin(user: "u", key: "k", now: now)
        func user(_ token: Secret, _ time: NIODeadline) -> String? { credentials.session(token, now: time)?.user }
        for (minutes, expected) in [(29, "u"), (58, "u"), (100, nil), (0, nil)] as [(Int64, String?)] {
            let found = user(token, now + .minutes(minutes))
            #expect(found == expected, "after \(minutes) minutes")
        }
        // However it is used, it ends some time.
        let long = credentials.begin(user: "u", key: nil, now: now)
        var time = now
        while user(long, time) != nil { time = time + .minutes(20) }
        #expect(time - now <= .hours(13))
        let gone = credentials.begin(user: "u", key: "k", now: now)
        credentials.forget(EntityRef(.applicationKey, "k"))
        let left = user(gone, now)
        #expect(left == nil)
        let once = credentials.makeOneTimeToken(for: "u", now: now, lasting: .minutes(1))
        let redeemed = (credentials.redeem(once, now: now), credentials.redeem(once, now: now))
        #expect(redeemed.0 == "u" && redeemed.1 == nil)
        let late = credentials.makeOneTimeToken(for: "u", now: now, lasting: .minutes(1))
        let expired = credentials.redeem(late, now: now + .minutes(2))
        #expect(expired == nil)
    }

    @Test func refusalsWin() {
        var access = AccessControl()
        let thing = EntityRef(.thing, "Press-1")
        let anna = Principal(user: "anna", groups: ["Shift"])
        func judge(_ right: Right, _ resource: String? = nil, templates: [String] = []) -> Bool {
            access.judge(right, on: thing, resource: resource, for: anna) { templates }.isAllowed
        }
        let allow = access.add(AccessRule(holder: .group("Shift"), entities: [NamePattern("Press-*")], rights: [.read]))
        #expect(judge(.read) && judge(.read, "force") && !judge(.write))
        var refusal = AccessRule(holder: .user("anna"), entities: [NamePattern("Press-1")], rights: [.read])
        (refusal.resource, refusal.allows) = ("force", false)
        access.add(refusal)
        #expect(judge(.read) && !judge(.read, "force") && judge(.read, "other"))
        access.remove(allow)
        #expect(!judge(.read))
        var instances = AccessRule(holder: .user("anna"), entities: [NamePattern("Press")], kind: .thingTemplate, rights: [.invoke])
        instances.isForInstances = true
        access.add(instances)
        #expect(judge(.invoke, templates: ["Press", "RemoteThing"]) && !judge(.invoke, templates: ["Other"]))
        #expect(!access.judge(.invoke, on: EntityRef(.thingTemplate, "Press"), for: anna).isAllowed, "not for the template itself")
        // An entity that is gone takes its rules along.
        _ = access.removeRules(of: EntityRef(.thingTemplate, "Press"))
        #expect(!judge(.invoke, templates: ["Press"]))
        #expect(access.judge(.delete, on: thing, for: Principal(user: "r", groups: [Principal.administrators])).isAllowed)
    }

    /// A kept model is the same when it is read again.
    @Test func documentsAndBack() throws {
        var model = PlatformModel()
        var shape = ThingShape(name: "S")
        shape.own.properties["level"] = PropertyDefinition(baseType: .number)
        model.put(shape)
        var template = ThingTemplate(name: "A-Press", base: "RemoteThing")
        template.shapes = ["S"]
        template.own.services["Go"] = ServiceDefinition()
        model.put(template)
        var thing = Thing(name: "T <b>'", template: "A-Press")
        thing.identifier = "id"
        var property = PropertyDefinition(baseType: .location)
        property.defaultValue = .location(Location(latitude: 1, longitude: 2, elevation: 3))
        property.remote = RemotePropertyBinding(sourceName: "src")
        property.remote?.cacheTime = -1
        property.aspects["units"] = "m"
        thing.own.properties["p"] = property
        thing.own.events["E"] = EventDefinition()
        thing.subscriptions = [DynamicSubscription(thing: "T <b>'", event: "DataChange", property: "p", service: "Go")]
        thing.about.tags = ["A:b", "C:d"]
        model.put(thing)
        var user = User(name: "u")
        user.password = PasswordHash(text: "$y$x")
        model.put(user)
        var group = Group(name: "G")
        group.members = [.init(name: "u", isGroup: false), .init(name: "G", isGroup: true)]
        model.put(group)
        model.addRule(AccessRule(holder: .group("G"), entities: [NamePattern("T*")], rights: [.read]))
        var stored = StoredModel()
        stored.entities = model.takeChanges().shuffled()
        stored.isNew = false
        var again = PlatformModel()
        #expect(again.take(stored).isEmpty)
        #expect(
            again.things == model.things && again.templates == model.templates && again.shapes == model.shapes && again.users == model.users
                && again.groups == model.groups)
        #expect(again.groups(of: "u") == ["G"] && again.allows(.read, on: "T <b>'", for: again.principal("u")))
        #expect(!again.hasChanges)
        // What cannot be read is named, and the rest is there.
        stored.entities.append(EntityWrite(collection: "Things", name: "bad", document: "{\"thingTemplate\":\"Nope\"}"))
        stored.entities.append(EntityWrite(collection: "Things", name: "worse", document: "{"))
        var partly = PlatformModel()
        #expect(partly.take(stored).count == 2 && partly.things == model.things)
    }
}
