import Formats
import ProgramSupport

/// One thing that was looked at, how it is, and what to do about it.
struct CheckFinding: Sendable {
    enum Severity: Int, Sendable, Comparable {
        case good
        /// It works; somebody should know all the same.
        case note
        case warning
        case error

        static func < (left: Severity, right: Severity) -> Bool { left.rawValue < right.rawValue }

        var word: String {
            switch self {
            case .good: "ok"
            case .note: "note"
            case .warning: "warning"
            case .error: "error"
            }
        }
    }

    let area: String
    let severity: Severity
    /// One sentence, without secrets.
    let text: String
    /// What to do; empty where nothing is to be done.
    let remedy: String

    init(_ area: String, _ severity: Severity, _ text: String, do remedy: String = "") {
        // Peers' words may be in it: nothing of them moves a cursor.
        (self.area, self.severity, self.text, self.remedy) = (area, severity, Console.safe(text), remedy)
    }

    var json: JSONValue {
        var object: JSONObject = ["area": .string(area), "severity": .string(severity.word), "text": .string(text)]
        if !remedy.isEmpty { object["remedy"] = .string(remedy) }
        return .object(object)
    }

    var line: String {
        let mark =
            switch severity {
            case .good: "  ok     "
            case .note: "  note   "
            case .warning: "  WARNING"
            case .error: "  ERROR  "
            }
        return "\(mark) \(area): \(text)\(remedy.isEmpty ? "" : "\n            → \(remedy)")"
    }
}

extension CheckFinding {
    /// Of a program that runs: its version beside this one's, and what of it is not ready.
    /// - Parameters:
    ///   - answer: what it said to `/readyz`, or to `/healthz` with the `checks` of that.
    ///   - restart, more: what to do about an older version, and about what is not ready.
    static func running(
        _ area: String, _ who: String, at url: String, _ answer: JSONValue, restart: String, more: String
    ) -> [CheckFinding] {
        let version = answer["version"]?.string
        var findings = [CheckFinding(area, .good, "runs at \(url), version \(version ?? "unknown")")]
        if let version, version != Product.version {
            let text = "\(who) that runs is \(version), this program is \(Product.version)"
            findings.append(CheckFinding("versions", .warning, text, do: restart))
        }
        for check in answer["checks"]?.object?.members ?? [] where check.value["status"]?.string != "ok" {
            findings.append(CheckFinding(area, .error, "\(check.name): \(check.value["reason"]?.string ?? "")", do: more))
        }
        return findings
    }
}

extension [CheckFinding] {
    var worst: CheckFinding.Severity { map(\.severity).max() ?? .good }

    /// As monitoring plug-ins end: 0 all is well, 1 warnings, 2 errors.
    var exitStatus: Int32 {
        switch worst {
        case .good, .note: 0
        case .warning: 1
        case .error: 2
        }
    }

    var summary: String {
        let (errors, warnings) = (count { $0.severity == .error }, count { $0.severity == .warning })
        return errors + warnings == 0 ? "all is well" : "\(errors) errors, \(warnings) warnings"
    }
}
