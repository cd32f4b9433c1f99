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
    package static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;").replacing("\"", with: "&quot;")
    }
}
