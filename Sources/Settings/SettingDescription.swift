package import Formats

/// What a configuration's setting is, for reference pages, sample files and schemas.
package struct SettingDescription: Sendable {
    package enum Kind: Sendable {
        case bool
        case integer(ClosedRange<Int>, unit: Unit)
        case string
        /// A file or directory.
        case path
        case secret
        case choice([String])
        /// Also a single string.
        case strings
        case object([SettingDescription])
        case objects([SettingDescription])
    }

    package enum Unit: String, Sendable {
        case none = ""
        case milliseconds = "ms"
        case bytes
        case seconds = "s"
        case minutes = "min"
        case percent = "%"
        case days
    }

    /// What a changed value takes to be in force.
    package enum Change: Sendable, Equatable {
        /// Taken over by a reload.
        case live
        case restart
    }

    package let name: String
    package let kind: Kind
    /// nil: no value; the setting's text says what that means.
    package let defaultValue: JSONValue?
    /// A value for sample files, where there is no default.
    package let sample: JSONValue?
    package internal(set) var change = Change.restart
    package let text: String
    package let isRequired: Bool

    package init(
        _ name: String, _ kind: Kind, default defaultValue: JSONValue? = nil, sample: JSONValue? = nil,
        isRequired: Bool = false, _ text: String
    ) {
        self.name = name
        self.kind = kind
        self.defaultValue = defaultValue
        self.sample = sample
        self.text = text
        self.isRequired = isRequired
    }

    /// Settings below this one; none for a single value.
    package var members: [SettingDescription] {
        switch kind {
        case .object(let members), .objects(let members): members
        default: []
        }
    }

    /// Paths of the secrets at and below this setting, `[]` standing for any index.
    package func secretPaths(below path: String = "") -> [String] {
        let own = path.isEmpty ? name : "\(path).\(name)"
        return switch kind {
        case .secret: [own]
        case .object(let members): members.flatMap { $0.secretPaths(below: own) }
        case .objects(let members): members.flatMap { $0.secretPaths(below: own + "[]") }
        default: []
        }
    }
}
