import AlwaysOn
package import Formats
internal import MessageStore
import NIOCore
package import Secrets

/// One stored request as people see it.
package struct StoredEntry: Sendable {
    /// `w` for what waits, `r` for what was refused, and its number there.
    package let id: String
    package let thing: String
    /// Method and name, for a push how many values.
    package let what: String
    /// When it was accepted: milliseconds since 1970 UTC, and whether the clock had been set by then.
    package let time: Int64
    package let isSynchronized: Bool
    package let size: Int
    /// What the platform said to it.
    package let refusal: String?
    /// Its content as JSON.
    package let content: JSONValue

    init(_ message: StoredMessage, isRefused: Bool) {
        id = "\(isRefused ? "r" : "w")\(message.place.sequence)"
        thing = message.key
        time = message.time.wall
        isSynchronized = message.time.isSynchronized
        size = message.size
        guard let request = StoredRequest.decoded(message.payload) else {
            (what, refusal, content) = ("cannot be read", nil, .null)
            return
        }
        refusal = request.headers.first { $0.name == StoredRequest.refusalHeader }?.value
        content = request.content.flatMap { try? JSONValue(parsing: $0.firstRowJSON()) } ?? .null
        if request.name == StoredRequest.pushService, let updates = request.content.flatMap({ PropertyUpdate.list(from: $0.decoded()) }) {
            what = "push of \(updates.count) value\(updates.count == 1 ? "" : "s")"
        } else {
            what = "\(request.method) \(request.characteristic.collection)/\(request.name)"
        }
    }

    package var json: JSONValue {
        var object = JSONObject()
        object["id"] = .string(id)
        object["thing"] = .string(thing)
        object["what"] = .string(what)
        object["accepted"] = .string(UTCTime(milliseconds: time).iso8601)
        if !isSynchronized { object["clock"] = .string(MessageIdentity.unsynchronized) }
        if let refusal { object["refused"] = .string(refusal) }
        object["content"] = content
        return .object(object)
    }
}

/// A look into the stores of a gateway, which may be running.
package struct StoredRequests {
    private let waiting: SegmentLog
    private let refused: SegmentLog

    /// - Throws: `StoreFailure` where there is no store, or what the key file says.
    package init(_ settings: GatewayConfiguration.OfflineStore, keyFile: KeyFile) throws {
        let ring = try keyFile.load()
        func open(_ directory: String) throws(StoreFailure) -> SegmentLog {
            try SegmentLog(files: DiskFiles(directory, reading: true), ring: ring, limits: settings.limits, isReading: true)
        }
        waiting = try open(settings.directory)
        refused = try open("\(settings.directory)/\(OfflineStores.refusedDirectory)")
    }

    package var counts: (waiting: Int, refused: Int) { (waiting.messages, refused.messages) }

    /// Calls with each entry, oldest first: those that wait, then those that were refused.
    package func forEach(waiting isWaitingWanted: Bool, refused isRefusedWanted: Bool, _ body: (StoredEntry) throws -> Void) rethrows {
        for (log, isRefused, isWanted) in [(waiting, false, isWaitingWanted), (refused, true, isRefusedWanted)] where isWanted {
            var cursor = SegmentLog.Cursor()
            var last: UInt64 = 0
            while true {
                let found = log.read(from: cursor, bytes: 1 << 20) { $1 > last }
                for message in found.messages { try body(StoredEntry(message, isRefused: isRefused)) }
                last = found.messages.last?.place.sequence ?? last
                cursor = found.cursor
                if found.isAtEnd { break }
            }
        }
    }
}

/// Which of the stored requests a person means.
package enum StoredSelection: Sendable {
    /// All that were refused.
    case allRefused
    /// By their ids, as `edgectl store list` shows them.
    case ids(Set<String>)

    /// - Returns: nil where a text is no id.
    package init?(ids: [String]) {
        guard ids.allSatisfy({ ($0.hasPrefix("r") || $0.hasPrefix("w")) && UInt64($0.dropFirst()) != nil }) else { return nil }
        self = .ids(Set(ids))
    }

    func sequences(refused isRefused: Bool) -> (@Sendable (UInt64) -> Bool)? {
        switch self {
        case .allRefused:
            guard isRefused else { return nil }
            return { @Sendable _ in true }
        case .ids(let ids):
            let wanted = Set(ids.filter { $0.hasPrefix(isRefused ? "r" : "w") }.compactMap { UInt64($0.dropFirst()) })
            guard !wanted.isEmpty else { return nil }
            return { @Sendable in wanted.contains($0) }
        }
    }
}

