import Formats
import Foundation
import TestKit
import Testing

/// Units, packages, archive and image, as far as they can be looked at without a service manager and without an engine.
/// The life of an installed package: `make test-packages`.
@Suite struct PackagingTests {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardized

    private func text(_ path: String) throws -> String {
        try String(contentsOf: PackagingTests.root.appending(path: path), encoding: .utf8)
    }

    /// Settings of a unit's section `[Service]`, in their order.
    private func settings(_ path: String) throws -> [String] {
        let lines = try text(path).split(separator: "\n").map(String.init)
        let service = lines.drop { $0 != "[Service]" }.dropFirst().prefix { !$0.hasPrefix("[") }
        return service.filter { !$0.hasPrefix("#") && $0.contains("=") }
    }

    @Test("units of packages and of install_services confine their programs alike") func units() throws {
        let places = [
            "ExecStart", "WorkingDirectory", "User", "Group", "StateDirectory", "LogsDirectory", "ConfigurationDirectory", "ReadWritePaths",
            "ProtectHome",
        ]
        func confinement(_ path: String) throws -> Set<String> {
            Set(try settings(path).filter { setting in !places.contains { setting.hasPrefix($0) } })
        }
        for (package, install) in [("edge-gateway", "ems"), ("edge-lua", "lua")] {
            let (own, other) = (
                try confinement("Packaging/systemd/\(package).service"), try confinement("install_services/\(install).service")
            )
            #expect(own == other, "\(package): \(own.symmetricDifference(other).sorted())")
        }
        for unit in ["edge-gateway", "edge-lua", "edge-platform"] {
            let all = try settings("Packaging/systemd/\(unit).service")
            for setting in [
                "NoNewPrivileges=yes", "CapabilityBoundingSet=", "ProtectSystem=strict", "PrivateTmp=yes", "RestrictNamespaces=yes",
                "Type=notify",
                "Restart=on-failure", "SystemCallFilter=@system-service", "SystemCallFilter=~@privileged @resources", "UMask=0077",
            ] { #expect(all.contains(setting), "\(unit) lacks \(setting)") }
            // The store tells this start of the machine from others by a file that would be hidden.
            #expect(!all.contains("ProcSubset=pid"))
        }
    }

    private func run(
        _ command: String, in directory: TemporaryDirectory, environment: [String: String] = [:]
    ) async throws -> (Int32, String) {
        let program = try Program("/bin/bash", ["-c", command], in: directory.path, environment: environment)
        return (await program.exitStatus(), program.output)
    }

    @Test("packages hold what they should, start nothing, and their scripts are shell") func packages() async throws {
        let directory = try TemporaryDirectory()
        let bin = URL(filePath: Chain.binary("wsems")).deletingLastPathComponent().path
        let root = PackagingTests.root.path
        let (status, output) = try await run(
            "'\(root)/Packaging/deb/build' '\(bin)' '\(directory.path)'", in: directory, environment: ["COMPRESSION": "none"])
        try #require(status == 0, "\(output)")
        for (package, files) in [
            (
                "edge-gateway",
                [
                    "/usr/bin/wsems", "/usr/bin/edgectl", "/usr/lib/systemd/system/edge-gateway.service", "/usr/share/man/man8/wsems.8.gz",
                    "/usr/share/man/man1/edgectl.1.gz", "/usr/share/bash-completion/completions/edgectl",
                    "/usr/share/edge-gateway/config.schema.json",
                    "/usr/share/doc/edge-gateway/examples/dashboard.json",
                ]
            ),
            (
                "edge-lua",
                [
                    "/usr/bin/luaScriptResource", "/usr/share/thingworx-edge/thingworx/lua/boot.lua",
                    "/usr/lib/systemd/system/edge-lua.service",
                ]
            ),
            ("edge-platform", ["/usr/bin/thingplatform", "/usr/share/thingworx-edge/console/index.html"]),
        ] {
            let (_, listed) = try await run("dpkg-deb -c \(package)_*.deb; dpkg-deb -f \(package)_*.deb", in: directory)
            for file in files { #expect(listed.contains(".\(file)\n"), "\(package) lacks \(file)") }
            // All belong to root, and nobody else writes to them.
            #expect(!listed.contains("/etc/"), "what is below /etc is made once, and is the administrator's")
            #expect(
                !listed.split(separator: "\n").contains {
                    $0.hasPrefix("-") && ($0.dropFirst(5).first == "w" || $0.dropFirst(8).first == "w")
                })
            #expect(listed.contains("Depends: ") && listed.contains("libc6"))
            let (sound, complaint) = try await run(
                "mkdir x && dpkg-deb -e \(package)_*.deb x && for f in x/p*; do sh -n $f || exit 1; done && ! grep -l 'systemctl.*enable' x/* && rm -r x",
                in: directory)
            #expect(sound == 0, "\(complaint)")
        }
    }

    @Test("the archive runs where it is unpacked, and says what is in it") func archive() async throws {
        let directory = try TemporaryDirectory()
        let bin = URL(filePath: Chain.binary("wsems")).deletingLastPathComponent().path
        let root = PackagingTests.root.path
        let (status, output) = try await run(
            "'\(root)/Packaging/dist' '\(bin)' '\(directory.path)'", in: directory, environment: ["GZIP": "-1"])
        try #require(status == 0, "\(output)")
        let (checked, report) = try await run(
            "sha256sum -c --quiet *.sha256 && tar xzf edge-*.tar.gz && cd edge-*/ && sha256sum -c --quiet SHA256SUMS", in: directory)
        #expect(checked == 0, "\(report)")
        let bill = try await run("cat edge-*.cdx.json", in: directory).1
        let json = try JSONValue(parsing: bill)
        let names = Set(json["components"]?.array?.compactMap { $0["name"]?.string } ?? [])
        #expect(
            json["bomFormat"]?.string == "CycloneDX" && names.isSuperset(of: ["swift-nio", "swift-nio-ssl", "swift", "libc6", "wsems"]),
            "\(names)")
        // Its library lies beside it, and no longer in the sources.
        let (ran, said) = try await run(
            "cd edge-*/ && printf 'scripts.script_resource_ssl = false' > etc/config.lua && ./luaScriptResource -check && bash -n share/bash-completion/edgectl",
            in: directory)
        #expect(ran == 0 && said.contains("usable"), "\(said)")
    }

