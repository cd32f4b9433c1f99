import Glibc

/// Replacing this process by a new run of its program, and running it without a terminal.
package enum ProcessImage {
    /// Where the program was when the process began; after an upgrade, where the new one is.
    private static let path: String = {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count)
        return length > 0 ? String(decoding: buffer[..<length], as: UTF8.self) : CommandLine.arguments[0]
    }()

    /// To be called when the process begins, while its program is still where it was.
    package static func remember() { _ = path }

    /// Begins anew with the same arguments and process id. Returns only when that fails.
    package static func restart() {
        // Sockets and files of this run are not for the next one.
        for number in 3..<max(Int32(sysconf(Int32(_SC_OPEN_MAX))), 3) where number < 65_536 {
            let flags = fcntl(number, F_GETFD)
            if flags >= 0 { _ = fcntl(number, F_SETFD, flags | FD_CLOEXEC) }
        }
        // Worker threads block signals, and the next run would inherit that.
        var none = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, nil)
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        execv(path, &arguments)
        arguments.forEach { free($0) }
    }

    private static let marker = "EDGE_DETACHED"

    /// Runs the program once more in a session of its own, without a terminal, and ends this process.
    ///
    /// - Returns: true in the process that is to do the work.
    package static func detach() -> Bool {
        if getenv(marker) != nil {
            unsetenv(marker)
            return true
        }
        setenv(marker, "1", 1)
        var attributes = posix_spawnattr_t()
        var actions = posix_spawn_file_actions_t()
        posix_spawnattr_init(&attributes)
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_setflags(&attributes, Int16(0x80))  // POSIX_SPAWN_SETSID, which the C module leaves out
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        if isatty(STDOUT_FILENO) != 0 { posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) }
        if isatty(STDERR_FILENO) != 0 { posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) }
        var arguments: [UnsafeMutablePointer<CChar>?] = CommandLine.arguments.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        var child = pid_t()
        let code = posix_spawn(&child, path, &actions, &attributes, &arguments, environ)
        if code != 0 { Console.error("cannot run in the background: \(String(cString: strerror(code)))") }
        Glibc.exit(code == 0 ? 0 : 1)
    }
}

/// A file with this process's number, removed at its end.
package struct PIDFile {
    package let path: String

    /// nil where it may not be written.
    package init?(_ path: String) {
        self.path = path
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { return nil }
        defer { close(file) }
        let text = "\(getpid())\n"
        guard write(file, text, text.utf8.count) == text.utf8.count else { return nil }
    }

    package func remove() { unlink(path) }
}
