package import Formats

/// Whether a program, or a part of it, is fit for use, and why not.
package struct HealthReport: Sendable, Equatable {
    package struct Finding: Sendable, Equatable {
        package var name: String
        package var isGood: Bool
        /// What is so, or what is wrong; nothing secret.
        package var text: String
    }

    package private(set) var findings: [Finding] = []

    package init() {}

    /// Of a program whose loop is asked and answers: which is the test.
    package static let answering = {
        var report = HealthReport()
        report.add("loop", true, "answers")
        return report
    }()

    package mutating func add(_ name: String, _ isGood: Bool, _ text: String) {
        findings.append(Finding(name: name, isGood: isGood, text: text))
    }

    package var isGood: Bool { findings.allSatisfy(\.isGood) }

    /// What is wrong, in one line; empty where nothing is.
    package var summary: String { findings.filter { !$0.isGood }.map { "\($0.name): \($0.text)" }.joined(separator: "; ") }

    /// `{"status": "ok" or "failing", "checks": {name: {"status", "reason"}}}`
    package var json: JSONValue {
        var checks = JSONObject()
        for finding in findings {
            checks[finding.name] = ["status": .string(HealthReport.word(finding.isGood)), "reason": .string(finding.text)]
        }
        return ["status": .string(HealthReport.word(isGood)), "checks": .object(checks)]
    }

    private static func word(_ isGood: Bool) -> String { isGood ? "ok" : "failing" }
}
