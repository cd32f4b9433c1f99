import CLuaJIT
import Glibc

/// JSON text as Lua values, made right on the state's stack (lua-library.md §6.2).
///
/// Takes more than JSON: comments, strings in single quotes, commas too many; what follows the value is not looked at.
struct LuaJSONDecoder {
    private let thread: OpaquePointer
    private let marks: LuaJSONMarks
    /// A Lua string: a zero follows its last byte.
    private let text: UnsafePointer<UInt8>
    private let count: Int
    private var position = 0
    private static let maximumValues = 2_000_000
    private var tables = 0
    private var values = 0

    init(thread: OpaquePointer, marks: LuaJSONMarks, text: UnsafePointer<UInt8>, count: Int) {
        self.thread = thread
        self.marks = marks
        self.text = text
        self.count = count
    }

    /// Pushes the text's value.
    mutating func run() throws(LuaJSONFailure) {
        try value(depth: 0)
    }

    private func expected(_ what: String) -> LuaJSONFailure {
        let before = UnsafeBufferPointer(start: text, count: min(position, count))
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        return LuaJSONFailure("json.decode: line \(line), byte \(min(position, count) + 1): expected \(what)")
    }

    /// Passes over blanks and comments.
    private mutating func skipBlanks() {
        while position < count, case let byte = text[position] {
            if byte == 0x20 || (byte >= 0x09 && byte <= 0x0D) {
                position += 1
            } else if byte == UInt8(ascii: "/"), text[position + 1] == UInt8(ascii: "*") {
                position += 2
                while position < count, !(text[position] == UInt8(ascii: "*") && text[position + 1] == UInt8(ascii: "/")) { position += 1 }
                position = min(position + 2, count)
            } else {
                return
            }
        }
    }

    private func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

    private mutating func value(depth: Int) throws(LuaJSONFailure) {
        guard depth <= LuaJSONEncoder.maximumDepth, lua_checkstack(thread, 8) != 0 else { throw expected("less than 100 levels") }
        values += 1
        guard values <= LuaJSONDecoder.maximumValues else {
            throw LuaJSONFailure("json.decode: more than \(LuaJSONDecoder.maximumValues) values")
        }
        if values % 1024 == 0, twlua_holds_too_much(thread) != 0 {
            throw LuaJSONFailure("json.decode: the text's values take more memory than the script may have (maxMemory)")
        }
        skipBlanks()
        switch position < count ? text[position] : 0 {
        case UInt8(ascii: "{"): try object(depth: depth)
        case UInt8(ascii: "["): try array(depth: depth)
        case UInt8(ascii: "\""), UInt8(ascii: "'"): try string()
        case UInt8(ascii: "t") where take("true"): lua_pushboolean(thread, 1)
        case UInt8(ascii: "f") where take("false"): lua_pushboolean(thread, 0)
        case UInt8(ascii: "n") where take("null"): lua_pushnil(thread)
        default: try number()
        }
    }

    private mutating func take(_ word: StaticString) -> Bool {
        guard count - position >= word.utf8CodeUnitCount, memcmp(text + position, word.utf8Start, word.utf8CodeUnitCount) == 0 else {
            return false
        }
        position += word.utf8CodeUnitCount
        return true
    }

    /// Passes over commas before an element. Whether there is another element, and not the end.
    private mutating func goesOn(_ end: Unicode.Scalar, isFirst: Bool) throws(LuaJSONFailure) -> Bool {
        skipBlanks()
        var isSeparated = isFirst
        while position < count, text[position] == UInt8(ascii: ",") {
            // A list's missing elements would be others' places.
            if end == "]", isSeparated { throw expected("a value") }
            isSeparated = true
            position += 1
            skipBlanks()
        }
        if position < count, text[position] == UInt8(ascii: end) {
            position += 1
            return false
        }
        guard isSeparated else { throw expected(end == "]" ? "',' or ']'" : "',' or '}'") }
        return true
    }

    /// A table takes many times the bytes that it needs in the text.
    private mutating func countTable() throws(LuaJSONFailure) {
        tables += 1
        guard tables <= LuaState.maximumTables else {
            throw LuaJSONFailure("json.decode: more than \(LuaState.maximumTables) arrays and objects")
        }
    }

