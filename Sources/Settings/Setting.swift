package import Formats
package import NIOCore
package import Secrets

/// One setting: how it is written, what it means, and where its value goes.
///
/// The list of a group's settings is the only place where they are described: reading, checking, the reference page,
/// the sample files, the JSON Schema and the reload all follow from it. A default is the value that `Target` begins with.
package struct Setting<Target: SettingsTarget>: Sendable {
    package private(set) var description: SettingDescription
    let read: @Sendable (inout ConfigGroup, inout Target) -> Void
    let changes: @Sendable (Target, Target, _ path: String, SettingDescription.Change) -> [SettingChange]
    /// Takes over the value, or those of a group's live members.
    private let copy: @Sendable (Target, inout Target) -> Void
    /// The value as it would stand in a file, secrets masked; nil: absent.
    let json: @Sendable (Target) -> JSONValue?

    private init<Value: Equatable & SendableMetatype>(
        _ path: WritableKeyPath<Target, Value> & Sendable, _ description: SettingDescription,
        json: @escaping @Sendable (Value) -> JSONValue?, read: @escaping @Sendable (inout ConfigGroup, Value) -> Value
    ) {
        self.description = description
        self.read = { group, target in target[keyPath: path] = read(&group, target[keyPath: path]) }
        self.json = { json($0[keyPath: path]) }
        changes = { old, new, place, change in old[keyPath: path] == new[keyPath: path] ? [] : [SettingChange(path: place, change: change)]
        }
        copy = { new, target in target[keyPath: path] = new[keyPath: path] }
    }

    private init<Member: SettingsTarget>(
        _ path: WritableKeyPath<Target, Member> & Sendable, _ description: SettingDescription, _ members: [Setting<Member>]
    ) {
        self.description = description
        read = { group, target in group.group(description.name) { $0.read(members, into: &target[keyPath: path]) } }
        json = { .object(members.json(of: $0[keyPath: path])) }
        changes = { old, new, place, _ in members.changes(from: old[keyPath: path], to: new[keyPath: path], below: place) }
        copy = { new, target in members.adopt(new[keyPath: path], into: &target[keyPath: path]) }
    }

    private init(_ description: SettingDescription, read: @escaping @Sendable (inout ConfigGroup, inout Target) -> Void) {
        self.description = description
        self.read = read
        json = { _ in nil }
        changes = { _, _, _, _ in [] }
        copy = { _, _ in }
    }

    /// This setting, as one that a reload takes over.
    package var live: Setting {
        var setting = self
        setting.description.change = .live
        return setting
    }

    func adopt(_ new: Target, into target: inout Target) {
        if case .object = description.kind { return copy(new, &target) }
        if description.change == .live { copy(new, &target) }
    }
}

/// What settings are read into.
package protocol SettingsTarget: Sendable {
    /// Every setting at its default.
    init()
}

/// A setting whose value differs between two configurations.
package struct SettingChange: Sendable, Equatable {
    package let path: String
    package let change: SettingDescription.Change
}

extension ConfigGroup {
    package mutating func read<Target>(_ settings: [Setting<Target>], into target: inout Target) {
        for setting in settings { setting.read(&self, &target) }
    }
}

extension Array {
    /// Takes over the values of settings that may change while the program runs.
    package func adopt<Target>(_ new: Target, into target: inout Target) where Element == Setting<Target> {
        for setting in self { setting.adopt(new, into: &target) }
    }

    /// All values as they would stand in a file, secrets masked.
    package func json<Target>(of target: Target) -> JSONObject where Element == Setting<Target> {
        var object = JSONObject()
        for setting in self { object[setting.description.name] = setting.json(target) }
        return object
    }

    /// The settings whose values differ, by their paths.
    package func changes<Target>(from old: Target, to new: Target, below path: String = "") -> [SettingChange]
    where Element == Setting<Target> {
        flatMap { setting in
            let name = setting.description.name
            return setting.changes(old, new, path.isEmpty ? name : "\(path).\(name)", setting.description.change)
        }
    }
}

// MARK: - Kinds

extension Setting {
    package typealias Path<Value> = WritableKeyPath<Target, Value> & Sendable

    package static func bool(_ name: String, _ path: Path<Bool>, _ text: String) -> Setting {
        Setting(path, SettingDescription(name, .bool, default: .bool(Target()[keyPath: path]), text), json: { .bool($0) }) { group, value in
            group.bool(name, default: value)
        }
    }

    package static func integer(
        _ name: String, _ path: Path<Int>, in range: ClosedRange<Int>, unit: SettingDescription.Unit = .none, _ text: String
    ) -> Setting {
        let kind = SettingDescription.Kind.integer(range, unit: unit)
        return Setting(path, SettingDescription(name, kind, default: .int(Target()[keyPath: path]), text), json: { .int($0) }) {
            group, value in
            group.integer(name, default: value, in: range)
        }
    }

