import NIOCore
import NIOHTTP1

/// Parts of requests that came while another was being answered.
struct PendingParts {
    private static let mostParts = 64
    private static let mostBytes = 65_536

    private var parts = CircularBuffer<HTTPServerRequestPart>()
    private var bytes = 0

    var hasRoom: Bool { parts.count < PendingParts.mostParts && bytes < PendingParts.mostBytes }

    mutating func append(_ part: HTTPServerRequestPart) {
        bytes += PendingParts.size(of: part)
        parts.append(part)
    }

    mutating func popFirst() -> HTTPServerRequestPart? {
        guard let part = parts.popFirst() else { return nil }
        bytes -= PendingParts.size(of: part)
        return part
    }

    mutating func removeAll() {
        parts.removeAll()
        bytes = 0
    }

    private static func size(of part: HTTPServerRequestPart) -> Int { if case .body(let body) = part { body.readableBytes } else { 0 } }
}
