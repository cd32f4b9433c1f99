package import LogSupport
package import Logging

/// Puts a program's log settings into force, at its start and whenever they change.
package struct LogOutputs: Sendable {
    private let log: LogSystem
    private let client: HTTPClient
    private let logger: Logger

    /// - Parameters:
    ///   - client: for audit events that go to a web address.
    ///   - logger: for what is wrong with the settings.
    package init(log: LogSystem, client: HTTPClient, logger: Logger) {
        self.log = log
        self.client = client
        self.logger = logger
    }

    package func apply(_ settings: LogSettings) {
        log.level = settings.level
        log.longestLine = settings.longestLine
        log.format = settings.format
        applyFiles(settings)
        do throws(AuditFailure) {
            let logger = logger
            log.sendAudit(to: try AuditTarget.sink(settings.auditTarget, client: client) { logger.warning("\($0)") })
        } catch {
            logger.error("\(error)")
        }
    }

    private func applyFiles(_ settings: LogSettings) {
        guard !settings.directory.isEmpty else { return log.write(to: nil, from: .critical) }
        let configuration = settings.files(in: settings.directory)
        // Two writers of the same files would cut each other's lines.
        if let files = log.files, files.configuration == configuration { return log.keepFiles(from: settings.fileLevel) }
        log.write(to: nil, from: .critical)
        do throws(LogFilesFailure) {
            log.write(to: try LogFiles(configuration), from: settings.fileLevel)
        } catch {
            logger.warning("no log files: \(error)")
        }
    }
}
