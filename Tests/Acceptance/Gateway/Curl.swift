import Foundation
import TestKit

/// A request as users send it: by curl.
struct Curl {
    let status: Int
    let headers: [String: String]
    let body: String

    /// - Throws: with what curl says when there was no answer.
    init(_ arguments: String...) async throws { try await self.init(arguments) }

    init(_ arguments: [String]) async throws {
        let directory = try TemporaryDirectory()
        let curl = try Program("/usr/bin/env", ["curl", "-sS", "-i", "--max-time", "30", "--noproxy", "*"] + arguments, in: directory.path)
        let code = await curl.exitStatus()
        // After an interim answer comes the real one.
        let answers = curl.output.replacingOccurrences(of: "\r", with: "").components(separatedBy: "\nHTTP/1.1 ").suffix(1)
        let text = answers.first.map { $0.hasPrefix("HTTP/1.1 ") ? String($0.dropFirst(9)) : $0 } ?? ""
        let parts = text.components(separatedBy: "\n\n")
        guard code == 0, let number = Int(text.prefix(3)) else {
            throw Program.Failure(description: "curl ended with \(code): \(curl.output)")
        }
        status = number
        var headers: [String: String] = [:]
        for line in parts[0].components(separatedBy: "\n").dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            headers[line[..<colon].lowercased()] = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
        }
        self.headers = headers
        body = parts.dropFirst().joined(separator: "\n\n")
    }
}
