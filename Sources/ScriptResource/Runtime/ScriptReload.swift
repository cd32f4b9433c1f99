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
            let answer = loop.makePromise(of: LuaValue.self)
            let limit = loop.scheduleTask(in: ScriptResource.stopLimit) { answer.succeed(.nil) }
            Task {
                let values = await script.propertyValues()
                // Under another name it is another Thing to the gateway.
                await script.stop(staying: script.thingName?.identifier == entry.identifier)
                answer.succeed(values)
            }
            values = (try? await answer.futureResult.get()) ?? .nil
            limit.cancel()
            if scriptStates[entry.name] == .running { script.logger.warning("did not end and is left behind") }
        }
        start(entry, values: values)
    }

    private func script(of entry: ScriptConfiguration.Entry, values: LuaValue) -> Script {
        let name = entry.isThing ? Script.ThingName(name: entry.name, identifier: entry.identifier) : nil
        return Script(
            name: entry.name, file: entry.file, settings: entry.settings, values: values, thingName: name, environment: self, logger: logger(entry.name))
    }
}