    package static func milliseconds(
        _ name: String, _ path: Path<TimeAmount>, from lowest: Int = 1, _ text: String
    ) -> Setting {
        let range = lowest...2_147_483_647
        let initial = Int(Target()[keyPath: path].nanoseconds / 1_000_000)
        let kind = SettingDescription.Kind.integer(range, unit: .milliseconds)
        return Setting(path, SettingDescription(name, kind, default: .int(initial), text), json: { .int($0.nanoseconds / 1_000_000) }) {
            group, value in
            .milliseconds(Int64(group.integer(name, default: Int(value.nanoseconds / 1_000_000), in: range)))
        }
    }

    /// An empty default counts as none.
    package static func string(
        _ name: String, _ path: Path<String>, sample: JSONValue? = nil, required: Bool = false, _ text: String
    ) -> Setting {
        let initial = Target()[keyPath: path]
        let description = SettingDescription(
            name, .string, default: initial.isEmpty ? nil : .string(initial), sample: sample, isRequired: required, text)
        return Setting(path, description, json: { $0.isEmpty ? nil : .string($0) }) { group, value in group.string(name, default: value) }
    }

    package static func string(_ name: String, _ path: Path<String?>, sample: JSONValue? = nil, _ text: String) -> Setting {
        Setting(path, SettingDescription(name, .string, sample: sample, text), json: { $0.map { .string($0) } }) { group, value in
            group.string(name) ?? value
        }
    }

    /// A file that must be there and readable; where it is not, that is reported and the path kept.
    package static func file(_ name: String, _ path: Path<String>, sample: JSONValue? = nil, _ text: String) -> Setting {
        Setting(path, SettingDescription(name, .path, sample: sample, text), json: { $0.isEmpty ? nil : .string($0) }) { group, value in
            group.files(name).first ?? value
        }
    }

    package static func files(_ name: String, _ path: Path<[String]>, sample: JSONValue? = nil, _ text: String) -> Setting {
        Setting(path, SettingDescription(name, .strings, sample: sample, text), json: Setting.list) { group, _ in group.files(name) }
    }

    /// A directory; whether it is there is the affair of whoever uses it.
    package static func directory(_ name: String, _ path: Path<String>, sample: JSONValue? = nil, _ text: String) -> Setting {
        let initial = Target()[keyPath: path]
        let description = SettingDescription(name, .path, default: initial.isEmpty ? nil : .string(initial), sample: sample, text)
        return Setting(path, description, json: { $0.isEmpty ? nil : .string($0) }) { group, value in group.string(name, default: value) }
    }

    package static func strings(_ name: String, _ path: Path<[String]>, sample: JSONValue? = nil, _ text: String) -> Setting {
        Setting(path, SettingDescription(name, .strings, sample: sample, text), json: Setting.list) { group, _ in group.strings(name) }
    }

    package static func secret(
        _ name: String, _ path: Path<Secret?>, sample: JSONValue? = nil, required: Bool = false, _ text: String
    ) -> Setting {
        Setting(
            path, SettingDescription(name, .secret, sample: sample, isRequired: required, text),
            json: { $0 == nil ? nil : .string(SecretMask.text) }
        ) { group, _ in
            group.secret(name)
        }
    }

    /// One of some words; the default is the first that stands for the target's value.
    package static func choice<Value: Equatable & Sendable>(
        _ name: String, _ path: Path<Value>, _ choices: [(String, Value)], _ text: String
    ) -> Setting {
        let initial = choices.first { $0.1 == Target()[keyPath: path] }?.0
        let description = SettingDescription(name, .choice(choices.map(\.0)), default: initial.map { .string($0) }, text)
        return Setting(path, description, json: { value in choices.first { $0.1 == value }.map { .string($0.0) } }) { group, value in
            group.choice(name, default: value, choices)
        }
    }

    /// A setting of older files that changes nothing here.
    ///
    /// - Parameter warning: said when the file has it; nil where it is harmless.
    package static func retired(_ name: String, warning: String? = nil, _ text: String) -> Setting {
        Setting(SettingDescription(name, .string, text)) { group, _ in
            guard let found = group.value(name), let warning else { return }
            group.reader.report(.warning, found.path, warning)
        }
    }

    package static func group<Member: SettingsTarget>(
        _ name: String, _ path: Path<Member>, _ members: [Setting<Member>], _ text: String
    ) -> Setting {
        Setting(path, SettingDescription(name, .object(members.map(\.description)), text), members)
    }

    /// A setting that is read by code of its own.
    package static func custom<Value: Equatable & SendableMetatype>(
        _ path: Path<Value>, _ description: SettingDescription, json: @escaping @Sendable (Value) -> JSONValue?,
        read: @escaping @Sendable (inout ConfigGroup, Value) -> Value
    ) -> Setting { Setting(path, description, json: json, read: read) }

    private static var list: @Sendable ([String]) -> JSONValue? { { $0.isEmpty ? nil : .array($0.map { .string($0) }) } }
}

/// What stands in place of a secret in what a program shows of its configuration.
package enum SecretMask {
    package static let text = "***"
}
