package import AlwaysOn
import Formats

extension Value {
    /// The value as a declared base type, as clients write them: numbers as texts, tables and places as JSON objects (platform.md §5).
    /// - Returns: nil where it cannot be said in that type.
    package func coerced(to type: BaseType) -> Value? {
        if case .infotable(let table) = unwrapped, type != .infotable, type != .variant {
            // An object that is no table arrives as one where its members are plain.
            guard type == .json || type == .query || type == .location, let json = try? table.json(),
                let text = try? JSONValue(parsing: json)
            else { return nil }
            return Value(json: type == .location ? text["rows"]?[0] ?? .null : text, as: type)
        }
        switch type {
        case .infotable, .location, .tags, .blob, .image:
            if let value = converted(to: type), value.baseType == type || value == .nothing { return type == .tags ? tagged : value }
            guard let text = stringValue,
                let json = (try? JSONValue(parsing: text)) ?? (type == .blob || type == .image ? .string(text) : nil)
            else { return nil }
            return Value(json: json, as: type)
        case .json, .query:
            if let text = stringValue { return Value(json: (try? JSONValue(parsing: text)) ?? .string(text), as: type) }
            return Value(json: json, as: type)
        case .integer:
            // "35.0" is whole.
            return doubleValue.flatMap { Int32(exactly: $0) }.map { .integer($0) } ?? converted(to: type)
        case .boolean:
            if let text = stringValue {
                return ["true": true, "false": false, "1": true, "0": false][text.lowercased()].map { .boolean($0) }
            }
            return converted(to: type)
        default: return converted(to: type)
        }
    }

    /// Tags as text, from an array of them or from text.
    private var tagged: Value? {
        guard let text = stringValue, let json = try? JSONValue(parsing: text), json.array != nil else { return converted(to: .tags) }
        return Value(json: json, as: .tags)
    }
}
