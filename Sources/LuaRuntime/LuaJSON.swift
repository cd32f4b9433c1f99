import CLuaJIT

/// What stands for JSON's null, for arrays and for objects in one state.
struct LuaJSONMarks {
    /// The function that is `json.null`, and the metatables of tables that are arrays, or objects, when they are empty.
    let null: UnsafeRawPointer?
    let array: UnsafeRawPointer?
    let object: UnsafeRawPointer?
    let arrayReference: Int32
    let objectReference: Int32
    /// A function that gives the table to write for an object.
    let resolver: Int32
}

/// Why a value is not written, or a text is not read.
struct LuaJSONFailure: Error {
    let message: String

    init(_ message: String) { self.message = message }
}

/// `json_setup(null, arrayMetatable, objectMetatable, resolve)`, `json_encode(value)` and `json_decode(text)` for Lua code: as fast as the
/// text can be looked at, without a table or a string of Lua's that the result does not hold.
extension LuaState {
    func addJSON(toTableAt index: Int32) {
        for (name, function) in [
            ("json_setup", LuaState.setUpJSON), ("json_encode", LuaState.encodeJSON), ("json_decode", LuaState.decodeJSON),
        ] {
            pushBytes(Array(name.utf8), on: main)
            twlua_push_native(main, function, Unmanaged.passUnretained(self).toOpaque(), 0)
            lua_rawset(main, index)
        }
    }

    private static let setUpJSON: twlua_native = { thread, context, _ in
        guard let thread, let context else { return 0 }
        lua_settop(thread, 4)
        let pointers = (1...3).map { UnsafeRawPointer(lua_topointer(thread, $0)) }
        let resolver = luaL_ref(thread, twlua_registry())
        let objectReference = luaL_ref(thread, twlua_registry())
        let arrayReference = luaL_ref(thread, twlua_registry())
        Unmanaged<LuaState>.fromOpaque(context).takeUnretainedValue().jsonMarks = LuaJSONMarks(
            null: pointers[0], array: pointers[1], object: pointers[2], arrayReference: arrayReference, objectReference: objectReference,
            resolver: resolver)
        return 0
    }

    private static let encodeJSON: twlua_native = { thread, context, _ in
        perform(thread, context) { (thread, state, marks) throws(LuaJSONFailure) in
            var encoder = LuaJSONEncoder(thread: thread, marks: marks)
            try encoder.write(1)
            state.pushBytes(encoder.bytes, on: thread)
        }
    }

    private static let decodeJSON: twlua_native = { thread, context, _ in
        perform(thread, context) { (thread, _, marks) throws(LuaJSONFailure) in
            var count = 0
            guard lua_type(thread, 1) == LUA_TSTRING, let text = lua_tolstring(thread, 1, &count) else {
                throw LuaJSONFailure("json.decode: expected a string, found \(String(cString: lua_typename(thread, lua_type(thread, 1))))")
            }
            var decoder = LuaJSONDecoder(
                thread: thread, marks: marks, text: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), count: count)
            try decoder.run()
        }
    }

    /// One argument, one result, and what is thrown is raised.
    private static func perform(
        _ thread: OpaquePointer?, _ context: UnsafeMutableRawPointer?,
        _ body: (OpaquePointer, LuaState, LuaJSONMarks) throws(LuaJSONFailure) -> Void
    ) -> Int32 {
        guard let thread, let context else { return 0 }
        let state = Unmanaged<LuaState>.fromOpaque(context).takeUnretainedValue()
        guard let marks = state.jsonMarks else { return 0 }
        lua_settop(thread, 1)
        do {
            try body(thread, state, marks)
            return 1
        } catch {
            state.pushBytes(Array(error.message.utf8), on: thread)
            return TWLUA_RAISE
        }
    }
}
