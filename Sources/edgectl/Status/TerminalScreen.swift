import Glibc
import NIOConcurrencyHelpers
import NIOPosix
import ProgramSupport

/// A terminal's second screen, which is given back as it was.
final class TerminalScreen: Sendable {
    private let saved: termios
    private let isLeft = NIOLockedValueBox(false)

    /// nil where standard input or output is no terminal.
    init?() {
        var saved = termios()
        guard isatty(STDOUT_FILENO) != 0, tcgetattr(STDIN_FILENO, &saved) == 0 else { return nil }
        self.saved = saved
        var raw = saved
        // Keys come one by one; Ctrl-C is a key too, so that the screen is left in order.
        raw.c_lflag &= ~tcflag_t(ECHO | ICANON | ISIG)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw)
        Console.prompt("\u{1B}[?1049h\u{1B}[?25l")
    }

    func leave() {
        let isFirst = isLeft.withLockedValue { isLeft in
            defer { isLeft = true }
            return !isLeft
        }
        guard isFirst else { return }
        var saved = saved
        tcsetattr(STDIN_FILENO, TCSANOW, &saved)
        Console.prompt("\u{1B}[?25h\u{1B}[?1049l")
    }

    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Writes over what was there, without a flicker.
    func show(_ lines: [String]) {
        Console.prompt("\u{1B}[H" + lines.map { "\($0)\u{1B}[K" }.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Waits for `q` or Ctrl-C; any other key shows the page anew at once.
    func isQuit(within time: Duration) async -> Bool {
        let milliseconds = Int32(clamping: time.components.seconds * 1000)
        return await withCheckedContinuation { continuation in
            NIOThreadPool.singleton.submit { _ in
                var polled = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
                guard poll(&polled, 1, milliseconds) > 0 else { return continuation.resume(returning: false) }
                var key: UInt8 = 0
                // The terminal is gone, or somebody has seen enough.
                let count = read(STDIN_FILENO, &key, 1)
                continuation.resume(returning: count <= 0 || key == UInt8(ascii: "q") || key == 3)
            }
        }
    }
}
