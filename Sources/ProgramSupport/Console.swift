import Glibc
import LogSupport

/// Lines for the person at the terminal, written at once and whole.
package enum Console {
    package static func line(_ text: String) { WholeText.write(text + "\n", to: STDOUT_FILENO) }

    /// A text of somebody else's without what would move a terminal's cursor.
    package static func safe(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? " " : $0 }))
    }

    package static func error(_ text: String) { WholeText.write(text + "\n", to: STDERR_FILENO) }

    /// On standard error, without a line end.
    package static func note(_ text: String) { WholeText.write(text, to: STDERR_FILENO) }

    /// Without a line end.
    package static func prompt(_ text: String) { WholeText.write(text, to: STDOUT_FILENO) }

    /// One line of standard input without its end; a terminal does not echo it.
    /// - Returns: nil at the end of input.
    package static func secretLine(prompt: String) -> String? {
        var saved = termios()
        let isTerminal = tcgetattr(STDIN_FILENO, &saved) == 0
        if isTerminal {
            WholeText.write(prompt, to: STDERR_FILENO)
            var silent = saved
            silent.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(STDIN_FILENO, TCSANOW, &silent)
        }
        defer {
            if isTerminal {
                tcsetattr(STDIN_FILENO, TCSANOW, &saved)
                WholeText.write("\n", to: STDERR_FILENO)
            }
        }
        return readLine(strippingNewline: true)
    }
}
