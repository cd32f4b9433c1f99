import AlwaysOnSession
import EdgeCore
import FileTransfer
import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1

/// `GET /`: how the gateway is, as a page for people and as JSON for programs.
enum StatusPage {
    static func response(to request: HTTPRequest, _ status: GatewayStatus, version: String) -> HTTPResponse {
        guard HTMLPage.isWanted(by: request) else { return .json(ByteBuffer(string: json(status, version).description)) }
        return HTMLPage.response(html(status, version))
    }

    private static func json(_ status: GatewayStatus, _ version: String) -> JSONValue {
        var counters = JSONObject()
        for (name, count) in numbers(status.counters) { counters[name] = .int(count) }
        let things = status.bindings.map { binding -> JSONValue in
            ["name": .string(binding.name), "state": .string("\(binding.state)"), "host": .string(binding.host)]
        }
        return [
            "version": .string(version), "isConnected": .bool(status.isConnected), "platform": .string(status.platform),
            "things": .array(things),
            "session": .object(counters), "store": status.store.map { json($0) } ?? .null, "files": status.files.map { json($0) } ?? .null,
            "tunnels": json(status.tunnels),
            "warnings": .array(status.warnings.map { .string($0) }),
        ]
    }

    private static func json(_ store: GatewayStatus.Store) -> JSONValue {
        [
            "messages": .int(store.messages), "bytes": .int(store.bytes), "maximumBytes": .int(store.maximumBytes),
            "delivered": .int(store.delivered),
            "refused": .int(store.refused), "expired": .int(store.expired), "dropped": .int(store.dropped), "damaged": .int(store.damaged),
            "notStored": .int(store.notStored), "waiting": .array(store.waiting.map { .string($0) }),
            "lastRefusal": store.lastRefusal.map { .string($0) } ?? .null,
        ]
    }

    private static func json(_ files: GatewayStatus.Files) -> JSONValue {
        let counters = files.counters
        return [
            "started": .int(counters.started), "completed": .int(counters.completed), "failed": .int(counters.failed),
            "refused": .int(counters.refusals),
            "bytesIn": .int(counters.bytesIn), "bytesOut": .int(counters.bytesOut),
            "active": .array(
                files.active.map {
                    ["transfer": .string($0.transfer), "direction": .string($0.direction.rawValue), "path": .string("\($0.path)")]
                }),
        ]
    }

    private static func json(_ tunnels: GatewayStatus.Tunnels) -> JSONValue {
        let open = tunnels.open.map { tunnel -> JSONValue in
            [
                "tunnel": .string(tunnel.start.id), "thing": .string(tunnel.thing), "target": .string("\(tunnel.start.target)"),
                "user": tunnel.start.user.map { .string($0) } ?? .null, "seconds": .int(tunnel.age.nanoseconds / 1_000_000_000),
                "connections": .int(tunnel.connections), "bytesOut": .int(tunnel.sent), "bytesIn": .int(tunnel.received),
            ]
        }
        return ["open": .array(open), "count": .int(tunnels.count)]
    }

    private static func tunnelRows(_ tunnels: GatewayStatus.Tunnels) -> String {
        let heads = ["Thing", "to", "for", "seconds", "bytes out", "bytes in"].map { "<th>\($0)</th>" }.joined()
        let rows = tunnels.open.map { tunnel in
            let texts = [tunnel.thing, "\(tunnel.start.target)", tunnel.start.user ?? ""].map { "<td>\(HTMLPage.escaped($0))</td>" }
            let numbers = [Int(tunnel.age.nanoseconds / 1_000_000_000), tunnel.sent, tunnel.received].map { "<td class=n>\($0)</td>" }
            return "<tr>\((texts + numbers).joined())</tr>"
        }
        return "<tr>\(heads)</tr>\(rows.joined())"
    }

    private static func numbers(_ counters: FileCounters) -> [(String, Int)] {
        [
            ("started", counters.started), ("completed", counters.completed), ("failed", counters.failed), ("refused", counters.refusals),
            ("bytes in", counters.bytesIn), ("bytes out", counters.bytesOut),
        ]
    }

