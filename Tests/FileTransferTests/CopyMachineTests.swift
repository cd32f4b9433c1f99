@testable import FileTransfer
import NIOCore
import TestKit
import Testing

@Suite struct CopyMachineTests {
    /// Performs a machine's questions, each end in order, the ends in any.
    struct Run {
        var source: SimulatedEnd
        var target: SimulatedEnd
        var random: SeededGenerator
        var now = NIODeadline.uptimeNanoseconds(0)
        /// Questions after which the connection is lost.
        var lostAfter = Int.max
        /// After so many, what happens to the source.
        var change: (after: Int, with: (inout SimulatedEnd) -> Void)?
        private(set) var waiting: [CopyMachine.Side: [CopyMachine.Question]] = [:]
        private(set) var mostAtOnce: [CopyMachine.Side: Int] = [:]
        private(set) var outcome: TransferFailure??
        private(set) var wasLost = false

        init(source: SimulatedEnd, target: SimulatedEnd, seed: UInt64) {
            (self.source, self.target, random) = (source, target, SeededGenerator(seed: seed))
        }

        mutating func perform(_ machine: inout CopyMachine) -> TransferFailure? {
            waiting = [:]
            (outcome, wasLost) = (nil, false)
            take(machine.begin())
            var count = 0
            while outcome == nil {
                let sides = [CopyMachine.Side.source, .target].filter { !(waiting[$0] ?? []).isEmpty }
                guard let side = sides.randomElement(using: &random), let question = waiting[side]?.removeFirst() else { break }
                count += 1
                now = now + .microseconds(Int64.random(in: 1...2000, using: &random))
                if count > lostAfter {
                    // Of what is under way some is done, and its answer is lost.
                    if Bool.random(using: &random) { _ = result(question) }
                    wasLost = true
                    take(machine.answered(question, .failure(TransferFailure(.interrupted, "lost")), now: now))
                    continue
                }
                if let change, count == change.after { change.with(&source) }
                take(machine.answered(question, result(question), now: now))
            }
            guard case .some(let failure) = outcome else { return TransferFailure(.failed, "it stands still") }
            return failure
        }

        private mutating func result(_ question: CopyMachine.Question) -> Result<FileAnswer, TransferFailure> {
            do throws(TransferFailure) {
                return .success(question.side == .source ? try source.perform(question.operation) : try target.perform(question.operation))
            } catch {
                return .failure(error)
            }
        }

        private mutating func take(_ actions: [CopyMachine.Action]) {
            for action in actions {
                switch action {
                case .ask(let question):
                    waiting[question.side, default: []].append(question)
                    mostAtOnce[question.side] = max(mostAtOnce[question.side] ?? 0, waiting[question.side]?.count ?? 0)
                case .tell(let side, let operation): _ = side == .source ? try? source.perform(operation) : try? target.perform(operation)
                case .finished(let failure): outcome = .some(failure)
                }
            }
        }
    }

    static let source = FilePath(components: ["out", "a"])
    static let target = FilePath(components: ["in", "b"])

    static func plan(_ known: SourceIdentity? = nil) -> CopyPlan {
        CopyPlan(transfer: "t", source: source, target: target, targetThing: "T", known: known)
    }

    static func run(_ bytes: [UInt8], ours: (Bool, Bool) = (true, true), seed: UInt64 = 1) -> Run {
        var run = Run(source: SimulatedEnd(), target: SimulatedEnd(), seed: seed)
        run.source.files[source] = bytes
        (run.source.isOurs, run.target.isOurs) = ours
        return run
    }

