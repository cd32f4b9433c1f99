import Glibc
package import Metrics
import MessageStore

/// Whether the gateway works, and whether it can do what it is for.
extension Gateway {
    /// Answering is the test: the loop that serves everything is the one that asks here.
    package var health: HealthReport {
        var report = HealthReport()
        report.add("loop", true, "answers")
        return report
    }

    package var readiness: HealthReport {
        var report = HealthReport()
        switch link {
        case .open(let connection) where connection.isOnline: report.add("platform", true, "connected to \(endpoint.url)")
        case .open: report.add("platform", false, "\(endpoint.url) has not answered the application key yet")
        case .connecting: report.add("platform", false, "connecting to \(endpoint.url)")
        // Off the network on purpose is no fault.
        case .resting: report.add("platform", true, "resting, as duty_cycle wants it")
        case .waiting:
            report.add(
                "platform", false, lastFailure.map { "not connected to \(endpoint.url): \($0)" } ?? "not connected to \(endpoint.url)")
        case .stopped: report.add("platform", false, configuration.applicationKey == nil ? "there is no usable appKey" : "stopped")
        }
        if configuration.offlineStore.isEnabled { addStore(to: &report) }
        return report
    }

    private func addStore(to report: inout HealthReport) {
        let directory = configuration.offlineStore.directory
        guard let status = outbox?.stores.waiting.status else {
            return report.add("store", false, "\(directory) could not be opened: see the log; it is tried again")
        }
        if let failure = status.failure { return report.add("store", false, failure) }
        guard access(directory, W_OK | X_OK) == 0 else {
            return report.add("store", false, "\(directory) cannot be written: \(String(cString: strerror(errno)))")
        }
        var disk = statvfs()
        if statvfs(directory, &disk) == 0, disk.f_bavail == 0 {
            return report.add("store", false, "there is no room left on the disk of \(directory)")
        }
        report.add("store", true, "\(status.messages) requests wait, \(status.bytes) of \(configuration.offlineStore.maximumSize) bytes")
    }
}