    private static func fileRows(_ files: GatewayStatus.Files) -> String {
        rows(numbers(files.counters))
            + files.active.map {
                "<tr><td>\($0.direction == .read ? "reads" : "writes")</td><td>\(HTMLPage.escaped("\($0.path)"))</td></tr>"
            }.joined()
    }

    private static func rows(_ numbers: [(String, Int)]) -> String {
        numbers.map { "<tr><td>\($0.0)</td><td class=n>\($0.1)</td></tr>" }.joined()
    }

    private static func storeRows(_ store: GatewayStatus.Store) -> String {
        let numbers = [
            ("waiting for the platform", store.messages), ("bytes of \(store.maximumBytes)", store.bytes),
            ("delivered since the start", store.delivered),
            ("refused by the platform, set aside", store.refused), ("too old", store.expired), ("dropped for room", store.dropped),
            ("damaged", store.damaged),
            ("not stored", store.notStored),
        ]
        var rows = rows(numbers)
        if !store.waiting.isEmpty {
            rows += "<tr><td>held back for</td><td>\(HTMLPage.escaped(store.waiting.prefix(20).joined(separator: ", ")))</td></tr>"
        }
        if let refusal = store.lastRefusal { rows += "<tr><td>last refusal</td><td>\(HTMLPage.escaped(refusal))</td></tr>" }
        return rows
    }

    private static func numbers(_ counters: SessionCounters) -> [(String, Int)] {
        [
            ("unreadable messages", counters.unreadable), ("unmatched responses", counters.unmatchedResponses),
            ("dropped chunk sets", counters.droppedChunkSets), ("timeouts", counters.timeouts), ("overloads", counters.overloads),
        ]
    }

    private static func html(_ status: GatewayStatus, _ version: String) -> String {
        let bound = status.bindings.count { $0.state == .bound }
        let warnings = status.warnings.map { "<li>\(HTMLPage.escaped($0))</li>" }.joined()
        let things = status.bindings.map { binding in
            "<tr><td>\(HTMLPage.escaped(binding.name))</td><td class=\"\(binding.state)\">\(binding.state)</td><td>\(HTMLPage.escaped(binding.host))</td></tr>"
        }.joined(separator: "\n")
        let counters = rows(numbers(status.counters))
        return """
            <!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width"><title>wsems \(HTMLPage.escaped(version))</title>
            <style>
            body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
            h1{font-size:1.4rem;margin:0 0 1rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}
            table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #d9dee4}.n{text-align:right}
            .state{display:inline-block;padding:.15rem .6rem;border-radius:1rem;color:#fff;background:#b3261e}.state.on{background:#1a7f37}
            .bound{color:#1a7f37}.refused,.unbound{color:#b3261e}.binding{color:#8a6100}
            .warn{background:#fff8e1;border-left:4px solid #d9a400;padding:.5rem 1rem .5rem 2rem;margin:0}
            @media(prefers-color-scheme:dark){body{background:#14171a;color:#e4e7ea}td,th{border-color:#33393f}.warn{background:#2a2410}.bound{color:#57c775}.refused,.unbound{color:#ff8a80}}
            </style>
            <h1>Gateway <span class="state\(status.isConnected ? " on" : "")">\(status.isConnected ? "connected" : "not connected")</span></h1>
            <table><tr><td>platform</td><td>\(HTMLPage.escaped(status.platform))</td></tr><tr><td>Things</td><td>\(bound) of \(status.bindings.count) bound</td></tr>
            <tr><td>version</td><td>\(HTMLPage.escaped(version))</td></tr></table>
            \(warnings.isEmpty ? "" : "<h2>Security</h2><ul class=warn>\(warnings)</ul>")
            <h2>Things</h2><table><tr><th>name<th>binding<th>answered by</tr>\(things)</table>
            \(status.store.map { "<h2>Stored requests</h2><table>\(storeRows($0))</table>" } ?? "")
            \(status.tunnels.open.isEmpty ? "" : "<h2>Tunnels</h2><table>\(tunnelRows(status.tunnels))</table>")
            \(status.files.map { "<h2>Files</h2><table>\(fileRows($0))</table>" } ?? "")
            <h2>This connection</h2><table>\(counters)</table>
            </html>
            """
    }
}
