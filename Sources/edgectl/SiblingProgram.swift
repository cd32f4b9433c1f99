import Formats
import Glibc
import NIOPosix

/// Another program of this product.
enum SiblingProgram {
    struct Outcome: Sendable {
        var status: Int32
        var output = ""
        var errors = ""
    }

    /// Beside this one, else in the PATH.
    static func path(of name: String) -> String? {
        let places = [ProgramFiles.directory] + (getenv("PATH").map { String(cString: $0) } ?? "").split(separator: ":").map(String.init)
        return places.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    /// What luaScriptResource says of a configuration, of the gateway and of itself; nil where it is not there, or cannot read that.
    static func luaProbe(_ configuration: String) async -> JSONValue? {
        guard let program = path(of: "luaScriptResource") else { return nil }
        return try? JSONValue(parsing: await run(program, ["-probe", "-cfg", configuration]).output)
    }

    /// Runs it to its end on another thread; what it writes beyond a megabyte is left out.
    static func run(_ program: String, _ arguments: [String]) async -> Outcome {
        await withCheckedContinuation { continuation in
            NIOThreadPool.singleton.submit { _ in continuation.resume(returning: runBlocking(program, arguments)) }
        }
    }

    private static func runBlocking(_ program: String, _ arguments: [String]) -> Outcome {
        var (output, errors): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
        guard pipe(&output) == 0, pipe(&errors) == 0 else { return Outcome(status: -1) }
        // Another program that is started at this moment must not keep them open.
        for file in output + errors { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        posix_spawn_file_actions_adddup2(&actions, errors[1], 2)
        var pid: pid_t = 0
        var words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        let status = posix_spawn(&pid, program, &actions, nil, &words, environ)
        words.forEach { free($0) }
        close(output[1])
        close(errors[1])
        defer {
            close(output[0])
            close(errors[0])
        }
        guard status == 0 else { return Outcome(status: -1, errors: String(cString: strerror(status))) }
        var texts: [[UInt8]] = [[], []]
        var polled = [pollfd(fd: output[0], events: Int16(POLLIN), revents: 0), pollfd(fd: errors[0], events: Int16(POLLIN), revents: 0)]
        while polled.contains(where: { $0.fd >= 0 }), poll(&polled, 2, -1) >= 0 || errno == EINTR {
            for index in polled.indices where polled[index].fd >= 0 && polled[index].revents != 0 {
                var block = [UInt8](repeating: 0, count: 65_536)
                let count = read(polled[index].fd, &block, block.count)
                if count > 0 { if texts[index].count < 1 << 20 { texts[index] += block[..<count] } } else { polled[index].fd = -1 }
            }
        }
        var ended: Int32 = 0
        while waitpid(pid, &ended, 0) < 0, errno == EINTR {}
        return Outcome(
            status: ended & 0x7F == 0 ? ended >> 8 & 0xFF : -1, output: String(decoding: texts[0], as: UTF8.self),
            errors: String(decoding: texts[1], as: UTF8.self))
    }
}
