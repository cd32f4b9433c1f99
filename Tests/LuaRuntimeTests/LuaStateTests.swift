import Testing

@testable import LuaRuntime

@Suite struct LuaStateTests {
    func run(_ code: String, in state: LuaState? = nil) throws -> [LuaValue] {
        let state = try state ?? LuaState()
        return try state.call(state.load(Array(code.utf8), name: "@test.lua"))
    }

    final class Owner {}
    let owner = Owner()

    func register(_ functions: [String: NativeTable.Function], owner: AnyObject? = nil, in state: LuaState) {
        state.register("native", NativeTable(functions), owner: owner ?? self.owner, config: .nil)
    }

    @Test func valuesCrossTheBorderBothWays() throws {
        let state = try LuaState()
        let table = LuaValue.table(
            LuaTable(
                fields: [
                    "s": .string([0, 255, 65]), "n": .number(0.1), "b": .boolean(false),
                    "t": .table(LuaTable(list: [.number(1), .text("é")])),
                ]))
        state.setGlobal("x", table)
        #expect(try run("return x, nil, true", in: state) == [table, .nil, .boolean(true)])
        #expect(state.global("x") == table)
        #expect(state.global("print") == .nil)
    }

    @Test func errorsNameFileAndLine() throws {
        let syntax = #expect(throws: LuaError.self) { try run("x = = 1") }
        #expect(syntax?.message == "test.lua:1: unexpected symbol near '='")
        let runtime = #expect(throws: LuaError.self) { try run("local function f()\n  error('no')\nend\nf()") }
        #expect(runtime?.message == "test.lua:2: no")
        #expect(runtime?.traceback?.contains("test.lua:4") == true)
        #expect(throws: LuaError("table: 0x0")) {
            do { _ = try run("error({})") } catch let error as LuaError where error.message.hasPrefix("table: 0x") {
                throw LuaError("table: 0x0")
            }
        }
    }

    @Test func aNativeErrorIsALuaErrorWithItsPlace() throws {
        struct Refused: Error, CustomStringConvertible { let description = "refused" }
        let state = try LuaState()
        register(["fail": { _ in throw Refused() }], in: state)
        #expect(try run("\nlocal ok, why = pcall(native.fail) return ok, why", in: state)[0] == .boolean(false))
        let error = #expect(throws: LuaError.self) { try run("\nnative.fail()", in: state) }
        #expect(error?.message == "test.lua:2: refused")
    }

    @Test func aCoroutineIsSuspendedAndResumed() throws {
        let state = try LuaState()
        final class Calls { var arguments: [LuaValue] = [] }
        let calls = Calls()
        register(
            [
                "wait": { call in
                    (call.owner as! Calls).arguments.append(call[0])
                    return call.canSuspend ? .suspend : .values([.text("blocked")])
                }
            ], owner: calls, in: state)
        let code = "local a = native.wait(1) local ok, b = pcall(native.wait, 2) return a, b"
        let coroutine = state.coroutine(try state.load(Array(code.utf8), name: "@test.lua"))
        guard case .suspended = state.resume(coroutine, []), case .suspended = state.resume(coroutine, [.text("x")]),
            case .finished(let values) = state.resume(coroutine, [.number(7)])
        else {
            Issue.record("not suspended twice and finished")
            return
        }
        #expect(values == [.text("x"), .number(7)])
        #expect(calls.arguments == [.number(1), .number(2)])
    }

    /// Where a C function stands between, and in the script's own coroutines, a native function is told that it cannot suspend.
    @Test(arguments: [
        "local r table.sort({2, 1}, function(a, b) r = native.wait() return a < b end) return r",
        "return string.gsub('a', 'a', function() return native.wait() end)",
        "return coroutine.wrap(function() return native.wait() end)()",
    ])
    func suspendsOnlyWhereItCan(code: String) throws {
        let state = try LuaState()
        register(["wait": { call in call.canSuspend ? .suspend : .values([.text("blocked")]) }], in: state)
        guard case .finished(let values) = state.resume(state.coroutine(try state.load(Array(code.utf8), name: "@test.lua")), []) else {
            Issue.record("not finished")
            return
        }
        #expect(values.first == .text("blocked"))
    }

    @Test func aFailedCoroutineHasATraceback() throws {
        let state = try LuaState()
        let coroutine = state.coroutine(try state.load(Array("local function f() local x = nil + 1 end\nf()".utf8), name: "@test.lua"))
        guard case .failed(let error) = state.resume(coroutine, []) else {
            Issue.record("not failed")
            return
        }
        #expect(error.message.hasPrefix("test.lua:1: attempt to perform arithmetic"))
        #expect(error.traceback?.contains("test.lua:2") == true)
    }

    @Test func tablesThatHoldThemselvesEnd() throws {
        let values = try run("local t = {} t.a = t t.b = t return t")
        #expect(values.first?.table != nil)
    }

    @Test func thousandsOfCoroutinesLeaveNothingBehind() throws {
        let state = try LuaState()
        let function = try state.load(Array("return 1".utf8), name: "@test.lua")
        func round() throws -> Int {
            for _ in 0..<2000 {
                guard case .finished = state.resume(state.coroutine(function), []) else {
                    Issue.record("not finished")
                    return 0
                }
            }
            _ = try run("collectgarbage() collectgarbage()", in: state)
            return state.memory
        }
        let first = try round()
        for _ in 0..<3 { #expect(try round() < first + 16_384) }
    }
}
