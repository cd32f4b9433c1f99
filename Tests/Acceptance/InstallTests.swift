import Foundation
import TestKit
import Testing

/// `install_services/install`, with a stand-in for systemctl.
@Suite struct InstallTests {
    private func install(_ arguments: [String], in directory: TemporaryDirectory) async throws -> (Int32, String) {
        let source = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../install_services").standardized
        let target = directory.path("install_services")
        if !FileManager.default.fileExists(atPath: target) {
            try FileManager.default.copyItem(at: source, to: URL(filePath: target))
            for program in ["wsems", "luaScriptResource", "bin/systemctl"] {
                try directory.write(program, "#!/bin/sh\necho \"$@\" >> \"\(directory.path)/calls\"\n")
                try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path(program))
            }
            try FileManager.default.createDirectory(atPath: directory.path("units"), withIntermediateDirectories: true)
        }
        let path = "\(directory.path("bin")):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")"
        let program = try Program(
            "/bin/bash", ["install_services/install"] + arguments, in: directory.path,
            environment: ["PATH": path, "UNIT_DIR": directory.path("units")])
        return (await program.exitStatus(), program.output)
    }

    @Test func unitsAreWrittenAndEnabled() async throws {
        let directory = try TemporaryDirectory()
        let (status, output) = try await install(["-w", "--lsr=press-lua", "-u=root"], in: directory)
        #expect(status == 0, "\(output)")
        let unit = try directory.read("units/tw_microServerd.service")
        #expect(
            unit.contains("ExecStart=\(directory.path)/wsems -cfg \(directory.path)/etc/config.json") && unit.contains("User=root")
                && !unit.contains("@R"))
        for setting in [
            "NoNewPrivileges=yes", "ProtectSystem=strict", "PrivateTmp=yes", "RestrictAddressFamilies=", "Type=notify", "WatchdogSec=",
            "Restart=on-failure", "RestartSec=5s",
        ] {
            #expect(unit.contains(setting))
        }
        #expect(try directory.read("units/press-lua.service").contains("luaScriptResource -cfg"))
        #expect(try directory.read("calls") == "daemon-reload\nenable tw_microServerd.service press-lua.service\n")
    }

    @Test func mistakesAreNamed() async throws {
        let directory = try TemporaryDirectory()
        for (arguments, status, text) in [
            ([], 2, "expected -w or -l"), (["-x"], 2, "unknown option -x"),
            (["-w", "-u=no-such-user-7"], 1, "there is no user no-such-user-7"),
            (["-w=a/b"], 1, "is no name of a service"), (["-h"], 0, "usage: install"),
        ] as [([String], Int32, String)] {
            let (found, output) = try await install(arguments, in: directory)
            #expect(found == status && output.contains(text), "\(arguments): \(found) \(output)")
        }
    }
}
