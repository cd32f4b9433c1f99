public import NIOCore

/// A JSON value as a tree, for configurations and small answers. The forwarding path uses `JSONReader` and
/// `JSONWriter` instead.
public indirect enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The number's own text, so that no digit is lost.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of an object in the order of the text.
public struct JSONObject: Sendable, Equatable {
    public struct Member: Sendable, Equatable {
        public var name: String
        public var value: JSONValue
    }

    public private(set) var members: [Member]
    /// Where each name stands, in objects of more than a few members: looking a name up takes the same time in all of them.
    private var places: [String: Int]?
    private static let indexedFrom = 16

    public init() { members = [] }

    public subscript(name: String) -> JSONValue? {
        get { place(of: name).map { members[$0].value } }
        set {
            switch (place(of: name), newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil):
                members.remove(at: index)
                places = nil
                buildIndex()
            case (nil, let value?): append(name, value)
            case (nil, nil): break
            }
        }
    }

    /// Removes the members with these names, all at once.
    public mutating func removeAll(where isRemoved: (String) -> Bool) {
        members.removeAll { isRemoved($0.name) }
        places = nil
        buildIndex()
    }

    private func place(of name: String) -> Int? {
        if let places { places[name] } else { members.lastIndex { $0.name == name } }
    }

    mutating func append(_ name: String, _ value: JSONValue) {
        members.append(Member(name: name, value: value))
        if places == nil { buildIndex() } else { places?[name] = members.count - 1 }
    }

    private mutating func buildIndex() {
        guard members.count >= JSONObject.indexedFrom else { return }
        places = Dictionary(members.enumerated().map { ($1.name, $0) }) { $1 }
    }

    public static func == (one: JSONObject, other: JSONObject) -> Bool { one.members == other.members }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init()
        for (name, value) in elements { append(name, value) }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByFloatLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int) { self = .number(String(value)) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (name, value) in elements { object.append(name, value) }
        self = .object(object)
    }
}

extension JSONValue {
    public static func int(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }

    /// A finite number, or null: JSON knows neither NaN nor infinities.
    public static func double(_ value: Double) -> JSONValue {
        var buffer = ByteBuffer()
        buffer.writeJSON(value)
        let text = String(buffer: buffer)
        return text == "null" ? .null : .number(text)
    }

    public subscript(name: String) -> JSONValue? { object?[name] }
    public subscript(index: Int) -> JSONValue? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }

    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }
    /// The number when it is whole and fits, also when it was written as `1.0` or `1e3`.
    public var int: Int? {
        guard case .number(let text) = self else { return nil }
        if let int = Int(text) { return int }
        return Double(text).flatMap { Int(exactly: $0) }
    }

    /// What a person calls this kind of value in an error text.
    public var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONValue {
    /// Reads one whole JSON text.
    /// - Throws: `JSONError` with the offset of the mistake.
    public init(parsing text: String) throws { try self.init(parsing: ByteBuffer(string: text)) }

    public init(parsing buffer: ByteBuffer, maximumDepth: Int = 128) throws {
        self = try buffer.withUnsafeReadableBytes { raw in
            var reader = JSONReader(raw.bindMemory(to: UInt8.self), maximumDepth: maximumDepth)
            let value = try JSONValue(from: &reader)
            try reader.end()
            return value
        }
    }

    /// Reads the next value of a longer text.
    public init(from reader: inout JSONReader) throws(JSONError) {
        var positions: [String: Range<Int>]? = nil
        self = try JSONValue(&reader, path: "", positions: &positions)
    }

    init(_ reader: inout JSONReader, path: String, positions: inout [String: Range<Int>]?) throws(JSONError) {
        let start = reader.startOfNext()
        switch try reader.peek() {
        case .null:
            try reader.null()
            self = .null
        case .bool: self = .bool(try reader.bool())
        case .number: self = .number(String(decoding: reader.bytes[try reader.number()], as: UTF8.self))
        case .string: self = .string(try reader.string())
        case .array:
            try reader.beginArray()
            var elements: [JSONValue] = []
            var first = true
            while try reader.nextElement(&first) {
                let child = positions == nil ? "" : "\(path)[\(elements.count)]"
                elements.append(try JSONValue(&reader, path: child, positions: &positions))
            }
            self = .array(elements)
        case .object:
            try reader.beginObject()
            var object = JSONObject()
            var first = true
            while let key = try reader.nextKey(&first) {
                let child = positions == nil ? "" : (path.isEmpty ? key : "\(path).\(key)")
                object[key] = try JSONValue(&reader, path: child, positions: &positions)
            }
            self = .object(object)
        }
        positions?[path] = start..<reader.position
    }
}

extension JSONValue: CustomStringConvertible {
    /// Compact JSON.
    public var description: String {
        var buffer = ByteBuffer()
        buffer.writeJSON(self)
        return String(buffer: buffer)
    }
}

extension JSONValue {
    /// JSON for people: a member a line, indented by two blanks; empty and plain lists on one line.
    public var pretty: String {
        var text = ""
        write(into: &text, indent: "")
        return text
    }

    private var isPlain: Bool { object == nil && array == nil }

    private func write(into text: inout String, indent: String) {
        let inner = indent + "  "
        switch self {
        case .object(let object) where !object.members.isEmpty:
            text += "{\n"
            for (index, member) in object.members.enumerated() {
                text += "\(inner)\(JSONValue.string(member.name)): "
                member.value.write(into: &text, indent: inner)
                text += index == object.members.count - 1 ? "\n" : ",\n"
            }
            text += "\(indent)}"
        case .array(let elements) where elements.contains { !$0.isPlain }:
            text += "[\n"
            for (index, element) in elements.enumerated() {
                text += inner
                element.write(into: &text, indent: inner)
                text += index == elements.count - 1 ? "\n" : ",\n"
            }
            text += "\(indent)]"
        case .array(let elements): text += "[\(elements.map(\.description).joined(separator: ", "))]"
        default: text += description
        }
    }
}
