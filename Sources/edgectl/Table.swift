import ArgumentParser
import Formats
import ProgramSupport

/// Tables for people, JSON for programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print JSON, an object a line.")
    var json = false

    /// - Parameter columns: members of the rows that people are shown, with their titles.
    func show(_ rows: [JSONValue], _ columns: KeyValuePairs<String, String>) {
        if json { return rows.forEach { Console.line($0.description) } }
        let titles = columns.map(\.value)
        let cells = rows.map { row in columns.map { OutputOptions.text(row[$0.key] ?? .null) } }
        let widths = titles.indices.map { column in ([titles[column]] + cells.map { $0[column] }).map(\.count).max() ?? 0 }
        for line in [titles] + cells {
            let padded = line.enumerated().map { column, text in
                column == line.count - 1
                    ? text
                    : text
                        + String(
                            repeating: " ",
                            count: min(widths[column], OutputOptions.widest) - min(text.count, widths[column], OutputOptions.widest))
            }
            Console.line(padded.joined(separator: "  "))
        }
    }

    /// A column is not padded beyond this: one long name would push all others out of sight.
    private static let widest = 48

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: "-"
        case .string(let text): String(text.map { $0.isNewline || ($0.asciiValue ?? 32) < 32 ? " " : $0 })
        case .bool(let bool): bool ? "yes" : "no"
        case .array(let items): items.map { text($0) }.joined(separator: " ")
        default: value.description
        }
    }
}

/// A time that a table shows.
extension JSONValue {
    func showingTime(_ names: String...) -> JSONValue {
        guard case .object(var object) = self else { return self }
        for name in names { if let time = object[name]?.int { object[name] = .string(UTCTime(milliseconds: Int64(time)).iso8601) } }
        return .object(object)
    }
}
