import CSpawn
import Foundation

extension Program {
    /// Starts a program with nothing open but its three standard streams.
    static func spawn(
        _ path: String, _ arguments: [String], in directory: String, environment: [String: String], input: Int32, output: Int32
    ) throws -> pid_t {
        let argv = ([path] + arguments).map { strdup($0) } + [nil]
        let envp = environment.map { strdup("\($0)=\($1)") } + [nil]
        defer { for text in argv + envp { free(text) } }
        var pid: pid_t = 0
        let error = spawn_program(&pid, path, argv, envp, directory, input, output)
        guard error == 0 else { throw Failure(description: "\(path) does not start: \(String(cString: strerror(error)))") }
        return pid
    }

    /// An unnamed file with `text`, read from its beginning.
    static func file(holding text: String) throws -> Int32 {
        guard let file = tmpfile() else { throw Failure(description: "no temporary file: \(String(cString: strerror(errno)))") }
        defer { fclose(file) }
        fputs(text, file)
        rewind(file)
        return fcntl(fileno(file), F_DUPFD_CLOEXEC, 3)
    }

    /// A pipe whose reading end does not block and that no other program inherits.
    static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard closing_pipe(&ends) == 0 else { throw Failure(description: "no pipe: \(String(cString: strerror(errno)))") }
        _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
        return (ends[0], ends[1])
    }
}
