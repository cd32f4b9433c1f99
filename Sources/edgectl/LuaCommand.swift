import ArgumentParser
import Formats
import Glibc
import ProgramSupport

/// Looks into running scripts.
struct LuaCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lua", abstract: "Look into the scripts of a running luaScriptResource.", subcommands: [Repl.self])

    struct Repl: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Evaluate Lua in a Thing's or a script's state, line by line.",
            discussion: """
                In a Thing the names of its template are there: me, properties, services and so on. What is typed runs between the steps \
                of the script. Needs the permission to write to the socket beside the configuration, which its owner alone has.
                """,
            aliases: ["REPL"])

        @Option(help: "The Thing, by name or as *identifier.")
        var thing: String?
        @Option(help: "The script, where it is no Thing.")
        var script: String?
        @Option(help: "The configuration that luaScriptResource runs with.")
        var config = StandardPaths.lua

        func run() async throws {
            guard let name = thing ?? script else { throw ValidationError("expected --thing or --script") }
            let connection: LineConnection
            do {
                connection = try LineConnection(path: "\(config).socket")
            } catch {
                Console.error("\(error)")
                throw ExitCode(1)
            }
            let isTerminal = isatty(STDIN_FILENO) != 0
            var code = ""
            var failed = false
            while true {
                if isTerminal { Console.prompt(code.isEmpty ? "\(name)> " : "\(name)| ") }
                guard let line = readLine(strippingNewline: true) else { break }
                code += code.isEmpty ? line : "\n\(line)"
                if code.allSatisfy(\.isWhitespace) {
                    code = ""
                    continue
                }
                let answer = try JSONValue(
                    parsing: try connection.exchange(JSONValue.object(["script": .string(name), "code": .string(code)]).description))
                let outcome = answer["outcome"]?.string
                if outcome == "incomplete" { continue }
                code = ""
                failed = outcome != "ok"
                guard let text = answer["text"]?.string, !text.isEmpty else { continue }
                if failed { Console.error(text) } else { Console.line(text) }
            }
            if !code.isEmpty { Console.error("the input ended within a statement") }
            // A program that pipes code in learns whether its last line worked.
            if !isTerminal, failed || !code.isEmpty { throw ExitCode(1) }
        }
    }
}

/// Lines to and from a socket in the file system.
private final class LineConnection {
    private let file: Int32
    private var received: [UInt8] = []

    init(path: String) throws {
        var address = sockaddr_un()
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else { throw ValidationError("\(path): a socket's path has less than \(capacity) bytes") }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard status == 0 else {
            let reason = String(cString: strerror(errno))
            throw ValidationError("\(path): \(reason); is luaScriptResource running with this configuration, under this user?")
        }
    }

    deinit { close(file) }

    func exchange(_ line: String) throws -> String {
        var rest = Array("\(line)\n".utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(file, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw ValidationError("luaScriptResource closed the connection") }
            rest = rest.dropFirst(count)
        }
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                defer { received.removeFirst(end + 1) }
                return String(decoding: received[..<end], as: UTF8.self)
            }
            let count = read(file, &block, block.count)
            guard count > 0 else { throw ValidationError("luaScriptResource closed the connection") }
            received += block[..<count]
        }
    }
}
