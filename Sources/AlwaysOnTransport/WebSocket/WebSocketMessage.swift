package import NIOCore

/// A whole WebSocket message, its frames put together (RFC 6455 §5).
package enum WebSocketMessage: Sendable, Equatable {
    case binary(ByteBuffer)
    case text(ByteBuffer)
    case ping(ByteBuffer)
    case pong(ByteBuffer)
    case close(code: UInt16, reason: String)
}
