import Foundation
import TestKit
import Testing

/// The programs that people use tunnels for.
@Suite struct TunnelProgramsTests {
    private static let megabytes = 100

    private func run(_ program: String, _ arguments: [String], in chain: Chain) async throws {
        let started = try Program(program, arguments, in: chain.directory.path)
        #expect(await started.exitStatus() == 0, "\(program): \(started.output)")
    }

    /// An SSH server that knows one key.
    private func sshd(in chain: Chain) async throws -> (Program, Int) {
        let path = chain.directory.path
        for name in ["host_key", "user_key"] {
            try await run("/usr/bin/ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "\(path)/\(name)"], in: chain)
        }
        // A root's server wants its directory.
        if getuid() == 0 { try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true) }
        let port = try ReservedPort().port
        try chain.directory.write(
            "sshd_config",
            """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(path)/host_key
            AuthorizedKeysFile \(path)/user_key.pub
            PidFile none
            UsePAM no
            StrictModes no
            PermitRootLogin yes
            PasswordAuthentication no
            Subsystem sftp internal-sftp

            """)
        let server = try Program("/usr/sbin/sshd", ["-D", "-e", "-f", "\(path)/sshd_config"], in: path)
        try await server.line(containing: "Server listening on 127.0.0.1")
        return (server, port)
    }

    @Test("ssh, ssh by ProxyCommand, scp of 100 MB there and back, rsync and a web page go through a tunnel")
    func realPrograms() async throws {
        let tunnels = try await TunnelChain()
        let chain = tunnels.chain
        let gateway = try await tunnels.startGateway()
        let (server, port) = try await sshd(in: chain)
        try FileManager.default.createDirectory(atPath: chain.directory.path("web"), withIntermediateDirectories: true)
        let webPort = try ReservedPort().port
        let web = try Program(
            "/usr/bin/python3",
            ["-u", "-m", "http.server", "\(webPort)", "--bind", "127.0.0.1", "--directory", chain.directory.path("web")],
            in: chain.directory.path)
        try await web.line(containing: "Serving HTTP")
        let (shell, shellPort) = try await tunnels.tunnel("127.0.0.1:\(port)")
        let (page, pagePort) = try await tunnels.tunnel("127.0.0.1:\(webPort)")
        let url = "http://127.0.0.1:\(tunnels.platform.port)"
        let proxy = "\(Chain.binary("edgectl")) tunnel --stdio --url \(url) \(TunnelChain.thing) 127.0.0.1:\(port)"
        let script = try #require(Bundle.module.path(forResource: "tunnel_programs.sh", ofType: nil, inDirectory: "Fixtures"))
        let programs = try Program(
            "/bin/bash",
            [script, chain.directory.path, "\(shellPort)", "\(pagePort)", proxy, "\(TunnelProgramsTests.megabytes * 1_000_000)"],
            in: chain.directory.path, environment: ["THINGWORX_APP_KEY": Chain.adminKey])
        #expect(await programs.exitStatus() == 0)
        #expect(programs.lines == ["ssh", "ssh with ProxyCommand", "scp", "rsync", "web page"].map { "\($0): fine" }, "\(programs.output)")
        for program in [shell, page] { await program.end(SIGINT) }
        try await tunnels.untilNone()
        for program in [server, web] { await program.end() }
        #expect(await gateway.end() == 0)
    }
}
