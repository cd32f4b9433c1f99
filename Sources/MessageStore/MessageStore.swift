package import NIOCore
import NIOPosix

/// A durable queue for an event loop: the disk's work is done on a thread of its own, one write and one sync for all that came meanwhile.
///
/// Confined to its loop: every call must be made there, every future completes there.
package final class MessageStore: @unchecked Sendable {
    /// When the disk has to have what was appended.
    package enum Sync: Sendable, Equatable {
        /// Before it is said to be stored; messages that come at the same time share it.
        case batch
        /// Before it is said to be stored, one at a time.
        case message
        /// So often: a power cut may take what came since.
        case interval(TimeAmount)
    }

    /// What is to be read: messages of all keys but those that are blocked, behind those that are at hand already.
    package struct Wanted: Sendable {
        package var blocked: Set<String> = []
        package var after: [String: UInt64] = [:]

        package init() {}

        func includes(_ key: String, _ sequence: UInt64) -> Bool {
            !blocked.contains(key) && sequence > after[key] ?? 0
        }
    }

    package struct Status: Sendable, Equatable {
        package var messages = 0
        package var bytes = 0
        package var files = 0
        package var expired = 0
        package var dropped = 0
        package var refused = 0
        package var damaged = 0
        /// What the system said to the newest message, where it did not take it.
        package var failure: String?
    }

    private struct Append {
        let message: NewMessage
        let promise: EventLoopPromise<StoredMessage.Place>
    }

    private struct Removal {
        let messages: [StoredMessage]
        let promise: EventLoopPromise<Void>
    }

    /// The log belongs to the store's thread while it works, and to nobody else.
    private final class Worker: @unchecked Sendable {
        let log: SegmentLog
        init(_ log: SegmentLog) { self.log = log }
    }

    /// What the thread tells the loop after each piece of work.
    private struct Outcome: Sendable {
        var gone: [String: Int]
        var reports: [StoreReport]
        var messages: Int
        var bytes: Int
        var files: Int
        var expired: Int
        var dropped: Int
    }

    package let loop: any EventLoop
    private let pool: NIOThreadPool
    private let worker: Worker
    private let sync: Sync
    private let maximumAge: Int64?
    private var appends: [Append] = []
    private var removals: [Removal] = []
    private var isWorking = false
    private var isFlushScheduled = false
    private var isClosed = false
    private var counts: [String: Int]
    private var expiry: Scheduled<Void>?
    private var syncTimer: Scheduled<Void>?
    package private(set) var status = Status()
    /// Told of what the log has to say. To be set before anything is done.
    package var onReports: @Sendable ([StoreReport]) -> Void = { _ in }
    /// Told of messages that went by age, for room or by damage, by key.
    package var onGone: @Sendable ([String: Int]) -> Void = { _ in }

    /// - Parameter log: not used by anybody else from now on.
    package init(_ log: SegmentLog, sync: Sync = .batch, on loop: any EventLoop) {
        self.loop = loop
        self.sync = sync
        worker = Worker(log)
        counts = log.counts
        maximumAge = log.limits.maximumAge
        pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        status.messages = log.messages
        status.bytes = log.bytes
        status.files = log.fileCount
        _ = log.takeGone()
    }

    deinit { pool.shutdownGracefully { _ in } }

    // MARK: Calls

    /// How many messages of a key are there or on their way to the disk.
    package func count(of key: String) -> Int { counts[key] ?? 0 }

    package var isEmpty: Bool { counts.isEmpty }
    package var keys: [String] { Array(counts.keys) }

    /// Fails with `StoreFailure`; nothing is stored then.
    package func append(_ message: NewMessage) -> EventLoopFuture<StoredMessage.Place> {
        loop.preconditionInEventLoop()
        guard !isClosed else { return loop.makeFailedFuture(StoreFailure(.closed, "the store is closed")) }
        let promise = loop.makePromise(of: StoredMessage.Place.self)
        counts[message.key, default: 0] += 1
        appends.append(Append(message: message, promise: promise))
        scheduleFlush()
        return promise.futureResult
    }

    /// Removes what is done with; succeeds once a kill of the process cannot bring it back.
    package func remove(_ messages: [StoredMessage]) -> EventLoopFuture<Void> {
        loop.preconditionInEventLoop()
        guard !isClosed else { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        removals.append(Removal(messages: messages, promise: promise))
        scheduleFlush()
        return promise.futureResult
    }

    package func read(from cursor: SegmentLog.Cursor, bytes: Int, messages: Int, wanted: Wanted) -> EventLoopFuture<SegmentLog.Found> {
        run { log in log.read(from: cursor, bytes: bytes, messages: messages, isWanted: wanted.includes) }
    }

    /// What has been asked for is done, then the files are closed.
    package func close() -> EventLoopFuture<Void> {
        guard !isClosed else { return loop.makeSucceededVoidFuture() }
        flush()
        isClosed = true
        expiry?.cancel()
        syncTimer?.cancel()
        return untilIdle().flatMap { self.run { $0.close() } }
    }

    /// Waits for the work that is under way and for what it brings about.
    private func untilIdle() -> EventLoopFuture<Void> {
        run { _ in }.flatMap {
            self.isWorking || !self.appends.isEmpty || !self.removals.isEmpty ? self.untilIdle() : self.loop.makeSucceededVoidFuture()
        }
    }

    /// Says what opening found, and begins to throw out what is too old.
    package func start() {
        run { _ in }.whenComplete { _ in }
        if maximumAge != nil { expire() }
    }

    // MARK: Work

    private func run<Result: Sendable>(_ work: @escaping @Sendable (SegmentLog) -> Result) -> EventLoopFuture<Result> {
        pool.runIfActive(eventLoop: loop) { [worker] in (work(worker.log), MessageStore.outcome(of: worker.log)) }.map { result, outcome in
            self.take(outcome)
            return result
        }
    }

    private static func outcome(of log: SegmentLog) -> Outcome {
        Outcome(
            gone: log.takeGone(), reports: log.takeReports(), messages: log.messages, bytes: log.bytes, files: log.fileCount,
            expired: log.expired,
            dropped: log.dropped)
    }

    private func take(_ outcome: Outcome) {
        (status.messages, status.bytes, status.files) = (outcome.messages, outcome.bytes, outcome.files)
        (status.expired, status.dropped) = (outcome.expired, outcome.dropped)
        for (key, count) in outcome.gone { subtract(count, of: key) }
        for case .damaged(let messages, _, _) in outcome.reports { status.damaged += messages ?? 0 }
        if !outcome.reports.isEmpty { onReports(outcome.reports) }
        if !outcome.gone.isEmpty { onGone(outcome.gone) }
    }

    private func subtract(_ count: Int, of key: String) {
        let left = (counts[key] ?? 0) - count
        counts[key] = left > 0 ? left : nil
    }

    /// At the end of this round of events: what comes with it shares a write.
    private func scheduleFlush() {
        guard !isWorking, !isFlushScheduled else { return }
        isFlushScheduled = true
        loop.execute {
            self.isFlushScheduled = false
            self.flush()
        }
    }

    private func flush() {
        guard !isWorking, !appends.isEmpty || !removals.isEmpty else { return }
        isWorking = true
        let (appends, removals) = (self.appends, self.removals)
        self.appends = []
        self.removals = []
        let (sync, new, done) = (self.sync, appends.map(\.message), removals.map(\.messages))
        run { log in
            var removed: [String: Int] = [:]
            for messages in done { removed.merge(log.remove(messages)) { $0 + $1 } }
            return (MessageStore.append(new, to: log, sync), removed)
        }.whenComplete { result in
            self.isWorking = false
            switch result {
            case .success((let results, let removed)): self.finish(appends, results, removals, removed)
            case .failure(let error):
                for append in appends { append.promise.fail(error) }
                for removal in removals { removal.promise.fail(error) }
            }
            self.flush()
        }
    }

    private static func append(_ new: [NewMessage], to log: SegmentLog, _ sync: Sync) -> [Result<StoredMessage.Place, StoreFailure>] {
        switch sync {
        case .batch: log.append(new)
        case .message: new.flatMap { log.append([$0]) }
        case .interval: log.append(new, sync: false)
        }
    }

    private func finish(
        _ appends: [Append], _ results: [Result<StoredMessage.Place, StoreFailure>], _ removals: [Removal], _ removed: [String: Int]
    ) {
        for (key, count) in removed { subtract(count, of: key) }
        for (append, result) in zip(appends, results) {
            switch result {
            case .success(let place):
                status.failure = nil
                append.promise.succeed(place)
            case .failure(let error):
                if case .system = error.kind { status.failure = error.description }
                subtract(1, of: append.message.key)
                status.refused += 1
                append.promise.fail(error)
            }
        }
        for removal in removals { removal.promise.succeed() }
        if !appends.isEmpty { scheduleTimers() }
    }

    // MARK: Time

    private func scheduleTimers() {
        if let maximumAge, expiry == nil { scheduleExpiry(in: maximumAge) }
        guard case .interval(let pause) = sync, syncTimer == nil, !isClosed else { return }
        syncTimer = loop.scheduleTask(in: pause) {
            self.syncTimer = nil
            self.run { log in do throws(StoreFailure) { try log.sync() } catch { log.note(.failed("\(error)")) } }.whenComplete { _ in }
        }
    }

    private func scheduleExpiry(in milliseconds: Int64) {
        guard !isClosed else { return }
        expiry = loop.scheduleTask(in: .milliseconds(max(milliseconds, 1))) { self.expire() }
    }

    private func expire() {
        run { $0.expire() }.whenSuccess { next in
            self.expiry = nil
            if let next { self.scheduleExpiry(in: next) }
        }
    }
}
