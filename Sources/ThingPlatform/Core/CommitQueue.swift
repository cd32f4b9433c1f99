import NIOCore
import ThingModel

/// What is to be kept, on its way to the store: one batch at a time is written, everything that comes meanwhile is the next.
///
/// A batch that the store refused is not given up: it goes with the next one, and whoever waits for that is answered when it is there.
struct CommitQueue {
    var batch = StoreBatch()
    /// Whoever waits for what is in `batch`.
    private var waiting: EventLoopPromise<Void>?
    private(set) var inFlight: EventLoopFuture<Void>?
    private var written = StoreBatch()

    /// Bytes that may wait before nothing more is taken.
    static let most = 64 << 20

    var isFull: Bool { batch.size >= CommitQueue.most }

    /// When everything so far is kept.
    mutating func committed(on loop: any EventLoop) -> EventLoopFuture<Void> {
        if batch.isEmpty { return inFlight ?? loop.makeSucceededVoidFuture() }
        if let waiting { return waiting.futureResult }
        let promise = loop.makePromise(of: Void.self)
        waiting = promise
        return promise.futureResult
    }

    /// The next batch for the store; nil where one is being written, or there is nothing.
    mutating func next(on loop: any EventLoop) -> (StoreBatch, EventLoopPromise<Void>)? {
        guard inFlight == nil, !batch.isEmpty else { return nil }
        let promise = waiting ?? loop.makePromise(of: Void.self)
        (waiting, inFlight) = (nil, promise.futureResult)
        written = batch
        batch = StoreBatch()
        return (written, promise)
    }

    mutating func finished(_ error: (any Error)?) {
        inFlight = nil
        if error != nil {
            written.append(batch)
            batch = written
        }
        written = StoreBatch()
    }
}

extension StoreBatch {
    /// Adds what came later.
    fileprivate mutating func append(_ later: StoreBatch) {
        entities += later.entities
        for thing in later.forgottenThings { forget(thing) }
        values.merge(later.values) { $1 }
        history += later.history
        seen.merge(later.seen) { $1 }
        events += later.events
        size += later.size
    }

    /// A Thing is gone, with its values.
    mutating func forget(_ thing: String) {
        values = values.filter { $0.key.thing != thing }
        seen[thing] = nil
        forgottenThings.insert(thing)
    }
}
