import AlwaysOn
import FileTransfer
import Formats
import LogSupport
import NIOCore
import ThingModel

/// Copying files between repositories and Things (alwayson.md §8): jobs that outlast connections and the program.
extension Platform {
    /// What a user asked for: checked, kept, begun.
    ///
    /// - Throws: `ServiceFailure`: an end is missing or has no files, the user may not, an end is not connected and nothing may wait.
    func add(_ job: TransferJob, for principal: Principal) throws {
        var job = job
        for (place, writes) in [(job.source, false), (job.target, true)] {
            guard let thing = model[thing: place.repository] else { throw ServiceFailure.notFound(.thing, place.repository) }
            guard hasFiles(thing) else {
                throw ServiceFailure(
                    .badRequest, "\(thing.name) has no files: expected a FileRepository, or a Thing of a template with file transfer")
            }
            if let refusal = fileRefusal(on: thing.name, writes: writes, for: principal) {
                throw ServiceFailure(refusal.status, refusal.reason ?? "")
            }
            guard isReachable(thing.name) || job.isQueueable else {
                throw ServiceFailure(.serviceUnavailable, "\(thing.name) is not connected")
            }
            guard !place.path.isRoot else { throw ServiceFailure(.badRequest, "expected a file in \(thing.name), found the path /") }
            if job.isQueueable, model.shapes(of: thing).contains("EdgeControlled") { job.isEdgeControlled = true }
        }
        let replaced: [String]
        do throws(TransferFailure) { replaced = try transfers.add(job) } catch { throw ServiceFailure(error) }
        for id in replaced { endTransfer(id, .cancelled, code: 410, "transfer \(job.id) writes to the same file") }
        audit("TransferRequested", job.target.repository, job.summary)
        keepTransfer(job.id)
        pumpTransfers()
    }

    private func isReachable(_ name: String) -> Bool {
        guard let thing = model[thing: name] else { return false }
        return isRepository(thing) || bindings.connection(of: name) != nil
    }

    /// The row of a job once it has ended.
    func whenEnded(_ id: String) -> EventLoopFuture<TransferJob> {
        guard let job = transfers[id], !job.state.isEnd else {
            return transfers[id].map { loop.makeSucceededFuture($0) }
                ?? loop.makeFailedFuture(ServiceFailure(.notFound, "there is no transfer \(id)"))
        }
        let promise = loop.makePromise(of: TransferJob.self)
        transferWaiters[id, default: []].append(promise)
        return promise.futureResult
    }

    /// A job as it is at this moment.
    func current(_ job: TransferJob) -> TransferJob {
        guard let runner = runners[job.id] else { return job }
        var job = job
        job.progress = runner.machine.progress
        return job
    }

    // MARK: Running

    /// Begins what may begin, ends what has had its time, and looks again when that may have changed.
    func pumpTransfers() {
        let now = Int(Platform.now())
        for id in transfers.expire(now: now) {
            runners.removeValue(forKey: id)?.fail(TransferFailure(.cancelled, "not done in time"))
            transferEnded(id)
        }
        for id in transfers.takeReady(now: now, isConnected: isReachable) { beginTransfer(id) }
        transferTimer?.cancel()
        transferTimer = transfers.nextDeadline(after: now).map { deadline in
            loop.scheduleTask(in: .milliseconds(Int64(max(deadline - now, 1)))) { self.assumeIsolated { $0.pumpTransfers() } }
        }
    }

    private func beginTransfer(_ id: String) {
        guard let job = transfers[id] else { return }
        let principal = model.principal(job.user)
        // Rights may have been taken since it was asked for.
        for (place, writes) in [(job.source, false), (job.target, true)]
        where fileRefusal(on: place.repository, writes: writes, for: principal) != nil {
            return endTransfer(id, .error, code: 403, "\(job.user) may not move files of \(place.repository) any more")
        }
        var plan = CopyPlan(
            transfer: id, source: job.source.path, target: job.target.path, targetThing: job.target.repository, known: job.progress.source)
        plan.window = settings.transferWindow
        // Rather here than on a small board.
        if let source = model[thing: job.source.repository], !isRepository(source) { plan.endWithMD5 = .target }
        let end = { @Sendable (name: String) -> TransferRunner.End in
            { operation in self.assumeIsolated { $0.ask(operation, of: name, job: $0.jobRow(id, for: operation)) } }
        }
        let runner = TransferRunner(plan, from: end(job.source.repository), to: end(job.target.repository), on: loop) { progress in
            self.assumeIsolated { platform in
                // Where it goes on after this program is gone.
                platform.transfers.note(progress, of: id)
                platform.keepTransfer(id)
            }
        } onEnd: { failure in
            self.assumeIsolated { $0.attemptEnded(id, failure) }
        }
        runners[id] = runner
        logger.debug(
            "transfer \(id) begins: \(job.source.path) of \(job.source.repository) to \(job.target.path) of \(job.target.repository)")
        runner.begin()
    }

