import EdgeREST
import Formats
import Foundation
import TestKit
import Testing

@Suite struct ConsoleTests {
    /// A program whose standard input is written to line by line.
    struct Typed {
        let program: Program
        private let input: FileHandle

        init(_ path: String, _ arguments: [String] = [], in directory: TemporaryDirectory) throws {
            let fifo = directory.path("input")
            mkfifo(fifo, 0o600)
            let command = "exec '\(path)' \(arguments.joined(separator: " ")) < input"
            // Opened for reading too, so that neither side waits for the other.
            input = FileHandle(fileDescriptor: open(fifo, O_RDWR | O_CLOEXEC), closeOnDealloc: true)
            program = try Program("/bin/sh", ["-c", command], in: directory.path)
        }

        func type(_ line: String) { input.write(Data("\(line)\n".utf8)) }
    }

    @Test("ems 10, 11, 12: version and warnings at the start, ++ when connected, q unbinds and ends") func promptAndEnd() async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        try chain.writeGateway(
            platform: try await platform.port(), autoBind: #"[{"name": "T1"}]"#,
            more: #", "certificates": {"validate": false, "allow_self_signed": true}, "logger": {"level": "INFO"}"#)
        let typed = try Typed(Chain.binary("wsems"), in: chain.directory)
        let gateway = typed.program
        try await gateway.line(containing: "version 0.1.0")
        let warnings = gateway.lines.filter { $0.hasPrefix("[WARN]") }
        for text in [
            "http_server.ssl is off", "http_server.authenticate is off", "certificates.validate is off",
            "certificates.allow_self_signed is on", "ws_connection.encryption is none",
        ] {
            #expect(warnings.count { $0.contains(text) } == 1, "\(text)")
        }
        #expect(gateway.lines.contains { $0.hasPrefix("[INFO]") && $0.contains("wsems: version 0.1.0") })
        try await platform.line(containing: "T1 is bound")
        typed.type("")
        typed.type("hello")
        try await gateway.line(containing: "++ hello: unknown. ENTER shows the state, q ends the gateway")
        typed.type("q")
        #expect(await gateway.exitStatus() == 0)
        try await platform.line(containing: "T1 is not connected any more")
    }

    @Test func theDeviceHostsConsole() async throws {
        let chain = try Chain()
        try chain.writeScripts(gateway: 1, "")
        let typed = try Typed(Chain.binary("luaScriptResource"), in: chain.directory)
        _ = try await typed.program.port()
        typed.type("")
        typed.type("what")
        try await typed.program.line(containing: "> what: unknown. q ends the program")
        typed.type("q")
        #expect(await typed.program.exitStatus() == 0)
        #expect(typed.program.output.contains("luaScriptResource: stopped"))
    }

    @Test func anEndOfInputEndsNothingAndThePromptTellsOfALostPlatform() async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1)
        let gateway = try chain.startGateway()
        _ = try await gateway.port()
        try await gateway.line(containing: "Trying again")
        #expect(await gateway.end() == 0)
        let typed = try Typed(Chain.binary("wsems"), in: chain.directory)
        _ = try await typed.program.port()
        typed.type("")
        typed.type("exit")
        #expect(await typed.program.exitStatus() == 0)
        #expect(typed.program.output.contains("-- "))
    }

    @Test("ems 13: run by an init script: in the background, with a terminal's end no end") func service() async throws {
        let chain = try Chain()
        try chain.writeModel()
        let platform = try chain.startPlatform()
        try chain.writeGateway(platform: try await platform.port(), more: #", "logger": {"level": "INFO", "publish_directory": "logs"}"#)
        let launcher = try chain.startGateway(["-cfg", "etc/config.json", "-service"])
        #expect(await launcher.exitStatus() == 0)
        let children = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/cwd")) == chain.directory.path && $0 != platform.pid
        }
        defer { for child in children { kill(child, SIGKILL) } }
        let child = try #require(children.first)
        #expect(children.count == 1 && getsid(child) == child)
        try await platform.line(containing: "authenticated with key edge")
        kill(child, SIGTERM)
        try await platform.line(containing: "connection 1 closed")
    }

    @Test func helpIsOnStandardOutput() async throws {
        let chain = try Chain()
        for option in ["-h", "-help", "--help"] {
            let gateway = try chain.startGateway([option])
            #expect(await gateway.exitStatus() == 0)
            #expect(gateway.output.contains("USAGE: wsems"))
        }
    }

    /// What systemd hears of a unit of type notify.
    @Test func theServiceManagerIsToldOfStartReloadAndEnd() async throws {
        let chain = try Chain()
        try chain.writeGateway(platform: 1)
        let listener = try NotifySocket(chain.directory.path("notify"))
        let gateway = try chain.startGateway(environment: ["NOTIFY_SOCKET": listener.path, "WATCHDOG_USEC": "300000"])
        #expect(try await listener.message(containing: "READY=1").contains("MAINPID=\(gateway.pid)"))
        _ = try await listener.message(containing: "WATCHDOG=1")
        gateway.signal(SIGHUP)
        _ = try await listener.message(containing: "RELOADING=1\nMONOTONIC_USEC=")
        _ = try await listener.message(containing: "READY=1")
        #expect(await gateway.end() == 0)
        _ = try await listener.message(containing: "STOPPING=1")
    }
}

/// A datagram socket that a service tells of itself.
private final class NotifySocket: Sendable {
    let path: String
    private let messages: AsyncStream<String>
    private let descriptor: Int32

    init(_ path: String) throws {
        self.path = path
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        self.descriptor = descriptor
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        guard bound == 0 else { throw Program.Failure(description: "cannot bind \(path): \(String(cString: strerror(errno)))") }
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        messages = stream
        Thread {
            var block = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(descriptor, &block, block.count, 0)
                guard count > 0 else { return continuation.finish() }
                continuation.yield(String(decoding: block[..<count], as: UTF8.self))
            }
        }.start()
    }

    deinit {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    func message(containing text: String) async throws -> String {
        for await message in messages where message.contains(text) { return message }
        throw Program.Failure(description: "the socket closed before \(text)")
    }
}
