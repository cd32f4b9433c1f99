@preconcurrency import Dispatch
import Glibc
import NIOConcurrencyHelpers

/// The end that the signal handler writes to; set before a handler is installed, and never again.
nonisolated(unsafe) private var signalPipe: Int32 = -1

/// The signals of this process, as a sequence.
///
/// They are handled, and neither ignored nor blocked: programs that this one starts would inherit that, and could not be ended.
package enum Signals {
    private struct State {
        var source: (any DispatchSourceRead)?
        var listeners: [Int32: [AsyncStream<Int32>.Continuation]] = [:]
        var isStopWanted = false
    }

    private static let state = NIOLockedValueBox(State())

    /// Takes over these signals from their default action, for good.
    package static func stream(_ numbers: [Int32]) -> AsyncStream<Int32> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        state.withLockedValue { state in
            if state.source == nil { state.source = startReading() }
            for number in numbers { state.listeners[number, default: []].append(continuation) }
        }
        for number in numbers {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                let error = errno
                var byte = UInt8(truncatingIfNeeded: number)
                write(signalPipe, &byte, 1)
                errno = error
            }
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
        }
        return stream
    }

    private static func startReading() -> any DispatchSourceRead {
        var ends: [Int32] = [0, 0]
        precondition(pipe(&ends) == 0, "no pipe for signals: \(String(cString: strerror(errno)))")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        signalPipe = ends[1]
        let source = DispatchSource.makeReadSource(fileDescriptor: ends[0], queue: .global())
        source.setEventHandler { [end = ends[0]] in
            var byte: UInt8 = 0
            while read(end, &byte, 1) == 1 { arrived(Int32(byte)) }
        }
        source.resume()
        return source
    }

    private static func arrived(_ number: Int32) {
        let listeners = state.withLockedValue { state in
            if number == SIGTERM || number == SIGINT { state.isStopWanted = true }
            return state.listeners[number] ?? []
        }
        for listener in listeners { listener.yield(number) }
    }

    /// Whether SIGTERM or SIGINT came, also when nobody waited for them any more.
    package static var isStopWanted: Bool { state.withLockedValue { $0.isStopWanted } }

    /// Waits for SIGTERM or SIGINT.
    package static func untilStop() async {
        for await _ in stream([SIGTERM, SIGINT]) { return }
    }
}
