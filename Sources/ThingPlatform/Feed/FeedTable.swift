import AlwaysOn
import Formats
import NIOCore
import ThingModel

/// Who watches: values, events and messages as they happen, over server-sent events and WebSockets.
///
/// An object, confined to the platform's loop: whoever is told something may leave within that very call.
final class FeedTable {
    private var feeds: [Int: Feed] = [:]
    private var lastNumber = 0

    /// Watchers at once; each keeps what it has not taken within bounds of its own.
    static let most = 256

    var isEmpty: Bool { feeds.isEmpty }
    var hasTraces: Bool { feeds.values.contains { $0.interest.wantsMessages } }

    /// nil where there are too many.
    func add(_ interest: FeedInterest, on loop: any EventLoop) -> (number: Int, feed: Feed)? {
        guard feeds.count < FeedTable.most else { return nil }
        lastNumber += 1
        let feed = Feed(interest, on: loop)
        feeds[lastNumber] = feed
        return (lastNumber, feed)
    }

    func remove(_ number: Int) {
        // Out of the table before whoever waits for it hears of the end.
        let feed = feeds.removeValue(forKey: number)
        feed?.close()
    }

    func closeAll() { for feed in Array(feeds.values) { feed.close() } }

    func publish(_ value: TimedValue, of property: PropertyRef) {
        for feed in feeds.values where feed.interest.wants(property) { feed.offer(value, of: property) }
    }

    func publish(_ event: EventRecord) { for feed in feeds.values where feed.interest.wants(event) { feed.offer(event) } }

    func publish(_ message: TracedMessage) { for feed in feeds.values where feed.interest.wants(message) { feed.offer(message) } }

    /// Feeds whose watcher may not see anything any more.
    func removeAll(where isConcerned: (FeedInterest) -> Bool) {
        for (number, feed) in feeds where isConcerned(feed.interest) { remove(number) }
    }
}

/// What somebody wants to be told of. Rights were asked for, and are asked again for each thing that is told.
struct FeedInterest: Sendable {
    enum Kind: String, Sendable, CaseIterable {
        case values
        case events
        case messages
    }

    /// Who watches, and with which key: it ends with them.
    var user: String
    var key: String?
    var kinds: Set<Kind>
    /// nil: all Things.
    var thing: String?
    /// Least time between two messages.
    var interval = TimeAmount.zero
    var connection: UInt32?
    /// Whether a Thing may be seen.
    var maySee: @Sendable (_ thing: String, _ property: String?) -> Bool

    var wantsMessages: Bool { kinds.contains(.messages) }

    func wants(_ property: PropertyRef) -> Bool {
        kinds.contains(.values) && (thing == nil || thing == property.thing) && maySee(property.thing, property.property)
    }

    func wants(_ event: EventRecord) -> Bool {
        kinds.contains(.events) && (thing == nil || thing == event.source) && maySee(event.source, nil)
    }

    func wants(_ message: TracedMessage) -> Bool { kinds.contains(.messages) && (connection == nil || connection == message.connection) }
}

/// A message between the platform and an edge.
struct TracedMessage: Sendable {
    var time: Int64
    var connection: UInt32
    var isIncoming: Bool
    var bytes: ByteBuffer
}

/// What one watcher has not taken yet. Of values that it does not take the latest is kept, of everything else so much.
final class Feed: @unchecked Sendable {
    let interest: FeedInterest
    private let loop: any EventLoop
    private var values: [PropertyRef: TimedValue] = [:]
    private var order: [PropertyRef] = []
    private var lines: [JSONValue] = []
    private var dropped = 0
    private var waiting: EventLoopPromise<ByteBuffer?>?
    private var isClosed = false
    private var lastSent = NIODeadline.uptimeNanoseconds(0)
    private var timer: Scheduled<Void>?

    private static let mostLines = 2000
    private static let mostValues = 20_000
    /// Rows of a message to a watcher.
    private static let atOnce = 500
    private static let heartbeat = TimeAmount.seconds(15)

    init(_ interest: FeedInterest, on loop: any EventLoop) {
        self.interest = interest
        self.loop = loop
        // From here on nothing is missed.
        lines = [["kind": "start", "time": .int(Platform.now())]]
    }

