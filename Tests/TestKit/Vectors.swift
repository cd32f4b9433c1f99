import Formats
import Glibc

/// One line of the wire vectors.
public struct Vector: Sendable, CustomTestStringConvertible {
    public let name: String
    public let bytes: [UInt8]
    public let fields: JSONValue

    public var testDescription: String { name }

    /// - Throws: whatever makes the file unreadable.
    public static func load(path: String) throws -> [Vector] {
        try readFile(path).split(separator: UInt8(ascii: "\n")).map { line in
            let value = try JSONDocument(bytes: Array(line)).value
            return Vector(
                name: value["name"]!.string!, bytes: Hex.decode(value["hex"]!.string!)!, fields: value["fields"]!
            )
        }
    }
}

/// So that this module needs no testing library to name a vector in a report.
public protocol CustomTestStringConvertible { var testDescription: String { get } }

public struct FileError: Error { public let path: String }

public func readFile(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw FileError(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
    return bytes
}

/// A generator that repeats: a failing case names its seed.
public struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    public init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    public mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state &* 0x2545_F491_4F6C_DD1D
    }
}
