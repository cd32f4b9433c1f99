package import AlwaysOn
package import MessageStore
import NIOCore

/// What is delivered with one message: one stored request, or several pushes of one Thing joined.
package struct PushBatch: Sendable {
    package let request: Request
    package let messages: [StoredMessage]

    /// Takes as many messages from the front of a Thing's queue as go into one.
    ///
    /// - Parameter size: bytes that a joined push takes at most; 0: nothing is joined.
    /// - Returns: nil where the first cannot be read, which only damage explains that no checksum shows.
    static func take(from queue: ArraySlice<StoredMessage>, size most: Int, now: StoredTime) -> PushBatch? {
        guard let first = queue.first, var request = StoredRequest.decoded(first.payload) else { return nil }
        if StoredRequest.Label(rawValue: first.label).contains(.push), first.payload.readableBytes < most,
            let joined = join(queue.prefix(mostJoined), first: request, size: most, now: now)
        {
            return joined
        }
        request.headers.append(StoredRequest.timeField(of: first, now: now))
        return PushBatch(request: request, messages: [first])
    }

    private static let mostJoined = 1000
    private static let shape = DataShape([
        .init("name", .string), .init("value", .variant), .init("time", .datetime), .init("quality", .string),
    ])

    private static func join(_ queue: ArraySlice<StoredMessage>, first: Request, size most: Int, now: StoredTime) -> PushBatch? {
        var table = Infotable(shape)
        var parts: [MessageIdentity.Part] = []
        var taken: [StoredMessage] = []
        var size = 0
        for message in queue {
            guard StoredRequest.Label(rawValue: message.label).contains(.push), size + message.payload.readableBytes <= most,
                let request = taken.isEmpty ? first : StoredRequest.decoded(message.payload), request.headers.count == 1,
                let identity = MessageIdentity.parts(in: request.headers).first?.identity, let updates = updates(of: request)
            else { break }
            // A time that a clock that was not set told can be told from others only where it stands in a header of its own.
            let time = StoredRequest.time(of: message, now: now)
            guard time.isSynchronized || updates.allSatisfy({ $0.time != nil }) else { break }
            for update in updates {
                table.append([
                    .string(update.name), .variant(update.value), .datetime(update.time ?? time.milliseconds), .string(update.quality),
                ])
            }
            parts.append(.init(identity, rows: updates.count))
            taken.append(message)
            size += message.payload.readableBytes
        }
        guard taken.count > 1, let values = try? EncodedInfotable(Infotable("values", .infotable(table))) else { return nil }
        let fields = MessageIdentity.fields(of: parts)
        guard fields.count < 200 else { return nil }
        var request = first
        request.headers = fields
        request.content = values
        return PushBatch(request: request, messages: taken)
    }

    /// nil where a push has more columns than the four, or no rows: it is sent as it is.
    private static func updates(of request: Request) -> [PropertyUpdate]? {
        guard let table = request.content?.decoded() else { return nil }
        var values = table
        if case .infotable(let inner)? = table.first("values")?.unwrapped { values = inner }
        let names = shape.fields.map(\.name)
        guard values.rowCount > 0, values.shape.fields.allSatisfy({ names.contains($0.name) }) else { return nil }
        return PropertyUpdate.list(from: values)
    }
}
