/// A path below a repository or a Thing's virtual directories, as it travels: `/a/b`. Compared byte by byte.
package struct FilePath: Sendable, Hashable, CustomStringConvertible {
    package static let root = FilePath(components: [])
    private static let longest = 4096
    private static let longestName = 255

    /// No name is empty, `.` or `..`, or holds a slash or a zero byte.
    package let components: [String]

    init(components: [String]) { self.components = components }

    /// Doubled slashes and single dots are left out; a slash at the beginning or end makes no difference.
    ///
    /// - Throws: `TransferFailure` of kind `badPath`: `..` anywhere (alwayson.md §8), a zero byte, a name of more than 255 bytes, more than
    ///   4096 bytes in all.
    package init(_ text: String) throws(TransferFailure) {
        guard text.utf8.count <= FilePath.longest else {
            throw TransferFailure(.badPath, "a path of more than \(FilePath.longest) bytes")
        }
        guard !text.utf8.contains(0) else { throw TransferFailure(.badPath, "a path with a zero byte in it") }
        var components: [String] = []
        for part in text.utf8.split(separator: UInt8(ascii: "/")) {
            let name = String(Substring(part))
            switch name {
            case ".": continue
            case "..": throw TransferFailure(.badPath, "\(FilePath.short(text)): \"..\" is not allowed in a path")
            default: components.append(name)
            }
            guard part.count <= FilePath.longestName else {
                throw TransferFailure(.badPath, "\(FilePath.short(text)): a name of more than \(FilePath.longestName) bytes")
            }
        }
        self.components = components
    }

    package var isRoot: Bool { components.isEmpty }
    package var name: String? { components.last }
    package var parent: FilePath { FilePath(components: components.dropLast()) }
    package var description: String { "/" + components.joined(separator: "/") }

    /// - Throws: as `init`.
    package func appending(_ name: String) throws(TransferFailure) -> FilePath { try FilePath("\(description)/\(name)") }

    package func starts(with other: FilePath) -> Bool {
        components.count >= other.components.count
            && zip(components, other.components).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
    }

    package static func == (one: FilePath, other: FilePath) -> Bool {
        one.components.count == other.components.count && one.starts(with: other)
    }

    package func hash(into hasher: inout Hasher) {
        for name in components {
            for byte in name.utf8 { hasher.combine(byte) }
            hasher.combine(UInt8(0))
        }
    }

    private static func short(_ text: String) -> String { text.utf8.count > 200 ? String(text.prefix(200)) + "…" : text }
}
