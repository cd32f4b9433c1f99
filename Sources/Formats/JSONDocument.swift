/// A JSON file that remembers where each of its values stands, so that an error can name line and column and a
/// single value can be replaced with the rest left byte for byte.
public struct JSONDocument: Sendable {
    public let bytes: [UInt8]
    public let value: JSONValue
    /// Path (`group.key`, `list[0].key`; the empty path is the whole) → bytes of that value.
    public let positions: [String: Range<Int>]

    /// - Throws: `JSONError`, also for a text nested deeper than 64. A UTF-8 byte order mark is accepted.
    public init(bytes: [UInt8]) throws(JSONError) {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let start = bytes.starts(with: mark) ? mark.count : 0
        var positions: [String: Range<Int>]? = [:]
        let result: Result<JSONValue, JSONError> = bytes.withUnsafeBufferPointer { buffer in
            var reader = JSONReader(buffer, position: start, maximumDepth: 64)
            do throws(JSONError) {
                let value = try JSONValue(&reader, path: "", positions: &positions)
                try reader.end()
                return .success(value)
            } catch {
                return .failure(error)
            }
        }
        self.value = try result.get()
        self.bytes = bytes
        self.positions = positions ?? [:]
    }

    /// Line and column, from 1, of the value at `path`.
    public func location(of path: String) -> TextLocation? {
        positions[path].map { TextLocation(offset: $0.lowerBound, in: bytes) }
    }

    /// The file's bytes with the values at these paths replaced by strings.
    public func replacingStrings(_ replacements: [String: String]) -> [UInt8] {
        let edits =
            replacements
            .compactMap { path, text in positions[path].map { ($0, text) } }
            .sorted { $0.0.lowerBound < $1.0.lowerBound }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + 64 * edits.count)
        var from = 0
        for (range, text) in edits {
            result += bytes[from..<range.lowerBound]
            result += Array(JSONValue.string(text).description.utf8)
            from = range.upperBound
        }
        return result + bytes[from...]
    }
}

/// A place in a text, counted from 1; columns count bytes.
public struct TextLocation: Sendable, Equatable, CustomStringConvertible {
    public let line: Int
    public let column: Int

    public init(offset: Int, in bytes: some Collection<UInt8>) {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == 0x0A {
                line += 1
                column = 1
            } else {
                column += 1
            }
        }
        self.line = line
        self.column = column
    }

    public var description: String { "line \(line), column \(column)" }
}
