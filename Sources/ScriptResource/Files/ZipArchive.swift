import CZip
import Glibc
import LuaRuntime
import Secrets

/// ZIP archives: made of files below a directory, and taken apart into one.
///
/// An archive comes from elsewhere. It is judged as a whole before anything is written: names that lead out of the directory, links
/// and devices, more entries or bytes than there may be are refused. Files are made anew below directories that are opened one by
/// one, without following links, so that nothing lands outside, whatever lies there or is put there meanwhile.
enum ZipArchive {
    static let maximumEntries = 100_000
    static let maximumBytes: UInt64 = 4 << 30

    // MARK: Making

    /// - Parameters:
    ///   - names: files and directories relative to `root`, which keep these names; links are left out.
    /// - Throws: `LuaError`; there is no archive then, or the one that was there before.
    static func make(_ path: String, of names: [String], below root: String) throws {
        var entries: [(name: String, isDirectory: Bool)] = []
        for name in names { try collect(name, root, path, &entries) }
        guard !entries.isEmpty else { throw LuaError("there is nothing to put into \(path)") }
        var code: Int32 = 0
        guard let archive = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &code) else { throw LuaError("\(path): \(reason(code))") }
        do {
            for entry in entries { try add(entry, root, to: archive) }
        } catch {
            zip_discard(archive)
            throw error
        }
        guard zip_close(archive) == 0 else {
            let why = String(cString: zip_strerror(archive))
            zip_discard(archive)
            throw LuaError("\(path): \(why)")
        }
    }

    private static func collect(
        _ name: String, _ root: String, _ archive: String, _ entries: inout [(name: String, isDirectory: Bool)]
    ) throws {
        var name = name[...]
        while name.hasPrefix("/") || name.hasPrefix("./") { name = name.dropFirst() }
        while name.hasSuffix("/") { name = name.dropLast() }
        guard !name.isEmpty, !name.split(separator: "/").contains("..") else {
            throw LuaError("\(name): expected a name below the directory \(root)")
        }
        let path = "\(root)/\(name)"
        var status = stat()
        guard lstat(path, &status) == 0 else { throw LuaError("\(path): \(String(cString: strerror(errno)))") }
        guard entries.count < maximumEntries else { throw LuaError("\(path): more than \(maximumEntries) entries") }
        switch status.st_mode & S_IFMT {
        case S_IFREG: if !isSame(path, archive) { entries.append((String(name), false)) }
        case S_IFDIR:
            entries.append((String(name), true))
            for each in FileNatives.names(path) ?? [] { try collect("\(name)/\(each)", root, archive, &entries) }
        default: break
        }
    }

    private static func isSame(_ path: String, _ other: String) -> Bool {
        var (first, second) = (stat(), stat())
        return stat(path, &first) == 0 && stat(other, &second) == 0 && first.st_ino == second.st_ino && first.st_dev == second.st_dev
    }

    private static func add(_ entry: (name: String, isDirectory: Bool), _ root: String, to archive: OpaquePointer) throws {
        if entry.isDirectory {
            guard zip_dir_add(archive, entry.name, 0) >= 0 else { throw failure(entry.name, archive) }
            return
        }
        var status = stat()
        _ = stat("\(root)/\(entry.name)", &status)
        guard let source = zip_source_file(archive, "\(root)/\(entry.name)", 0, -1) else { throw failure(entry.name, archive) }
        let index = zip_file_add(archive, entry.name, source, 0)
        guard index >= 0 else {
            zip_source_free(source)
            throw failure(entry.name, archive)
        }
        zip_file_set_external_attributes(archive, UInt64(index), 0, UInt8(ZIP_OPSYS_UNIX), status.st_mode << 16)
    }

    private static func failure(_ name: String, _ archive: OpaquePointer) -> LuaError {
        LuaError("\(name): \(String(cString: zip_strerror(archive)))")
    }

    private static func reason(_ code: Int32) -> String {
        var error = zip_error_t()
        zip_error_init_with_code(&error, code)
        defer { zip_error_fini(&error) }
        return String(cString: zip_error_strerror(&error))
    }

    // MARK: Taking apart

    private struct Entry {
        let index: UInt64
        let parts: [String]
        let isDirectory: Bool
        let mode: mode_t
    }

    /// - Throws: `LuaError`. Where the archive is refused nothing was written; where it is damaged, what came before the damage.
    static func unpack(_ path: String, into directory: String) throws {
        var code: Int32 = 0
        guard let archive = zip_open(path, ZIP_RDONLY, &code) else { throw LuaError("\(path): \(reason(code))") }
        defer { zip_discard(archive) }
        let entries = try judged(archive)
        do { try AtomicFile.makeDirectory(directory) } catch { throw LuaError("\(error)") }
        let root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard root >= 0 else { throw LuaError("\(directory): \(String(cString: strerror(errno)))") }
        defer { close(root) }
        var left = maximumBytes
        for entry in entries { try write(entry, of: archive, below: root, &left) }
    }

    private static func judged(_ archive: OpaquePointer) throws -> [Entry] {
        let count = zip_get_num_entries(archive, 0)
        guard (0...Int64(maximumEntries)).contains(count) else { throw LuaError("the archive has more than \(maximumEntries) entries") }
        var bytes: UInt64 = 0
        return try (0..<UInt64(count)).map { index in
            var status = zip_stat_t()
            guard zip_stat_index(archive, index, 0, &status) == 0, let raw = zip_get_name(archive, index, ZIP_FL_ENC_RAW) else {
                throw LuaError("entry \(index + 1) of the archive cannot be read")
            }
            let name = String(cString: raw)
            let parts = name.split(separator: "/").map(String.init).filter { $0 != "." }
            guard !name.hasPrefix("/"), !parts.contains(".."), parts.count <= 100 else {
                throw LuaError("the archive holds \(name), which leads out of the directory")
            }
            let (sum, overflows) = bytes.addingReportingOverflow(status.size)
            guard !overflows, sum <= maximumBytes else { throw LuaError("the archive holds more than \(maximumBytes) bytes") }
            bytes = sum
            return Entry(index: index, parts: parts, isDirectory: name.hasSuffix("/"), mode: try mode(archive, index, name))
        }
    }

    /// Permissions; 0 where the archive does not say.
    private static func mode(_ archive: OpaquePointer, _ index: UInt64, _ name: String) throws -> mode_t {
        var (system, attributes): (UInt8, UInt32) = (0, 0)
        guard zip_file_get_external_attributes(archive, index, 0, &system, &attributes) == 0, system == UInt8(ZIP_OPSYS_UNIX) else {
            return 0
        }
        let mode = mode_t(attributes >> 16)
        guard [0, S_IFREG, S_IFDIR].contains(mode & S_IFMT) else {
            throw LuaError("the archive holds \(name), which is neither a file nor a directory")
        }
        return mode & 0o777
    }

    private static func write(_ entry: Entry, of archive: OpaquePointer, below root: Int32, _ left: inout UInt64) throws {
        guard let last = entry.parts.last else { return }
        var directory = dup(root)
        defer { close(directory) }
        for part in entry.isDirectory ? entry.parts[...] : entry.parts.dropLast() {
            let next = try descend(into: part, from: directory)
            close(directory)
            directory = next
        }
        if entry.isDirectory { return }
        // Whatever has the name goes first: a link is not followed, a pipe not waited for.
        unlinkat(directory, last, 0)
        let mode = entry.mode == 0 ? 0o644 : entry.mode | 0o200
        let file = openat(directory, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0 else { throw LuaError("\(entry.parts.joined(separator: "/")): \(String(cString: strerror(errno)))") }
        do {
            try copy(entry, of: archive, to: file, &left)
        } catch {
            close(file)
            unlinkat(directory, last, 0)
            throw error
        }
        close(file)
    }

    private static func descend(into name: String, from directory: Int32) throws -> Int32 {
        if mkdirat(directory, name, 0o755) != 0, errno != EEXIST { throw LuaError("\(name): \(String(cString: strerror(errno)))") }
        let next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard next >= 0 else { throw LuaError("\(name): \(String(cString: strerror(errno)))") }
        return next
    }

    private static func copy(_ entry: Entry, of archive: OpaquePointer, to file: Int32, _ left: inout UInt64) throws {
        let name = entry.parts.joined(separator: "/")
        guard let source = zip_fopen_index(archive, entry.index, 0) else { throw failure(name, archive) }
        defer { zip_fclose(source) }
        var block = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = zip_fread(source, &block, UInt64(block.count))
            guard count >= 0 else { throw LuaError("\(name): \(String(cString: zip_file_strerror(source)))") }
            if count == 0 { return }
            // A size that was said is no promise.
            guard UInt64(count) <= left else { throw LuaError("the archive holds more than \(maximumBytes) bytes") }
            left -= UInt64(count)
            var written = 0
            while written < Int(count) {
                let result = block[written..<Int(count)].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
                guard result > 0 || errno == EINTR else { throw LuaError("\(name): \(String(cString: strerror(errno)))") }
                written += max(result, 0)
            }
        }
    }
}
