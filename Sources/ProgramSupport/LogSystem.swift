import Formats
import Glibc
package import Logging
import Synchronization

/// Makes the loggers of one process: one level, one output, one form of line
/// (`[LEVEL] YYYY-MM-DD HH:MM:SS,mmm module: text`, UTC; ems.md §7.3).
package final class LogSystem: Sendable {
    private let current: Atomic<Int>
    private let output: @Sendable (String) -> Void

    /// - Parameter output: gets whole lines, with their line end, from any thread. Standard output when not given.
    package init(level: Logger.Level = .info, output: @escaping @Sendable (String) -> Void = LogSystem.standardOutput) {
        current = Atomic(level.index)
        self.output = output
    }

    /// The lowest level that is written; may be set while the process runs.
    package var level: Logger.Level {
        get { Logger.Level.allCases[current.load(ordering: .relaxed)] }
        set { current.store(newValue.index, ordering: .relaxed) }
    }

    package func logger(_ module: String) -> Logger {
        Logger(label: module) { LineHandler(module: $0, system: self) }
    }

    /// One `write` a line, so that lines of several threads do not mix.
    package static let standardOutput: @Sendable (String) -> Void = { Console.write($0, to: STDOUT_FILENO) }

    fileprivate func emit(_ line: String) { output(line) }
}

private struct LineHandler: LogHandler {
    let module: String
    let system: LogSystem
    var metadata: Logger.Metadata = [:]

    init(module: String, system: LogSystem) {
        self.module = module
        self.system = system
    }

    var logLevel: Logger.Level {
        get { system.level }
        set { system.level = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let stamp = UTCTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000).logForm
        var line = "[\(event.level.name)] \(stamp) \(module): "
        // One event is one line, whatever a peer put into it.
        for scalar in event.message.description.unicodeScalars {
            switch scalar {
            case "\n": line += "\\n"
            case "\r": line += "\\r"
            case _ where scalar.properties.generalCategory == .control: line += "\\u{\(String(scalar.value, radix: 16))}"
            default: line.unicodeScalars.append(scalar)
            }
        }
        line += "\n"
        system.emit(line)
    }
}

extension Logger.Level {
    fileprivate var index: Int { Logger.Level.allCases.firstIndex(of: self)! }
}
