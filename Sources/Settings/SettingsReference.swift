package import Formats

/// Reference page, JSON Schema and sample files of a configuration, made from the descriptions of its settings.
package struct SettingsReference: Sendable {
    private let settings: [SettingDescription]

    package init(_ settings: [SettingDescription]) { self.settings = settings }

    // MARK: Reference page

    /// A Markdown table for the top level and one for each group.
    package func markdown() -> String {
        var text = table(settings.filter { $0.members.isEmpty })
        for setting in settings where !setting.members.isEmpty { text += section(setting, path: setting.name) }
        return text
    }

    private func section(_ setting: SettingDescription, path: String) -> String {
        var heading = "\n## `\(path)`"
        if case .objects = setting.kind { heading += ", a list" }
        if setting.isRequired { heading += ", required" }
        var text = heading + "\n\n\(setting.text)\n\n" + table(setting.members.filter { $0.members.isEmpty })
        for member in setting.members where !member.members.isEmpty { text += section(member, path: "\(path).\(member.name)") }
        return text
    }

    private func table(_ settings: [SettingDescription]) -> String {
        var text = "| setting | type | default | reload | |\n| --- | --- | --- | --- | --- |\n"
        for setting in settings {
            let initial = setting.isRequired ? "*required*" : setting.defaultValue.map { "`\($0)`" } ?? ""
            text +=
                "| `\(setting.name)` | \(SettingsReference.type(setting)) | \(initial) | \(setting.change == .live ? "live" : "") | \(setting.text) |\n"
        }
        return text
    }

    private static func type(_ setting: SettingDescription) -> String {
        switch setting.kind {
        case .bool: "true, false"
        case .integer(let range, let unit):
            (unit == .none ? "" : "\(unit.rawValue), ")
                + (range.upperBound >= 2_147_483_647 ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)")
        case .string: "text"
        case .path: "path"
        case .secret: "secret"
        case .choice(let words): words.map { "`\($0)`" }.joined(separator: ", ")
        case .strings: "list of texts"
        case .object: "object"
        case .objects: "list of objects"
        }
    }

    // MARK: Schema

    /// JSON Schema, draft 2020-12, with descriptions and defaults: for editors and pipelines.
    package func schema(title: String) -> JSONValue {
        var schema = SettingsReference.schema(settings)
        schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
        schema["title"] = .string(title)
        return .object(schema)
    }

    private static func schema(_ settings: [SettingDescription]) -> JSONObject {
        var properties = JSONObject()
        for setting in settings { properties[setting.name] = .object(schema(setting)) }
        var object: JSONObject = ["type": "object", "properties": .object(properties)]
        let required = settings.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { object["required"] = .array(required) }
        return object
    }

    private static func schema(_ setting: SettingDescription) -> JSONObject {
        var schema: JSONObject =
            switch setting.kind {
            case .bool: ["type": "boolean"]
            case .integer(let range, _): ["type": "integer", "minimum": .int(range.lowerBound), "maximum": .int(range.upperBound)]
            case .string, .path, .secret: ["type": "string"]
            case .choice(let words): ["type": "string", "enum": .array(words.map { .string($0) })]
            case .strings: ["type": ["array", "string"], "items": ["type": "string"]]
            case .object(let members): self.schema(members)
            case .objects(let members): ["type": "array", "items": .object(self.schema(members))]
            }
        schema["description"] = .string(setting.text)
        if let value = setting.defaultValue { schema["default"] = value }
        return schema
    }

    // MARK: Sample files

    package enum Sample: String, CaseIterable, Sendable {
        /// What nobody can do without.
        case minimal
        /// Every setting at its default, or at an example where there is none.
        case complete
        /// As `complete`, with a comment before each setting; comments are no JSON, so this one is for reading.
        case documented
    }

    package func sample(_ kind: Sample) -> String {
        var lines = Lines(comments: kind == .documented, complete: kind != .minimal)
        lines.object(settings, indent: 0, end: "")
        return lines.text
    }

    private struct Lines {
        let comments: Bool
        let complete: Bool
        var text = ""

        func wanted(_ settings: [SettingDescription]) -> [SettingDescription] {
            settings.filter { setting in
                if setting.isRequired { return true }
                return complete && (!setting.members.isEmpty || setting.defaultValue != nil || setting.sample != nil)
            }
        }

        mutating func object(_ settings: [SettingDescription], indent: Int, end: String) {
            text += "{\n"
            let wanted = wanted(settings)
            for (index, setting) in wanted.enumerated() {
                if comments { comment(setting, indent + 2) }
                text += blanks(indent + 2) + "\(JSONValue.string(setting.name)): "
                member(setting, indent: indent + 2, end: index == wanted.count - 1 ? "" : ",")
            }
            text += blanks(indent) + "}\(end)\n"
        }

        private mutating func member(_ setting: SettingDescription, indent: Int, end: String) {
            switch setting.kind {
            case .object(let members): object(members, indent: indent, end: end)
            case .objects(let members) where !members.isEmpty:
                text += "[\n" + blanks(indent + 2)
                object(members, indent: indent + 2, end: "")
                text += blanks(indent) + "]\(end)\n"
            default: text += "\(setting.defaultValue ?? setting.sample ?? "")\(end)\n"
            }
        }

        private mutating func comment(_ setting: SettingDescription, _ indent: Int) {
            var line = blanks(indent) + "//"
            for word in setting.text.split(separator: " ") {
                if line.count + word.count > 110 {
                    text += line + "\n"
                    line = blanks(indent) + "//"
                }
                line += " \(word)"
            }
            text += line + "\n"
        }

        private func blanks(_ count: Int) -> String { String(repeating: " ", count: count) }
    }
}
