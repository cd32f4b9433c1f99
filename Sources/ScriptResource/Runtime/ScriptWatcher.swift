import NIOConcurrencyHelpers
import NIOCore

/// Starts scripts anew whose files have changed (`scripts.watch`). A change with an error in it is told, and the script runs on
/// as it is.
final class ScriptWatcher: Sendable {
    private struct Seen {
        /// As it was at the last look: dealt with when it does not change further.
        var last: [String: FileStamp?]
        /// What was dealt with.
        var handled: [String: FileStamp?]?
    }

    private static let interval = TimeAmount.milliseconds(500)

    private let environment: ScriptEnvironment
    private let seen = NIOLockedValueBox<[String: Seen]>([:])
    private let task = NIOLockedValueBox<RepeatedTask?>(nil)

    init(_ environment: ScriptEnvironment) { self.environment = environment }

    func start() {
        task.withLockedValue { task in
            guard task == nil else { return }
            task = environment.loop.scheduleRepeatedTask(initialDelay: ScriptWatcher.interval, delay: ScriptWatcher.interval) { _ in
                self.environment.pool.submit { self.look() }
            }
        }
    }

    func stop() {
        task.withLockedValue { task in
            task?.cancel()
            task = nil
        }
    }

    private func look() {
        for entry in environment.configuration.entries {
            guard let script = environment.script(entry.name) else { continue }
            let loaded = script.files.withLockedValue { $0 }
            let now = Dictionary(uniqueKeysWithValues: loaded.keys.map { ($0, FileStamp($0)) })
            let isDue = seen.withLockedValue { all -> Bool in
                guard now != loaded else { return false }
                var seen = all[entry.name] ?? Seen(last: loaded)
                defer { all[entry.name] = seen }
                guard now == seen.last else {
                    seen.last = now
                    return false
                }
                guard now != seen.handled else { return false }
                seen.handled = now
                return true
            }
            if isDue { Task { await self.reload(entry, script) } }
        }
    }

    private func reload(_ entry: ScriptConfiguration.Entry, _ script: Script) async {
        if let error = await ScriptCheck.error(in: entry, of: environment) {
            script.logger.error("changed, and not started anew: \(error)")
            return
        }
        script.logger.info("changed, started anew")
        await environment.replace(entry)
    }
}
