import Glibc
package import Metrics
import MessageStore
package import NIOCore
import NIOPosix

/// Whether the gateway works, and whether it can do what it is for.
extension Gateway {
    /// The loop that serves everything is the one that is asked.
    package var health: HealthReport { .answering }

    /// The disk is asked on another thread: one that hangs holds up nobody, and one question at a time.
    package var readiness: EventLoopFuture<HealthReport> {
        var report = HealthReport()
        addPlatform(to: &report)
        guard configuration.offlineStore.isEnabled else { return loop.makeSucceededFuture(report) }
        guard let status = outbox?.stores.waiting.status else {
            report.add("store", false, "\(configuration.offlineStore.directory) could not be opened: see the log; it is tried again")
            return loop.makeSucceededFuture(report)
        }
        if let failure = status.failure {
            report.add("store", false, failure)
            return loop.makeSucceededFuture(report)
        }
        let well = "\(status.messages) requests wait, \(status.bytes) of \(configuration.offlineStore.maximumSize) bytes"
        return diskProblem.map { [report] problem in
            var report = report
            report.add("store", problem == nil, problem ?? well)
            return report
        }
    }

    /// What is wrong with the disk of the store; nil where nothing is.
    private var diskProblem: EventLoopFuture<String?> {
        if let diskCheck { return diskCheck }
        let directory = configuration.offlineStore.directory
        let asked = NIOThreadPool.singleton.runIfActive(eventLoop: loop) { () -> String? in
            guard access(directory, W_OK | X_OK) == 0 else { return "\(directory) cannot be written: \(String(cString: strerror(errno)))" }
            var disk = statvfs()
            return statvfs(directory, &disk) == 0 && disk.f_bavail == 0 ? "there is no room left on the disk of \(directory)" : nil
        }
        diskCheck = asked
        asked.whenComplete { _ in self.assumeIsolated { $0.diskCheck = nil } }
        // What does not answer in time is what is wrong.
        return loop.result(within: Gateway.diskPatience, of: asked, else: "the disk of \(directory) does not answer")
    }

    private static let diskPatience = TimeAmount.seconds(2)

    private func addPlatform(to report: inout HealthReport) {
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
    }
}

extension EventLoop {
    /// A result, or another in its place where it takes too long.
    fileprivate func result<Value: Sendable>(
        within limit: TimeAmount, of future: EventLoopFuture<Value>, else other: Value
    ) -> EventLoopFuture<Value> {
        let promise = makePromise(of: Value.self)
        let timer = scheduleTask(in: limit) { promise.succeed(other) }
        future.whenComplete { result in
            timer.cancel()
            promise.completeWith(result)
        }
        return promise.futureResult
    }
}
