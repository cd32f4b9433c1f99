import CLuaJIT

/// A Lua state. Not safe for concurrent use: its owner is one actor.
///
/// Values cross the border as copies (`LuaValue`). Functions stay inside and are called by reference.
package final class LuaState {
    /// What a native function does with its call.
    package enum Outcome {
        case values([LuaValue])
        /// Suspends the running coroutine; `resume` gives it its results. Only where `canSuspend` says so.
        case suspend
    }

    /// One call of a native function.
    package struct Call {
        package let arguments: [LuaValue]
        /// The state's owner, as it was registered with the functions.
        package let owner: AnyObject
        let thread: OpaquePointer

        /// Whether the running code is a coroutine that may be suspended here: not while a C function such as
        /// `require`, `table.sort` or `string.gsub` stands between, and not in a coroutine of the script's own.
        package let canSuspend: Bool

        package subscript(index: Int) -> LuaValue { index < arguments.count ? arguments[index] : .nil }
    }

    /// A function or coroutine that is kept inside the state.
    package struct Reference: Sendable, Hashable { let id: Int32 }

    let main: OpaquePointer
    private var natives: NativeTable?
    private unowned var owner: AnyObject?
    var jsonMarks: LuaJSONMarks?
    private var spare: [Coroutine] = []
    private var running: OpaquePointer?
    private let watch = UnsafeMutablePointer<twlua_watch>.allocate(capacity: 1)
    private var reporter: Reporter?
    /// Whether it runs right now, for whoever watches it.
    package let activity = LuaActivity()

    /// Deepest nesting of tables that crosses the border.
    static let maximumDepth = 64
    /// Most tables within one value that crosses the border.
    static let maximumTables = 200_000
    var copies = 0

    /// - Parameter libraries: whether Lua's standard libraries are there.
    package init(libraries: Bool = true) throws {
        guard let state = twlua_new_state() else { throw LuaError("no memory for a Lua state") }
        main = state
        if libraries {
            luaL_openlibs(state)
            twlua_open_format(state)
        }
        watch.initialize(to: twlua_watch(instructions: 0, bytes: 0, used: 0, report: { _, _ in }, context: nil))
    }

    deinit {
        lua_close(main)
        watch.deallocate()
    }

    /// Bounds what code may do: an error is raised where it does more. Costs speed, as nothing is compiled then.
    ///
    /// - Parameters:
    ///   - instructions: of one run, from where it is entered to where it is suspended; 0: any number.
    ///   - bytes: that the state may hold; 0: any number.
    package func limit(instructions: Double, bytes: Double) {
        watch.pointee.instructions = instructions
        watch.pointee.bytes = bytes
        twlua_set_watch(main, watch)
    }

    private final class Reporter {
        let report: (String) -> Void
        init(_ report: @escaping (String) -> Void) { self.report = report }
    }

    /// Gets a traceback when somebody looks (`LuaActivity.look`), on the thread that runs the state.
    package func whenLookedAt(_ report: @escaping (String) -> Void) {
        let reporter = Reporter(report)
        self.reporter = reporter
        watch.pointee.context = Unmanaged.passUnretained(reporter).toOpaque()
        watch.pointee.report = { context, text in
            guard let context, let text else { return }
            Unmanaged<Reporter>.fromOpaque(context).takeUnretainedValue().report(String(cString: text))
        }
        twlua_set_watch(main, watch)
    }

    /// Has so many heaps serve all threads of the process, in place of one or more a thread: a state outlives the threads that it
    /// runs on, and would leave each of their heaps full of holes. To be called at the start.
    package static func shareHeaps(_ count: Int32) { twlua_share_heaps(count) }

    /// Gives the system back what the heaps no longer use: after a busy time, or the end of a script, that may be much.
    package static func trimHeaps() { twlua_trim_heaps() }

    // MARK: Globals

    package func setGlobal(_ name: String, _ value: LuaValue) {
        push(value, on: main)
        set(name, inTableAt: twlua_globals())
    }

    /// A global, copied; nil for functions and other things that cannot be.
    package func global(_ name: String) -> LuaValue {
        pushBytes(Array(name.utf8), on: main)
        lua_rawget(main, twlua_globals())
        defer { twlua_pop(main, 1) }
        return value(at: -1, on: main)
    }

    /// Makes a global table of native functions, those for JSON among them, and one more field, `config`. Once a state.
    /// - Parameter owner: what the functions find in their calls; it has to live as long as the state runs code.
    package func register(_ table: String, _ natives: NativeTable, owner: AnyObject, config: LuaValue) {
        precondition(self.natives == nil, "functions are registered once")
        self.natives = natives
        self.owner = owner
        lua_createtable(main, 0, Int32(natives.names.count + 4))
        pushBytes(Array("config".utf8), on: main)
        push(config, on: main)
        lua_rawset(main, -3)
        for (index, name) in natives.names.enumerated() {
            pushBytes(Array(name.utf8), on: main)
            twlua_push_native(main, LuaState.callNative, Unmanaged.passUnretained(self).toOpaque(), Int32(index))
            lua_rawset(main, -3)
        }
        addJSON(toTableAt: lua_gettop(main))
        set(table, inTableAt: twlua_globals())
    }

    private func set(_ name: String, inTableAt index: Int32) {
        pushBytes(Array(name.utf8), on: main)
        lua_insert(main, -2)
        lua_rawset(main, index)
    }

    // MARK: Running

    /// Compiles a chunk, whose source is Lua 5.1 as PUC has it (lua-library.md §2).
    /// - Parameter name: stands in error messages; `@` before a file's path.
    /// - Throws: `LuaError` with file and line.
    package func load(_ bytes: [UInt8], name: String) throws -> Reference {
        // A first line that is meant for the shell.
        var bytes = (LuaDialect.adapted(bytes) ?? bytes)[...]
        if bytes.first == UInt8(ascii: "#") { bytes = bytes.drop { $0 != UInt8(ascii: "\n") } }
        let status = bytes.withUnsafeBytes {
            luaL_loadbufferx(main, $0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count, name, "t")
        }
        guard status == 0 else { throw popError(main) }
        return Reference(id: luaL_ref(main, twlua_registry()))
    }

    /// The function at the end of a path of global tables (`["native", "dispatch"]`), or nil.
    package func function(_ path: [String]) -> Reference? {
        let base = lua_gettop(main)
        defer { lua_settop(main, base) }
        lua_pushvalue(main, twlua_globals())
        for name in path {
            guard lua_type(main, -1) == LUA_TTABLE else { return nil }
            pushBytes(Array(name.utf8), on: main)
            lua_rawget(main, -2)
        }
        guard lua_type(main, -1) == LUA_TFUNCTION else { return nil }
        return Reference(id: luaL_ref(main, twlua_registry()))
    }

    package func release(_ reference: Reference) { luaL_unref(main, twlua_registry(), reference.id) }

    /// Calls a function to its end; what it calls cannot be suspended.
    /// - Throws: `LuaError` with a traceback.
    package func call(_ function: Reference, _ arguments: [LuaValue] = []) throws -> [LuaValue] {
        let base = lua_gettop(main)
        twlua_push_traceback_handler(main)
        lua_rawgeti(main, twlua_registry(), function.id)
        guard lua_checkstack(main, Int32(arguments.count) + 16) != 0 else { throw LuaError("stack overflow") }
        for argument in arguments { push(argument, on: main) }
        let isOutermost = activity.begin(main)
        let status = lua_pcall(main, Int32(arguments.count), LUA_MULTRET, base + 1)
        if isOutermost { activity.end() }
        defer { lua_settop(main, base) }
        guard status == 0 else { throw error(at: -1, on: main) }
        return values(from: base + 2, on: main)
    }

    /// A coroutine that will run a function.
    package func coroutine(_ function: Reference) -> Coroutine {
        let coroutine = spare.popLast() ?? newCoroutine()
        lua_rawgeti(coroutine.thread, twlua_registry(), function.id)
        return coroutine
    }

    private func newCoroutine() -> Coroutine {
        let thread = lua_newthread(main)!
        return Coroutine(thread: thread, reference: Reference(id: luaL_ref(main, twlua_registry())))
    }

    /// One that ran to its end can run another function; one that failed cannot.
    private func reuse(_ coroutine: Coroutine) {
        guard spare.count < 4 else { return release(coroutine.reference) }
        lua_settop(coroutine.thread, 0)
        spare.append(coroutine)
    }

    package struct Coroutine {
        let thread: OpaquePointer
        let reference: Reference
    }

    package enum Progress {
        case finished([LuaValue])
        /// A native function suspended it.
        case suspended
        case failed(LuaError)
    }

    /// Runs a coroutine until it ends or is suspended.
    package func resume(_ coroutine: Coroutine, _ arguments: [LuaValue]) -> Progress {
        let thread = coroutine.thread
        guard lua_checkstack(thread, Int32(arguments.count) + 16) != 0 else { return .failed(LuaError("stack overflow")) }
        for argument in arguments { push(argument, on: thread) }
        let outer = running
        running = thread
        watch.pointee.used = 0
        let isOutermost = activity.begin(main)
        let status = lua_resume(thread, Int32(arguments.count))
        if isOutermost { activity.end() }
        running = outer
        switch status {
        case 0:
            defer { reuse(coroutine) }
            return .finished(values(from: 1, on: thread))
        case LUA_YIELD:
            lua_settop(thread, 0)
            return .suspended
        default:
            defer { release(coroutine.reference) }
            let message = error(at: -1, on: thread).message
            luaL_traceback(main, thread, nil, 0)
            let traceback = value(at: -1, on: main).string
            twlua_pop(main, 1)
            return .failed(LuaError(message, traceback: traceback))
        }
    }

    /// Bytes that the state has allocated.
    package var memory: Int { Int(lua_gc(main, LUA_GCCOUNT, 0)) * 1024 + Int(lua_gc(main, LUA_GCCOUNTB, 0)) }

    // MARK: Native functions

    private static let callNative: twlua_native = { thread, context, index in
        guard let thread, let context else { return 0 }
        let state = Unmanaged<LuaState>.fromOpaque(context).takeUnretainedValue()
        guard let natives = state.natives, let owner = state.owner else { return 0 }
        let canSuspend = state.running == thread && lua_isyieldable(thread) != 0
        let call = Call(arguments: state.values(from: 1, on: thread), owner: owner, thread: thread, canSuspend: canSuspend)
        do {
            switch try natives.functions[Int(index)](call) {
            case .suspend: return TWLUA_YIELD
            case .values(let values):
                guard lua_checkstack(thread, Int32(values.count) + 16) != 0 else { return 0 }
                for value in values { state.push(value, on: thread) }
                return Int32(values.count)
            }
        } catch {
            // The place in the script that called, as Lua's own functions name it.
            luaL_where(thread, 1)
            state.pushBytes(Array("\(error)".utf8), on: thread)
            lua_concat(thread, 2)
            return TWLUA_RAISE
        }
    }

    private func popError(_ thread: OpaquePointer) -> LuaError {
        defer { twlua_pop(thread, 1) }
        return error(at: -1, on: thread)
    }

    private func error(at index: Int32, on thread: OpaquePointer) -> LuaError {
        twlua_push_text(thread, index)
        let text = value(at: -1, on: thread).string ?? "unknown error"
        twlua_pop(thread, 1)
        guard let range = text.firstRange(of: "\nstack traceback:") else { return LuaError(text) }
        return LuaError(String(text[..<range.lowerBound]), traceback: String(text[text.index(after: range.lowerBound)...]))
    }
}
