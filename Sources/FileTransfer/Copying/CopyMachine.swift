package import NIOCore

/// One attempt to copy a file between two ends, each of which may be of ours or an SDK's (alwayson.md §8): takes answers, gives questions.
///
/// With an end of ours blocks are on their way at once, with others one by one.
package struct CopyMachine: Sendable {
    package enum Side: Sendable {
        case source
        case target
    }

    package enum Step: Hashable, Sendable {
        case transferInfo
        case start
        case info
        case partInfo
        case discardPart
        case read(offset: Int, count: Int)
        case write(offset: Int, count: Int)
        case checksums
        case move
        case end
    }

    package struct Question: Sendable, Equatable {
        package let side: Side
        package let step: Step
        package let operation: FileOperation
    }

    package enum Action: Sendable, Equatable {
        case ask(Question)
        /// Asked without anybody who waits for the answer.
        case tell(Side, FileOperation)
        /// nil: both ends have the same bytes, and the file is in its place.
        case finished(TransferFailure?)
    }

    let plan: CopyPlan
    package private(set) var progress = CopyProgress()
    private var ends: [Side: TransferInfo] = [:]
    private var started: Set<Side> = []
    private var window = BlockWindow(bytes: 0, blockSize: 1)
    private var nextRead = 0
    private var nextWrite = 0
    private var reads = 0
    private var writes = 0
    /// Blocks that were read and not written yet, by their offset.
    private var ready: [Int: ByteBuffer] = [:]
    private var askedAt: [Int: NIODeadline] = [:]
    /// Answers that the next step waits for.
    private var awaited = 0
    package private(set) var isFinished = false

    package init(_ plan: CopyPlan) { self.plan = plan }

    // MARK: Events

    package mutating func begin() -> [Action] { askBoth(.transferInfo, .transferInfo, .transferInfo) }

    package mutating func answered(_ question: Question, _ result: Result<FileAnswer, TransferFailure>, now: NIODeadline) -> [Action] {
        guard !isFinished else { return [] }
        switch result {
        case .success(let answer): return answered(question, answer, now)
        case .failure(let failure):
            switch question.step {
            case .partInfo where failure.kind == .notFound: return beginBlocks(at: 0, now)
            // The file is in its place, whatever an end thinks of the transfer's end.
            case .end: return last { machine in machine.finish() }
            default: return fail(failure)
            }
        }
    }

    /// Gives up: the ends are told, unless they are to go on later.
    package mutating func fail(_ failure: TransferFailure) -> [Action] {
        guard !isFinished else { return [] }
        isFinished = true
        ready = [:]
        guard failure.kind != .interrupted else { return [.finished(failure)] }
        var actions: [Action] = []
        // An SDK edge keeps what it was sent before.
        if started.contains(.target), ends[.target]?.window == nil { actions.append(.tell(.target, .remove(plan.part, isStrict: false))) }
        for side in [Side.target, .source] where started.contains(side) {
            actions.append(.tell(side, .cancel(transfer: plan.transfer, target: side == .target ? plan.target : plan.source)))
        }
        return actions + [.finished(failure)]
    }

    // MARK: Steps

    private mutating func answered(_ question: Question, _ answer: FileAnswer, _ now: NIODeadline) -> [Action] {
        switch (question.step, answer) {
        case (.transferInfo, .transferInfo(let info)):
            ends[question.side] = info
            return last { machine in machine.startSource() }
        case (.start, _):
            started.insert(question.side)
            return question.side == .source
                ? [ask(.source, .info, .info(plan.source))] : [ask(.target, .partInfo, .info(plan.part))]
        case (.info, .info(let info)): return progress.source == nil ? startTarget(info) : recheck(info)
        case (.partInfo, .info(let info)):
            guard info.size > 0 else { return beginBlocks(at: 0, now) }
            guard plan.known == progress.source, info.size <= progress.source?.size ?? 0 else {
                return [ask(.target, .discardPart, .remove(plan.part, isStrict: false))]
            }
            return beginBlocks(at: info.size, now)
        case (.discardPart, _): return beginBlocks(at: 0, now)
        case (.read(let offset, let count), .block(let bytes, _)): return read(bytes, offset: offset, count: count, now)
        case (.write(let offset, let count), _): return wrote(offset: offset, count: count, now)
        case (.checksums, .checksums(let sums)):
            if question.side == .source { progress.sourceChecksums = sums } else { progress.targetChecksums = sums }
            return last { machine in machine.compare() }
        case (.move, _): return askBoth(.end, end(of: .source), end(of: .target))
        case (.end, _): return last { machine in machine.finish() }
        default: return fail(TransferFailure(.failed, "\(question.side): an answer of another kind than was asked for"))
        }
    }

    private func wantsMD5(of side: Side) -> Bool { plan.endWithMD5 == side || ends.values.contains { $0.window == nil } }

    private mutating func startSource() -> [Action] {
        let infos = ends.values
        progress.blockSize = min(infos.map(\.blockSize).min() ?? 0, CopyMachine.longestBlock)
        progress.maximumFileSize = infos.map(\.maximumFileSize).min() ?? 0
        guard progress.blockSize > 0 else { return fail(TransferFailure(.failed, "an end that takes no blocks")) }
        return [
            ask(
                .source, .start,
                .start(TransferStart(transfer: plan.transfer, path: plan.source, direction: .read, withMD5: wantsMD5(of: .source))))
        ]
    }

    /// Bytes of a block, whatever an end says that it can take.
    private static let longestBlock = 1 << 20

    private mutating func startTarget(_ info: FileInfo) -> [Action] {
        guard !info.isDirectory else { return fail(TransferFailure(.wrongKind, "\(plan.source): is a directory")) }
        guard info.size <= progress.maximumFileSize else {
            return fail(TransferFailure(.tooLarge, "\(plan.source): \(info.size) bytes, \(progress.maximumFileSize) are allowed"))
        }
        progress.source = SourceIdentity(size: info.size, modified: info.modified)
        let start = TransferStart(
            transfer: plan.transfer, path: plan.target, direction: .write, size: info.size, isResumable: true,
            withMD5: wantsMD5(of: .target))
        return [ask(.target, .start, .start(start))]
    }

    private mutating func beginBlocks(at position: Int, _ now: NIODeadline) -> [Action] {
        (progress.startPosition, progress.transferred) = (position, position)
        (nextRead, nextWrite) = (position, position)
        let size = progress.source?.size ?? 0
        if size == 0 {
            writes = 1
            return [ask(.target, .write(offset: 0, count: 0), .create(plan.part, ByteBuffer(), overwrite: true))]
        }
        let bytes = min(ends[.source]?.window ?? 2 * progress.blockSize, ends[.target]?.window ?? 2 * progress.blockSize, plan.window)
        window = BlockWindow(bytes: bytes, blockSize: progress.blockSize)
        return position == size ? check() : pump(now)
    }

    // MARK: Blocks

    private mutating func pump(_ now: NIODeadline) -> [Action] {
        guard let size = progress.source?.size else { return [] }
        var actions: [Action] = []
        while writes == 0 || ends[.target]?.window != nil, let bytes = ready.removeValue(forKey: nextWrite) {
            // An SDK edge writes behind what is there, wherever a block belongs.
            let operation: FileOperation =
                nextWrite == 0
                ? .create(plan.part, bytes, overwrite: true) : .write(plan.part, offset: nextWrite, bytes, transfer: plan.transfer)
            actions.append(ask(.target, .write(offset: nextWrite, count: bytes.readableBytes), operation))
            nextWrite += bytes.readableBytes
            writes += 1
        }
        while nextRead < size, askedAt.count < window.blocks, reads == 0 || ends[.source]?.window != nil {
            let count = min(progress.blockSize, size - nextRead)
            askedAt[nextRead] = now
            actions.append(askBlock(nextRead, count))
            nextRead += count
        }
        return actions
    }

    private mutating func askBlock(_ offset: Int, _ count: Int) -> Action {
        reads += 1
        return ask(.source, .read(offset: offset, count: count), .read(plan.source, offset: offset, count: count, transfer: plan.transfer))
    }

    private mutating func read(_ bytes: ByteBuffer, offset: Int, count: Int, _ now: NIODeadline) -> [Action] {
        reads -= 1
        let got = bytes.readableBytes
        guard got > 0, got <= count else {
            return fail(
                TransferFailure(
                    .changed, "\(plan.source): expected \(count) bytes at \(offset), found \(got): it has changed while it was read"))
        }
        ready[offset] = bytes
        guard got < count else { return pump(now) }
        // The rest of a block that came in part.
        askedAt[offset + got] = askedAt[offset]
        return [askBlock(offset + got, count - got)] + pump(now)
    }

    private mutating func wrote(offset: Int, count: Int, _ now: NIODeadline) -> [Action] {
        writes -= 1
        progress.transferred += count
        if let asked = askedAt.removeValue(forKey: offset) { window.arrived(after: now - asked) }
        guard progress.transferred >= progress.source?.size ?? 0 else { return pump(now) }
        return check()
    }

    // MARK: The end

    private mutating func check() -> [Action] { askBoth(.checksums, .checksums(plan.source), .checksums(plan.part)) }

    private mutating func compare() -> [Action] {
        guard let source = progress.sourceChecksums, let target = progress.targetChecksums, source.agree(with: target) else {
            let text = { (sums: FileChecksums?) in sums?.md5 ?? sums?.sha256 ?? "?" }
            let (ours, others) = (text(progress.targetChecksums), text(progress.sourceChecksums))
            return fail(TransferFailure(.mismatch, "\(plan.target): its checksum is \(ours), that of the source \(others)"))
        }
        // The same bytes have the same MD5.
        progress.sourceChecksums?.md5 = source.md5 ?? target.md5
        progress.targetChecksums?.md5 = target.md5 ?? source.md5
        return [ask(.source, .info, .info(plan.source))]
    }

    private mutating func recheck(_ info: FileInfo) -> [Action] {
        guard progress.source == SourceIdentity(size: info.size, modified: info.modified) else {
            return fail(TransferFailure(.changed, "\(plan.source): has changed while it was read"))
        }
        return [ask(.target, .move, .move(plan.part, to: plan.target, overwrite: true))]
    }

    private func end(of side: Side) -> FileOperation {
        .complete(transfer: plan.transfer, target: side == .target ? plan.target : plan.source)
    }

    private mutating func finish() -> [Action] {
        isFinished = true
        return [.finished(nil)]
    }

    // MARK: Asking

    private func ask(_ side: Side, _ step: Step, _ operation: FileOperation) -> Action {
        .ask(Question(side: side, step: step, operation: operation))
    }

    private mutating func askBoth(_ step: Step, _ source: FileOperation, _ target: FileOperation) -> [Action] {
        awaited = 2
        return [ask(.source, step, source), ask(.target, step, target)]
    }

    private mutating func last(_ next: (inout CopyMachine) -> [Action]) -> [Action] {
        awaited -= 1
        return awaited == 0 ? next(&self) : []
    }
}
