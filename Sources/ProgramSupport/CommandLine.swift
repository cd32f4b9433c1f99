package import ArgumentParser
import Glibc

extension AsyncParsableCommand {
    /// Runs the command; a wrong command line ends with status 2 and the usage on standard error.
    package static func runMain() async -> Never {
        // Whoever read the output may go away; that ends nothing.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
            Glibc.exit(EXIT_SUCCESS)
        } catch {
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            Console.error(fullMessage(for: error))
            Glibc.exit(2)
        }
    }
}
