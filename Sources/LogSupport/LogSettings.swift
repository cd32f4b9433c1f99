package import Logging

/// How lines are written.
package enum LogFormat: Sendable, Equatable {
    /// `[LEVEL] time module: text` (ems.md §7.3); with fields in the journal, where standard output leads there.
    case text
    /// An object of JSON a line.
    case json
}

/// Where a program's log goes, as its configuration says (ems.md §2.3, lsr.md §2).
package struct LogSettings: Sendable, Equatable {
    /// Of console and memory.
    package var level = Logger.Level.info
    /// `file://…`, `http://…`; empty: none.
    package var auditTarget = ""
    /// Of the files; empty: none.
    package var directory = ""
    package var fileLevel = Logger.Level.info
    /// Bytes of both files.
    package var storage = 2_000_000
    package var autoFlush = true
    package var flushChunk = 16_384
    /// Bytes of a line.
    package var longestLine = 4096
    package var format = LogFormat.text

    package init() {}

    /// The lowest level that anything is written at.
    package var lowest: Logger.Level { directory.isEmpty ? level : min(level, fileLevel) }

    package func files(in directory: String) -> LogFiles.Configuration {
        var files = LogFiles.Configuration(directory: directory)
        files.storage = storage
        files.autoFlush = autoFlush
        files.flushChunk = flushChunk
        return files
    }
}
