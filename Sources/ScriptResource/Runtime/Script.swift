import HTTPTransport
import Logging
package import LuaRuntime
import NIOConcurrencyHelpers
import NIOCore

/// One script: its Lua state, its main coroutine and the callbacks that run between the main coroutine's steps.
///
/// Nothing of it is shared with another script. It runs on its own serial executor; where Lua code sleeps or waits for
/// an answer, its coroutine is suspended and no thread is held.
package actor Script {
    package enum Status: Sendable, Equatable, CustomStringConvertible {
        case loading
        case running
        case finished
        case stopped
        case failed(String)

        package var description: String {
            switch self {
            case .loading: "Loading"
            case .running: "Running"
            case .finished: "Finished"
            case .stopped: "Stopped"
            case .failed: "Error"
            }
        }
    }

    /// What a coroutine that was suspended waits for.
    enum Operation {
        case sleep(TimeAmount)
        case http(HTTPCall)
        case callScript(name: String, CallbackRequest)
        case disk(EventLoopFuture<[LuaValue]>)
    }

    /// A request for a callback of a script.
    package struct CallbackRequest: Sendable {
        package var method: String
        package var path: [String]
        package var headers: LuaValue = .table(LuaTable())
        package var query: LuaValue = .table(LuaTable())
        /// The body of a request by HTTP.
        package var body: [UInt8] = []
        /// What another script passes in place of a body; nil by HTTP.
        package var data: LuaValue = .nil

        package init(method: String, path: [String]) {
            self.method = method
            self.path = path
        }
    }

    package struct Answer: Sendable {
        package var status: Int
        package var headers: [String: String]
        package var body: [UInt8]
    }

    typealias FiberID = FiberScheduler<Operation>.ID

    package nonisolated let name: String
    package nonisolated let thingName: ThingName?
    private nonisolated let executor: ScriptExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    nonisolated let figures = ScriptFigures()
    /// Whether it is loaded just to see whether it can be.
    private nonisolated let isCheck: Bool
    let environment: ScriptEnvironment
    let logger: Logger
    package private(set) var status = Status.loading {
        didSet { if !isCheck { environment.report(status, of: self) } }
    }
    nonisolated let file: String
    nonisolated let settings: LuaValue
    /// How long its calls to the gateway and to other servers may take, and it itself without a pause.
    nonisolated let requestTimeout: TimeAmount
    /// Property values of the Thing that this one takes the place of.
    private let values: LuaValue
    /// The paths of its callbacks, as it registered them.
    let callbackPaths = NIOLockedValueBox<Set<String>>([])
    /// What `-check` found in it.
    let findings = NIOLockedValueBox<[String]>([])
    /// The files that it was made of, as they were then.
    let files = NIOLockedValueBox<[String: FileStamp?]>([:])
    /// The script's text, where it does not come from its file.
    private let source: [UInt8]?
    private var failures = 0
    private var runningSince: NIODeadline?
    private var retry: Scheduled<Void>?
    private var state: LuaState?
    private var watched: ScriptWatchdog.Watched?
    private(set) var fibers: FiberScheduler<Operation>?
    private var main: FiberID?
    /// Those that sleep, each with the number of its sleep.
    private var sleepers: [FiberID: UInt64] = [:]
    private var sleeps: UInt64 = 0
    private var scanSince: NIODeadline?
    /// Those that wait for an answer, each with the number of its call and what it gets when the call is given up.
    private var callers: [FiberID: (call: UInt64, givenUp: [LuaValue])] = [:]
    private var calls: UInt64 = 0
    private var ended: [CheckedContinuation<Void, Never>] = []

    /// The name and identifier that a Thing is reached by.
    package struct ThingName: Sendable { package let name: String; package let identifier: String? }

    init(
        name: String, file: String, source: [UInt8]? = nil, settings: LuaValue, values: LuaValue = .nil, thingName: ThingName?,
        isCheck: Bool = false, environment: ScriptEnvironment, logger: Logger
    ) {
        self.name = name
        self.file = file
        self.source = source
        self.settings = settings
        requestTimeout = Script.duration(settings.table?["requestTimeout"] ?? .nil) ?? .seconds(15)
        self.values = values
        self.thingName = thingName
        self.isCheck = isCheck
        self.environment = environment
        self.logger = logger
        executor = ScriptExecutor(pool: environment.pool)
    }

    // MARK: Life

    /// Loads the script and starts its main coroutine. An error ends this script alone.
    package func start() {
        do {
            let state = try LuaState()
            self.state = state
            fibers = FiberScheduler(state: state) { [unowned self] operation, fiber in
                self.assumeIsolated { $0.perform(operation, for: fiber) }
            }
            state.register(
                "native", Script.natives, owner: self,
                config: environment.luaConfig(name: name, thingName: thingName, settings: settings, values: values, isCheck: isCheck))
            let bounds = settings.table ?? LuaTable()
            watched = ScriptWatchdog.Watched(state, limit: requestTimeout, logger: logger)
            if !isCheck { environment.watchdog.watch(name, watched) }
            state.limit(instructions: bounds["maxInstructions"].number ?? 0, bytes: bounds["maxMemory"].number ?? 0)
            let boot = try state.load(try environment.read("\(environment.thingworx)/lua/boot.lua"), name: "@boot.lua")
            _ = try state.call(boot)
            let path = source == nil ? try environment.scriptPath(file) : file
            if source == nil { noteFile(path) }
            let chunk = try state.load(try source ?? environment.read(path), name: "@\(path)")
            if thingName == nil { status = .running }
            let id = fibers?.run(chunk, []) { result in self.assumeIsolated { $0.mainEnded(result) } }
            // It may be through already.
            if status == .loading || status == .running { main = id }
        } catch let error as LuaError {
            fail(error)
        } catch {
            fail(LuaError("\(error)"))
        }
    }

    nonisolated func noteFile(_ path: String) { files.withLockedValue { $0[path] = .some(FileStamp(path)) } }

    func setRunning() {
        status = .running
        runningSince = environment.loop.now
    }

    /// A Thing begins to look at its properties, or is through with it.
    func scan(begins: Bool) {
        guard !begins else { return scanSince = .now() }
        guard let since = scanSince else { return }
        scanSince = nil
        let time = NIODeadline.now() - since
        figures.change { figures in
            figures.scans += 1
            figures.scanTime += Double(time.nanoseconds) / 1e9
        }
        environment.figures.change { $0.scans.observe(time) }
    }

    private func mainEnded(_ result: Result<[LuaValue], LuaError>) {
        main = nil
        _ = callNative("keep", [.boolean(true)])
        switch result {
        case .success(let values):
            environment.keep(result: values, of: name)
            status = status == .stopped ? .stopped : .finished
        case .failure(let error): fail(error)
        }
        ended.forEach { $0.resume() }
        ended = []
    }

    private func fail(_ error: LuaError) {
        status = .failed(error.message)
        figures.change { $0.errors += 1 }
        logger.error("\(error.message)")
        if let traceback = error.traceback { logger.debug("\(traceback)") }
        if !isCheck { scheduleRetry() }
    }

    /// A script that failed is started anew: its cause may lie outside of it, and mend itself. One that ran for a while
    /// begins with the shortest pause again.
    private func scheduleRetry() {
        if let runningSince, environment.loop.now - runningSince > Script.longestPause { failures = 0 }
        runningSince = nil
        let pause = min(Script.shortestPause * Int64(1 << min(failures, 10)), Script.longestPause)
        failures += 1
        logger.info("started anew in \(pause.nanoseconds / 1_000_000_000) s")
        retry = environment.loop.scheduleTask(in: pause) { _ = Task { await self.startAgain() } }
    }

    private static let shortestPause = TimeAmount.seconds(5)
    private static let longestPause = TimeAmount.minutes(5)

    private func startAgain() {
        guard retry != nil, case .failed = status else { return }
        restartState()
    }

    private func restartState() {
        retry = nil
        main = nil
        status = .loading
        figures.change { $0.restarts += 1 }
        start()
    }

    /// Stops it if it runs, and starts it with a new state.
    package func restart() async {
        retry?.cancel()
        await stop()
        restartState()
    }

    /// Gives it other properties (`p_data`).
    func set(properties: LuaTable) { _ = callNative("set_properties", [.table(properties)]) }

    /// The values of a Thing's properties, for the one that takes its place.
    func propertyValues() -> LuaValue { callNative("values")?.first ?? .nil }

    /// Asks the main coroutine to end (`p_data.run` becomes false) and waits until it has.
    /// - Parameter staying: whether a Thing stays registered, as another one takes its place at once.
    package func stop(staying: Bool = false) async {
        retry?.cancel()
        retry = nil
        guard status == .running, callNative("stop", [.boolean(staying)]) != nil else { return }
        status = .stopped
        if let main {
            if let sleep = sleepers[main] { wake(main, from: sleep) }
            giveUpCall(of: main)
        }
        guard main != nil else { return }
        await withCheckedContinuation { ended.append($0) }
    }

    // MARK: What takes time

    private func perform(_ operation: Operation, for fiber: FiberID) {
        switch operation {
        case .sleep(let amount):
            sleeps += 1
            if fiber == main, let memory = state?.memory { figures.change { $0.memory = memory } }
            let sleep = sleeps
            sleepers[fiber] = sleep
            environment.sleepTimer.schedule(in: amount) { [weak self] in self?.enter { $0.wake(fiber, from: sleep) } }
        case .http(let call):
            let answered = answering(fiber, or: [.nil, .number(503), .nil, .text("the script is to end")])
            environment.perform(call, completion: answered)
        case .callScript(let name, let request):
            let answered = answering(fiber, or: [.number(503), .text("the script is to end"), .table(LuaTable())])
            environment.callScript(name, request, within: requestTimeout) { answered(Script.values(of: $0)) }
        case .disk(let result):
            let answered = answering(fiber, or: [.boolean(false), .text("the script is to end")])
            result.whenComplete { answered((try? $0.get()) ?? [.boolean(false), .text("the store is closed")]) }
        }
    }

    /// What resumes a coroutine with an answer, unless its call was given up.
    private func answering(_ fiber: FiberID, or givenUp: [LuaValue]) -> @Sendable ([LuaValue]) -> Void {
        calls += 1
        callers[fiber] = (calls, givenUp)
        if status == .stopped, fiber == main { giveUpCall(of: fiber) }
        return { [calls] values in self.enter { $0.answer(fiber, calls, values) } }
    }

    private func answer(_ fiber: FiberID, _ call: UInt64, _ values: [LuaValue]) {
        guard callers[fiber]?.call == call else { return }
        callers[fiber] = nil
        fibers?.resume(fiber, values)
    }

    /// A gateway that does not answer does not hold up the end, with what a Thing has to do then.
    private func giveUpCall(of fiber: FiberID) {
        guard let (call, values) = callers[fiber] else { return }
        environment.loop.scheduleTask(in: Script.patience) { self.enter { $0.answer(fiber, call, values) } }
    }

    private static let patience = TimeAmount.seconds(1)

    /// Does something in the script's turn.
    nonisolated func enter(_ body: @escaping @Sendable (isolated Script) -> Void) {
        executor.submit { self.assumeIsolated(body) }
    }

    /// The same here and now, unless the script does something else; nil then.
    nonisolated func ifIdle<Result: Sendable>(_ body: (isolated Script) -> Result?) -> Result? {
        executor.ifIdle { assumeIsolated(body) } ?? nil
    }

    /// Looks into the state, unless it is locked against callbacks.
    func peek<Result>(_ body: (LuaPeek) -> Result?) -> Result? { fibers?.isLocked == false ? state?.peek(body) : nil }

    /// A function of the table `native` that Lua code put there.
    func nativeFunction(_ name: String) -> LuaState.Reference? { state?.function(["native", name]) }

    /// Calls such a function to its end.
    /// - Returns: its results, none where it raised an error; nil where there is no such function.
    private func callNative(_ name: String, _ arguments: [LuaValue] = []) -> [LuaValue]? {
        guard let state, let function = nativeFunction(name) else { return nil }
        defer { state.release(function) }
        return (try? state.call(function, arguments)) ?? []
    }

    private func wake(_ fiber: FiberID, from sleep: UInt64) {
        guard sleepers[fiber] == sleep else { return }
        sleepers[fiber] = nil
        fibers?.resume(fiber, [])
    }

    /// Calls another script while the thread waits: for code that cannot be suspended. Nobody would answer a call of its own.
    nonisolated func callBlocking(_ name: String, _ request: CallbackRequest) -> Answer {
        guard environment.script(name) !== self else {
            return Answer(status: 503, headers: [:], body: Array("\(name) cannot answer itself while a module loads".utf8))
        }
        let answer = environment.loop.makePromise(of: Answer.self)
        environment.callScript(name, request, within: requestTimeout) { answer.succeed($0) }
        return (try? answer.futureResult.wait()) ?? Answer(status: 503, headers: [:], body: [])
    }

    /// code, body, headers: what `executeCallback` returns.
    static func values(of answer: Answer) -> [LuaValue] {
        let headers = answer.headers.mapValues { LuaValue.text($0) }
        return [.number(Double(answer.status)), .string(answer.body), .table(LuaTable(fields: headers))]
    }
}
