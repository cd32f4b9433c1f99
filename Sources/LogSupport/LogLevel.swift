package import Logging

extension Logger.Level {
    /// The name that log lines and configurations use (ems.md §2.3). AUDIT is always written, so it is the highest.
    package var name: String {
        switch self {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info, .notice: "INFO"
        case .warning: "WARN"
        case .error: "ERROR"
        case .critical: "AUDIT"
        }
    }

    /// The level of an audit event.
    package static let audit = Logger.Level.critical

    /// - Parameter name: matched without regard to case; `FORCE` is the LSR's word for AUDIT.
    package init?(name: some StringProtocol) {
        switch name.uppercased() {
        case "TRACE": self = .trace
        case "DEBUG": self = .debug
        case "INFO": self = .info
        case "WARN", "WARNING": self = .warning
        case "ERROR": self = .error
        case "AUDIT", "FORCE": self = .critical
        default: return nil
        }
    }
}
