import Formats
import Glibc
package import LogSupport
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1

/// Where audit events go besides the log: a file, a line each, or a web address, one POST of JSON each (ems.md §7.3).
package enum AuditTarget {
    /// - Parameters:
    ///   - target: `file://…`, `http://…` or `https://…`; empty: none.
    ///   - warn: gets one line when events are lost for the first time.
    /// - Returns: who takes the events; nil for none.
    /// - Throws: `AuditFailure` for anything else, or a file that cannot be opened.
    package static func sink(
        _ target: String, client: HTTPClient, warn: @escaping @Sendable (String) -> Void
    ) throws(AuditFailure) -> (@Sendable (LogEntry) -> Void)? {
        if target.isEmpty { return nil }
        if target.hasPrefix("file://") { return try file(String(target.dropFirst(7)), warn: warn) }
        if target.hasPrefix("http://") || target.hasPrefix("https://") { return try web(target, client: client, warn: warn) }
        throw AuditFailure("logger.audit_target: expected file://, http:// or https://, found \"\(target)\"")
    }

    private static func file(
        _ path: String, warn: @escaping @Sendable (String) -> Void
    ) throws(AuditFailure) -> @Sendable (LogEntry) -> Void {
        guard let file = AuditFile(path) else {
            throw AuditFailure("logger.audit_target: cannot write \(path): \(String(cString: strerror(errno)))")
        }
        let once = Once()
        return { entry in
            if !file.append(entry.line) { once.run { warn("audit events cannot be written to \(path)") } }
        }
    }

    private static func web(
        _ target: String, client: HTTPClient, warn: @escaping @Sendable (String) -> Void
    ) throws(AuditFailure) -> @Sendable (LogEntry) -> Void {
        guard let (origin, path) = HTTPOrigin.parse(target) else { throw AuditFailure("logger.audit_target: \(target) is no URL") }
        let once = Once()
        return { entry in
            let body: JSONValue = [
                "timestamp": .int(entry.time), "level": .string(entry.level.name), "module": .string(entry.module),
                "message": .string(entry.message),
            ]
            let call = HTTPCall(
                .POST, origin, path, headers: ["Content-Type": "application/json"], body: ByteBuffer(string: body.description),
                timeout: .seconds(10))
            client.loop.execute {
                client.execute(call).whenComplete { result in
                    switch result {
                    case .success(let response) where (200..<300).contains(response.status.code): break
                    case .success(let response):
                        once.run { warn("\(origin) does not take audit events: it answered \(response.status.code)") }
                    case .failure(let error): once.run { warn("audit events are lost: \(error)") }
                    }
                }
            }
        }
    }
}

/// An open file that events are appended to; each is in the file before the program goes on.
private final class AuditFile: Sendable {
    private let file: Int32

    init?(_ path: String) {
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        if file < 0 { return nil }
    }

    deinit { close(file) }

    func append(_ line: String) -> Bool {
        var line = line
        return line.withUTF8 { write(file, $0.baseAddress, $0.count) == $0.count }
    }
}

/// Runs something for the first time only.
private final class Once: Sendable {
    private let done = NIOLockedValueBox(false)

    func run(_ body: () -> Void) {
        let isFirst = done.withLockedValue { done in
            defer { done = true }
            return !done
        }
        if isFirst { body() }
    }
}

package struct AuditFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
