import EdgeCore
import Formats
import Glibc
import Secrets
import Settings

/// The gateway's configuration: whether it can be used, and who else can read its key.
struct ConfigurationChecks {
    let path: String

    /// - Returns: nil in place of a configuration that cannot be used.
    func run() -> (GatewayConfiguration?, [CheckFinding]) {
        var findings: [CheckFinding] = []
        let file = ConfigurationFile(path: path)
        // Reading the key takes from others what they may do with it: looked at before.
        findings += keyFindings(file.keyFile)
        do {
            let diagnostics = try file.check()
            for diagnostic in diagnostics {
                let severity: CheckFinding.Severity = diagnostic.severity == .error ? .error : .warning
                findings.append(
                    CheckFinding(
                        "configuration", severity, "\(path): \(diagnostic)", do: "Documentation/config.md tells what may stand there"))
            }
            if diagnostics.isEmpty { findings.append(CheckFinding("configuration", .good, "\(path) can be used")) }
        } catch {
            findings.append(
                CheckFinding(
                    "configuration", .error, "\(error)".hasPrefix(path) ? "\(error)" : "\(path): \(error)",
                    do: "wsems -check -cfg \(path) shows the place; config.json.booted beside it is the last that worked"))
            return (nil, findings)
        }
        guard let configuration = try? file.look() else { return (nil, findings) }
        if let fallback = fallbackFinding(file) { findings.append(fallback) }
        for warning in SecurityWarnings.of(configuration) { findings.append(CheckFinding("security", .note, warning)) }
        if configuration.fips.isEnabled {
            findings.append(
                CheckFinding(
                    "configuration", .error, "fips.enabled is true and there is no FIPS module: the gateway does not start",
                    do: "set fips.enabled to false"))
        }
        if configuration.applicationKey == nil {
            findings.append(
                CheckFinding(
                    "key", .error, "there is no usable appKey in \(path)",
                    do: "put the application key in clear text into appKey: it is encrypted at the next start"))
        }
        return (configuration, findings)
    }

    private func keyFindings(_ key: KeyFile) -> [CheckFinding] {
        var status = stat()
        guard stat(key.path, &status) == 0 else {
            return [
                CheckFinding("key file", .note, "there is no \(key.path) yet: it is made at the first start, for the secrets of \(path)")
            ]
        }
        if access(key.path, R_OK) != 0 {
            return [
                CheckFinding(
                    "key file", .error, "\(key.path) cannot be read: \(String(cString: strerror(errno)))",
                    do: "run this as the gateway's user, or give that user the file (chown, chmod 600)")
            ]
        }
        guard !key.isCredential, status.st_mode & 0o077 != 0 else {
            return [CheckFinding("key file", .good, "\(key.path) is its owner's alone")]
        }
        return [
            CheckFinding(
                "key file", .error, "\(key.path) can be read or written by others (mode \(String(status.st_mode & 0o777, radix: 8)))",
                do:
                    "chmod 600 \(key.path); whoever may have read it knows the secrets: edgectl secrets rotate, and new keys on the platform"
            )
        ]
    }

    /// A file that is newer than what runs, and was not taken.
    private func fallbackFinding(_ file: ConfigurationFile) -> CheckFinding? {
        guard let own = try? AtomicFile.read(file.path), let booted = try? AtomicFile.read(file.bootedPath), own != booted else {
            return nil
        }
        return CheckFinding(
            "configuration", .note, "\(path) differs from \(file.bootedPath), with which the gateway last started",
            do: "systemctl reload, or a restart, puts it in force")
    }
}
