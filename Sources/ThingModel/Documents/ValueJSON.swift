package import AlwaysOn
package import Formats
import NIOCore

extension Value {
    /// As it stands in an entity's document: as in an infotable's JSON (platform.md §5).
    package var json: JSONValue {
        switch self {
        case .nothing: return .null
        case .number(let double): return .double(double)
        case .integer(let integer): return .int(integer)
        case .boolean(let bool): return .bool(bool)
        case .datetime(let time), .timespan(let time): return .int(time)
        case .text(let type, let text):
            if type.isJSONText, let json = try? JSONValue(parsing: text) { return json }
            return .string(text)
        case .location(let place):
            return ["latitude": .double(place.latitude), "longitude": .double(place.longitude), "elevation": .double(place.elevation)]
        case .blob(let bytes), .image(let bytes): return .string(Base64.encode(bytes.readableBytesView))
        case .variant(let inner): return inner.json
        case .infotable(let table):
            guard let bytes = try? table.json(order: .shapeFirst), let json = try? JSONValue(parsing: bytes) else { return .null }
            return json
        }
    }

    /// What a document's JSON means as this base type; nil where it means nothing there.
    package init?(json: JSONValue, as type: BaseType) {
        switch (type, json) {
        case (_, .null): self = .nothing
        case (.json, _), (.query, _), (.schedule, _):
            // A text that is JSON is that JSON.
            if let text = json.string, (try? JSONValue(parsing: text)) != nil {
                self = .text(type, text)
            } else {
                self = .text(type, json.description)
            }
        case (.location, .object(let object)):
            guard let latitude = object["latitude"]?.looseDouble, let longitude = object["longitude"]?.looseDouble else { return nil }
            self = .location(Location(latitude: latitude, longitude: longitude, elevation: object["elevation"]?.looseDouble ?? 0))
        case (.infotable, .object):
            guard let table = try? EncodedInfotable(json: ByteBuffer(string: json.description)) else { return nil }
            self = .infotable(table.decoded())
        case (.blob, .string(let text)), (.image, .string(let text)):
            guard let bytes = Base64.decode(text) else { return nil }
            self = type == .blob ? .blob(ByteBuffer(bytes: bytes)) : .image(ByteBuffer(bytes: bytes))
        case (.tags, .array(let items)):
            self = .text(.tags, items.compactMap { $0.tag }.joined(separator: ";"))
        case (.variant, _):
            guard let plain = Value(plain: json) else { return nil }
            self = .variant(plain)
        default:
            guard let value = Value(plain: json)?.converted(to: type), value != .nothing else { return nil }
            self = value
        }
    }

    /// A text, number or truth value as what it is.
    package init?(plain json: JSONValue) {
        switch json {
        case .null: self = .nothing
        case .bool(let bool): self = .boolean(bool)
        case .number: self = json.double.map { .number($0) } ?? .nothing
        case .string(let text): self = .string(text)
        case .array, .object: self = .text(.json, json.description)
        }
    }
}

extension JSONValue {
    /// A number, also one that was written as a text.
    package var looseDouble: Double? { double ?? string.flatMap { Double($0) } }

    /// A truth value, also one that was written as a text or number.
    package var looseBool: Bool? { bool ?? string.flatMap { ["true": true, "false": false][$0.lowercased()] } ?? double.map { $0 != 0 } }

    /// `Vocabulary:Term`, of a text or an object `{vocabulary, vocabularyTerm}`.
    package var tag: String? {
        if let string { return string }
        guard let vocabulary = self["vocabulary"]?.string, let term = self["vocabularyTerm"]?.string else { return nil }
        return "\(vocabulary):\(term)"
    }

    /// Tags as a client sends them: an array, or one text with `;` between them.
    package var tags: [String]? {
        if let array { return array.compactMap(\.tag) }
        return string.map { $0.split(separator: ";").map(String.init) }
    }
}
