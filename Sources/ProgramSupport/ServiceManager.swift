import Glibc
package import Metrics
package import NIOCore

/// What a systemd unit of type `notify` is told (sd_notify): ready, stopping, and that the program still lives.
package struct ServiceManager: Sendable {
    private let socketPath: String?
    /// How often the watchdog wants to hear of the program; nil where there is none.
    private let watchdogMicroseconds: Int?

    package init() {
        socketPath = getenv("NOTIFY_SOCKET").map { String(cString: $0) }
        let isOurs = getenv("WATCHDOG_PID").map { Int32(String(cString: $0)) == getpid() } ?? true
        watchdogMicroseconds = isOurs ? getenv("WATCHDOG_USEC").flatMap { Int(String(cString: $0)) } : nil
    }

    package init(socketPath: String, watchdogMicroseconds: Int) {
        self.socketPath = socketPath
        self.watchdogMicroseconds = watchdogMicroseconds
    }

    package func ready(_ status: String) { send("READY=1\nSTATUS=\(status)\nMAINPID=\(getpid())") }
    package func status(_ text: String) { send("STATUS=\(text)") }
    package func stopping() { send("STOPPING=1") }

    /// Tells the watchdog that the program lives, from the loop that its requests come by: when that hangs, or the program says that it is
    /// not well, it is to bite. With that goes one line of how things are, for `systemctl status`.
    @discardableResult
    package func keepWatchdog(
        on loop: any EventLoop, health: @escaping @Sendable () -> HealthReport,
        readiness: @escaping @Sendable () -> EventLoopFuture<HealthReport>
    ) -> RepeatedTask? {
        guard let period = watchdogMicroseconds else { return nil }
        return loop.scheduleRepeatedTask(initialDelay: .zero, delay: .microseconds(Int64(max(period / 3, 1)))) { _ in
            let health = health()
            guard health.isGood else { return send("STATUS=\(ServiceManager.line(health.summary))") }
            send("WATCHDOG=1")
            readiness().whenSuccess { readiness in
                let text = readiness.isGood ? readiness.findings.map(\.text).joined(separator: "; ") : "not ready: \(readiness.summary)"
                send("STATUS=\(ServiceManager.line(text))")
            }
        }
    }

    /// Nothing of what a peer said begins another assignment.
    private static func line(_ text: String) -> String { String(text.map { $0.isNewline ? " " : $0 }.prefix(500)) }

    /// A reload began; `ready` tells its end.
    package func reloading() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        send("RELOADING=1\nMONOTONIC_USEC=\(time.tv_sec * 1_000_000 + time.tv_nsec / 1000)")
    }

    private func send(_ text: String) {
        guard let socketPath, socketPath.utf8.count < 108 else { return }
        let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard file >= 0 else { return }
        defer { close(file) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        // A name that begins with @ stands for one that begins with a zero byte.
        let name = socketPath.hasPrefix("@") ? [0] + Array(socketPath.utf8.dropFirst()) : Array(socketPath.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: name) }
        let length = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(file, text, text.utf8.count, Int32(MSG_NOSIGNAL), $0, length)
            }
        }
    }
}
