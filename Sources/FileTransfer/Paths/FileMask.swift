import Formats

/// Names by `*` and `?`; an empty mask fits all.
struct FileMask {
    private let pattern: [Character]

    init(_ text: String) { pattern = Array(text.isEmpty ? "*" : text) }

    func fits(_ name: String) -> Bool { Wildcards.match(Array(name), pattern, isRun: { $0 == "*" }, isOne: { $0 == "?" }) }
}