    func offer(_ value: TimedValue, of property: PropertyRef) {
        var value = value
        // A long one can be read; here it would be kept for as long as the watcher pleases.
        if value.value.storedSize > Feed.longestShown { value.value = .nothing }
        if values.updateValue(value, forKey: property) == nil {
            if order.count >= Feed.mostValues {
                values[property] = nil
                dropped += 1
            } else {
                order.append(property)
            }
        }
        wake()
    }

    func offer(_ event: EventRecord) {
        append([
            "kind": "event", "time": .int(event.time), "thing": .string(event.source), "name": .string(event.name),
            "data": (try? JSONValue(parsing: event.data)) ?? .string(event.data),
        ])
    }

    func offer(_ message: TracedMessage) {
        guard lines.count < Feed.mostLines else { return drop() }
        let decoded = Feed.decoded(message.bytes)
        let isSecret = decoded["kind"] == "auth"
        append([
            "kind": "message", "time": .int(message.time), "connection": .int(message.connection), "incoming": .bool(message.isIncoming),
            "message": decoded, "bytes": isSecret ? "" : .string(Hex.encode(message.bytes.readableBytesView.prefix(Feed.longestShown))),
            "length": .int(message.bytes.readableBytes),
        ])
    }

    private static let longestShown = 8192

    private static func decoded(_ bytes: ByteBuffer) -> JSONValue {
        guard bytes.readableBytes <= longestShown else { return ["kind": "long", "length": .int(bytes.readableBytes)] }
        do { return try Packet(decoding: bytes).fields.hidingSecrets } catch { return ["kind": "invalid", "error": .string("\(error)")] }
    }

    private func append(_ line: JSONValue) {
        guard lines.count < Feed.mostLines else { return drop() }
        lines.append(line)
        wake()
    }

    private func drop() {
        dropped += 1
        wake()
    }

    /// The next lines of JSON for the watcher, as soon as there are some; empty after a while without any; nil at the end.
    func next() -> EventLoopFuture<ByteBuffer?> {
        if isClosed { return loop.makeSucceededFuture(nil) }
        let promise = loop.makePromise(of: ByteBuffer?.self)
        waiting?.succeed(nil)
        waiting = promise
        timer?.cancel()
        timer = loop.scheduleTask(in: Feed.heartbeat) { [weak self] in self?.send() }
        if hasSome { wake() }
        return promise.futureResult
    }

    private var hasSome: Bool { !order.isEmpty || !lines.isEmpty || dropped > 0 }

    private func wake() {
        guard waiting != nil else { return }
        let due = lastSent + interest.interval
        guard due > loop.now else { return send() }
        timer?.cancel()
        timer = loop.scheduleTask(deadline: due) { [weak self] in self?.send() }
    }

    private func send() {
        guard let promise = waiting else { return }
        waiting = nil
        timer?.cancel()
        lastSent = loop.now
        var out = ByteBuffer()
        for property in order.prefix(Feed.atOnce) {
            guard let value = values.removeValue(forKey: property) else { continue }
            let line: JSONValue = [
                "kind": "value", "thing": .string(property.thing), "property": .string(property.property),
                "baseType": .string(value.value.baseType.name),
                "value": value.value.baseType == .password ? .null : value.value.json, "time": .int(value.time),
                "quality": .string(value.quality),
            ]
            out.writeString("\(line)\n")
        }
        order.removeFirst(min(Feed.atOnce, order.count))
        for line in lines.prefix(Feed.atOnce) { out.writeString("\(line)\n") }
        lines.removeFirst(min(Feed.atOnce, lines.count))
        if dropped > 0 {
            out.writeString("\(JSONValue.object(["kind": "dropped", "count": .int(dropped)]))\n")
            dropped = 0
        }
        promise.succeed(out)
    }

    func close() {
        isClosed = true
        timer?.cancel()
        waiting?.succeed(nil)
        waiting = nil
    }
}

extension JSONValue {
    /// Keys that edges authenticate with are not shown.
    fileprivate var hidingSecrets: JSONValue {
        guard case .object(var object) = self, object["kind"] == "auth", let claims = object["claims"]?.array else { return self }
        object["claims"] = .array(claims.map { ["name": $0["name"] ?? .null, "value": "***"] })
        return .object(object)
    }
}
