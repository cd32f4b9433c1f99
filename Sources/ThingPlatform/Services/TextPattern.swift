import Glibc
import Formats

/// What texts are looked for by: a mask with `*` or `%` for any run and `?` for one character, or a regular expression.
enum TextPattern: Sendable {
    case wildcards([Character])
    case expression(Expression)

    static func mask(_ text: String) -> TextPattern { .wildcards(Array(text.lowercased())) }

    /// - Throws: `ServiceFailure`, where it is none.
    static func expression(_ text: String) throws -> TextPattern { .expression(try Expression(text)) }

    /// The whole text has to fit.
    func matches(_ text: String) -> Bool {
        switch self {
        case .expression(let expression): expression.matches(text)
        case .wildcards(let pattern):
            Wildcards.match(Array(text.lowercased()), pattern, isRun: { $0 == "*" || $0 == "%" }, isOne: { $0 == "?" })
        }
    }
}

/// A regular expression as the system's library has it: it works on the text once, whatever the expression is, where engines that try
/// every way to divide a text can be kept busy for ever. Extended syntax, with `\d` and its like; no back references.
final class Expression: @unchecked Sendable {
    /// Not changed once it is made.
    private let compiled: UnsafeMutablePointer<regex_t>
    private static let longest = 200
    private static let longestText = 4096

    init(_ text: String) throws {
        guard text.utf8.count <= Expression.longest, !text.utf8.contains(0) else {
            throw ServiceFailure(.badRequest, "a regular expression of more than \(Expression.longest) bytes")
        }
        let extended = "^(\(try Expression.extended(text)))$"
        let made = UnsafeMutablePointer<regex_t>.allocate(capacity: 1)
        made.initialize(to: regex_t())
        guard regcomp(made, extended, REG_EXTENDED | REG_NOSUB) == 0 else {
            made.deallocate()
            throw ServiceFailure(.badRequest, "not a regular expression: \(text)")
        }
        compiled = made
    }

    deinit {
        regfree(compiled)
        compiled.deallocate()
    }

    /// The whole text has to fit.
    func matches(_ text: String) -> Bool { text.utf8.count <= Expression.longestText && regexec(compiled, text, 0, nil, 0) == 0 }

    /// Classes by letters, which the library does not know; counts are small, for it writes out what they stand for.
    private static func extended(_ text: String) throws -> String {
        let classes: [Character: String] = ["d": "[0-9]", "D": "[^0-9]"]
        var result = ""
        var rest = text[...]
        while let character = rest.popFirst() {
            if character == "{", let count = rest.prefix(while: { $0 != "}" }).split(separator: ",").compactMap({ Int($0) }).max(),
                count > 32
            {
                throw ServiceFailure(.badRequest, "a regular expression that repeats something more than 32 times")
            }
            guard character == "\\", let next = rest.popFirst() else {
                result.append(character)
                continue
            }
            guard !next.isNumber else { throw ServiceFailure(.badRequest, "a regular expression with a back reference") }
            result += classes[next] ?? "\\\(next)"
        }
        guard text.filter({ $0 == "{" }).count <= 2 else {
            throw ServiceFailure(.badRequest, "a regular expression with more than two counted repetitions")
        }
        return result
    }
}
