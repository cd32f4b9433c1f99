package import NIOCore
import NIOPosix

/// Conversions whose time is in proportion to their input: short ones on the event loop, long ones beside it, so that nobody
/// else waits for them.
package enum LongWork {
    /// Bytes of input that are converted where they are: less than a millisecond.
    private static let shortest = 65_536

    package static func isLong(_ size: Int) -> Bool { size > shortest }

    package static func run<Result: Sendable>(
        size: Int, on loop: any EventLoop, _ work: @escaping @Sendable () throws -> Result
    ) -> EventLoopFuture<Result> {
        guard isLong(size) else { return loop.makeCompletedFuture(withResultOf: work) }
        return NIOThreadPool.singleton.runIfActive(eventLoop: loop, work)
    }
}
