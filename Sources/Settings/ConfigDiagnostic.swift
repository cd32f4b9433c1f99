package import Formats

/// Something that a configuration says and should not.
package struct ConfigDiagnostic: Sendable, Equatable, CustomStringConvertible {
    package enum Severity: Sendable, Equatable {
        /// The file is used all the same.
        case warning
        /// The file is used, but what hangs on this value does not work.
        case problem
        /// The file is not used.
        case error
    }

    package let severity: Severity
    package let location: TextLocation?
    package let message: String

    package init(_ severity: Severity, at location: TextLocation?, _ message: String) {
        self.severity = severity
        self.location = location
        self.message = message
    }

    package var description: String { location.map { "\($0): \(message)" } ?? message }
}
