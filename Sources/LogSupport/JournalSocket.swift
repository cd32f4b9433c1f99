import Glibc
package import Logging
import NIOConcurrencyHelpers

/// The journal's own socket: entries with fields, where a line on standard output would lose its level (systemd.journal-fields(7)).
package final class JournalSocket: Sendable {
    private static let path = "/run/systemd/journal/socket"

    private let file: Int32
    private let program: String
    private let lost = NIOLockedValueBox(0)

    /// The journal, where standard output leads there; nil elsewhere.
    package static func ofStandardOutput(program: String) -> JournalSocket? {
        guard let stream = getenv("JOURNAL_STREAM").map({ String(cString: $0) }) else { return nil }
        var status = stat()
        guard fstat(STDOUT_FILENO, &status) == 0, stream == "\(status.st_dev):\(status.st_ino)" else { return nil }
        return JournalSocket(path: path, program: program)
    }

    /// nil where nobody listens there.
    package init?(path: String, program: String) {
        self.program = program
        let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let fits = path.utf8.count < MemoryLayout.size(ofValue: address.sun_path)
        if fits { withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) } }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard fits, status == 0 else {
            close(file)
            return nil
        }
        self.file = file
    }

    deinit { close(file) }

    /// - Returns: whether the journal has it. One that takes nothing is not waited for: what is lost meanwhile is counted, and told later.
    func send(_ entry: LogEntry) -> Bool {
        let unsaid = lost.withLockedValue { $0 }
        let more = unsaid > 0 ? " (before this, \(unsaid) lines were lost: the journal took none)" : ""
        let text = """
            MESSAGE=\(entry.message)\(more)
            PRIORITY=\(JournalSocket.priority(entry.level))
            SYSLOG_IDENTIFIER=\(program)
            THINGWORX_MODULE=\(LogEntry.oneLine(entry.module, limit: 256))
            THINGWORX_LEVEL=\(entry.level.name)
            TID=\(entry.thread)

            """
        guard Glibc.send(file, text, text.utf8.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)) < 0 else {
            if unsaid > 0 { lost.withLockedValue { $0 -= unsaid } }
            return true
        }
        guard errno == EAGAIN || errno == ENOBUFS else { return false }
        lost.withLockedValue { $0 += 1 }
        return true
    }

    /// As syslog(3) numbers them.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice, .critical: 5
        case .warning: 4
        case .error: 3
        }
    }
}
