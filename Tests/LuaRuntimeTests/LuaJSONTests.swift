import Testing

@testable import LuaRuntime

/// JSON as Lua code reads and writes it.
@Suite struct LuaJSONTests {
    let state: LuaState
    final class Owner {}
    let owner = Owner()

    init() throws {
        state = try LuaState()
        state.register("native", NativeTable([:]), owner: owner, config: .nil)
        _ = try run(
            """
            null, arrays, objects = function() return "null" end, {}, {}
            native.json_setup(null, arrays, objects, function(o) return type(o.toTable) == "function" and o:toTable() or o end)
            encode, decode = native.json_encode, native.json_decode
            """)
    }

    func run(_ code: String) throws -> [LuaValue] { try state.call(state.load(Array(code.utf8), name: "@test.lua")) }

    @Test(
        arguments: [
            ("{ 1, 2.5, 'x', true, null }", "[1,2.5,\"x\",true,null]"), ("{}", "[]"), ("setmetatable({}, arrays)", "[]"),
            ("setmetatable({}, objects)", "{}"), ("nil", "null"),
            ("{ a = { b = {} } }", "{\"a\":{\"b\":[]}}"), ("'\\n\\t\\1\"\\\\/\\127'", "\"\\n\\t\\u0001\\\"\\\\/\u{7F}\""),
            ("1e300", "1e+300"), ("0/0", "null"), ("1/0", "null"),
            ("-0.1", "-0.1"), ("9007199254740993", "9007199254740992"), ("123456789012345", "123456789012345"),
            ("'é\\255'", "\"é\u{FFFD}\""), ("{ f = print }", "{}"),
            ("{ [1] = 1, [3] = 3 }", "[1,null,3]"), ("{ [1] = 1, [1.5] = 3 }", nil), ("{ [0] = 1 }", "{\"0\":1}"),
            ("{ print, null, 3 }", "[null,null,3]"), ("null", "null"),
            ("setmetatable({}, { __index = { toTable = function() return { 7 } end } })", "[7]"),
            ("{ [40000000] = 1 }", "{\"40000000\":1}"), ("{ [true] = 1 }", "{\"true\":1}"),
        ] as [(String, String?)])
    func isWritten(_ lua: String, _ json: String?) throws {
        let text = try run("return encode(\(lua))").first?.string
        // An order of members that nobody promises is not compared.
        if let json { #expect(text == json) } else { #expect(text == "{\"1\":1,\"1.5\":3}" || text == "{\"1.5\":3,\"1\":1}") }
    }

    /// JSON of strangers takes the memory that its limits allow, whatever it nests.
    @Test func textsThatTakeMuchMemoryAreRefused() throws {
        for (code, why) in [
            ("decode('[' .. string.rep('{},', 250000) .. '1]')", "more than 200000 arrays and objects"),
            ("decode('[' .. string.rep('1,', 2100000) .. '1]')", "more than 2000000 values"),
            ("(function() local t = {} for _ = 1, 90 do t = { t, t } end return encode(t) end)()", "a text of more than"),
        ] {
            let error = #expect(throws: LuaError.self) { try run("return \(code)") }
            #expect(error?.message.contains(why) == true, "\(error?.message ?? "")")
        }
        state.limit(instructions: 0, bytes: 8_000_000)
        let error = #expect(throws: LuaError.self) { try run("return decode('[' .. string.rep('[1],', 150000) .. '1]')") }
        #expect(error?.message.contains("maxMemory") == true)
    }

    @Test(arguments: [
        ("print", "a function cannot be written"), ("coroutine.create(print)", "a thread cannot"),
        ("(function() local t = {} t.t = t return t end)()", "nested deeper than 100"),
        ("setmetatable({}, { __index = { toTable = function() error('no', 0) end } })", "json.encode: no"),
    ])
    func isRefused(_ lua: String, _ why: String) throws {
        let error = #expect(throws: LuaError.self) { try run("return encode(\(lua))") }
        #expect(error?.message.contains(why) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("", "line 1, byte 1: expected a value"), ("[1,", "byte 4: expected a value"), ("{\"a\" 1}", "expected ':'"),
        ("{\"a\":1", "expected ',' or '}'"), ("\"\\x\"", "expected an escape"),
        ("\"abc", "expected the end of a string"), ("[1 2]", "expected ',' or ']'"), ("[,1]", "expected a value"),
        ("[1,,2]", "expected a value"), ("/* no end", "expected a value"), ("\n\n[1}", "line 3"), ("-", "expected a value"),
        ("1e", "expected a value"), ("nul", "expected a value"),
        ("{1:2}", "expected a member's name"), ("\"\\ud800\\u0041\"", "surrogate"), ("\"\\u12", "four hexadecimal digits"),
        (String(repeating: "[", count: 200), "less than 100 levels"),
    ])
    func isNotRead(_ json: String, _ why: String) throws {
        state.setGlobal("text", .text(json))
        let error = #expect(throws: LuaError.self) { try run("return decode(text)") }
        #expect(error?.message.contains(why) == true, "\(error?.message ?? "")")
    }

    @Test func whatIsReadIsWhatWasWritten() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let value = randomValue(&random, depth: 0)
            state.setGlobal("x", value)
            #expect(try run("return decode(encode(x))").first == value)
        }
    }

    @Test func brokenTextsBreakNothing() throws {
        var random = SystemRandomNumberGenerator()
        let seed = Array("{\"a\":[1,-2.5e3,\"\\u00e9\\n\",true,false,null,{}],\"b\":{\"c\":\"d\"}}".utf8)
        for _ in 0..<5000 {
            var bytes = seed
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                if Bool.random(using: &random) { bytes[place] = UInt8.random(in: 0...255, using: &random) } else { bytes.remove(at: place) }
            }
            state.setGlobal("text", .string(bytes))
            let values = try run("local ok, value = pcall(decode, text) return ok, ok and pcall(encode, value)")
            #expect(values[0].boolean == false || values[1].boolean == true)
        }
    }

    private func randomValue(_ random: inout SystemRandomNumberGenerator, depth: Int) -> LuaValue {
        switch Int.random(in: 0..<(depth > 3 ? 3 : 5), using: &random) {
        case 0: return .boolean(Bool.random(using: &random))
        case 1:
            return .number(
                Bool.random(using: &random)
                    ? Double(Int.random(in: -1_000_000...1_000_000, using: &random)) : Double.random(in: -1e9...1e9, using: &random))
        case 2:
            return .text(String((0..<Int.random(in: 0..<12, using: &random)).map { _ in "aé\"\\\n😀 \u{1}".randomElement(using: &random)! }))
        case 3:
            return .table(LuaTable(list: (0..<Int.random(in: 0..<5, using: &random)).map { _ in randomValue(&random, depth: depth + 1) }))
        default:
            let names = (0..<Int.random(in: 0..<5, using: &random)).map { "k\($0)é" }
            return .table(LuaTable(fields: Dictionary(uniqueKeysWithValues: names.map { ($0, randomValue(&random, depth: depth + 1)) })))
        }
    }
}
