/// All jobs of a platform, those that ended lately among them. Decides what begins, what is tried again, and what is given up.
package struct TransferJobs: Sendable {
    package struct Limits: Sendable {
        /// Under way at once, in all and with one repository.
        package var running = 32
        package var runningPerRepository = 4
        package var waiting = 10_000
        /// Ended jobs that are remembered.
        package var remembered = 1000
        /// How long a queueable job waits (milliseconds), and one that is not, once it has begun.
        package var queuedFor = 86_400_000
        package var interruptedFor = 3_600_000
        package var firstPause = 500
        package var longestPause = 60_000

        package init() {}
    }

    package enum Ending: Sendable, Equatable {
        /// It goes on later.
        case again
        case ended
    }

    package var limits: Limits
    package private(set) var jobs: [String: TransferJob] = [:]
    /// In the order in which they were asked for.
    private var waiting: [String] = []
    /// In the order in which they ended.
    private var ended: [String] = []
    private var active: Set<String> = []
    /// Since the start.
    package private(set) var completed = 0
    package private(set) var failed = 0
    package private(set) var bytes = 0
    private var restarted: Set<String> = []

    package init(limits: Limits = Limits()) { self.limits = limits }

    package subscript(id: String) -> TransferJob? { jobs[id] }
    package var running: [TransferJob] { active.compactMap { jobs[$0] } }
    private var open: [TransferJob] { running + queued }
    /// In the order in which they were asked for.
    package var queued: [TransferJob] { waiting.compactMap { jobs[$0] } }
    /// Newest first.
    package var history: [TransferJob] { ended.reversed().compactMap { jobs[$0] } }
    package var runningCount: Int { active.count }

    // MARK: Coming and going

    /// What was kept.
    package mutating func restore(_ kept: [TransferJob], now: Int) {
        for var job in kept.sorted(by: { ($0.endTime ?? $0.queueTime, $0.id) < ($1.endTime ?? $1.queueTime, $1.id) }) {
            if !job.state.isEnd, job.expires == nil { job.expires = now + limits.interruptedFor }
            jobs[job.id] = job
            if job.state.isEnd { ended.append(job.id) } else { waiting.append(job.id) }
        }
    }

    /// - Returns: jobs that it takes the place of: they wait for an end that was lost, and write to the same file.
    /// - Throws: `TransferFailure`: another job writes to the same file, or too many wait.
    package mutating func add(_ job: TransferJob) throws(TransferFailure) -> [String] {
        let rivals = open.filter { $0.target == job.target }
        if let rival = rivals.first(where: { $0.state == .active || $0.isQueueable }) {
            throw TransferFailure(
                .busy, "\(job.target.path) in \(job.target.repository): transfer \(rival.id) writes to this file, or waits to")
        }
        guard waiting.count < limits.waiting else { throw TransferFailure(.tooMany, "\(limits.waiting) transfers wait already") }
        var job = job
        job.enqueueCount += 1
        if job.isQueueable { job.expires = job.queueTime + limits.queuedFor }
        jobs[job.id] = job
        waiting.append(job.id)
        return rivals.map(\.id)
    }

    /// Whether one more may begin. Those that wait go first.
    package mutating func takeReady(now: Int, isConnected: (String) -> Bool) -> [String] {
        var taken: [String] = []
        var busy: [String: Int] = [:]
        for job in running { for repository in job.repositories { busy[repository, default: 0] += 1 } }
        var count = runningCount
        for id in waiting {
            guard count < limits.running, let job = jobs[id] else { break }
            guard !job.isEdgeControlled, job.nextAttempt <= now,
                job.repositories.allSatisfy({ busy[$0, default: 0] < limits.runningPerRepository && isConnected($0) })
            else { continue }
            for repository in job.repositories { busy[repository, default: 0] += 1 }
            count += 1
            taken.append(id)
        }
        guard !taken.isEmpty else { return [] }
        for id in taken {
            jobs[id]?.state = .active
            if jobs[id]?.startTime == nil { jobs[id]?.startTime = now }
            jobs[id]?.attempts += 1
        }
        let begun = Set(taken)
        active.formUnion(begun)
        waiting.removeAll { begun.contains($0) }
        return taken
    }

    /// An edge asks for what waits for it.
    ///
    /// - Returns: how many.
    package mutating func release(_ repository: String, most: Int) -> Int {
        let ids = waiting.filter { jobs[$0]?.isEdgeControlled == true && jobs[$0]?.repositories.contains(repository) == true }.prefix(most)
        for id in ids { jobs[id]?.isEdgeControlled = false }
        return ids.count
    }

    package mutating func note(_ progress: CopyProgress, of id: String) { jobs[id]?.progress = progress }

    /// An attempt ended. Where the other end was lost it goes on later; where the source changed meanwhile it begins anew, once.
    package mutating func attemptEnded(_ id: String, _ failure: TransferFailure?, now: Int, random: Double) -> Ending {
        guard var job = jobs[id], job.state == .active else { return .ended }
        guard let failure else {
            end(id, .validated, code: 200, "", now)
            return .ended
        }
        let isWorthAnother: Bool
        switch failure.kind {
        case .interrupted: isWorthAnother = true
        // An SDK edge notices late that a transfer is over.
        case .busy, .noTransfer:
            isWorthAnother = (job.attempts > 1 || job.progress.transferred > 0) && job.attempts < TransferJobs.mostAttempts
        case .changed, .mismatch, .outOfOrder: isWorthAnother = restarted.insert(id).inserted
        default: isWorthAnother = false
        }
        guard isWorthAnother else {
            end(id, failure.kind == .cancelled ? .cancelled : .error, code: TransferJobs.code(failure.kind), failure.description, now)
            return .ended
        }
        if failure.kind == .changed || failure.kind == .mismatch { job.progress.source = nil }
        let exponent = min(job.attempts - 1, 16)
        let pause = min(limits.firstPause << exponent, limits.longestPause)
        job.nextAttempt = now + Int(Double(pause) * (0.5 + random / 2))
        job.expires = job.expires ?? now + limits.interruptedFor
        (job.state, job.message) = (.queued, failure.description)
        job.enqueueCount += 1
        jobs[id] = job
        active.remove(id)
        waiting.append(id)
        return .again
    }

    /// Ends a job, whatever it does.
    package mutating func end(_ id: String, _ state: TransferJob.State, code: Int, _ message: String, _ now: Int) {
        guard let job = jobs[id], !job.state.isEnd else { return }
        if state == .validated {
            completed += 1
            bytes += job.progress.transferred
        } else {
            failed += 1
        }
        jobs[id]?.state = state
        jobs[id]?.code = code
        jobs[id]?.message = message
        jobs[id]?.endTime = now
        restarted.remove(id)
        if active.remove(id) == nil { waiting.removeAll { $0 == id } }
        ended.append(id)
    }

    /// What was given up because of its time, with how.
    package mutating func expire(now: Int) -> [String] {
        var given: [String] = []
        for job in open {
            let id = job.id
            if let start = job.startTime, let timeout = job.timeout, now - start >= timeout {
                end(id, .timedOut, code: 504, "not done within \(timeout) ms", now)
            } else if job.state == .queued, let expires = job.expires, expires <= now {
                end(id, .timedOut, code: 504, job.message.isEmpty ? "its Thing was not connected in time" : job.message, now)
            } else {
                continue
            }
            given.append(id)
        }
        return given.sorted()
    }

    /// Ended jobs that are no longer remembered.
    package mutating func forget() -> [String] {
        guard ended.count > limits.remembered else { return [] }
        let old = Array(ended.prefix(ended.count - limits.remembered))
        ended.removeFirst(old.count)
        for id in old { jobs[id] = nil }
        return old
    }

    /// When something is to be done next, at the latest; nil: nothing waits for a time.
    package func nextDeadline(after now: Int) -> Int? {
        open.flatMap { job in
            let waits = job.state == .queued
            let timeout = job.startTime.flatMap { start in job.timeout.map { start + $0 } }
            return [timeout, waits ? job.expires : nil, waits && job.nextAttempt > now ? job.nextAttempt : nil].compactMap { $0 }
        }.min()
    }

    /// Of a transfer that an edge forgets again and again.
    private static let mostAttempts = 20

    private static func code(_ kind: TransferFailure.Kind) -> Int {
        switch kind {
        case .badPath, .outOfOrder: 400
        case .forbidden: 403
        case .notFound: 404
        case .exists, .busy, .changed, .mismatch: 412
        case .tooLarge: 413
        case .noSpace: 507
        case .interrupted, .tooMany: 503
        default: 500
        }
    }
}
