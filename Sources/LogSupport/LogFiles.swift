import Dispatch
import Glibc
import NIOConcurrencyHelpers

/// Two files written in turn, each up to half of the room there is (ems.md §7.3).
///
/// A line is handed over and written by a queue of its own, so that a slow disk holds up nobody. When it falls behind by
/// more than `backlogLimit` bytes, lines are left out and counted.
package final class LogFiles: Sendable {
    package struct Configuration: Sendable, Equatable {
        package var directory: String
        /// Bytes of both files together.
        package var storage = 2_000_000
        /// A buffer that was not added to for a second is written.
        package var autoFlush = true
        /// A buffer of so many bytes is written.
        package var flushChunk = 16_384

        package init(directory: String) { self.directory = directory }
    }

    private struct State {
        var file: Int32
        /// Which of the two is written to.
        var index: Int
        var size: Int
        var buffer: [UInt8] = []
        var isScheduled = false
        var isIdleFlushPending = false
        var lost = 0
    }

    package static let backlogLimit = 4 << 20
    private static let idleTime = 1.0

    package let configuration: Configuration
    private let state: NIOLockedValueBox<State>
    private let queue = DispatchQueue(label: "log files")

    /// Makes the directory if it is missing, and goes on with the file that was written last.
    /// - Throws: `FileFailure`-like text of what cannot be opened.
    package init(_ configuration: Configuration) throws(LogFilesFailure) {
        self.configuration = configuration
        if mkdir(configuration.directory, 0o750) != 0, errno != EEXIST {
            throw LogFilesFailure("cannot make the directory \(configuration.directory)")
        }
        var times = [0, 0]
        for index in 0...1 {
            var status = stat()
            if stat(LogFiles.path(configuration, index), &status) == 0 {
                times[index] = status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec
            }
        }
        let index = times[1] > times[0] ? 1 : 0
        let (file, size) = try LogFiles.open(configuration, index, truncating: false)
        state = NIOLockedValueBox(State(file: file, index: index, size: size))
    }

    /// Nobody else holds it any more, and the last who did may have been the queue: nothing is waited for here.
    deinit { finish() }

    package static func path(_ configuration: Configuration, _ index: Int) -> String { "\(configuration.directory)/ems_log_\(index).log" }

    private static func open(
        _ configuration: Configuration, _ index: Int, truncating: Bool
    ) throws(LogFilesFailure) -> (file: Int32, size: Int) {
        let path = path(configuration, index)
        let file = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (truncating ? O_TRUNC : 0), 0o640)
        guard file >= 0 else { throw LogFilesFailure("cannot write \(path)") }
        return (file, Int(lseek(file, 0, SEEK_END)))
    }

    /// - Parameter isUrgent: written at once, whatever the rules of flushing.
    func write(_ line: String, isUrgent: Bool) {
        let (flush, idle) = state.withLockedValue { state -> (Bool, Bool) in
            guard state.file >= 0 else { return (false, false) }
            guard state.buffer.count + line.utf8.count <= LogFiles.backlogLimit else {
                state.lost += 1
                return (false, false)
            }
            state.buffer += line.utf8
            let flush = (isUrgent || state.buffer.count >= configuration.flushChunk) && !state.isScheduled
            let idle = !flush && configuration.autoFlush && !state.isIdleFlushPending && !state.isScheduled
            if flush { state.isScheduled = true }
            if idle { state.isIdleFlushPending = true }
            return (flush, idle)
        }
        if flush { queue.async { self.flush() } }
        if idle { queue.asyncAfter(deadline: .now() + LogFiles.idleTime) { self.flush() } }
    }

    private func flush() {
        let (buffer, lost) = state.withLockedValue { state in
            defer {
                state.buffer = []
                state.isScheduled = false
                state.isIdleFlushPending = false
                state.lost = 0
            }
            return (state.buffer, state.lost)
        }
        append(buffer)
        if lost > 0 { append(Array("[WARN] \(lost) lines were left out: the disk of \(configuration.directory) is too slow\n".utf8)) }
    }

    /// Whole lines, so that each file begins with one. Runs on the queue alone.
    private func append(_ bytes: [UInt8]) {
        var rest = bytes[...]
        let room = configuration.storage / 2
        while !rest.isEmpty {
            let (file, size) = state.withLockedValue { ($0.file, $0.size) }
            guard file >= 0 else { return }
            if rest.count <= room - size {
                put(rest, file)
                return
            }
            let head = rest.prefix(max(room - size, 0))
            let end =
                head.lastIndex(of: 0x0A).map { $0 + 1 }
                ?? (size == 0 ? rest.firstIndex(of: 0x0A).map { $0 + 1 } ?? rest.endIndex : rest.startIndex)
            put(rest[..<end], file)
            rest = rest[end...]
            if !rest.isEmpty { rotate() }
        }
    }

    /// A full disk loses lines of the log, and nothing else.
    private func put(_ bytes: ArraySlice<UInt8>, _ file: Int32) {
        let written = bytes.withUnsafeBytes { WholeText.write($0, to: file) }
        state.withLockedValue { $0.size += written }
    }

    private func rotate() {
        state.withLockedValue { state in
            guard let (file, size) = try? LogFiles.open(configuration, 1 - state.index, truncating: true) else { return }
            Glibc.close(state.file)
            state.file = file
            state.size = size
            state.index = 1 - state.index
        }
    }

    /// Writes what is left and closes. Nothing is written afterwards.
    package func close() { queue.sync { finish() } }

    private func finish() {
        flush()
        state.withLockedValue { state in
            if state.file >= 0 { Glibc.close(state.file) }
            state.file = -1
        }
    }

    /// Closes and removes both files.
    package func remove() {
        close()
        for index in 0...1 { unlink(LogFiles.path(configuration, index)) }
    }
}

package struct LogFilesFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ what: String) { description = "\(what): \(String(cString: strerror(errno)))" }
}
