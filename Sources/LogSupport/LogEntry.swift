import Formats
import Glibc
package import Logging

/// One event of the log.
package struct LogEntry: Sendable {
    /// Milliseconds since 1970, UTC.
    package let time: Int64
    package let level: Logger.Level
    package let module: String
    /// The thread that logged it, as the system's thread library numbers it.
    package let thread: UInt
    /// One line, whatever a peer put into it: control characters are escaped.
    package let message: String

    init(level: Logger.Level, module: String, text: String, limit: Int) {
        time = WallClock.milliseconds()
        thread = pthread_self()
        self.level = level
        self.module = module
        message = LogEntry.oneLine(text, limit: limit)
    }

    /// `[LEVEL] YYYY-MM-DD HH:MM:SS,mmm module: text` with its line end (ems.md §7.3).
    package var line: String { "[\(level.name)] \(UTCTime(milliseconds: time).logForm) \(module): \(message)\n" }

    /// One JSON object with its line end.
    package var json: String {
        let object: JSONObject = [
            "time": .string(UTCTime(milliseconds: time).iso8601), "level": .string(level.name), "module": .string(module),
            "thread": .string(String(thread)), "message": .string(message),
        ]
        return "\(JSONValue.object(object))\n"
    }

    /// - Parameter limit: bytes that are kept.
    static func oneLine(_ text: String, limit: Int) -> String {
        var text = text
        let isLong = text.utf8.count > limit
        if isLong {
            var end = text.utf8.index(text.startIndex, offsetBy: limit)
            while end.samePosition(in: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
            text = String(text[..<end])
        }
        if text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F || $0 == 0xC2 }) {
            var line = ""
            for scalar in text.unicodeScalars {
                switch scalar {
                case "\n": line += "\\n"
                case "\r": line += "\\r"
                case _ where scalar.properties.generalCategory == .control: line += "\\u{\(String(scalar.value, radix: 16))}"
                default: line.unicodeScalars.append(scalar)
                }
            }
            text = line
        }
        return isLong ? text + "…" : text
    }
}

/// The newest events, for whoever asks the running program.
struct LogRing: Sendable {
    private let capacity: Int
    private var entries: [LogEntry] = []
    private var next = 0

    init(capacity: Int) { self.capacity = capacity }

    mutating func append(_ entry: LogEntry) {
        if entries.count < capacity {
            entries.append(entry)
        } else {
            entries[next] = entry
            next = (next + 1) % capacity
        }
    }

    /// From the oldest to the newest.
    var all: [LogEntry] { Array(entries[next...] + entries[..<next]) }
}
