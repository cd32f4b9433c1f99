import Foundation
import Glibc
import TestKit
import Testing

/// Services run as users of their own: what works for root alone works for nobody.
@Suite struct UnprivilegedTests {
    /// Where tests run as root, the programs run as somebody who may do nothing.
    private static let nobody = 65534

    @Test func theChainNeedsNoPrivileges() async throws {
        let chain = try Chain()
        // Of their own, where anybody may read them: the build may lie where only root does.
        for program in ["thingplatform", "wsems", "luaScriptResource", "edgectl"] {
            try FileManager.default.copyItem(atPath: Chain.binary(program), toPath: chain.directory.path(program))
        }
        let library = PackagingTests.root.appending(path: "Sources/ScriptResource/thingworx").path
        try chain.writeModel(things: #"[{"name": "T1", "properties": {"x": {"baseType": "NUMBER", "remote": true}}}]"#)
        try FileManager.default.copyItem(atPath: library, toPath: chain.directory.path("etc/thingworx"))
        func start(_ name: String, _ arguments: [String]) throws -> Program {
            let path = chain.directory.path(name)
            guard geteuid() == 0 else { return try Program(path, arguments, in: chain.directory.path) }
            let identity = ["--reuid", "\(UnprivilegedTests.nobody)", "--regid", "\(UnprivilegedTests.nobody)", "--clear-groups"]
            return try Program("/usr/bin/setpriv", identity + [path] + arguments, in: chain.directory.path)
        }
        func give() async throws {
            guard geteuid() == 0 else { return }
            let command = "chown -R \(UnprivilegedTests.nobody) . && chmod 755 ."
            let program = try Program("/bin/sh", ["-c", command], in: chain.directory.path)
            #expect(await program.exitStatus() == 0, "\(program.output)")
        }
        try await give()
        let platform = try start("thingplatform", ["--config", "platform.json", "--port", "0", "--model", "file"])
        let platformPort = try await platform.port()
        try chain.writeGateway(platform: platformPort)
        try await give()
        let gateway = try start("wsems", [])
        let gatewayPort = try await gateway.port()
        try chain.writeTemplate("t1", "properties.x = { baseType = 'NUMBER', value = 7 }")
        try chain.writeScripts(gateway: gatewayPort, "scripts.T1 = { file = 'thing.lua', template = 't1' }")
        try await give()
        let scripts = try start("luaScriptResource", [])
        try await platform.line(containing: "T1 is bound to")
        let answer = try await Curl(
            "-H", "appKey: \(Chain.adminKey)", "-H", "Accept: application/json",
            "http://127.0.0.1:\(platformPort)/Thingworx/Things/T1/Properties/x")
        #expect(answer.status == 200 && answer.body.contains("\"x\":7"), "\(answer.body)")
        for program in [scripts, gateway, platform] { #expect(await program.end() == 0, "\(program.output)") }
    }
}
