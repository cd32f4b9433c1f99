import AlwaysOn
import Formats
import NIOCore
import Secrets

/// The parameters of a service: the first row.
struct ServiceInput {
    struct Failure: Error { let text: String }

    private let content: EncodedInfotable?
    private let table: Infotable?

    init(_ content: EncodedInfotable?) {
        self.content = content
        table = content?.decoded()
    }

    func value(_ name: String) -> Value? {
        guard let value = table?.first(name), value != .nothing else { return nil }
        return value
    }

    func string(_ name: String) -> String? { value(name)?.stringValue }

    func required(_ name: String) throws(Failure) -> String {
        guard let text = string(name), !text.isEmpty else { throw Failure(text: "expected a string \"\(name)\"") }
        return text
    }

    func integer(_ name: String, default fallback: Int, in range: ClosedRange<Int>) throws(Failure) -> Int {
        guard let value = value(name) else { return fallback }
        guard let number = value.doubleValue.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw Failure(text: "\"\(name)\": expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func bool(_ name: String, default fallback: Bool) throws(Failure) -> Bool {
        guard let value = value(name) else { return fallback }
        guard let bool = value.boolValue else { throw Failure(text: "\"\(name)\": expected true or false") }
        return bool
    }

    /// Milliseconds since 1970. Numbers too small for that are seconds, as samples of the original have them.
    func time(_ name: String) throws(Failure) -> Int64? {
        guard let value = value(name) else { return nil }
        if let number = value.doubleValue, number.magnitude < 9e15 { return Int64(number < 100_000_000_000 ? number * 1000 : number) }
        if let text = value.stringValue, let time = UTCTime(iso8601: text) { return time.milliseconds }
        throw Failure(text: "\"\(name)\": expected milliseconds since 1970 or an ISO 8601 time")
    }

    /// An object, or a text that holds one.
    func object(_ name: String) throws(Failure) -> JSONObject {
        guard let text = string(name) else { throw Failure(text: "expected \"\(name)\", an object or a text that holds one") }
        do {
            if let object = try JSONValue(parsing: text).object { return object }
        } catch {
            throw Failure(text: "\"\(name)\" is not valid JSON: \(error)")
        }
        throw Failure(text: "\"\(name)\": expected a JSON object")
    }

    /// Everything, as an object: for callers that send the object itself in place of a parameter.
    var whole: JSONObject? { content.flatMap { try? JSONValue(parsing: $0.firstRowJSON()) }?.object }

    /// The registration call of a device host (ems.md §5.2).
    func edgeThing() throws(Failure) -> EdgeThing {
        var thing = EdgeThing(name: try required("name"))
        guard thing.name.utf8.count <= 1024, thing.name != "*" else { throw Failure(text: "\"name\": not the name of a Thing") }
        thing.host = string("host") ?? thing.host
        thing.port = try integer("port", default: thing.port, in: 1...65535)
        thing.path = string("path") ?? thing.path
        let scheme = (string("proto") ?? string("protocol") ?? "http").lowercased()
        guard scheme == "http" || scheme == "https" else { throw Failure(text: "\"proto\": expected http or https") }
        thing.isTLS = scheme == "https"
        thing.timeout = .milliseconds(Int64(try integer("timeout", default: 30_000, in: 1...86_400_000)))
        let keepAlive = try integer("keepalive", default: 60_000, in: -1...86_400_000)
        thing.keepAlive = keepAlive > 0 ? .milliseconds(Int64(keepAlive)) : nil
        thing.user = string("user")
        thing.password = string("password").map { Secret($0) }
        thing.servesFiles = try bool("files", default: false)
        thing.persist = try bool("persist", default: false)
        return thing
    }
}