extension OfflineStores {
    fileprivate func select(_ selection: StoredSelection, refused isRefused: Bool) -> EventLoopFuture<[StoredMessage]> {
        let store = isRefused ? refused : waiting
        guard let isMeant = selection.sequences(refused: isRefused) else { return store.loop.makeSucceededFuture([]) }
        return store.read(from: .init(), bytes: .max, messages: .max, wanted: .init()).map { found in
            found.messages.filter { isMeant($0.place.sequence) }
        }
    }
}

/// Services of `LocalEms` for people who look after the stores.
extension Gateway {
    /// Puts refused requests behind those that wait: as new ones, with the time at which they were accepted.
    func retryStored(_ input: ServiceInput) throws -> EventLoopFuture<Response> {
        let selection = try selection(input)
        guard let stores = outbox?.stores else { return closed }
        return answered(
            stores.select(selection, refused: true).flatMap { messages in
                self.assumeIsolated { $0.retry(messages, stores) }.map { messages.count }
            })
    }

    private func retry(_ messages: [StoredMessage], _ stores: OfflineStores) -> EventLoopFuture<Void> {
        let moved = messages.map { message -> EventLoopFuture<Void> in
            guard var request = StoredRequest.decoded(message.payload), let identity = outbox?.identities.next(for: message.key) else {
                return loop.makeSucceededVoidFuture()
            }
            request.headers = [identity.field]
            let new = NewMessage(key: message.key, label: message.label, payload: StoredRequest.encoded(request), time: message.time)
            return stores.waiting.append(new).flatMap { _ in stores.refused.remove([message]) }
        }
        logger.log(level: .audit, "\(messages.count) refused requests are tried again, as a service wanted it")
        return EventLoopFuture.andAllSucceed(moved, on: loop).map {
            self.assumeIsolated { gateway in
                gateway.outbox?.delivery.stored()
                gateway.deliver()
            }
        }
    }

    /// Forgets requests, refused ones or such as wait.
    func dropStored(_ input: ServiceInput) throws -> EventLoopFuture<Response> {
        let selection = try selection(input)
        guard let stores = outbox?.stores else { return closed }
        let selected = stores.select(selection, refused: true).and(stores.select(selection, refused: false))
        return answered(
            selected.flatMap { refused, waiting in
                stores.refused.remove(refused).and(stores.waiting.remove(waiting)).map { _ in
                    self.assumeIsolated { $0.dropped(refused + waiting, waiting: Set(waiting.map(\.key)), stores) }
                    return refused.count + waiting.count
                }
            })
    }

    private func dropped(_ messages: [StoredMessage], waiting keys: Set<String>, _ stores: OfflineStores) {
        let names = Set(messages.map(\.key)).sorted()
        logger.log(
            level: .audit,
            "\(messages.count) stored requests were dropped, as a service wanted it: of \(names.prefix(5).joined(separator: ", "))\(names.count > 5 ? " and others" : "")"
        )
        guard !keys.isEmpty else { return }
        // What is at hand for delivery already is read anew.
        outbox?.delivery.reload()
        for key in keys where stores.waiting.count(of: key) == 0 { outbox?.delivery.emptied(key) }
        deliver()
    }

    private var closed: EventLoopFuture<Response> {
        loop.makeSucceededFuture(Response(.serviceUnavailable, reason: "offline_msg_store is not open"))
    }

    private func answered(_ count: EventLoopFuture<Int>) -> EventLoopFuture<Response> {
        count.map { .result(.integer(Int32(clamping: $0))) }.flatMapErrorThrowing { Response(.serviceUnavailable, reason: "\($0)") }
    }

    /// `ids`: a text of ids with blanks or commas between them; without it all that were refused.
    private func selection(_ input: ServiceInput) throws -> StoredSelection {
        guard let text = input.string("ids") else { return .allRefused }
        guard let selection = StoredSelection(ids: text.split { $0 == " " || $0 == "," }.map(String.init)) else {
            throw ServiceInput.Failure(text: "\"ids\": expected ids such as r17, with blanks or commas between them")
        }
        return selection
    }
}
