import Logging
import LuaRuntime
import NIOCore

/// Taking over another configuration, or other files of a script, while everything else goes on.
extension ScriptEnvironment {
    /// Starts, stops and replaces scripts so that they are those of the entries. Scripts that others added stay.
    /// - Parameter all: whether those whose entries are the same are replaced too.
    /// - Returns: a line for each that changed.
    func apply(_ entries: [ScriptConfiguration.Entry], before old: [ScriptConfiguration.Entry], all: Bool) async -> [String] {
        var changes: [String] = []
        let names = Set(entries.map(\.name))
        for entry in old where !names.contains(entry.name) {
            _ = remove(entry.name)
            changes.append("\(entry.name) removed")
        }
        for entry in entries {
            if let before = old.first(where: { $0.name == entry.name }) {
                guard all || before != entry else { continue }
                await replace(entry)
                changes.append("\(entry.name) started anew")
            } else {
                start(entry, values: .nil)
                changes.append("\(entry.name) added")
            }
        }
        return changes
    }

    /// Starts a script of the configuration.
    func start(_ entry: ScriptConfiguration.Entry, values: LuaValue) {
        let script = script(of: entry, values: values)
        add(script)
        Task { await script.start() }
    }

    /// Ends a script, unless it does not end in time, and starts it in its place with its property values.
    func replace(_ entry: ScriptConfiguration.Entry) async {
        var values = LuaValue.nil
        if let script = script(entry.name) {
            values = await loop.result(within: ScriptResource.stopLimit, else: .nil) {
                let values = await script.propertyValues()
                // Under another name it is another Thing to the gateway.
                await script.stop(staying: script.thingName?.identifier == entry.identifier)
                return values
            }
            if scriptStates[entry.name] == .running { script.logger.warning("did not end and is left behind") }
        }
        start(entry, values: values)
    }

    private func script(of entry: ScriptConfiguration.Entry, values: LuaValue) -> Script {
        let name = entry.isThing ? Script.ThingName(name: entry.name, identifier: entry.identifier) : nil
        return Script(
            name: entry.name, file: entry.file, settings: entry.settings, values: values, thingName: name, environment: self,
            logger: logger(entry.name))
    }
}

extension EventLoop {
    /// What a task comes to, or something else when it takes longer; it goes on then, and nobody waits for it.
    func result<Value: Sendable>(within limit: TimeAmount, else late: Value, _ body: @escaping @Sendable () async -> Value) async -> Value {
        let result = makePromise(of: Value.self)
        let timeout = scheduleTask(in: limit) { result.succeed(late) }
        Task { result.succeed(await body()) }
        defer { timeout.cancel() }
        return (try? await result.futureResult.get()) ?? late
    }
}
