/// A Lua value outside of its state: a copy, down to the leaves.
package enum LuaValue: Sendable, Equatable {
    case `nil`
    case boolean(Bool)
    case number(Double)
    /// Lua strings are bytes.
    case string([UInt8])
    case table(LuaTable)

    package static func text(_ text: String) -> LuaValue { .string(Array(text.utf8)) }

    package var isNil: Bool { self == .nil }

    /// The text of a string; bytes that are not UTF-8 are replaced.
    package var string: String? { if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil } }
    package var bytes: [UInt8]? { if case .string(let bytes) = self { bytes } else { nil } }
    package var number: Double? { if case .number(let number) = self { number } else { nil } }
    package var boolean: Bool? { if case .boolean(let boolean) = self { boolean } else { nil } }
    package var table: LuaTable? { if case .table(let table) = self { table } else { nil } }

    /// What a person calls this kind of value.
    package var kindName: String {
        switch self {
        case .nil: "nothing"
        case .boolean: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .table: "a table"
        }
    }
}

/// A table's fields with string keys and its list part (keys 1, 2, …). Other keys are left out.
package struct LuaTable: Sendable, Equatable {
    package var fields: [String: LuaValue] = [:]
    package var list: [LuaValue] = []

    package init(fields: [String: LuaValue] = [:], list: [LuaValue] = []) {
        self.fields = fields
        self.list = list
    }

    package subscript(name: String) -> LuaValue { fields[name] ?? .nil }
}

/// An error that Lua code raised or that kept it from loading; the message names file and line.
package struct LuaError: Error, Sendable, Equatable, CustomStringConvertible {
    package let message: String
    package var traceback: String?

    package init(_ message: String, traceback: String? = nil) {
        self.message = message
        self.traceback = traceback
    }

    package var description: String { message }
}
