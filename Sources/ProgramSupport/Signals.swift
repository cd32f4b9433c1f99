@preconcurrency import Dispatch
import Glibc

/// The signals of this process, as a sequence.
package enum Signals {
    /// Takes over these signals from their default action, for good.
    package static func stream(_ numbers: [Int32]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        let sources = numbers.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            return source
        }
        continuation.onTermination = { _ in sources.forEach { $0.cancel() } }
        return stream
    }

    /// Waits for SIGTERM or SIGINT.
    package static func untilStop() async {
        for await _ in stream([SIGTERM, SIGINT]) { return }
    }
}
