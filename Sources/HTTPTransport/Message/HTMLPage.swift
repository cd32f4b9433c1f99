import NIOCore
import NIOHTTP1

/// Pages that a program shows of itself: they renew themselves, and nothing of others is loaded into them or around them.
package enum HTMLPage {
    package static func isWanted(by request: HTTPRequest) -> Bool { request.headers.first(name: "Accept")?.contains("text/html") == true }

    package static func response(_ html: String) -> HTTPResponse {
        HTTPResponse(
            .ok,
            headers: [
                "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Refresh": "5", "X-Frame-Options": "DENY",
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
            ], body: ByteBuffer(string: html))
    }

    /// A text as content or attribute of an element.
    ///
    /// Byte by byte: a character that joins the one before it hides nothing from this, as it hides nothing from a browser.
    package static func escaped(_ text: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): bytes += "&amp;".utf8
            case UInt8(ascii: "<"): bytes += "&lt;".utf8
            case UInt8(ascii: ">"): bytes += "&gt;".utf8
            case UInt8(ascii: "\""): bytes += "&quot;".utf8
            case UInt8(ascii: "'"): bytes += "&#39;".utf8
            default: bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
