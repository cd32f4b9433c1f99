import NIOHTTP1

/// Between ends of ours messages go in chunks and frames of up to 64 KiB: each costs about as much as a short one. Others take no notice
/// of the header, and get what they know (alwayson.md §2).
enum LongChunks {
    private static let header = "Edge-Chunk-Size"
    private static let size = 65_535

    static var offer: (String, String) { (header, String(size)) }

    /// Bytes of a chunk that the other end takes; nil where it says nothing of it, or nonsense.
    static func size(in headers: HTTPHeaders) -> Int? {
        guard let given = headers.first(name: header).flatMap({ Int($0) }), given >= 8192 else { return nil }
        return min(given, size)
    }
}
