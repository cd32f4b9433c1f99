import NIOCore

/// The requests that wait for their response, by request id. Ids count from 1 and skip those in use.
struct RequestsInFlight<Context> {
    private struct Waiting {
        let context: Context
        let deadline: NIODeadline
    }

    private var waiting: [UInt32: Waiting] = [:]
    private(set) var lastID: UInt32 = 0
    /// No deadline lies before this; it may lie before all of them, since removing does not look for the next.
    private(set) var earliestDeadline: NIODeadline = .distantFuture

    var count: Int { waiting.count }

    mutating func add(_ context: Context, deadline: NIODeadline) -> UInt32 {
        repeat { lastID = lastID == .max ? 1 : lastID + 1 } while waiting[lastID] != nil
        waiting[lastID] = Waiting(context: context, deadline: deadline)
        earliestDeadline = min(earliestDeadline, deadline)
        return lastID
    }

    mutating func remove(_ id: UInt32) -> Context? { waiting.removeValue(forKey: id)?.context }

    /// Removes what is overdue, oldest request first.
    mutating func expire(_ now: NIODeadline) -> [Context] {
        guard now >= earliestDeadline else { return [] }
        let overdue = waiting.filter { $0.value.deadline <= now }.sorted { $0.key < $1.key }
        for (id, _) in overdue { waiting[id] = nil }
        earliestDeadline = waiting.values.lazy.map(\.deadline).min() ?? .distantFuture
        return overdue.map(\.value.context)
    }

    mutating func removeAll() -> [Context] {
        defer {
            waiting = [:]
            earliestDeadline = .distantFuture
        }
        return waiting.sorted { $0.key < $1.key }.map(\.value.context)
    }
}