    private func jobRow(_ id: String, for operation: FileOperation) -> Infotable? {
        switch operation {
        case .complete, .cancel: transfers[id].map { Platform.table(of: [current($0)], now: Platform.now()) }
        default: nil
        }
    }

    private func attemptEnded(_ id: String, _ failure: TransferFailure?) {
        guard let runner = runners.removeValue(forKey: id) else { return }
        transfers.note(runner.machine.progress, of: id)
        switch transfers.attemptEnded(id, failure, now: Int(Platform.now()), random: .random(in: 0...1)) {
        case .again:
            logger.info("transfer \(id) is interrupted and goes on later: \(failure?.description ?? "")")
            keepTransfer(id)
        case .ended: transferEnded(id)
        }
        // Not from within the answer that ended it.
        loop.execute { self.assumeIsolated { $0.pumpTransfers() } }
    }

    /// Ends a job from here.
    func endTransfer(_ id: String, _ state: TransferJob.State, code: Int, _ message: String) {
        guard let job = transfers[id], !job.state.isEnd else { return }
        if let runner = runners.removeValue(forKey: id) {
            transfers.note(runner.machine.progress, of: id)
            runner.fail(TransferFailure(.cancelled, message))
        }
        transfers.end(id, state, code: code, message, Int(Platform.now()))
        transferEnded(id)
    }

    /// Tells everybody who wants to know, and keeps what came of it.
    private func transferEnded(_ id: String) {
        guard let job = transfers[id] else { return }
        keepTransfer(id)
        for old in transfers.forget() { keep(EntityWrite(collection: Platform.transferCollection, name: old, document: nil)) }
        audit("TransferEnded", job.target.repository, job.summary)
        logger.log(
            level: job.state == .validated ? .info : .warning,
            "transfer \(id) ends as \(job.state.rawValue)\(job.message.isEmpty ? "" : ": \(job.message)")")
        let now = Platform.now()
        let row = Platform.table(of: [job], now: now)
        for name in job.repositories.sorted() {
            run(FiredEvent(thing: name, name: "FileTransfer", property: "", data: row, time: now))
            note(EventRecord(time: now, source: name, name: "FileTransfer", data: JSONValue.object(job.summary).description))
        }
        for waiter in transferWaiters.removeValue(forKey: id) ?? [] { waiter.succeed(job) }
    }

    /// Its files are gone, or are those of nobody.
    func endTransfers(of thing: String) {
        for job in transfers.running + transfers.queued where job.repositories.contains(thing) {
            endTransfer(job.id, .cancelled, code: 410, "\(thing) was deleted")
        }
    }

    // MARK: Keeping

    static let transferCollection = "TransferJobs"

    private func keepTransfer(_ id: String) {
        guard let job = transfers[id] else { return }
        keep(EntityWrite(collection: Platform.transferCollection, name: id, document: job.document))
        commitSoon()
    }

    // MARK: Rows

    static func table(of jobs: [TransferJob], now: Int64) -> Infotable { Shapes.table("FileTransferJob", jobs.map { row($0, Int(now)) }) }

    private static func row(_ job: TransferJob, _ now: Int) -> [Value] {
        func time(_ time: Int?) -> Value { time.map { .datetime(Int64($0)) } ?? .nothing }
        let progress = job.progress
        return [
            .string(job.id), .string(job.state.rawValue), .boolean(job.state.isEnd), .boolean(job.isAsync), .boolean(job.isQueueable),
            .string(job.source.repository), .string("\(job.source.path.parent)"), .string(job.source.path.name ?? ""),
            .string(progress.sourceChecksums?.md5 ?? ""),
            .string(job.target.repository), .string("\(job.target.path.parent)"), .string(job.target.path.name ?? ""),
            .string(progress.targetChecksums?.md5 ?? ""),
            .number(Double(progress.source?.size ?? 0)), .number(Double(progress.maximumFileSize)), .number(Double(progress.startPosition)),
            .number(Double(progress.transferred)), .integer(Int32(clamping: progress.blockSize)), .integer(Int32(clamping: job.blockCount)),
            .boolean(true),
            .integer(Int32(clamping: job.code)), time(job.startTime), time(job.endTime), time(job.queueTime), time(job.queueTime),
            .number(Double(job.enqueueCount)), .string(job.id),
            .integer(Int32(clamping: job.duration(now: now))), .string(job.user), .string(job.message), .text(.json, job.metadata),
        ]
    }
}

extension TransferJob {
    /// What a line about it says.
    var summary: JSONObject {
        [
            "transferId": .string(id), "state": .string(state.rawValue), "source": .string("\(source.repository):\(source.path)"),
            "target": .string("\(target.repository):\(target.path)"), "bytes": .int(progress.transferred), "user": .string(user),
            "message": .string(message),
        ]
    }
}
