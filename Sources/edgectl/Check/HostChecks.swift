import EdgeCore
import Formats
import Glibc
import Secrets

/// The machine: certificates on disk, directories that must be written, room, the store.
struct HostChecks {
    let configuration: GatewayConfiguration
    let keyFile: KeyFile

    func run() -> [CheckFinding] {
        var findings: [CheckFinding] = []
        findings += directory(
            "log directory", configuration.log.directory, setting: "logger.publish_directory", needs: configuration.log.maximumStorage,
            isMade: true)
        for virtual in configuration.file.directories {
            findings += directory("files", virtual.path, setting: "file.virtual_dirs", needs: 0, isMade: false)
        }
        if configuration.offlineStore.isEnabled { findings += store() }
        findings += files()
        return findings
    }

    /// - Parameter isMade: whether the gateway makes it where it is missing.
    private func directory(_ area: String, _ path: String, setting: String, needs: Int, isMade: Bool) -> [CheckFinding] {
        guard !path.isEmpty else { return [] }
        var status = stat()
        guard stat(path, &status) == 0 else {
            let reason = String(cString: strerror(errno))
            let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            let above = parent.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : parent
            if isMade, stat(above, &status) == 0, status.st_mode & S_IFMT == S_IFDIR, access(above, W_OK) == 0 {
                return [CheckFinding(area, .note, "\(path) is not there yet and will be made")]
            }
            return [
                CheckFinding(area, .error, "\(setting): \(path): \(reason)", do: "make the directory and give it to the gateway's user")
            ]
        }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            return [CheckFinding(area, .error, "\(setting): \(path) is no directory", do: "name a directory")]
        }
        guard access(path, W_OK | X_OK) == 0 else {
            return [
                CheckFinding(
                    area, .error, "\(setting): \(path) cannot be written: \(String(cString: strerror(errno)))",
                    do: "give it to the gateway's user, and see that the file system is not read-only")
            ]
        }
        var disk = statvfs()
        guard statvfs(path, &disk) == 0 else { return [] }
        let free = Int(disk.f_bavail) * Int(disk.f_frsize)
        if free < max(needs, 16 << 20) {
            return [
                CheckFinding(
                    area, free < 1 << 20 ? .error : .warning, "\(path): \(ProgressLine.bytes(Double(free))) are left on its disk",
                    do: "make room, or lower what \(setting) may take (\(ProgressLine.bytes(Double(needs))))")
            ]
        }
        if disk.f_files > 0, disk.f_favail < 100 {
            return [
                CheckFinding(
                    area, .warning, "\(path): its file system can hold only \(disk.f_favail) more files",
                    do: "remove files that nobody needs")
            ]
        }
        return [CheckFinding(area, .good, "\(path) can be written, \(ProgressLine.bytes(Double(free))) are free")]
    }

    private func store() -> [CheckFinding] {
        let settings = configuration.offlineStore
        var findings = directory(
            "store", settings.directory, setting: "offline_msg_store.directory", needs: settings.maximumSize, isMade: true)
        guard access("\(settings.directory)/\(OfflineStores.refusedDirectory)", F_OK) == 0 else { return findings }
        do {
            let counts = try StoredRequests(settings, keyFile: keyFile).counts
            findings.append(CheckFinding("store", .good, "\(counts.waiting) requests wait for the platform"))
            if counts.refused > 0 {
                findings.append(
                    CheckFinding(
                        "store", .warning, "the platform refused \(counts.refused) stored requests",
                        do: "edgectl store list shows them and why; edgectl store retry or drop"))
            }
        } catch {
            findings.append(CheckFinding("store", .error, "\(settings.directory): \(error)", do: "Documentation/store.md, \"Damage\""))
        }
        let damaged = HostChecks.entries(of: settings.directory).filter { $0.hasPrefix("damaged-") || $0.hasPrefix("version-") }
        if let first = damaged.min() {
            findings.append(
                CheckFinding(
                    "store", .warning,
                    "\(damaged.count) files in \(settings.directory) could not be read and were set aside, such as \(first)",
                    do: "Documentation/store.md, \"Damage\""))
        }
        return findings
    }

    private static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    /// How many descriptors a process started here would get.
    private func files() -> [CheckFinding] {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return [] }
        let needed = UInt(configuration.httpServer.maximumClients + 128)
        guard limit.rlim_cur < needed else { return [] }
        return [
            CheckFinding(
                "limits", .warning, "\(limit.rlim_cur) files may be open here, http_server.max_clients alone needs \(needed)",
                do: "LimitNOFILE= in the unit, or ulimit -n")
        ]
    }
}
