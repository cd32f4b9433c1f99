import FileTransfer
import NIOCore

/// One attempt to copy a file: performs what its machine decides. Confined to the platform's loop.
final class TransferRunner: @unchecked Sendable {
    typealias End = @Sendable (FileOperation) -> EventLoopFuture<FileAnswer>

    private(set) var machine: CopyMachine
    private let source: End
    private let target: End
    private let loop: any EventLoop
    private let onEnd: @Sendable (TransferFailure?) -> Void
    /// What has happened and is not looked at yet: an end here may answer at once, and its answers do not pile up on the stack.
    private var actions: [CopyMachine.Action] = []
    private var isPerforming = false
    /// Called once, as soon as it is known what the source is.
    private var onSource: (@Sendable (CopyProgress) -> Void)?

    init(
        _ plan: CopyPlan, from source: @escaping End, to target: @escaping End, on loop: any EventLoop,
        onSource: @escaping @Sendable (CopyProgress) -> Void,
        onEnd: @escaping @Sendable (TransferFailure?) -> Void
    ) {
        machine = CopyMachine(plan)
        (self.source, self.target, self.loop, self.onSource, self.onEnd) = (source, target, loop, onSource, onEnd)
    }

    func begin() { perform(machine.begin()) }

    func fail(_ failure: TransferFailure) { perform(machine.fail(failure)) }

    private func perform(_ more: [CopyMachine.Action]) {
        actions += more
        guard !isPerforming else { return }
        isPerforming = true
        while !actions.isEmpty {
            let batch = actions
            actions = []
            for action in batch { perform(action) }
        }
        isPerforming = false
        if let onSource, machine.progress.source != nil {
            self.onSource = nil
            onSource(machine.progress)
        }
    }

    private func perform(_ action: CopyMachine.Action) {
        switch action {
        case .ask(let question):
            (question.side == .source ? source : target)(question.operation).hop(to: loop).whenComplete { [self] result in
                let answer = result.mapError { $0 as? TransferFailure ?? TransferFailure(.failed, "\($0)") }
                perform(machine.answered(question, answer, now: loop.now))
            }
        case .tell(let side, let operation): _ = (side == .source ? source : target)(operation)
        case .finished(let failure): onEnd(failure)
        }
    }
}
