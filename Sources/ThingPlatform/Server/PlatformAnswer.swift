import AlwaysOn
import EdgeREST
import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1

/// Answers as clients of the platform expect them (platform.md §4, §5).
enum PlatformAnswer {
    static let json = "application/json;charset=UTF-8"

    static func json(_ body: ByteBuffer, _ status: HTTPResponseStatus = .ok) -> HTTPResponse {
        HTTPResponse(status, headers: ["Content-Type": json], body: body)
    }

    static func json(_ value: JSONValue) -> HTTPResponse { json(ByteBuffer(string: value.description)) }

    /// Plain text in one line; an object where the client asked for JSON.
    static func error(_ status: HTTPResponseStatus, _ text: String, for http: HTTPRequest) -> HTTPResponse {
        let line = String(text.map { $0.isNewline ? " " : $0 })
        guard http.headers.first(name: "Accept")?.lowercased().contains("application/json") == true else {
            return HTTPResponse(status, headers: ["Content-Type": "text/plain;charset=UTF-8"], body: ByteBuffer(string: line + "\n"))
        }
        return json(ByteBuffer(string: JSONValue.object(["status": .int(status.code), "message": .string(line)]).description), status)
    }

    static func response(_ response: Response, for http: HTTPRequest) -> HTTPResponse {
        guard response.status.isSuccess else {
            return error(
                HTTPResponseStatus(statusCode: response.status.httpStatus), response.reasonText ?? response.status.description, for: http)
        }
        // Nothing to say is an empty body: clients take that as void.
        guard let content = response.content else { return HTTPResponse(.ok) }
        if let bare = bareJSON(content) { return json(ByteBuffer(string: bare)) }
        var answer = HTTPResponse(content, order: .shapeFirst)
        answer.headers.replaceOrAdd(name: "Content-Type", value: json)
        return answer
    }

    /// A result that is JSON stands by itself, an array in an object.
    private static func bareJSON(_ content: EncodedInfotable) -> String? {
        // Looked at before anything is decoded: most tables are something else.
        guard content.bytes.readableBytesView.starts(with: [1, 6] + Array("result".utf8)) else { return nil }
        let table = content.decoded()
        guard table.shape.fields.count == 1, table.rowCount == 1, case .text(.json, let text)? = table.first("result")?.unwrapped else {
            return nil
        }
        guard let json = try? JSONValue(parsing: text) else { return nil }
        return json.array == nil ? text : "{\"array\":\(text)}"
    }

    /// Whether a client takes JSON, by its header or the query word that stands for it.
    static func takesJSON(_ http: HTTPRequest) -> Bool {
        let given = http.queryValue("Accept").map { [$0] } ?? http.headers[canonicalForm: "Accept"].map(String.init)
        guard !given.isEmpty else { return true }
        return given.contains { item in
            let type = item.prefix { $0 != ";" }.lowercased()
            return type.isEmpty || type.contains("*/*") || type.contains("application/*") || type.contains("application/json")
        }
    }
}
