import CLuaJIT

/// Values across the border, with raw accesses alone: no metamethod runs, so nothing is raised here.
extension LuaState {
    func pushBytes(_ bytes: [UInt8], on thread: OpaquePointer) {
        bytes.withUnsafeBytes { raw in
            if let start = raw.baseAddress {
                lua_pushlstring(thread, start.assumingMemoryBound(to: CChar.self), raw.count)
            } else {
                lua_pushlstring(thread, "", 0)
            }
        }
    }

    func push(_ value: LuaValue, on thread: OpaquePointer, depth: Int = 0) {
        switch value {
        case .nil: lua_pushnil(thread)
        case .boolean(let boolean): lua_pushboolean(thread, boolean ? 1 : 0)
        case .number(let number): lua_pushnumber(thread, number)
        case .string(let bytes): pushBytes(bytes, on: thread)
        case .table(let table):
            lua_createtable(thread, Int32(clamping: table.list.count), Int32(clamping: table.fields.count))
            guard depth < LuaState.maximumDepth, lua_checkstack(thread, 8) != 0 else { return }
            for (index, element) in table.list.enumerated() {
                push(element, on: thread, depth: depth + 1)
                lua_rawseti(thread, -2, Int32(index + 1))
            }
            for (name, field) in table.fields {
                pushBytes(Array(name.utf8), on: thread)
                push(field, on: thread, depth: depth + 1)
                lua_rawset(thread, -3)
            }
        }
    }

    func values(from first: Int32, on thread: OpaquePointer) -> [LuaValue] {
        let top = lua_gettop(thread)
        guard first <= top else { return [] }
        copies = 0
        return (first...top).map { value(at: $0, on: thread) }
    }

    func value(at index: Int32, on thread: OpaquePointer, depth: Int = 0) -> LuaValue {
        switch lua_type(thread, index) {
        case LUA_TBOOLEAN: return .boolean(lua_toboolean(thread, index) != 0)
        case LUA_TNUMBER: return .number(lua_tonumber(thread, index))
        case LUA_TSTRING:
            var length = 0
            guard let start = lua_tolstring(thread, index, &length) else { return .nil }
            return .string(Array(UnsafeRawBufferPointer(start: start, count: length)))
        case LUA_TTABLE:
            // A table that holds itself ends at the depth, a web of such tables at the count.
            copies = depth == 0 ? 0 : copies + 1
            guard depth < LuaState.maximumDepth, copies < LuaState.maximumTables else { return .nil }
            return .table(table(at: index, on: thread, depth: depth))
        default: return .nil
        }
    }

    private func table(at index: Int32, on thread: OpaquePointer, depth: Int) -> LuaTable {
        var result = LuaTable()
        guard lua_checkstack(thread, 8) != 0 else { return result }
        let absolute = index > 0 ? index : lua_gettop(thread) + index + 1
        let length = lua_objlen(thread, absolute)
        if length > 0 {
            for position in 1...Int32(clamping: length) {
                lua_rawgeti(thread, absolute, position)
                result.list.append(value(at: -1, on: thread, depth: depth + 1))
                twlua_pop(thread, 1)
            }
        }
        lua_pushnil(thread)
        while lua_next(thread, absolute) != 0 {
            // A key is looked at and not converted: lua_tolstring on a number would change it under lua_next.
            if lua_type(thread, -2) == LUA_TSTRING, let name = value(at: -2, on: thread).string {
                result.fields[name] = value(at: -1, on: thread, depth: depth + 1)
            }
            twlua_pop(thread, 1)
        }
        return result
    }
}
