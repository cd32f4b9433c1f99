import CLuaJIT

/// A Lua value as JSON text (lua-library.md §6.2). Tables whose keys are whole numbers from 1 on become arrays, whose holes are null;
/// so do empty ones, unless they were read from an empty object.
///
/// Works on the state's stack with raw accesses; the only Lua code that it runs, a table's `toTable`, runs protected.
struct LuaJSONEncoder {
    private let thread: OpaquePointer
    private let marks: LuaJSONMarks
    private(set) var bytes: [UInt8] = []

    static let maximumDepth = 100
    /// Bytes of the text: tables that hold the same tables over and over would else have no end.
    static let maximumLength = 32 << 20

    init(thread: OpaquePointer, marks: LuaJSONMarks) {
        self.thread = thread
        self.marks = marks
        bytes.reserveCapacity(256)
    }

    /// Writes the value at an index of the stack, counted from its bottom.
    mutating func write(_ index: Int32, depth: Int = 0) throws(LuaJSONFailure) {
        guard bytes.count <= LuaJSONEncoder.maximumLength else {
            throw LuaJSONFailure("json.encode: a text of more than \(LuaJSONEncoder.maximumLength) bytes")
        }
        switch lua_type(thread, index) {
        case LUA_TNIL: append("null")
        case LUA_TBOOLEAN: append(lua_toboolean(thread, index) != 0 ? "true" : "false")
        case LUA_TNUMBER: write(lua_tonumber(thread, index))
        case LUA_TSTRING: writeString(at: index)
        case LUA_TTABLE: try writeTable(at: index, depth: depth)
        case LUA_TFUNCTION where lua_topointer(thread, index) == marks.null: append("null")
        case let type: throw LuaJSONFailure("json.encode: a \(String(cString: lua_typename(thread, type))) cannot be written as JSON")
        }
    }

    private mutating func append(_ text: StaticString) {
        bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private mutating func write(_ number: Double) {
        if let whole = Int64(exactly: number) {
            bytes.append(contentsOf: String(whole).utf8)
        } else if number.isFinite {
            bytes.append(contentsOf: number.description.utf8)
        } else {
            append("null")
        }
    }

    // MARK: Strings

    private mutating func writeString(at index: Int32) {
        var length = 0
        guard let start = lua_tolstring(thread, index, &length) else { return append("null") }
        let raw = UnsafeRawBufferPointer(start: start, count: length)
        bytes.append(UInt8(ascii: "\""))
        // What is no UTF-8 would make the whole text unreadable.
        if raw.contains(where: { $0 >= 0x80 }) { escape(Array(String(decoding: raw, as: UTF8.self).utf8)) } else { escape(raw) }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func escape(_ text: some Collection<UInt8>) {
        guard text.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C }) else { return bytes.append(contentsOf: text) }
        for byte in text {
            switch byte {
            case 0x22: append("\\\"")
            case 0x5C: append("\\\\")
            case 0x0A: append("\\n")
            case 0x0D: append("\\r")
            case 0x09: append("\\t")
            case ..<0x20:
                append("\\u00")
                for digit in [byte >> 4, byte & 15] { bytes.append(digit < 10 ? digit + 0x30 : digit + 0x57) }
            default: bytes.append(byte)
            }
        }
    }

    // MARK: Tables

    private mutating func writeTable(at index: Int32, depth: Int) throws(LuaJSONFailure) {
        guard depth <= LuaJSONEncoder.maximumDepth, lua_checkstack(thread, 8) != 0 else {
            throw LuaJSONFailure("json.encode: tables nested deeper than \(LuaJSONEncoder.maximumDepth)")
        }
        let top = lua_gettop(thread)
        defer { lua_settop(thread, top) }
        var table = index
        var emptyIsObject = false
        if lua_getmetatable(thread, index) != 0 {
            let metatable = UnsafeRawPointer(lua_topointer(thread, -1))
            emptyIsObject = metatable == marks.object
            if !emptyIsObject, metatable != marks.array { table = try resolve(index) }
        }
        // What `toTable` returned is any value.
        guard lua_type(thread, table) == LUA_TTABLE else { return try write(table, depth: depth + 1) }
        if let count = arrayLength(table, emptyIsObject: emptyIsObject) {
            try writeArray(table, count: count, depth: depth)
        } else {
            try writeObject(table, depth: depth)
        }
    }

    /// The table that stands for an object: what its `toTable` returns, if it has one.
    private func resolve(_ index: Int32) throws(LuaJSONFailure) -> Int32 {
        lua_rawgeti(thread, twlua_registry(), marks.resolver)
        lua_pushvalue(thread, index)
        guard lua_pcall(thread, 1, 1, 0) == 0 else {
            twlua_push_text(thread, -1)
            throw LuaJSONFailure("json.encode: \(lua_tolstring(thread, -1, nil).map { String(cString: $0) } ?? "")")
        }
        return lua_gettop(thread)
    }

    /// The highest key of a table whose keys are whole numbers from 1 on; nil where it is to be an object.
    private func arrayLength(_ table: Int32, emptyIsObject: Bool) -> Int32? {
        var (highest, found) = (0.0, false)
        lua_pushnil(thread)
        while lua_next(thread, table) != 0 {
            twlua_pop(thread, 1)
            let key = lua_type(thread, -1) == LUA_TNUMBER ? lua_tonumber(thread, -1) : 0
            guard key >= 1, key == key.rounded(), key <= Double(LuaJSONEncoder.maximumLength) else {
                twlua_pop(thread, 1)
                return nil
            }
            highest = max(highest, key)
            found = true
        }
        return found || !emptyIsObject ? Int32(highest) : nil
    }

    private mutating func writeArray(_ table: Int32, count: Int32, depth: Int) throws(LuaJSONFailure) {
        bytes.append(UInt8(ascii: "["))
        for position in stride(from: 1, through: count, by: 1) {
            if position > 1 { bytes.append(UInt8(ascii: ",")) }
            lua_rawgeti(thread, table, position)
            if isWritten(lua_gettop(thread)) { try write(lua_gettop(thread), depth: depth + 1) } else { append("null") }
            twlua_pop(thread, 1)
        }
        bytes.append(UInt8(ascii: "]"))
    }

    /// Whether a value within a table has a form in JSON; functions and the like have none.
    private func isWritten(_ index: Int32) -> Bool {
        switch lua_type(thread, index) {
        case LUA_TNIL, LUA_TBOOLEAN, LUA_TNUMBER, LUA_TSTRING, LUA_TTABLE: true
        case LUA_TFUNCTION: lua_topointer(thread, index) == marks.null
        default: false
        }
    }

    private mutating func writeObject(_ table: Int32, depth: Int) throws(LuaJSONFailure) {
        bytes.append(UInt8(ascii: "{"))
        var isFirst = true
        lua_pushnil(thread)
        while lua_next(thread, table) != 0 {
            let value = lua_gettop(thread)
            if isWritten(value) {
                if !isFirst { bytes.append(UInt8(ascii: ",")) }
                isFirst = false
                writeKey(at: value - 1)
                bytes.append(UInt8(ascii: ":"))
                try write(value, depth: depth + 1)
            }
            twlua_pop(thread, 1)
        }
        bytes.append(UInt8(ascii: "}"))
    }

    private mutating func writeKey(at index: Int32) {
        if lua_type(thread, index) == LUA_TSTRING { return writeString(at: index) }
        // A copy, as a conversion in place would confuse the iteration.
        twlua_push_text(thread, index)
        writeString(at: lua_gettop(thread))
        twlua_pop(thread, 1)
    }
}
