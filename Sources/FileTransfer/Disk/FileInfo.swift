import Glibc

/// A file or directory as it is listed.
package struct FileInfo: Sendable, Equatable {
    package var path: FilePath
    package var isDirectory = false
    package var isReadOnly = false
    /// Bytes; 0 for a directory.
    package var size: Int = 0
    /// Milliseconds since 1970 UTC.
    package var modified: Int = 0

    package var name: String { path.name ?? "" }

    package init(path: FilePath, isDirectory: Bool = false, isReadOnly: Bool = false, size: Int = 0, modified: Int = 0) {
        self.path = path
        self.isDirectory = isDirectory
        self.isReadOnly = isReadOnly
        self.size = size
        self.modified = modified
    }
}

extension stat {
    var kind: mode_t { st_mode & S_IFMT }
    var isDirectory: Bool { kind == S_IFDIR }
    var isFile: Bool { kind == S_IFREG }

    func info(_ path: FilePath, isReadOnly: Bool) -> FileInfo {
        FileInfo(
            path: path, isDirectory: isDirectory, isReadOnly: isReadOnly, size: isFile ? Int(st_size) : 0,
            modified: Int(st_mtim.tv_sec) * 1000 + Int(st_mtim.tv_nsec) / 1_000_000)
    }
}
