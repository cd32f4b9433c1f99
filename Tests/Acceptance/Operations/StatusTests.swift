import Formats
import Foundation
import TestKit
import Testing

/// `edgectl status` and `edgectl support-bundle`.
@Suite struct StatusTests {
    private static let password = "pass-word-31"

    private func site(_ body: (Chain, Program, Program) async throws -> Void) async throws {
        let chain = try Chain()
        try chain.writeModel(things: #"[{"name": "T1"}]"#)
        let platform = try chain.startPlatform()
        let reserved = try ReservedPort()
        try chain.directory.write(
            "etc/config.json",
            """
            {"ws_servers": [{"host": "127.0.0.1", "port": \(try await platform.port())}], "appKey": "\(Chain.edgeKey)",
             "http_server": {"host": "127.0.0.1", "port": \(reserved.port), "ssl": false, "authenticate": true, "user": "me", "password": "\(StatusTests.password)"},
             "logger": {"level": "TRACE", "publish_directory": "\(chain.directory.path("logs"))"}, "metrics": {"enabled": true},
             "proxy": {"host": "", "user": "p", "password": "proxy-pass-99"},
             "ws_connection": {"encryption": "none", "verbose": true}, "auto_bind": [{"name": "T1", "user": "d", "password": "device-pass-77"}, {"name": "T2"}]}
            """)
        reserved.release(0)
        let gateway = try Program(Chain.binary("wsems"), [], in: chain.directory.path)
        try await platform.line(containing: "T1 is bound to")
        try await body(chain, gateway, platform)
        _ = await gateway.end()
        #expect(await platform.end() == 0)
    }

    private func edgectl(_ arguments: [String], _ chain: Chain) async throws -> (Int32, String) {
        let program = try Program(Chain.binary("edgectl"), arguments, in: chain.directory.path)
        return (await program.exitStatus(), program.output)
    }

    @Test func statusIsPlainWhereThereIsNoTerminal() async throws {
        try await site { chain, gateway, _ in
            let (status, text) = try await edgectl(["status"], chain)
            #expect(
                status == 0 && text.contains("connected to") && text.contains("Things      ") && text.contains("bound     T1"), "\(text)")
            #expect(!text.contains("\u{1B}"))
            let (_, json) = try await edgectl(["status", "--json"], chain)
            #expect(try JSONValue(parsing: json)["gateway"]?["isConnected"]?.bool == true)
            _ = await gateway.end()
            let (gone, message) = try await edgectl(["status"], chain)
            #expect(gone == 1 && message.contains("not reached"))
        }
    }

    /// On a terminal of its own: the second screen is entered, shows the page, and is left by `q`.
    @Test func theLivePageKeepsTheTerminalInOrder() async throws {
        try await site { chain, _, _ in
            let script = """
                import os, pty, select, sys, time
                pid, fd = pty.fork()
                if pid == 0: os.execv(sys.argv[1], [sys.argv[1], "status", "--watch", "--interval", "1"])
                seen, sent, end = b"", False, time.time() + 30
                while time.time() < end:
                    if select.select([fd], [], [], 1)[0]:
                        try: data = os.read(fd, 65536)
                        except OSError: break
                        if not data: break
                        seen += data
                    if not sent and seen.count(b"connected to") >= 2: os.write(fd, b"q"); sent = True
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                entered, left = seen.find(b"\\x1b[?1049h"), seen.rfind(b"\\x1b[?1049l")
                print("code", code, "order", 0 <= entered < left, "colours", b"\\x1b[32m" in seen)
                """
            let program = try Program("/usr/bin/env", ["python3", "-c", script, Chain.binary("edgectl")], in: chain.directory.path)
            #expect(await program.exitStatus() == 0)
            #expect(program.output.contains("code 0 order True colours True"), "\(program.output)")
        }
    }

    @Test("a bundle has what is needed, and no secret") func bundle() async throws {
        try await site { chain, gateway, _ in
            try chain.writeScripts(
                gateway: 1,
                "scripts.rap_password = 'lua-pass-55' scripts.log_publish_directory = '\(chain.directory.path("lualogs"))' scripts.S = { file = 's.lua', device = { password = 'device-pass-66', host = 'plc' } }"
            )
            try chain.directory.write("lualogs/ems_log_0.log", "a line of the Lua host\n")
            // Secrets in a log: by a hand that put them there.
            let (_, _) = try await edgectl(["status"], chain)
            for isRunning in [true, false] {
                if !isRunning { _ = await gateway.end() }
                try chain.directory.write(
                    "logs/ems_log_1.log",
                    "somebody logged \(Chain.edgeKey) and \(StatusTests.password) and Basic \(Base64.encode("me:\(StatusTests.password)".utf8))\n"
                )
                let (status, text) = try await edgectl(["support-bundle", "-o", "bundle.tar.gz"], chain)
                #expect(status == 0, "\(text)")
                let unpack = try Program(
                    "/bin/sh", ["-c", "rm -rf edge-support; tar xzf bundle.tar.gz && ls edge-support && stat -c %a bundle.tar.gz"],
                    in: chain.directory.path)
                #expect(await unpack.exitStatus() == 0 && unpack.output.contains("600"), "\(unpack.output)")
                for name in [
                    "check.txt", "check.json", "config.json", "status.json", "versions.txt", "host.txt", "wsems-log-0.txt",
                    "wsems-log-1.txt", "config-lua.json", "luaScriptResource-log-0.txt",
                ] + (isRunning ? ["metrics.txt", "log-in-memory.json"] : []) {
                    #expect(unpack.output.contains(name), "\(name)")
                }
                for secret in [
                    Chain.edgeKey, StatusTests.password, "proxy-pass-99", "device-pass-77", "lua-pass-55", "device-pass-66",
                    Base64.encode("me:\(StatusTests.password)".utf8),
                ] {
                    let grep = try Program("/bin/sh", ["-c", "grep -r -F -- '\(secret)' edge-support"], in: chain.directory.path)
                    #expect(await grep.exitStatus() == 1, "\(secret): \(grep.output)")
                }
                #expect(try chain.directory.read("edge-support/wsems-log-1.txt").contains("somebody logged *** and *** and Basic ***"))
                #expect(try chain.directory.read("edge-support/check.txt").contains(isRunning ? "runs at" : "does not run"))
            }
        }
    }
}
