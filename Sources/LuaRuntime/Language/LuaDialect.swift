/// Source that was written for PUC Lua 5.1, as LuaJIT compiles it to the same meaning (lua-library.md §2).
///
/// Two things differ: a backslash before a character that begins no escape stands for nothing in 5.1, and a function with `...`
/// that does not use it has its arguments in a local table `arg`. Lines stay where they are; what needs no change is not touched.
package enum LuaDialect {
    /// - Returns: nil where the source is the same in both.
    package static func adapted(_ source: [UInt8]) -> [UInt8]? {
        // Most files hold neither a backslash nor the name.
        let isConcerned = source.withUnsafeBytes { bytes -> Bool in
            bytes.indices.contains { index in
                let byte = bytes[index]
                if byte == UInt8(ascii: "\\") { return true }
                guard byte == UInt8(ascii: "g"), index > 1 else { return false }
                return bytes[index - 1] == UInt8(ascii: "r") && bytes[index - 2] == UInt8(ascii: "a")
            }
        }
        guard isConcerned else { return nil }
        var edits: [Edit] = []
        var lexer = LuaLexer(source)
        var blocks = Blocks()
        while let token = lexer.next() {
            switch token.kind {
            case .quoted: addEscapes(in: token.range, of: source, to: &edits)
            case .name, .other: blocks.take(lexer.text(of: token), ending: token.range.upperBound)
            }
        }
        // Where blocks do not match the compiler tells, and no guess is made of what was meant.
        edits += blocks.isWhole ? blocks.edits : []
        return edits.isEmpty ? nil : apply(edits.sorted { $0.place < $1.place }, to: source)
    }

    struct Edit {
        let place: Int
        var removed = 0
        var inserted: [UInt8] = []
    }

    private static func apply(_ edits: [Edit], to source: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(source.count + edits.reduce(0) { $0 + $1.inserted.count })
        var from = 0
        for edit in edits {
            result += source[from..<edit.place]
            result += edit.inserted
            from = edit.place + edit.removed
        }
        return result + source[from...]
    }

    /// What may follow a backslash in 5.1, digits and line ends besides.
    private static let escapes = Set("abfnrtv\\\"'\r\n".utf8)

    private static func addEscapes(in range: Range<Int>, of source: [UInt8], to edits: inout [Edit]) {
        var position = range.lowerBound
        while let backslash = source[position..<range.upperBound].firstIndex(of: UInt8(ascii: "\\")), backslash + 1 < range.upperBound {
            let byte = source[backslash + 1]
            if !escapes.contains(byte), !LuaLexer.isDigit(byte) { edits.append(Edit(place: backslash, removed: 1)) }
            position = backslash + 2
        }
    }

    /// The functions around the present place, and the blocks within them.
    private struct Blocks {
        private struct Function {
            /// Right behind its parameters; nil until they end.
            var body: Int?
            var takesMore = false
            var usesMore = false
            var namesArg = false
        }

        private enum Opener { case function, other, loop }

        private var open: [Opener] = []
        private var functions: [Function] = []
        private(set) var edits: [Edit] = []
        private var isBroken = false
        /// Within the parentheses of a function's parameters.
        private var isInParameters = false
        /// Behind `.` or `:`, where a name is a field's.
        private var isField = false

        var isWhole: Bool { !isBroken && open.isEmpty }

        mutating func take(_ text: ArraySlice<UInt8>, ending end: Int) {
            defer { isField = text == [UInt8(ascii: ".")] || text == [UInt8(ascii: ":")] }
            guard !isInParameters, let first = text.first else { return takeParameter(text, end) }
            switch first {
            case UInt8(ascii: "f") where text.elementsEqual("function".utf8):
                open.append(.function)
                functions.append(Function())
                isInParameters = true
            case UInt8(ascii: "d") where text.elementsEqual("do".utf8): open.append(.other)
            case UInt8(ascii: "i") where text.elementsEqual("if".utf8): open.append(.other)
            case UInt8(ascii: "r") where text.elementsEqual("repeat".utf8): open.append(.loop)
            case UInt8(ascii: "u") where text.elementsEqual("until".utf8): if open.popLast() != .loop { isBroken = true }
            case UInt8(ascii: "e") where text.elementsEqual("end".utf8): close()
            case UInt8(ascii: ".") where text.count == 3: if !functions.isEmpty { functions[functions.count - 1].usesMore = true }
            case UInt8(ascii: "a") where !isField && text.elementsEqual("arg".utf8):
                if !functions.isEmpty { functions[functions.count - 1].namesArg = true }
            default: break
            }
        }

        private mutating func takeParameter(_ text: ArraySlice<UInt8>, _ end: Int) {
            if text.count == 3, text.first == UInt8(ascii: ".") { functions[functions.count - 1].takesMore = true }
            if text == [UInt8(ascii: ")")] {
                functions[functions.count - 1].body = end
                isInParameters = false
            }
        }

        private mutating func close() {
            guard let opener = open.popLast(), opener != .loop else {
                isBroken = true
                return
            }
            guard opener == .function, let function = functions.popLast(), let body = function.body else { return }
            // The function around it has a table that this one sees.
            if function.namesArg, !functions.isEmpty { functions[functions.count - 1].namesArg = true }
            guard function.takesMore, function.namesArg else { return }
            // 5.1 declares the local in either case, and fills it where `...` is not used.
            edits.append(Edit(place: body, inserted: Array((function.usesMore ? " local arg " : " local arg=(\"\"):__arg(...) ").utf8)))
        }
    }
}
