import Formats

/// A document that cannot become an entity: where, and what was expected.
package struct DocumentFailure: Error, Sendable, CustomStringConvertible {
    package let path: String
    package let text: String

    package init(_ path: String, _ text: String) {
        self.path = path
        self.text = text
    }

    package var description: String { path.isEmpty ? text : "\(path): \(text)" }
}

extension JSONObject {
    func string(_ name: String) -> String? {
        switch self[name] {
        case .string(let text)?: text
        case .number(let text)?: text
        case .bool(let bool)?: bool ? "true" : "false"
        default: nil
        }
    }

    func integer(_ name: String) -> Int64? { self[name]?.looseDouble.flatMap { Int64(exactly: $0.rounded()) } }

    init(_ pairs: some Sequence<(String, JSONValue)>) {
        self.init()
        for (name, value) in pairs { self[name] = value }
    }
}

/// A JSON array, or object by name, as names with their values: clients write collections in both ways.
func namedMembers(_ json: JSONValue?, _ path: String) throws(DocumentFailure) -> [(name: String, value: JSONObject)] {
    switch json {
    case nil, .null?: return []
    case .object(let object)?:
        var members: [(String, JSONValue)] = []
        for member in object.members { members.append((member.name, member.value)) }
        var found: [(String, JSONObject)] = []
        for (name, value) in members {
            guard let value = value.object else { throw DocumentFailure("\(path).\(name)", "expected an object, found \(value.kindName)") }
            found.append((value.string("name") ?? name, value))
        }
        return found
    case .array(let items)?:
        var found: [(String, JSONObject)] = []
        for (index, item) in items.enumerated() {
            guard let object = item.object, let name = object.string("name") else {
                throw DocumentFailure("\(path)[\(index)]", "expected an object with a \"name\"")
            }
            found.append((name, object))
        }
        return found
    case let other?: throw DocumentFailure(path, "expected an object, found \(other.kindName)")
    }
}