    @Test func anyFileBetweenAnyEndsAfterAnyLoss() {
        var random = SeededGenerator(seed: 42)
        for seed in 0..<400 as Range<UInt64> {
            let bytes = (0..<Int.random(in: 0...12_000, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
            var run = CopyMachineTests.run(bytes, ours: (.random(using: &random), .random(using: &random)), seed: seed)
            run.source.blockSize = Int.random(in: 1...3000, using: &random)
            run.target.blockSize = Int.random(in: 100...3000, using: &random)
            if bytes.count > 3000 { run.source.blockSize = max(run.source.blockSize, 50) }
            var known: SourceIdentity?
            var failure: TransferFailure? = TransferFailure(.interrupted, "")
            for attempt in 0..<6 where failure?.kind == .interrupted {
                run.lostAfter = attempt < 5 ? Int.random(in: 1...60, using: &random) : .max
                var machine = CopyMachine(CopyMachineTests.plan(known))
                failure = run.perform(&machine)
                known = machine.progress.source ?? known
                if run.wasLost {
                    run.source.forget()
                    run.target.forget()
                }
            }
            #expect(
                failure == nil && run.target.files[CopyMachineTests.target] == bytes,
                "seed \(seed): \(failure?.description ?? "other bytes")")
            #expect(run.target.files.count == 1 && run.source.started.isEmpty && run.target.started.isEmpty, "seed \(seed)")
        }
    }

    @Test func itGoesOnWhereItWas() {
        var run = CopyMachineTests.run(Array(repeating: 7, count: 10_000))
        run.lostAfter = 14
        var machine = CopyMachine(CopyMachineTests.plan())
        #expect(run.perform(&machine)?.kind == .interrupted)
        let there = run.target.files[CopyMachineTests.plan().part]?.count ?? 0
        #expect(there > 0)
        run.lostAfter = .max
        run.source.asked = []
        var second = CopyMachine(CopyMachineTests.plan(machine.progress.source))
        #expect(run.perform(&second) == nil)
        #expect(second.progress.startPosition == there)
        let offsets = run.source.asked.compactMap { if case .read(_, let offset, _, _) = $0 { offset } else { nil } }
        #expect(offsets.min() == there)
    }

    @Test func whatIsLeftOfAnotherFileIsNotGoneOnWith() {
        var run = CopyMachineTests.run(Array(repeating: 7, count: 5000), ours: (true, false))
        run.target.files[CopyMachineTests.plan().part] = Array(repeating: 1, count: 3000)
        var machine = CopyMachine(CopyMachineTests.plan(SourceIdentity(size: 5000, modified: 99)))
        #expect(run.perform(&machine) == nil)
        #expect(run.target.files[CopyMachineTests.target] == Array(repeating: 7, count: 5000))
    }

    @Test func othersGetOneBlockAtATime() {
        for ours in [(true, false), (false, true), (false, false)] {
            var run = CopyMachineTests.run(Array(repeating: 7, count: 50_000), ours: ours)
            var machine = CopyMachine(CopyMachineTests.plan())
            #expect(run.perform(&machine) == nil)
            if !ours.0 { #expect(run.mostAtOnce[.source] == 1) }
            if !ours.1 { #expect(run.mostAtOnce[.target] == 1) }
        }
        var run = CopyMachineTests.run(Array(repeating: 7, count: 50_000))
        var machine = CopyMachine(CopyMachineTests.plan())
        #expect(run.perform(&machine) == nil)
        #expect(run.mostAtOnce[.source] ?? 0 > 1)
    }

    @Test(arguments: [2000, 4999, 0])
    func aSourceThatShrinksOrChangesIsNoticed(_ size: Int) {
        for ours in [true, false] {
            var run = CopyMachineTests.run(Array(repeating: 7, count: 5000), ours: (ours, true))
            run.change = (6, { $0.files[CopyMachineTests.source] = Array(repeating: 7, count: size) })
            var machine = CopyMachine(CopyMachineTests.plan())
            let failure = run.perform(&machine)
            #expect(failure != nil && failure?.kind != .interrupted)
            #expect(run.target.files.isEmpty, "nothing is left")
        }
    }

    @Test func aSourceThatGrowsIsNoticed() {
        var run = CopyMachineTests.run(Array(repeating: 7, count: 5000))
        run.change = (8, { $0.files[CopyMachineTests.source]? += [1, 2, 3] })
        var machine = CopyMachine(CopyMachineTests.plan())
        #expect([TransferFailure.Kind.changed, .mismatch].contains(run.perform(&machine)?.kind))
        #expect(run.target.files.isEmpty)
    }

    @Test func wrongBytesAreNotPutInPlace() {
        var run = CopyMachineTests.run(Array(repeating: 7, count: 5000))
        run.change = (
            8,
            { source in
                source.files[CopyMachineTests.source]?[100] = 8
            }
        )
        run.target.files[CopyMachineTests.target] = [1]
        var machine = CopyMachine(CopyMachineTests.plan())
        #expect(run.perform(&machine)?.kind == .mismatch)
        #expect(run.target.files == [CopyMachineTests.target: [1]])
    }

    @Test func tooLongIsRefusedBeforeItBegins() {
        var run = CopyMachineTests.run(Array(repeating: 7, count: 5000))
        run.target.maximumFileSize = 4999
        var machine = CopyMachine(CopyMachineTests.plan())
        #expect(run.perform(&machine)?.kind == .tooLarge)
        #expect(!run.target.asked.contains { if case .start = $0 { true } else { false } })
    }

    @Test func aCancelledOneTellsBothEnds() {
        var run = CopyMachineTests.run(Array(repeating: 7, count: 5000))
        run.lostAfter = 8
        var machine = CopyMachine(CopyMachineTests.plan())
        _ = run.perform(&machine)
        var other = CopyMachineTests.run(Array(repeating: 7, count: 5000))
        var second = CopyMachine(CopyMachineTests.plan())
        var actions = second.begin()
        for _ in 0..<6 {
            guard case .ask(let question)? = actions.first else { break }
            actions.removeFirst()
            let answer =
                question.side == .source ? try? other.source.perform(question.operation) : try? other.target.perform(question.operation)
            actions += second.answered(question, answer.map { .success($0) } ?? .failure(TransferFailure(.notFound, "")), now: .now())
        }
        let last = second.fail(TransferFailure(.cancelled, "no more"))
        let told = last.compactMap { if case .tell(let side, .cancel) = $0 { side } else { nil } }
        #expect(told == [.target, .source])
        #expect(second.fail(TransferFailure(.cancelled, "again")).isEmpty)
    }
}

@Suite struct BlockWindowTests {
    /// A way with a round trip time and a rate: how many blocks come to be on their way.
    private func settled(roundTrip: Double, rate: Double, most: Int = 4 << 20) -> (blocks: Int, extra: Double) {
        let block = 128_000
        var window = BlockWindow(bytes: most, blockSize: block)
        var free = 0.0
        var time = 0.0
        var arrivals: [Double] = []
        var last = 0.0
        for _ in 0..<3000 {
            while arrivals.count < window.blocks {
                free = max(free, time) + Double(block) / rate
                arrivals.append(free + roundTrip)
                last = free + roundTrip - time
            }
            let next = arrivals.removeFirst()
            window.arrived(after: .nanoseconds(Int64(last * 1e9)))
            time = next
        }
        return (window.blocks, last - roundTrip - Double(block) / rate)
    }

    @Test func aLongWayIsFilled() {
        let (blocks, _) = settled(roundTrip: 0.05, rate: 50e6)
        #expect(Double(blocks * 128_000) >= 0.9 * 0.05 * 50e6, "\(blocks)")
    }

    @Test func littleWaitsOnAShortOne() {
        let (blocks, extra) = settled(roundTrip: 0.0005, rate: 500e6)
        #expect(blocks <= 12 && extra < 0.004, "\(blocks) \(extra)")
    }

    @Test func itHasABound() { #expect(settled(roundTrip: 1, rate: 1e9).blocks <= (4 << 20) / 128_000) }
}
