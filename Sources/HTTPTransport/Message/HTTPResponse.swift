import Formats
package import NIOCore
package import NIOHTTP1

package struct HTTPResponse: Sendable {
    package var status: HTTPResponseStatus
    package var headers: HTTPHeaders
    package var body: ByteBuffer
    /// Further pieces of a long body, each asked for when the client has taken those before; nil at the end.
    package var rest: (@Sendable () -> ByteBuffer?)?

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
}
