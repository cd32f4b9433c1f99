import Crypto
import Formats
import Glibc
import LuaRuntime
import Secrets

/// `native.file(operation, …)`: what `tw_dir` is made of. Each operation returns its value, or nil and the system's reason.
enum FileNatives {
    static func perform(_ call: LuaState.Call) throws -> [LuaValue] {
        let path = call[1].string ?? ""
        let other = call[2].string ?? ""
        switch call[0].string {
        case "cwd": return [.text(workingDirectory())]
        case "stat": return info(path)
        case "list": return list(path)
        case "exists": return [.boolean(exists(path))]
        case "mkdir": return result(makeDirectory(path))
        case "remove": return result(remove(path))
        case "move": return result(move(path, other))
        case "copy": return result(copy(path, other))
        case "chmod": return result(change(path, other))
        case "md5": return digest(path)
        case "zip": return archived { try ZipArchive.make(path, of: call[3].table?.list.compactMap(\.string) ?? [], below: other) }
        case "unzip": return archived { try ZipArchive.unpack(path, into: other) }
        default: throw LuaError("no such operation on files")
        }
    }

    /// true, or nil, why not and the system's code.
    private static func result(_ succeeded: Bool) -> [LuaValue] { succeeded ? [.boolean(true)] : failure() }
    private static func failure() -> [LuaValue] {
        let code = errno
        return [.nil, .text(String(cString: strerror(code))), .number(Double(code))]
    }

    private static func archived(_ body: () throws -> Void) -> [LuaValue] {
        do {
            try body()
            return [.boolean(true)]
        } catch {
            return [.nil, .text("\(error)")]
        }
    }

    /// Whether there is anything of that name, a link that leads nowhere too.
    private static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0
    }

    private static func workingDirectory() -> String {
        guard let path = getcwd(nil, 0) else { return "." }
        defer { free(path) }
        return String(cString: path)
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return stat(path, &status) == 0 ? status : nil
    }

    private static func isDirectory(_ status: stat) -> Bool { status.st_mode & S_IFMT == S_IFDIR }

    private static func info(_ path: String) -> [LuaValue] {
        guard let status = status(path) else { return failure() }
        let type = isDirectory(status) ? "directory" : status.st_mode & S_IFMT == S_IFREG ? "file" : "other"
        let modified = Double(status.st_mtim.tv_sec) * 1000 + Double(status.st_mtim.tv_nsec / 1_000_000)
        return [
            .table(
                LuaTable(fields: [
                    "type": .text(type), "size": .number(Double(status.st_size)), "modified": .number(modified),
                    "readOnly": .boolean(access(path, W_OK) != 0),
                ]))
        ]
    }

    static func names(_ path: String) -> [String]? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func list(_ path: String) -> [LuaValue] {
        names(path).map { [.table(LuaTable(list: $0.map { .text($0) }))] } ?? failure()
    }

    private static func makeDirectory(_ path: String) -> Bool {
        do {
            try AtomicFile.makeDirectory(path)
            return true
        } catch {
            errno = (error as? FileFailure)?.code ?? EIO
            return false
        }
    }

    /// Links are removed themselves, never what they lead to.
    private static func remove(_ path: String) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else { return false }
        guard isDirectory(status) else { return unlink(path) == 0 }
        for name in names(path) ?? [] where !remove("\(path)/\(name)") { return false }
        return rmdir(path) == 0
    }

    private static func move(_ from: String, _ to: String) -> Bool {
        if rename(from, to) == 0 { return true }
        return errno == EXDEV && copy(from, to) && remove(from)
    }

    private static func isWithin(_ path: String, _ directory: String) -> Bool {
        func resolved(_ path: String) -> String? {
            guard let resolved = realpath(path, nil) else { return nil }
            defer { free(resolved) }
            return String(cString: resolved)
        }
        guard let outer = resolved(directory) else { return false }
        // What is not there yet lies where its nearest directory lies.
        var inner = path
        while resolved(inner) == nil, let slash = inner.lastIndex(of: "/") { inner = String(inner[..<slash]) }
        let found = (resolved(inner) ?? workingDirectory()) + "/"
        guard found.hasPrefix(outer == "/" ? "/" : outer + "/") else { return false }
        errno = EINVAL
        return true
    }

    private static func copy(_ from: String, _ to: String) -> Bool {
        guard let status = status(from) else { return false }
        if isDirectory(status) {
            // A copy within itself would have no end.
            guard let names = names(from), !isWithin(to, from), makeDirectory(to) else { return false }
            return names.allSatisfy { copy("\(from)/\($0)", "\(to)/\($0)") }
        }
        guard let input = fopen(from, "re") else { return false }
        defer { fclose(input) }
        guard let output = fopen(to, "we") else { return false }
        var block = [UInt8](repeating: 0, count: 65_536)
        var isWhole = true
        while isWhole, case let count = fread(&block, 1, block.count, input), count > 0 {
            isWhole = fwrite(block, 1, count, output) == count
        }
        return fclose(output) == 0 && isWhole && ferror(input) == 0 && chmod(to, status.st_mode & 0o7777) == 0
    }

    /// - Parameter mode: as chmod(1) takes it: octal digits, or letters such as `u+x,go-w`.
    private static func change(_ path: String, _ mode: String) -> Bool {
        guard let status = status(path) else { return false }
        guard let bits = FileMode.bits(mode, before: status.st_mode & 0o7777, isDirectory: isDirectory(status)) else {
            errno = EINVAL
            return false
        }
        return chmod(path, bits) == 0
    }

    private static func digest(_ path: String) -> [LuaValue] {
        guard let file = fopen(path, "re") else { return failure() }
        defer { fclose(file) }
        var hash = Insecure.MD5()
        var block = [UInt8](repeating: 0, count: 65_536)
        while case let count = fread(&block, 1, block.count, file), count > 0 { hash.update(data: block[..<count]) }
        return ferror(file) == 0 ? [.text(Hex.encode(hash.finalize()))] : failure()
    }
}
