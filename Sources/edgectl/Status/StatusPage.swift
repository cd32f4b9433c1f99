import Formats
import ProgramSupport

/// A snapshot in lines for people.
struct StatusPage {
    private let snapshot: StatusSnapshot
    private static let barWidth = 20

    init(_ snapshot: StatusSnapshot) { self.snapshot = snapshot }

    private enum Tone: String {
        case good = "32"
        case bad = "31"
        case doubtful = "33"
        case head = "1"
        case plain = ""
    }

    private struct Line {
        var text: String
        var tone = Tone.plain
    }

    /// - Parameter height: what does not fit is counted in the last line; nil: all of it.
    func lines(width: Int?, height: Int?, colours: Bool) -> [String] {
        var all = content
        if let height, all.count > height, height > 1 {
            let left = all.count - height + 1
            all = all.prefix(height - 1) + [Line(text: "… \(left) lines more (edgectl status shows all)")]
        }
        return all.map { line in
            // What a peer named itself does not move the cursor.
            let safe = Console.safe(line.text)
            let text = width.map { String(safe.prefix(max($0, 1))) } ?? safe
            return colours && line.tone != .plain ? "\u{1B}[\(line.tone.rawValue)m\(text)\u{1B}[0m" : text
        }
    }

    private var content: [Line] {
        guard let gateway = snapshot.gateway else {
            return [
                Line(text: "Gateway     not reached: \(snapshot.failure ?? "")", tone: .bad),
                Line(text: "            edgectl check tells more"),
            ] + scripts
        }
        return head(gateway) + things(gateway["things"]?.array ?? []) + store(gateway["store"]) + files(gateway["files"])
            + tunnels(gateway["tunnels"])
            + scripts + warnings(gateway["warnings"]?.array ?? [])
    }

    private func head(_ gateway: JSONValue) -> [Line] {
        let platform = gateway["platform"]?.string ?? ""
        return [
            Line(
                text:
                    "Gateway     \(snapshot.isConnected ? "connected to" : "NOT connected to") \(platform), version \(gateway["version"]?.string ?? "?")",
                tone: snapshot.isConnected ? .good : .bad)
        ]
    }

    private func things(_ things: [JSONValue]) -> [Line] {
        let bound = things.count { $0["state"]?.string == "bound" }
        var lines = [Line(text: "Things      \(bound) of \(things.count) bound", tone: bound == things.count ? .good : .doubtful)]
        // Those that need somebody come first.
        for thing in things.filter({ $0["state"]?.string != "bound" }) + things.filter({ $0["state"]?.string == "bound" }) {
            let state = thing["state"]?.string ?? ""
            let name = thing["name"]?.string ?? ""
            lines.append(
                Line(
                    text: "  \(StatusPage.padded(state, 9)) \(StatusPage.padded(name, 32)) \(thing["host"]?.string ?? "")",
                    tone: state == "bound" ? .plain : state == "binding" ? .doubtful : .bad))
        }
        return lines
    }

    private func store(_ store: JSONValue?) -> [Line] {
        guard let store, store != .null else { return [] }
        func number(_ name: String) -> Int { store[name]?.int ?? 0 }
        let share = number("maximumBytes") > 0 ? Double(number("bytes")) / Double(number("maximumBytes")) : 0
        var lines = [
            Line(
                text:
                    "Store       \(StatusPage.bar(share)) \(Int((share * 100).rounded())) %  \(number("messages")) wait, \(number("delivered")) delivered",
                tone: share > 0.8 ? .bad : .plain)
        ]
        let lost = ["expired": "too old", "dropped": "dropped for room", "damaged": "damaged", "notStored": "not stored"].sorted {
            $0.key < $1.key
        }
        .filter { number($0.key) > 0 }.map { "\(number($0.key)) \($0.value)" }
        if !lost.isEmpty { lines.append(Line(text: "  gone: \(lost.joined(separator: ", "))", tone: .bad)) }
        if number("refused") > 0 {
            lines.append(Line(text: "  \(number("refused")) refused by the platform: edgectl store list", tone: .doubtful))
        }
        return lines
    }

    private func files(_ files: JSONValue?) -> [Line] {
        guard let files, files != .null else { return [] }
        let active = files["active"]?.array ?? []
        let head = "Transfers   \(active.count) under way, \(files["completed"]?.int ?? 0) completed, \(files["failed"]?.int ?? 0) failed"
        return [Line(text: head)]
            + active.map { Line(text: "  \(StatusPage.padded($0["direction"]?.string ?? "", 9)) \($0["path"]?.string ?? "")") }
    }

    private func tunnels(_ tunnels: JSONValue?) -> [Line] {
        guard let open = tunnels?["open"]?.array, !open.isEmpty else { return [] }
        return [Line(text: "Tunnels     \(open.count) open")]
            + open.map { tunnel in
                let bytes = ["bytesIn", "bytesOut"].map { ProgressLine.bytes(Double(tunnel[$0]?.int ?? 0)) }
                return Line(
                    text:
                        "  \(StatusPage.padded(tunnel["thing"]?.string ?? "", 24)) to \(tunnel["target"]?.string ?? "") for \(tunnel["user"]?.string ?? "?"), \(ProgressLine.time(Double(tunnel["seconds"]?.int ?? 0))), \(bytes[0]) in, \(bytes[1]) out"
                )
            }
    }

    private var scripts: [Line] {
        guard let lua = snapshot.lua else { return [] }
        if let failure = lua["server"]?["failure"]?.string { return [Line(text: "Lua host    not reached: \(failure)", tone: .bad)] }
        let list = lua["scripts"]?["answer"]?.array ?? []
        let running = list.count { $0["status"]?.string == "Running" }
        var lines = [
            Line(
                text: "Lua host    \(running) of \(list.count) scripts run, version \(lua["server"]?["answer"]?["version"]?.string ?? "?")",
                tone: running == list.count ? .good : .doubtful)
        ]
        for script in list where script["status"]?.string != "Running" {
            lines.append(
                Line(
                    text:
                        "  \(StatusPage.padded(script["status"]?.string ?? "", 9)) \(script["name"]?.string ?? "") \(script["message"]?.string ?? "")",
                    tone: .bad))
        }
        return lines
    }

    private func warnings(_ warnings: [JSONValue]) -> [Line] {
        warnings.isEmpty ? [] : [Line(text: "Security")] + warnings.map { Line(text: "  \($0.string ?? "")", tone: .doubtful) }
    }

    private static func bar(_ share: Double) -> String {
        let filled = Int((min(max(share, 0), 1) * Double(barWidth)).rounded())
        return String(repeating: "█", count: filled) + String(repeating: "░", count: barWidth - filled)
    }

    private static func padded(_ text: String, _ width: Int) -> String { text + String(repeating: " ", count: max(width - text.count, 0)) }
}
