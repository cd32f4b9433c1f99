import Glibc

/// Where a program's own files are: beside it, where packages put them, or in the source tree that it was built in.
public enum ProgramFiles {
    /// The directory of this program, without a slash at the end.
    public static var directory: String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = buffer.withUnsafeMutableBytes { bytes in bytes.baseAddress.map { readlink("/proc/self/exe", $0, bytes.count) } ?? -1 }
        let path = buffer.prefix(max(length, 0))
        return String(decoding: path[..<(path.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex)], as: UTF8.self)
    }

    /// Directories in which the program's data may lie, the nearest first.
    /// - Parameters:
    ///   - name: of the directory.
    ///   - source: its path in the source tree.
    public static func candidates(_ name: String, source: String) -> [String] {
        let program = directory
        let trees = (1...4).map { "\(program)/\(String(repeating: "../", count: $0))\(source)" }
        return ["\(program)/etc/\(name)", "\(program)/../share/thingworx-edge/\(name)"] + trees
    }
}
