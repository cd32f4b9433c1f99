@preconcurrency import Dispatch
import Glibc

/// The lines that someone types at the terminal.
package enum CommandPrompt {
    /// Serves the terminal until someone asks for the end: ENTER shows `prompt`, q ends, anything else is answered with `hint`.
    ///
    /// - Returns: whether the end was asked for; an end of input ends nothing.
    package static func untilQuit(hint: String, prompt: () async -> String) async -> Bool {
        for await line in lines() {
            switch line.filter({ !$0.isWhitespace }).lowercased() {
            case "": Console.prompt(await prompt())
            case "q", "quit", "exit": return true
            case let other: Console.line("\(other): unknown. \(hint)")
            }
        }
        return false
    }

    /// Ends with the end of input, which is no reason for a program to end.
    private static func lines() -> AsyncStream<String> {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        let source = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: .global())
        let line = LineBuffer()
        source.setEventHandler {
            var block = [UInt8](repeating: 0, count: 1024)
            let count = read(STDIN_FILENO, &block, block.count)
            guard count > 0 else {
                if count == 0 || (errno != EINTR && errno != EAGAIN) { source.cancel() }
                return
            }
            for text in line.add(block[..<count]) { continuation.yield(text) }
        }
        source.setCancelHandler { continuation.finish() }
        continuation.onTermination = { _ in source.cancel() }
        source.resume()
        return stream
    }

    /// Used by the source's handler alone, which never runs twice at once.
    private final class LineBuffer: @unchecked Sendable {
        private var bytes: [UInt8] = []

        func add(_ more: ArraySlice<UInt8>) -> [String] {
            bytes += more
            var lines: [String] = []
            while let end = bytes.firstIndex(of: 0x0A) {
                lines.append(String(decoding: bytes[..<end], as: UTF8.self))
                bytes.removeFirst(end + 1)
            }
            if bytes.count > 4096 { bytes = [] }
            return lines
        }
    }
}
