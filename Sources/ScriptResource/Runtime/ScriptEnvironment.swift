import Formats
import Glibc
package import HTTPTransport
package import Logging
import LogSupport
import LuaRuntime
import NIOConcurrencyHelpers
package import NIOCore
import NIOHTTP1
import NIOPosix
import Secrets
import Synchronization

/// What all scripts of a process share: directories, threads, the way to the gateway and to each other.
package final class ScriptEnvironment: Sendable {
    private let live: NIOLockedValueBox<ScriptConfiguration>
    /// The directory of the configuration file: `custom` and `community` lie in it.
    package let etc: String
    /// Our own Lua files.
    package let thingworx: String
    package let pool: ElasticThreadPool
    package let client: HTTPClient
    let sleepTimer: SleepTimer
    let persistentData: PersistentData
    let watchdog: ScriptWatchdog
    let figures = ResourceFigures()
    private let openPushes = NIOLockedValueBox<PushStore?>(nil)
    /// nil: pushes wait in memory.
    var pushes: PushStore? { openPushes.withLockedValue { $0 } }
    /// Directories of Things.
    let files = ThingFiles()
    private let scripts = NIOLockedValueBox<[String: Script]>([:])
    /// Things by their identifiers.
    private let identified = NIOLockedValueBox<[String: Script]>([:])
    private let states = NIOLockedValueBox<[String: Script.Status]>([:])
    private let results = NIOLockedValueBox<[String: [LuaValue]]>([:])
    private let properties = NIOLockedValueBox<[String: LuaTable]>([:])
    private let port = Atomic<Int>(0)
    let logger: @Sendable (String) -> Logger

    package var loop: any EventLoop { client.loop }
    package var configuration: ScriptConfiguration { live.withLockedValue { $0 } }
    func use(_ configuration: ScriptConfiguration) { live.withLockedValue { $0 = configuration } }

    /// How long a request to a script may take.
    var answerTimeout: TimeAmount { live.withLockedValue { $0.server.requestTimeout } }

    /// - Parameter isCheck: whether scripts are loaded just to see whether they can be.
    /// - Throws: `FileFailure` when our own Lua files are nowhere to be found.
    package init(
        configuration: ScriptConfiguration, client: HTTPClient, isCheck: Bool = false, logger: @escaping @Sendable (String) -> Logger
    ) throws {
        live = NIOLockedValueBox(configuration)
        self.client = client
        sleepTimer = SleepTimer(loop: client.loop)
        watchdog = ScriptWatchdog(on: client.loop) { [figures] in figures.change { $0.longRuns += 1 } }
        persistentData = PersistentData(path: "\(configuration.path).p_data", setsAside: !isCheck)
        self.logger = logger
        etc = AtomicFile.directory(of: configuration.path)
        thingworx = try ScriptEnvironment.findThingworx(etc: etc)
        LuaState.shareHeaps(2)
        pool = ElasticThreadPool(minimum: max(2, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
    }

    /// Beside the configuration, beside the program, where packages put it, or in the source tree that the program was built in.
    private static func findThingworx(etc: String) throws -> String {
        let candidates = ["\(etc)/thingworx"] + ProgramFiles.candidates("thingworx", source: "Sources/ScriptResource/thingworx")
        guard let found = candidates.first(where: { access("\($0)/lua/boot.lua", R_OK) == 0 }) else {
            throw FileFailure(
                "find the Lua modules lua/boot.lua below any of \(candidates.prefix(3).joined(separator: ", ")), such as", candidates[0],
                code: ENOENT)
        }
        return found
    }

    /// Opens the store of pushes, if there is to be one. Scripts run without one where it does not open.
    func openPushStore() async {
        guard let directory = configuration.pushStore else { return }
        let (size, keyFile, loop, logger) = (configuration.pushStoreSize, KeyFile(besides: configuration.path), loop, logger("push_store"))
        do {
            let store = try await NIOThreadPool.singleton.runIfActive {
                try PushStore.open(directory, size: size, keyFile: keyFile, on: loop)
            }
            let pushes = try await loop.submit { PushStore(store, on: loop, logger: logger) }.get()
            openPushes.withLockedValue { $0 = pushes }
        } catch {
            logger.error("\(error). Changes wait in memory while the gateway is away")
        }
    }

    func closePushStore() async { await openPushes.withLockedValue { $0 }?.close() }

    // MARK: Files

    func read(_ path: String) throws -> [UInt8] { try AtomicFile.read(path) }

    /// A script's file: a path, or a name in the directories for scripts.
    func scriptPath(_ file: String) throws -> String {
        let candidates =
            file.hasPrefix("/")
            ? [file] : ["\(etc)/custom/scripts/\(file)", "\(thingworx)/scripts/\(file)", "\(etc)/community/scripts/\(file)"]
        guard let found = candidates.first(where: { access($0, R_OK) == 0 }) else {
            throw LuaError("\(file): not found in \(candidates.map { AtomicFile.directory(of: $0) }.joined(separator: ", "))")
        }
        return found
    }

    /// The table `native.config` of a script.
    func luaConfig(name: String, thingName: Script.ThingName?, settings: LuaValue, values: LuaValue, isCheck: Bool) -> LuaValue {
        let configuration = self.configuration
        let server = configuration.server
        // An address that means all of them is no address to be called at.
        let host = ["0.0.0.0", "::"].contains(server.host) ? "127.0.0.1" : server.host
        var fields: [String: LuaValue] = [
            "name": .text(name), "edgeName": .text(thingName?.identifier.map { "*\($0)" } ?? name),
            "logLevel": .text(configuration.log.lowest.name), "check": .boolean(isCheck),
            "watch": .boolean(configuration.watch), "values": values, "keepsPushes": .boolean(pushes != nil),
            "etc": .text(etc), "thingworx": .text(thingworx), "host": .text(host), "port": .number(Double(port.load(ordering: .relaxed))),
            "proto": .text(server.tls ? "https" : "http"), "p_data": .table(scriptData(settings, name, thingName)),
            "kept": .table(persistentData.values(of: name)),
        ]
        if isCheck {
            fields["entry"] = settings
            fields["scripts"] = .table(
                LuaTable(fields: Dictionary(uniqueKeysWithValues: configuration.entries.map { ($0.name, .boolean(true)) })))
        }
        if server.authenticate, let user = server.user {
            fields["user"] = .text(user)
            fields["password"] = .text(server.password?.reveal() ?? "")
        }
        return .table(LuaTable(fields: fields))
    }

    /// What a script finds in `p_data` (lua-library.md §4.1): the settings of config.lua, and over them those of its entry. Truth
    /// values are texts there, but for a few that are the library's own.
    private func scriptData(_ settings: LuaValue, _ name: String, _ thingName: Script.ThingName?) -> LuaTable {
        let configuration = self.configuration
        var fields = configuration.shared
        fields["script_resource_port"] = .number(Double(port.load(ordering: .relaxed)))
        for (key, secret) in [
            ("rap_password", configuration.gateway.password), ("script_resource_password", configuration.server.password),
            ("script_resource_passphrase", configuration.server.passphrase),
        ] { fields[key] = secret.map { .text($0.reveal()) } }
        fields.merge(settings.table?.fields ?? [:]) { $1 }
        for (key, value) in fields where !ScriptConfiguration.realBooleans.contains(key) {
            if let boolean = value.boolean { fields[key] = .text(boolean ? "true" : "false") }
        }
        fields["identifier"] = thingName?.identifier.map { .text($0) }
        return LuaTable(fields: fields, list: settings.table?.list ?? [])
    }

    package func listening(on port: Int) { self.port.store(port, ordering: .relaxed) }

    // MARK: Scripts

    package func add(_ script: Script) {
        let before = scripts.withLockedValue { $0.updateValue(script, forKey: script.name) }
        if let before { forgetIdentifier(of: before) }
        if let identifier = script.thingName?.identifier { identified.withLockedValue { $0[identifier] = script } }
        report(.loading, of: script)
    }

    /// Makes a script and starts it.
    /// - Returns: false when there is one of that name.
    func start(name: String, file: String, source: [UInt8]?, settings: LuaTable, runTime: TimeAmount?) -> Bool {
        let script = Script(
            name: name, file: file, source: source, settings: .table(settings), thingName: nil, environment: self, logger: logger(name))
        let isNew = scripts.withLockedValue { scripts in
            guard scripts[name] == nil else { return false }
            scripts[name] = script
            return true
        }
        guard isNew else { return false }
        report(.loading, of: script)
        Task { await script.start() }
        // One that is gone by then is not kept for it.
        if let runTime { loop.scheduleTask(in: runTime) { [weak script] in _ = Task { await script?.stop() } } }
        return true
    }

    /// Ends a script and forgets it.
    func remove(_ name: String) -> Bool {
        guard let script = scripts.withLockedValue({ $0.removeValue(forKey: name) }) else { return false }
        results.withLockedValue { $0[name] = nil }
        watchdog.watch(name, nil)
        forgetIdentifier(of: script)
        properties.withLockedValue { $0[name] = nil }
        Task {
            await script.stop()
            // Unless another one took the name meanwhile.
            if self.script(name) == nil { states.withLockedValue { $0[name] = nil } }
        }
        return true
    }

    private func forgetIdentifier(of script: Script) {
        guard let identifier = script.thingName?.identifier else { return }
        identified.withLockedValue { if $0[identifier] === script { $0[identifier] = nil } }
    }

    func keep(result: [LuaValue], of name: String) { results.withLockedValue { $0[name] = result } }
    func result(of name: String) -> [LuaValue] { results.withLockedValue { $0[name] ?? [] } }

    /// A script's settings, as far as others know them.
    func settings(of name: String) -> LuaValue {
        let changed = properties.withLockedValue { $0[name]?.fields } ?? [:]
        let own = script(name)?.settings.table?.fields ?? [:]
        return .table(LuaTable(fields: own.merging(changed) { $1 }))
    }

    func setProperties(_ table: LuaTable, of name: String) -> Bool {
        guard let script = script(name) else { return false }
        properties.withLockedValue { $0[name] = LuaTable(fields: ($0[name]?.fields ?? [:]).merging(table.fields) { $1 }) }
        Task { await script.set(properties: table) }
        return true
    }

    package func script(_ name: String) -> Script? { scripts.withLockedValue { $0[name] } }

    /// The Thing of that name, or with that identifier after a `*`.
    package func thing(_ name: String) -> Script? {
        if let script = script(name), script.thingName != nil { return script }
        let identifier = name.hasPrefix("*") ? String(name.dropFirst()) : name
        return identified.withLockedValue { $0[identifier] }
    }

    package var all: [Script] { scripts.withLockedValue { $0.values.sorted { $0.name < $1.name } } }

    /// What a script says that another one has taken the place of is past.
    func report(_ status: Script.Status, of script: Script) {
        guard self.script(script.name) === script else { return }
        states.withLockedValue { $0[script.name] = status }
    }

    /// Known without asking the scripts: one that is busy would not answer.
    package var scriptStates: [String: Script.Status] { states.withLockedValue { $0 } }

    /// The way to all Things has this name among the scripts.
    static let ownName = "Thingworx"

    /// What Thingworx answers by itself: the names of the Things, and that it knows an identifier.
    private func ownAnswer(_ path: [String]) -> Script.Answer? {
        if path == ["registerIdentifier"] { return Script.Answer(status: 200, headers: [:], body: []) }
        guard path == ["Things"] else { return nil }
        return Script.Answer(status: 200, headers: ["Content-Type": "application/json"], body: Array(thingNames.description.utf8))
    }

    /// `{ "Things": [names] }`
    var thingNames: JSONValue { .object(["Things": .array(all.filter { $0.thingName != nil }.map { .string($0.name) })]) }

    /// A call from script to script, given up after a while with 504. The completion is called once, on any thread.
    func callScript(_ name: String, _ request: Script.CallbackRequest, within limit: TimeAmount, completion: @escaping Script.Completion) {
        var (script, request) = (script(name) ?? thing(name), request)
        if script == nil, name == ScriptEnvironment.ownName {
            if let answer = ownAnswer(request.path) { return completion(answer) }
            if request.path.first == "Things" { request.path.removeFirst() }
            script = request.path.first.flatMap { thing($0) }
            if script != nil { request.path.removeFirst() }
        }
        guard let script else {
            return completion(Script.Answer(status: 404, headers: [:], body: Array("there is no script \(name)".utf8)))
        }
        let isAnswered = NIOLockedValueBox(false)
        let answer = { @Sendable (answer: Script.Answer) in
            let isFirst = isAnswered.withLockedValue { isAnswered in
                defer { isAnswered = true }
                return !isAnswered
            }
            if isFirst { completion(answer) }
        }
        let timeout = loop.scheduleTask(in: limit) {
            answer(
                Script.Answer(
                    status: 504, headers: [:], body: Array("\(name) did not answer within \(limit.nanoseconds / 1_000_000) ms".utf8)))
        }
        script.callback(request) {
            timeout.cancel()
            answer($0)
        }
    }
}
