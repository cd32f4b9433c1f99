import CLuaJIT

/// A table inside a state, looked at in place: raw accesses alone, so no Lua code runs and nothing takes long.
package struct LuaPeek {
    private let thread: OpaquePointer
    private let index: Int32

    fileprivate init(thread: OpaquePointer, index: Int32) {
        self.thread = thread
        self.index = index
    }

    /// The table in a field; nil where there is none. At most a handful in one look.
    package func table(_ name: String) -> LuaPeek? {
        push(name)
        return lua_type(thread, -1) == LUA_TTABLE ? LuaPeek(thread: thread, index: lua_gettop(thread)) : nil
    }

    package func boolean(_ name: String) -> Bool? {
        push(name)
        defer { twlua_pop(thread, 1) }
        return lua_type(thread, -1) == LUA_TBOOLEAN ? lua_toboolean(thread, -1) != 0 : nil
    }

    package func number(_ name: String) -> Double? {
        push(name)
        defer { twlua_pop(thread, 1) }
        return lua_type(thread, -1) == LUA_TNUMBER ? lua_tonumber(thread, -1) : nil
    }

    /// The text of a string; bytes that are not UTF-8 are replaced.
    package func string(_ name: String) -> String? {
        push(name)
        defer { twlua_pop(thread, 1) }
        var length = 0
        guard lua_type(thread, -1) == LUA_TSTRING, let start = lua_tolstring(thread, -1, &length) else { return nil }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self)
    }

    /// Whether the field holds anything but nil.
    package func has(_ name: String) -> Bool {
        push(name)
        defer { twlua_pop(thread, 1) }
        return lua_type(thread, -1) != LUA_TNIL
    }

    private func push(_ name: String) {
        var name = name
        name.withUTF8 { bytes in
            guard let start = UnsafeRawPointer(bytes.baseAddress) else { return lua_pushlstring(thread, "", 0) }
            lua_pushlstring(thread, start.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        lua_rawget(thread, index)
    }
}

extension LuaState {
    /// Looks into the globals. Not while the state runs code.
    package func peek<Result>(_ body: (LuaPeek) -> Result?) -> Result? {
        let top = lua_gettop(main)
        defer { lua_settop(main, top) }
        guard lua_checkstack(main, 32) != 0 else { return nil }
        lua_pushvalue(main, twlua_globals())
        return body(LuaPeek(thread: main, index: top + 1))
    }
}
