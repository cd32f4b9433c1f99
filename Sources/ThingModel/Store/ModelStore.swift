import AlwaysOn
package import NIOCore

/// An entity, or an access rule, as it is kept: its document, or that it is gone.
package struct EntityWrite: Sendable, Equatable {
    /// The collection under which access rules are kept.
    package static let rules = "AccessRules"
    /// The collection of settings that are changed while the platform runs.
    package static let settings = "Settings"

    package var collection: String
    package var name: String
    /// JSON; nil: gone.
    package var document: String?

    package init(collection: String, name: String, document: String?) {
        self.collection = collection
        self.name = name
        self.document = document
    }
}

/// A property of a Thing: what values are of.
package struct PropertyRef: Sendable, Hashable {
    package var thing: String
    package var property: String

    package init(thing: String, property: String) {
        self.thing = thing
        self.property = property
    }
}

/// A line of what happened to a Thing or connection.
package struct EventRecord: Sendable, Equatable {
    /// Milliseconds since 1970 UTC.
    package var time: Int64
    /// The Thing; empty: none.
    package var source: String
    package var name: String
    /// JSON.
    package var data: String

    package init(time: Int64, source: String, name: String, data: String) {
        self.time = time
        self.source = source
        self.name = name
        self.data = data
    }
}

/// Everything that is kept at once: all of it or nothing.
package struct StoreBatch: Sendable {
    package var entities: [EntityWrite] = []
    /// Current values of persistent properties; nil: it has none any more.
    package var values: [PropertyRef: TimedValue?] = [:]
    /// Things whose values go.
    package var forgottenThings: Set<String> = []
    package var history: [(property: PropertyRef, value: TimedValue)] = []
    /// Requests of edges that were worked on: a text for each Thing.
    package var seen: [String: String] = [:]
    package var events: [EventRecord] = []
    /// About how many bytes wait here.
    package var size = 0

    package init() {}

    package var isEmpty: Bool {
        entities.isEmpty && values.isEmpty && forgottenThings.isEmpty && history.isEmpty && seen.isEmpty && events.isEmpty
    }
}

/// What is read at the start.
package struct StoredModel: Sendable {
    package var entities: [EntityWrite] = []
    package var values: [(property: PropertyRef, value: TimedValue)] = []
    package var seen: [(thing: String, text: String)] = []
    /// Whether nothing was ever kept here.
    package var isNew = true

    package init() {}
}

/// Values of one property in a span of time.
package struct HistoryQuery: Sendable {
    package var property: PropertyRef
    /// Milliseconds since 1970 UTC, both ends within.
    package var span: ClosedRange<Int64>
    package var most: Int
    package var isOldestFirst = false

    package init(_ property: PropertyRef, span: ClosedRange<Int64> = Int64.min...Int64.max, most: Int) {
        self.property = property
        self.span = span
        self.most = most
    }
}

/// What a chart shows of one stretch of time.
package struct ChartPoint: Sendable, Equatable {
    /// Milliseconds since 1970 UTC, of the first value.
    package var time: Int64
    package var count: Int
    package var minimum: Double
    package var maximum: Double
    package var sum: Double
    package var last: Double

    package init(time: Int64, value: Double) {
        self.init(time: time, count: 1, minimum: value, maximum: value, sum: value, last: value)
    }

    package init(time: Int64, count: Int, minimum: Double, maximum: Double, sum: Double, last: Double) {
        self.time = time
        self.count = count
        self.minimum = minimum
        self.maximum = maximum
        self.sum = sum
        self.last = last
    }
}

/// Where a platform's model and history are kept. Nothing of it is asked for on the way of a push: the model and all current values
/// are in memory, the store gets batches.
package protocol ModelStore: Sendable {
    /// - Throws: an error whose text says what is wrong and where.
    func load() throws -> StoredModel

    /// Keeps a batch. The future fails with an error whose text says what is wrong; nothing of the batch is kept then.
    func commit(_ batch: StoreBatch, on loop: any EventLoop) -> EventLoopFuture<Void>

    func history(_ query: HistoryQuery, on loop: any EventLoop) -> EventLoopFuture<[TimedValue]>

    /// At most `most` points in order of time, over the part of the span in which there are values.
    func chart(_ property: PropertyRef, span: ClosedRange<Int64>, most: Int, on loop: any EventLoop) -> EventLoopFuture<[ChartPoint]>

    /// Removes values of a property, or of all of a Thing, from a span.
    func purge(thing: String, property: String?, span: ClosedRange<Int64>, on loop: any EventLoop) -> EventLoopFuture<Void>

    /// What happened, newest first. Without a source: of all.
    func events(source: String?, most: Int, on loop: any EventLoop) -> EventLoopFuture<[EventRecord]>

    /// A copy of all as it is now, in a file that is not there yet.
    func backup(to path: String, on loop: any EventLoop) -> EventLoopFuture<Void>

    func close()
}
