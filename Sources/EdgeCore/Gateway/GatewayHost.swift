package import Settings
package import LogSupport

/// The program around a gateway: what its services need and a core does not have.
package protocol GatewayHost: Sendable {
    var version: String { get }
    /// The configuration file that the program runs with.
    var file: ConfigurationFile { get }
    var log: LogSystem { get }

    /// Stops in order and starts anew as the same process. Answers that are on their way get out first.
    func restart()

    /// Reads the configuration again and takes over what may change while the program runs.
    /// - Throws: `ReloadFailure`; everything is as it was then.
    func reload() async throws(ReloadFailure) -> ReloadReport
}

/// What a reload changed.
package struct ReloadReport: Sendable, Equatable {
    /// Settings now in force with their new values.
    package var applied: [String] = []
    /// Settings whose new values wait for a restart.
    package var needsRestart: [String] = []

    package init(_ changes: [SettingChange]) {
        applied = changes.filter { $0.change == .live }.map(\.path)
        needsRestart = changes.filter { $0.change == .restart }.map(\.path)
    }

    /// One line for the log.
    package var text: String {
        if applied.isEmpty, needsRestart.isEmpty { return "nothing has changed" }
        var parts: [String] = []
        if !applied.isEmpty { parts.append("in force: \(applied.joined(separator: ", "))") }
        if !needsRestart.isEmpty { parts.append("after a restart: \(needsRestart.joined(separator: ", "))") }
        return parts.joined(separator: "; ")
    }
}

package struct ReloadFailure: Error, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
