import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1

/// `GET /scripts`: the scripts and how they are, as JSON for programs and as a page for people.
enum ScriptPages {
    static func list(_ states: [String: Script.Status], for http: HTTPRequest) -> HTTPResponse {
        let sorted = states.sorted { $0.key < $1.key }
        guard HTMLPage.isWanted(by: http) else {
            return .json(ByteBuffer(string: JSONValue.array(sorted.map { entry($0.key, $0.value) }).description))
        }
        let rows = sorted.map { name, status -> String in
            let message = if case .failed(let message) = status { message } else { "" }
            return
                "<tr><td>\(HTMLPage.escaped(name))</td><td class=\"\(status.description)\">\(status.description)</td><td>\(HTMLPage.escaped(message))</td></tr>"
        }.joined(separator: "\n")
        let page = """
            <!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>Scripts</title>
            <style>
            body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}h1{font-size:1.4rem}
            table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #d9dee4}
            .Running{color:#1a7f37}.Error{color:#b3261e}@media(prefers-color-scheme:dark){body{background:#14171a;color:#e4e7ea}td,th{border-color:#33393f}.Running{color:#57c775}.Error{color:#ff8a80}}
            </style><h1>Scripts</h1><table><tr><th>name<th>status<th>message</tr>
            \(rows)
            </table></html>
            """
        return HTMLPage.response(page)
    }

    static func entry(_ name: String, _ status: Script.Status) -> JSONValue {
        var entry: JSONObject = ["name": .string(name), "status": .string(status.description)]
        if case .failed(let message) = status { entry["message"] = .string(message) }
        return .object(entry)
    }
}
