import Formats
import Foundation
package import HTTPTransport
import NIOCore
import NIOHTTP1

/// The console: one page with its scripts and styles, served from memory.
package enum ConsoleFiles {
    private static let types = [
        "html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8",
        "svg": "image/svg+xml",
        "txt": "text/plain; charset=utf-8",
    ]

    /// By path; read once.
    private static let files: [String: HTTPResponse] = {
        guard let root = directory, let names = FileManager.default.enumerator(atPath: root.path)?.allObjects as? [String] else {
            return [:]
        }
        var files: [String: HTTPResponse] = [:]
        for name in names {
            guard let type = types[(name as NSString).pathExtension],
                let data = FileManager.default.contents(atPath: root.appendingPathComponent(name).path)
            else { continue }
            files[name] = HTTPResponse(.ok, headers: headers(type), body: ByteBuffer(bytes: data))
        }
        files[""] = files["index.html"]
        return files
    }()

    /// Nothing of others is loaded, run or shown around it; no script stands in the page itself.
    private static func headers(_ type: String) -> HTTPHeaders {
        [
            "Content-Type": type, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy":
                "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ]
    }

    private static var directory: URL? {
        let found = ProgramFiles.candidates("console", source: "Sources/PlatformConsole/console").first {
            FileManager.default.fileExists(atPath: "\($0)/index.html")
        }
        return found.map { URL(filePath: $0) }
    }

    /// nil where there is no such file.
    package static func response(_ path: String) -> HTTPResponse? { files[path] }
}