    @Test("what a package begins with gives up no security") func firstConfigurations() throws {
        let gateway = try JSONValue(parsing: try text("Packaging/etc/config.json"))
        #expect(gateway["http_server"]?["ssl"] == nil && gateway["http_server"]?["authenticate"] == nil && gateway["certificates"] == nil)
        #expect(gateway["ws_connection"] == nil && gateway["http_server"]?["host"]?.string == "127.0.0.1")
        let lua = try text("Packaging/etc/config.lua").split(separator: "\n").filter { !$0.hasPrefix("--") }
        #expect(!lua.contains { $0.hasSuffix("= false") } && lua.contains { $0.hasPrefix("scripts.rap_host") })
    }

    @Test("the image: what is copied is there, nobody is root, health is asked") func image() throws {
        let lines = try text("Packaging/Containerfile").split(separator: "\n").map(String.init)
        let stages = lines.filter { $0.hasPrefix("FROM ") }
        #expect(stages.count == 2 && stages.allSatisfy { $0.contains(":") && !$0.contains(":latest") })
        let last = lines.drop { $0 != stages.last }
        #expect(last.contains { $0.hasPrefix("USER ") && !$0.contains("USER 0") } && last.contains { $0.hasPrefix("HEALTHCHECK ") })
        #expect(last.contains { $0.hasPrefix("STOPSIGNAL SIGTERM") } && last.contains { $0.hasPrefix("COPY --from=build ") })
        for name in ["deb/build"] { #expect(lines.contains { $0.contains("Packaging/\(name)") }) }
    }

    @Test("manual pages tell every option that --help does") func manuals() async throws {
        let directory = try TemporaryDirectory()
        let bin = URL(filePath: Chain.binary("wsems")).deletingLastPathComponent().path
        let (status, output) = try await run("'\(PackagingTests.root.path)/Scripts/manuals' '\(bin)' out", in: directory)
        try #require(status == 0, "\(output)")
        for (program, page) in [
            ("wsems", "man8/wsems.8"), ("luaScriptResource", "man8/luaScriptResource.8"), ("thingplatform", "man8/thingplatform.8"),
        ] {
            let manual = try directory.read("out/\(page)").replacing("\\-", with: "-")
            let help = try await run("'\(bin)/\(program)' --help", in: directory).1
            for option in help.matches(of: /(?m)^  (--?[A-Za-z-]+)/).map({ String($0.1) })
            where !["-h", "-help", "--help"].contains(option) {
                #expect(manual.contains(option), "\(page) lacks \(option)")
            }
        }
        let edgectl = try directory.read("out/man1/edgectl.1").replacing("\\-", with: "-")
        for command in ["edgectl check", "edgectl status", "edgectl support-bundle", "edgectl tunnel", "edgectl store retry"] {
            #expect(edgectl.contains(".SS \(command)"), "\(command)")
        }
    }
}
