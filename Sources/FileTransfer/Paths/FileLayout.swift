import Crypto
import Formats

/// Which directories are seen by which paths.
package struct FileLayout: Sendable {
    package static let stagingName = "__staging__"

    package struct VirtualDirectory: Sendable, Equatable {
        package var name: String
        package var path: String

        package init(name: String, path: String) {
            self.name = name
            self.path = path
        }
    }

    enum Root: Sendable {
        /// A repository: all paths are below one directory.
        case one(FileTree)
        /// A Thing at an edge: the first name of a path is a virtual directory's.
        case virtual([(name: String, tree: FileTree)])
    }

    let root: Root
    package let staging: FileTree

    /// A repository.
    package init(repository path: String, staging: String) {
        root = .one(FileTree(path))
        self.staging = FileTree(staging)
    }

    /// A Thing's virtual directories.
    ///
    /// - Parameter staging: a virtual directory's name, or a path; empty: `staging` in the first of them.
    package init(_ directories: [VirtualDirectory], staging: String) {
        root = .virtual(directories.map { ($0.name, FileTree($0.path, seenAs: "/\($0.name)")) })
        if let named = directories.first(where: { $0.name.utf8.elementsEqual(staging.utf8) }) {
            self.staging = FileTree(named.path)
        } else {
            self.staging = FileTree(staging.isEmpty ? (directories.first.map { $0.path + "/staging" } ?? "") : staging)
        }
    }

    /// - Throws: `TransferFailure` of kind `notFound`: there is no such virtual directory; `badPath`: the path is `/`.
    func locate(_ path: FilePath) throws(TransferFailure) -> (tree: FileTree, path: FilePath) {
        switch root {
        case .one(let tree): return (tree, path)
        case .virtual(let directories):
            guard let first = path.components.first else { throw TransferFailure(.badPath, "/: expected a virtual directory's name") }
            guard let found = directories.first(where: { $0.name.utf8.elementsEqual(first.utf8) }) else {
                throw TransferFailure(.notFound, "\(path): there is no virtual directory \"\(first)\"")
            }
            return (found.tree, FilePath(components: Array(path.components.dropFirst())))
        }
    }

    /// Puts a virtual directory's name in front of what was found in it.
    func seen(_ info: FileInfo, from path: FilePath) -> FileInfo {
        guard case .virtual = root, let first = path.components.first else { return info }
        var info = info
        info.path = FilePath(components: [first] + info.path.components)
        return info
    }

    // MARK: Staging

    /// The name by which a part is asked for: Thing and target, slashes as dots (alwayson.md §8).
    package static func stagingPath(thing: String, target: FilePath) -> FilePath {
        let thing = thing.utf8.filter { $0 != UInt8(ascii: "*") && $0 != UInt8(ascii: "/") && $0 != 0 }
        return FilePath(components: [
            stagingName, String(decoding: thing, as: UTF8.self) + "." + target.components.joined(separator: ".") + ".part",
        ])
    }

    /// What of a staging path tells one part from the other: older platforms keep its slashes.
    static func partName(_ path: FilePath) -> String? {
        guard path.components.count > 1, path.components[0] == stagingName else { return nil }
        return path.components.dropFirst().joined(separator: ".")
    }

    /// The part's name on disk: one that no other transfer has, and that every file system takes.
    static func fileName(ofPartFor target: FilePath, transfer: String) -> String {
        let digest = Hex.encode(SHA256.hash(data: Array("\(transfer) \(target)".utf8)).prefix(digestDigits / 2))
        let name = String(decoding: (target.name ?? "").utf8.prefix(120), as: UTF8.self)
        return "\(name).\(digest)\(partSuffix)"
    }

    private static let partSuffix = ".part"
    private static let digestDigits = 24

    /// Whether a file is named as parts are, which nobody else does.
    static func isPart(_ name: String) -> Bool {
        guard name.hasSuffix(partSuffix) else { return false }
        let digest = name.utf8.dropLast(partSuffix.utf8.count).suffix(digestDigits + 1)
        return digest.count == digestDigits + 1 && digest.first == UInt8(ascii: ".")
            && digest.dropFirst().allSatisfy {
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
            }
    }
}
