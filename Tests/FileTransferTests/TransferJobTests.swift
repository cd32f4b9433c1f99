@testable import FileTransfer
import Testing

@Suite struct TransferJobTests {
    private func job(
        _ id: String, from source: String = "R", to target: String = "T", _ path: String? = nil, queueable: Bool = false, at time: Int = 0
    ) throws -> TransferJob {
        var job = TransferJob(
            id: id, source: .init(repository: source, path: try FilePath("/s")),
            target: .init(repository: target, path: try FilePath(path ?? "/\(id)")), user: "u", queueTime: time)
        job.isQueueable = queueable
        return job
    }

    private let lost = TransferFailure(.interrupted, "lost")

    @Test func whatMayBeginDoes() throws {
        var jobs = TransferJobs()
        jobs.limits.runningPerRepository = 2
        for number in 0..<4 { _ = try jobs.add(try job("\(number)")) }
        #expect(jobs.takeReady(now: 0) { _ in false }.isEmpty)
        #expect(jobs.takeReady(now: 0) { _ in true } == ["0", "1"])
        #expect(jobs.attemptEnded("0", nil, now: 5, random: 0) == .ended)
        #expect(jobs["0"]?.state == .validated && jobs["0"]?.endTime == 5)
        #expect(jobs.takeReady(now: 5) { _ in true } == ["2"])
    }

    @Test func oneWritesToATargetAtATime() throws {
        var jobs = TransferJobs()
        _ = try jobs.add(try job("a", "/x"))
        _ = jobs.takeReady(now: 0) { _ in true }
        #expect(throws: TransferFailure.self) { _ = try jobs.add(try self.job("b", "/x")) }
        // Once its end is lost, whoever asks again gets his file.
        #expect(jobs.attemptEnded("a", lost, now: 1, random: 0) == .again)
        #expect(try jobs.add(try job("b", "/x")) == ["a"])
    }

    @Test func interruptedOnesAreTriedAgainAndAgainAndGivenUp() throws {
        var jobs = TransferJobs()
        jobs.limits.interruptedFor = 100_000
        _ = try jobs.add(try job("a"))
        var now = 0
        var pauses: [Int] = []
        while jobs["a"]?.state.isEnd == false {
            if jobs.takeReady(now: now, isConnected: { _ in true }) == ["a"] {
                #expect(jobs.attemptEnded("a", lost, now: now, random: 1) == .again)
            }
            let next = try #require(jobs.nextDeadline(after: now))
            #expect(next > now)
            pauses.append(next - now)
            now = next
            _ = jobs.expire(now: now)
        }
        #expect(jobs["a"]?.state == .timedOut && jobs["a"]?.code == 504 && now == 100_000)
        #expect(pauses.prefix(4) == [500, 1000, 2000, 4000])
    }

    @Test func aChangedSourceIsBegunAnewOnce() throws {
        var jobs = TransferJobs()
        _ = try jobs.add(try job("a"))
        _ = jobs.takeReady(now: 0) { _ in true }
        #expect(jobs.attemptEnded("a", TransferFailure(.changed, "x"), now: 0, random: 0) == .again)
        _ = jobs.takeReady(now: 10_000) { _ in true }
        #expect(jobs.attemptEnded("a", TransferFailure(.mismatch, "x"), now: 0, random: 0) == .ended)
        #expect(jobs["a"]?.state == .error && jobs["a"]?.code == 412)
    }

    @Test func whoWaitsForAnEdgeWaitsUntilItAsks() throws {
        var jobs = TransferJobs()
        for id in ["a", "b"] {
            var one = try job(id, queueable: true)
            one.isEdgeControlled = true
            _ = try jobs.add(one)
        }
        #expect(jobs.takeReady(now: 0) { _ in true }.isEmpty)
        #expect(jobs.release("T", most: 1) == 1)
        #expect(jobs.takeReady(now: 0) { _ in true } == ["a"])
        #expect(jobs.expire(now: 86_400_000) == ["b"])
    }

    @Test func timeoutsAndMemoryHaveTheirBounds() throws {
        var jobs = TransferJobs()
        jobs.limits.remembered = 3
        for number in 0..<5 {
            var one = try job("\(number)")
            one.timeout = 100
            _ = try jobs.add(one)
        }
        jobs.limits.runningPerRepository = 5
        #expect(jobs.takeReady(now: 0) { _ in true }.count == 5)
        #expect(jobs.expire(now: 99).isEmpty)
        #expect(jobs.expire(now: 100).count == 5)
        #expect(jobs.forget().count == 2)
        #expect(jobs.history.count == 3)
        jobs.limits.waiting = 0
        #expect(throws: TransferFailure.self) { _ = try jobs.add(try self.job("more")) }
    }

    @Test func whatIsKeptComesBack() throws {
        var one = try job("a", queueable: true, at: 7)
        one.state = .active
        one.startTime = 9
        one.timeout = 5000
        one.metadata = #"{"a":1}"#
        one.progress.source = SourceIdentity(size: 10, modified: 4)
        one.progress.transferred = 3
        one.progress.sourceChecksums = FileChecksums(md5: "m", sha256: "s")
        let back = try #require(TransferJob(id: "a", document: one.document))
        // Whoever copied is gone: it waits.
        one.state = .queued
        #expect(back == one)
        #expect(TransferJob(id: "a", document: "{}") == nil && TransferJob(id: "a", document: "nonsense") == nil)
        var jobs = TransferJobs()
        jobs.restore([back], now: 100)
        #expect(jobs.takeReady(now: 100) { _ in true } == ["a"])
    }
}
