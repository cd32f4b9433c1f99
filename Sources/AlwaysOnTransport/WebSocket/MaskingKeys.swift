import Glibc
import NIOWebSocket

/// Unpredictable masking keys (RFC 6455 §5.3), drawn in bulk: asking the system for each is a call a frame.
struct MaskingKeys {
    private var bytes: [UInt8] = []

    mutating func next() -> WebSocketMaskingKey {
        if bytes.count < 4 {
            // Not more at once: the system call's own limit.
            bytes = [UInt8](repeating: 0, count: 256)
            let result = bytes.withUnsafeMutableBytes { getentropy($0.baseAddress!, $0.count) }
            precondition(result == 0, "the system has no random numbers")
        }
        let key: WebSocketMaskingKey = [bytes[bytes.count - 4], bytes[bytes.count - 3], bytes[bytes.count - 2], bytes[bytes.count - 1]]
        bytes.removeLast(4)
        return key
    }
}
