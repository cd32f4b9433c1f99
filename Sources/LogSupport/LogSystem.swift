package import Logging
import Glibc
import NIOConcurrencyHelpers
import Synchronization

/// Makes the loggers of one process. What they log goes to the console, to a ring in memory, to files and, when it is an
/// audit event, to an audit target (ems.md §2.3, §7.3). Everything can be changed while the process runs.
package final class LogSystem: Sendable {
    private struct State {
        var level: Logger.Level
        var files: LogFiles?
        var fileLevel = Logger.Level.critical
        var audit: (@Sendable (LogEntry) -> Void)?
        var ring = LogRing(capacity: LogSystem.ringCapacity)
        var longestLine = 4096
        var format = LogFormat.text
        var counts = [Int](repeating: 0, count: Logger.Level.allCases.count)
    }

    /// Entries that are kept in memory.
    package static let ringCapacity = 1000

    private let state: NIOLockedValueBox<State>
    /// The lowest level that anyone wants: all that a logger must look at.
    private let threshold: Synchronization.Atomic<Int>
    private let console: @Sendable (String) -> Void
    private let journal: JournalSocket?

    /// - Parameters:
    ///   - journal: gets the lines in the console's place, unless they are to be JSON.
    ///   - console: gets whole lines, with their line end, from any thread. Standard output when not given.
    package init(
        level: Logger.Level = .info, journal: JournalSocket? = nil, console: @escaping @Sendable (String) -> Void = LogSystem.standardOutput
    ) {
        state = NIOLockedValueBox(State(level: level))
        threshold = Atomic(level.index)
        self.journal = journal
        self.console = console
    }

    package func logger(_ module: String) -> Logger {
        Logger(label: module) { LineHandler(module: $0, system: self) }
    }

    /// The lowest level of console and ring.
    package var level: Logger.Level {
        get { state.withLockedValue { $0.level } }
        set { change { $0.level = newValue } }
    }

    /// Longest message in bytes; the rest of a longer one is cut off.
    package var longestLine: Int {
        get { state.withLockedValue { $0.longestLine } }
        set { state.withLockedValue { $0.longestLine = newValue } }
    }

    package var format: LogFormat {
        get { state.withLockedValue { $0.format } }
        set { state.withLockedValue { $0.format = newValue } }
    }

    /// How many lines were logged since the start, by level.
    package var counts: [(Logger.Level, Int)] {
        let counts = state.withLockedValue { $0.counts }
        // Two levels have one name.
        return zip(Logger.Level.ordered, counts).filter { $0.0 != .notice }.map { level, count in
            (level, level == .info ? count + counts[Logger.Level.notice.index] : count)
        }
    }

    /// Writes to these files, or to none; those before are flushed and closed.
    package func write(to files: LogFiles?, from level: Logger.Level) {
        let old = change { state in
            defer { state.fileLevel = level }
            defer { state.files = files }
            return state.files
        }
        old?.close()
    }

    /// Goes on with the files that are there, from another level.
    package func keepFiles(from level: Logger.Level) { change { $0.fileLevel = level } }

    package var files: LogFiles? { state.withLockedValue { $0.files } }

    /// Who gets audit events besides the log. Called from any thread.
    package func sendAudit(to target: (@Sendable (LogEntry) -> Void)?) { state.withLockedValue { $0.audit = target } }

    /// The newest entries, oldest first.
    package var recent: [LogEntry] { state.withLockedValue { $0.ring.all } }

    /// Ends the files in order: what was logged is in them.
    package func close() { write(to: nil, from: .critical) }

    /// One `write` a line, so that lines of several threads do not mix.
    package static let standardOutput: @Sendable (String) -> Void = { WholeText.write($0, to: STDOUT_FILENO) }

    private func change<Result>(_ body: (inout State) -> Result) -> Result {
        state.withLockedValue { state in
            let result = body(&state)
            let lowest = state.files == nil ? state.level : min(state.level, state.fileLevel)
            threshold.store(lowest.index, ordering: .relaxed)
            return result
        }
    }

    fileprivate var lowestLevel: Logger.Level { Logger.Level.ordered[threshold.load(ordering: .relaxed)] }

    fileprivate func emit(_ level: Logger.Level, _ module: String, _ text: String) {
        // The order of console, ring and files is one: the lock holds until the line is out.
        let audit = state.withLockedValue { state -> (target: @Sendable (LogEntry) -> Void, entry: LogEntry)? in
            let entry = LogEntry(level: level, module: module, text: text, limit: state.longestLine)
            state.counts[level.index] += 1
            let isShown = level >= state.level
            if isShown { state.ring.append(entry) }
            let isOnConsole = isShown && (state.format == .json || journal?.send(entry) != true)
            let files = level >= state.fileLevel ? state.files : nil
            if isOnConsole || files != nil {
                let line = state.format == .json ? entry.json : entry.line
                if isOnConsole { console(line) }
                files?.write(line, isUrgent: level >= .warning)
            }
            return level == .audit ? state.audit.map { ($0, entry) } : nil
        }
        if let audit { audit.target(audit.entry) }
    }
}

private struct LineHandler: LogHandler {
    let module: String
    let system: LogSystem
    var metadata: Logger.Metadata = [:]

    init(module: String, system: LogSystem) {
        self.module = module
        self.system = system
    }

    /// One level for the whole process, so a single logger's is not to be set.
    var logLevel: Logger.Level {
        get { system.lowestLevel }
        set {}
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { system.emit(event.level, module, event.message.description) }
}

extension Logger.Level {
    /// `allCases` makes a new array each time, and every log call asks for the level.
    fileprivate static let ordered = Logger.Level.allCases
    fileprivate var index: Int { Logger.Level.ordered.firstIndex(of: self)! }
}
