import LuaRuntime

/// The coroutines of one Lua state: the script's main one and those of callbacks. Confined to the script's actor.
///
/// A coroutine runs until it ends or asks for something that takes time; the owner performs that and resumes it.
final class FiberScheduler<Operation> {
    /// Names a coroutine to the owner.
    struct ID: Hashable, Sendable { fileprivate let number: UInt64 }

    private final class Fiber {
        let id: ID
        let coroutine: LuaState.Coroutine
        let completion: (Result<[LuaValue], LuaError>) -> Void

        init(id: ID, coroutine: LuaState.Coroutine, completion: @escaping (Result<[LuaValue], LuaError>) -> Void) {
            self.id = id
            self.coroutine = coroutine
            self.completion = completion
        }
    }

    private struct Queued {
        let fiber: Fiber
        let arguments: [LuaValue]
        /// Whether it waits for the lock itself, and not just for its release to begin.
        let acquires: Bool
    }

    private let state: LuaState
    private let perform: (Operation, ID) -> Void
    private var lastID: UInt64 = 0
    private var suspended: [ID: Fiber] = [:]
    private var running: Fiber?
    private var pending: Operation?
    private var lockHolder: Fiber?
    private var queue: [Queued] = []

    init(state: LuaState, perform: @escaping (Operation, ID) -> Void) {
        self.state = state
        self.perform = perform
    }

    /// Runs a function in a coroutine of its own; while another one holds the lock, it waits (lsr.md §3).
    @discardableResult
    func run(_ function: LuaState.Reference, _ arguments: [LuaValue], completion: @escaping (Result<[LuaValue], LuaError>) -> Void) -> ID {
        lastID += 1
        let fiber = Fiber(id: ID(number: lastID), coroutine: state.coroutine(function), completion: completion)
        state.release(function)
        if lockHolder == nil {
            resume(fiber, arguments)
        } else {
            queue.append(Queued(fiber: fiber, arguments: arguments, acquires: false))
        }
        return fiber.id
    }

    /// Goes on with a suspended coroutine, which gets `values` as results of what suspended it.
    func resume(_ id: ID, _ values: [LuaValue]) {
        if let fiber = suspended.removeValue(forKey: id) { resume(fiber, values) }
    }

    private func resume(_ fiber: Fiber, _ values: [LuaValue]) {
        let outer = running
        running = fiber
        let progress = state.resume(fiber.coroutine, values)
        running = outer
        switch progress {
        case .finished(let values): finish(fiber, .success(values))
        case .failed(let error): finish(fiber, .failure(error))
        case .suspended:
            if let operation = pending {
                pending = nil
                suspended[fiber.id] = fiber
                perform(operation, fiber.id)
            } else if !isQueued(fiber) {
                finish(fiber, .failure(LuaError("coroutine.yield outside of a coroutine of the script's own")))
            }
        }
        if outer == nil { admit() }
    }

    /// To be called by a native function right before it suspends the running coroutine.
    func suspend(_ operation: Operation) { pending = operation }

    private func finish(_ fiber: Fiber, _ result: Result<[LuaValue], LuaError>) {
        if lockHolder === fiber { lockHolder = nil }
        fiber.completion(result)
    }

    private func isQueued(_ fiber: Fiber) -> Bool { queue.contains { $0.fiber === fiber } }

    // MARK: Lock

    /// - Returns: true when the running coroutine holds the lock now; with false it is queued and to be suspended.
    func lock(canSuspend: Bool) -> Bool {
        if lockHolder == nil || lockHolder === running || !canSuspend {
            lockHolder = running
            return true
        }
        if let running { queue.append(Queued(fiber: running, arguments: [], acquires: true)) }
        return false
    }

    /// Whether callbacks have to wait.
    var isLocked: Bool { lockHolder != nil }

    func unlock() { if lockHolder === running { lockHolder = nil } }

    private func admit() {
        while lockHolder == nil, !queue.isEmpty {
            let next = queue.removeFirst()
            if next.acquires { lockHolder = next.fiber }
            resume(next.fiber, next.arguments)
        }
    }
}