    private mutating func object(depth: Int) throws(LuaJSONFailure) {
        try countTable()
        position += 1
        lua_createtable(thread, 0, 0)
        guard try goesOn("}", isFirst: true) else { return markObject() }
        repeat {
            guard position < count, isQuote(text[position]) else { throw expected("a member's name") }
            try string()
            skipBlanks()
            guard position < count, text[position] == UInt8(ascii: ":") else { throw expected("':'") }
            position += 1
            try value(depth: depth + 1)
            lua_rawset(thread, -3)
        } while try goesOn("}", isFirst: false)
        // Members that are null are none.
        lua_pushnil(thread)
        if lua_next(thread, -2) != 0 { twlua_pop(thread, 2) } else { markObject() }
    }

    /// An empty table is an array unless it is known to be none.
    private func markObject() {
        lua_rawgeti(thread, twlua_registry(), marks.objectReference)
        lua_setmetatable(thread, -2)
    }

    private mutating func array(depth: Int) throws(LuaJSONFailure) {
        try countTable()
        position += 1
        lua_createtable(thread, 0, 0)
        guard try goesOn("]", isFirst: true) else { return }
        var index: Int32 = 0
        repeat {
            index += 1
            try value(depth: depth + 1)
            lua_rawseti(thread, -2, index)
        } while try goesOn("]", isFirst: false)
    }

    private mutating func number() throws(LuaJSONFailure) {
        let start = position
        var end = position
        if end < count, text[end] == UInt8(ascii: "-") { end += 1 }
        let digits = end
        while end < count, isDigit(text[end]) { end += 1 }
        guard end > digits else { throw expected("a value") }
        var isWhole = true
        if end < count, text[end] == UInt8(ascii: ".") {
            isWhole = false
            end += 1
            while end < count, isDigit(text[end]) { end += 1 }
        }
        if end < count, text[end] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            end += 1
            if end < count, text[end] == UInt8(ascii: "+") || text[end] == UInt8(ascii: "-") { end += 1 }
            let exponent = end
            while end < count, isDigit(text[end]) { end += 1 }
            guard end > exponent else { throw expected("a value") }
        }
        position = end
        if isWhole, end - digits <= 15 {
            var whole: Int64 = 0
            for index in digits..<end { whole = whole * 10 + Int64(text[index] - 0x30) }
            lua_pushnumber(thread, digits > start ? -Double(whole) : Double(whole))
        } else {
            lua_pushnumber(thread, strtod(UnsafeRawPointer(text + start).assumingMemoryBound(to: CChar.self), nil))
        }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    // MARK: Strings

    private mutating func string() throws(LuaJSONFailure) {
        let quote = text[position]
        position += 1
        let start = position
        while position < count, text[position] != quote, text[position] != UInt8(ascii: "\\") { position += 1 }
        if position < count, text[position] == quote {
            // Lenient: a control character that should have been escaped stands for itself.
            push(UnsafeBufferPointer(start: text + start, count: position - start))
            position += 1
            return
        }
        var bytes = Array(UnsafeBufferPointer(start: text + start, count: position - start))
        while true {
            guard position < count else { throw expected("the end of a string") }
            let byte = text[position]
            position += 1
            switch byte {
            case quote: return bytes.withUnsafeBufferPointer { push($0) }
            case UInt8(ascii: "\\"): try escape(&bytes)
            default: bytes.append(byte)
            }
        }
    }

    private func push(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return lua_pushlstring(thread, "", 0) }
        lua_pushlstring(thread, UnsafeRawPointer(start).assumingMemoryBound(to: CChar.self), bytes.count)
    }

    private mutating func escape(_ bytes: inout [UInt8]) throws(LuaJSONFailure) {
        guard position < count else { throw expected("an escape") }
        let byte = text[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(byte)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var code = try fourDigits()
            if code >= 0xD800, code < 0xDC00, take("\\u") {
                let low = try fourDigits()
                guard low >= 0xDC00, low < 0xE000 else { throw expected("the second half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            // Half a pair is no character.
            bytes.append(contentsOf: String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
        default:
            position -= 1
            throw expected("an escape")
        }
    }

    private mutating func fourDigits() throws(LuaJSONFailure) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard position < count, let digit = Character(Unicode.Scalar(text[position])).hexDigitValue else {
                throw expected("four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
            position += 1
        }
        return code
    }
}
