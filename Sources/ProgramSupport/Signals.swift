@preconcurrency import Dispatch
import Glibc
import NIOConcurrencyHelpers

/// The signals of this process, as a sequence.
package enum Signals {
    private static let state = NIOLockedValueBox<(sources: [any DispatchSourceSignal], isStopWanted: Bool)>(([], false))

    /// Takes over these signals from their default action, for good.
    package static func stream(_ numbers: [Int32]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        for number in numbers {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                if number == SIGTERM || number == SIGINT { state.withLockedValue { $0.isStopWanted = true } }
                continuation.yield(number)
            }
            source.resume()
            state.withLockedValue { $0.sources.append(source) }
        }
        return stream
    }

    /// Whether SIGTERM or SIGINT came, also when nobody waited for them any more.
    package static var isStopWanted: Bool { state.withLockedValue { $0.isStopWanted } }

    /// Waits for SIGTERM or SIGINT.
    package static func untilStop() async {
        for await _ in stream([SIGTERM, SIGINT]) { return }
    }
}
