import Foundation
import Glibc
import Metrics
import NIOCore
import NIOPosix
import ProgramSupport
import TestKit
import Testing

/// What the watchdog is told depends on how the program is.
@Suite(.serialized) struct ServiceHealthTests {
    private func listen(_ directory: TemporaryDirectory) throws -> (file: Int32, path: String) {
        let path = directory.path("notify")
        let file = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(status == 0)
        return (file, path)
    }

    /// The first messages that come, as one text.
    private func messages(_ count: Int, from file: Int32) -> String {
        var text = ""
        for _ in 0..<count {
            var bytes = [UInt8](repeating: 0, count: 4096)
            let length = recv(file, &bytes, bytes.count, 0)
            guard length > 0 else { break }
            text += String(decoding: bytes[..<length], as: UTF8.self) + "\n"
        }
        return text
    }

    @Test("a program that says that it is not well gets no word for its watchdog, and says why") func notWell() throws {
        let directory = try TemporaryDirectory()
        let (file, path) = try listen(directory)
        defer { close(file) }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let manager = ServiceManager(socketPath: path, watchdogMicroseconds: 30_000)
        let task = manager.keepWatchdog(
            on: loop,
            health: {
                var report = HealthReport()
                report.add("store", false, "its thread hangs\nREADY=1")
                return report
            }, readiness: { loop.makeSucceededFuture(HealthReport()) })
        let text = messages(3, from: file)
        task?.cancel()
        #expect(!text.contains("WATCHDOG=1") && text.contains("STATUS=store: its thread hangs READY=1"), "\(text)")
    }

    @Test("readiness that does not come holds up no watchdog") func slowReadiness() throws {
        let directory = try TemporaryDirectory()
        let (file, path) = try listen(directory)
        defer { close(file) }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let never = loop.makePromise(of: HealthReport.self)
        let manager = ServiceManager(socketPath: path, watchdogMicroseconds: 30_000)
        let task = manager.keepWatchdog(on: loop, health: { HealthReport() }, readiness: { never.futureResult })
        #expect(messages(3, from: file) == "WATCHDOG=1\nWATCHDOG=1\nWATCHDOG=1\n")
        task?.cancel()
        never.succeed(HealthReport())
    }
}
