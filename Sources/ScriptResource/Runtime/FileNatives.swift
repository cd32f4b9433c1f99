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
        case "mkdir": return result(makeDirectory(path))
        case "remove": return result(remove(path))
        case "move": return result(move(path, other))
        case "copy": return result(copy(path, other))
        case "chmod":
            guard let mode = call[2].number.flatMap({ UInt32(exactly: $0) }) else { return [.nil, .text("expected a mode such as \"644\"")] }
            return result(chmod(path, mode & 0o7777) == 0)
        case "md5": return digest(path)
        default: throw LuaError("no such operation on files")
        }
    }

    /// true, or nil and why not; a path ends at a zero byte for the system, so none may hold one.
    private static func result(_ succeeded: Bool) -> [LuaValue] { succeeded ? [.boolean(true)] : failure() }
    private static func failure() -> [LuaValue] { [.nil, .text(String(cString: strerror(errno)))] }

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
        return [.table(LuaTable(fields: [
            "type": .text(type), "size": .number(Double(status.st_size)), "modified": .number(modified), "mode": .text(String(status.st_mode & 0o7777, radix: 8)),
        ]))]
    }

    private static func names(_ path: String) -> [String]? {
        guard let directory = opendir(path) else { return nil }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private static func list(_ path: String) -> [LuaValue] { names(path).map { [.table(LuaTable(list: $0.map { .text($0) }))] } ?? failure() }

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

    private static func copy(_ from: String, _ to: String) -> Bool {
        guard let status = status(from) else { return false }
        if isDirectory(status) {
            guard makeDirectory(to), let names = names(from) else { return false }
            return names.allSatisfy { copy("\(from)/\($0)", "\(to)/\($0)") }
        }
        guard let input = fopen(from, "re") else { return false }
        defer { fclose(input) }
        guard let output = fopen(to, "we") else { return false }
        var block = [UInt8](repeating: 0, count: 65_536)
        var isWhole = true
        while isWhole, case let count = fread(&block, 1, block.count, input), count > 0 { isWhole = fwrite(block, 1, count, output) == count }
        return fclose(output) == 0 && isWhole && ferror(input) == 0 && chmod(to, status.st_mode & 0o7777) == 0
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

/// `native.aes(encrypt, text, key)`: AES-256-GCM under the SHA-256 of a text; nil where it does not open.
enum CipherNatives {
    static func aes(_ call: LuaState.Call) throws -> [LuaValue] {
        guard let text = call[1].bytes, let key = call[2].bytes, !key.isEmpty else { throw LuaError("expected a text and a key") }
        let secret = SymmetricKey(data: SHA256.hash(data: key))
        if call[0].boolean == true { return [.string(Array(try AES.GCM.seal(text, using: secret).combined!))] }
        guard let box = try? AES.GCM.SealedBox(combined: text), let plain = try? AES.GCM.open(box, using: secret) else { return [.nil] }
        return [.string(Array(plain))]
    }
}
