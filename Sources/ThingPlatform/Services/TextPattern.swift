import AlwaysOn
import ThingModel

/// What texts are looked for by: a mask with `*` or `%` for any run and `?` for one character, or a regular expression.
///
/// A regular expression is not changed once it is made.
enum TextPattern: @unchecked Sendable {
    case wildcards([Character])
    case regex(Regex<AnyRegexOutput>)

    static func mask(_ text: String) -> TextPattern { .wildcards(Array(text.lowercased())) }

    static func like(_ text: String, isCaseSensitive: Bool) -> TextPattern { .wildcards(Array(isCaseSensitive ? text : text.lowercased())) }

    /// - Throws: `ServiceFailure`, where it is none, or one that could take for ever.
    static func expression(_ text: String) throws -> TextPattern {
        // Repetitions within repetitions try every way to divide the text.
        guard text.utf8.count <= 200, text.filter({ $0 == "*" || $0 == "+" || $0 == "{" }).count <= 3 else {
            throw ServiceFailure(.badRequest, "a regular expression of more than 200 bytes, or with more than three repetitions")
        }
        do { return .regex(try Regex(text)) } catch { throw ServiceFailure(.badRequest, "not a regular expression: \(text)") }
    }

    /// The whole text has to fit.
    func matches(_ text: String) -> Bool {
        switch self {
        case .regex(let regex): text.utf8.count <= 1024 && (try? regex.wholeMatch(in: text)) != nil
        case .wildcards(let pattern): TextPattern.matches(Array(text.lowercased()), pattern)
        }
    }

    private static func matches(_ text: [Character], _ pattern: [Character]) -> Bool {
        var (place, next) = (0, 0)
        var retry: (place: Int, next: Int)?
        while next < text.count {
            if place < pattern.count, pattern[place] == "*" || pattern[place] == "%" {
                place += 1
                retry = (place, next)
            } else if place < pattern.count, pattern[place] == text[next] || pattern[place] == "?" {
                place += 1
                next += 1
            } else if let last = retry {
                retry = (last.place, last.next + 1)
                (place, next) = (last.place, last.next + 1)
            } else {
                return false
            }
        }
        return pattern[place...].allSatisfy { $0 == "*" || $0 == "%" }
    }
}
