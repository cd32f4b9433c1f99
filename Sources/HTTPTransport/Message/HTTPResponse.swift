import Formats
package import NIOCore
package import NIOHTTP1

package struct HTTPResponse: Sendable {
    package var status: HTTPResponseStatus
    package var headers: HTTPHeaders
    package var body: ByteBuffer
    /// Further pieces of a long body, each asked for when the client has taken those before; nil at the end.
    package var rest: (@Sendable () -> ByteBuffer?)?
    /// Pieces that come when they come, for as long as both sides want.
    package var feed: HTTPFeed?
    /// Bytes that are kept until the last of those pieces is made.
    package var restSize = 0

    /// Bytes that the answer takes until it is sent.
    var size: Int { body.readableBytes + restSize }

    package init(_ status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: ByteBuffer = ByteBuffer()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    package static func json(_ body: ByteBuffer, status: HTTPResponseStatus = .ok) -> HTTPResponse {
        HTTPResponse(status, headers: ["Content-Type": "application/json"], body: body)
    }

    /// `{"error": text, "code": status}` (ems.md §6.3).
    package static func error(_ status: HTTPResponseStatus, _ text: String) -> HTTPResponse {
        var body = ByteBuffer()
        body.writeStaticString("{\"error\":")
        body.writeJSON(text)
        body.writeString(",\"code\":\(status.code)}")
        return .json(body, status: status)
    }

    /// Puts the pieces of a body that is not long into one, so that its length can be told: whoever knows no chunks is not left
    /// with the end of the connection alone.
    mutating func gather() {
        while body.readableBytes < HTTPResponse.longestGathered, let next = rest {
            guard var piece = next() else {
                (rest, restSize) = (nil, 0)
                return
            }
            body.writeBuffer(&piece)
        }
    }

    private static let longestGathered = 1 << 20

    /// Status line and headers as they go on the wire; a body in pieces is announced as chunks, where there may be some.
    func head(close: Bool, mayChunk: Bool, allocator: ByteBufferAllocator) -> ByteBuffer {
        var bytes = allocator.buffer(capacity: 256 + (rest == nil ? min(body.readableBytes, 4096) : 0))
        bytes.writeStaticString("HTTP/1.1 ")
        if status == .ok {
            bytes.writeStaticString("200 OK\r\n")
        } else {
            bytes.writeString("\(status.code) \(status.reasonPhrase)\r\n")
        }
        for (name, value) in headers where !HTTPResponse.isFraming(name) {
            bytes.writeString(name)
            bytes.writeStaticString(": ")
            bytes.writeString(value)
            bytes.writeStaticString("\r\n")
        }
        if close { bytes.writeStaticString("Connection: close\r\n") }
        if let length = feed?.length {
            bytes.writeString("Content-Length: \(length)\r\n\r\n")
        } else if rest != nil || feed != nil {
            bytes.writeStaticString(mayChunk ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n")
        } else if status.mayHaveResponseBody {
            bytes.writeStaticString("Content-Length: ")
            bytes.writeString(String(body.readableBytes))
            bytes.writeStaticString("\r\n\r\n")
        } else {
            bytes.writeStaticString("\r\n")
        }
        return bytes
    }

    /// Headers that say where a message ends, which whoever sends it knows best.
    private static func isFraming(_ name: String) -> Bool {
        switch name.utf8.count {
        case 14: name.lowercased() == "content-length"
        case 17: name.lowercased() == "transfer-encoding"
        case 10: name.lowercased() == "connection"
        default: false
        }
    }
}

/// A body that comes when it comes: events as they happen, or a file.
package struct HTTPFeed: Sendable {
    /// Bytes of all of it, where that is known; then the connection goes on after it.
    package let length: Int?
    /// The next piece; nil at the end. Asked for when the client has taken those before.
    package let next: @Sendable () -> EventLoopFuture<ByteBuffer?>
    /// Called once when nobody wants any more.
    package let end: @Sendable () -> Void

    package init(length: Int? = nil, next: @escaping @Sendable () -> EventLoopFuture<ByteBuffer?>, end: @escaping @Sendable () -> Void) {
        self.length = length
        self.next = next
        self.end = end
    }
}
