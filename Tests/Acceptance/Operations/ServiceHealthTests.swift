import Foundation
import Metrics
import NIOCore
import NIOPosix
import ProgramSupport
import TestKit
import Testing

/// What the watchdog is told depends on how the program is.
@Suite(.serialized) struct ServiceHealthTests {
    /// The first messages that come, as one text.
    private func messages(_ count: Int, from socket: DatagramSocket) -> String {
        (0..<count).map { _ in "\(socket.next() ?? "")\n" }.joined()
    }

    @Test("a program that says that it is not well gets no word for its watchdog, and says why") func notWell() throws {
        let directory = try TemporaryDirectory()
        let socket = try DatagramSocket(directory.path("notify"))
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let manager = ServiceManager(socketPath: socket.path, watchdogMicroseconds: 30_000)
        let task = manager.keepWatchdog(
            on: loop,
            health: {
                var report = HealthReport()
                report.add("store", false, "its thread hangs\nREADY=1")
                return report
            }, readiness: { loop.makeSucceededFuture(HealthReport()) })
        let text = messages(3, from: socket)
        task?.cancel()
        #expect(!text.contains("WATCHDOG=1") && text.contains("STATUS=store: its thread hangs READY=1"), "\(text)")
    }

    @Test("readiness that does not come holds up no watchdog") func slowReadiness() throws {
        let directory = try TemporaryDirectory()
        let socket = try DatagramSocket(directory.path("notify"))
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let never = loop.makePromise(of: HealthReport.self)
        let manager = ServiceManager(socketPath: socket.path, watchdogMicroseconds: 30_000)
        let task = manager.keepWatchdog(on: loop, health: { HealthReport() }, readiness: { never.futureResult })
        #expect(messages(3, from: socket) == "WATCHDOG=1\nWATCHDOG=1\nWATCHDOG=1\n")
        task?.cancel()
        never.succeed(HealthReport())
    }
}
