/// Mutations that know what they change: tables by their pieces, JSON by its tokens. Valid but odd inputs are reached by these.
package enum StructuredMutation {
    /// - Returns: nil where the input has no such structure; it is then for mutations of bytes.
    package static func mutate(
        _ bytes: [UInt8], as form: FuzzTarget.Form, most: Int, using generator: inout some RandomNumberGenerator
    ) -> [UInt8]? {
        switch form {
        case .bytes: return nil
        case .wireTable: return mutateTable(bytes, 0, most, &generator)
        // Header, entity and names before it stay as they are: the table is what begins after a content type of 5.
        case .wireMessage:
            guard let start = bytes.indices.dropFirst(15).first(where: { bytes[$0] == 5 && $0 + 1 < bytes.count }) else { return nil }
            return mutateTable(bytes, start + 1, most, &generator)
        case .json: return mutateJSON(bytes, most, &generator)
        }
    }

    // MARK: Tables

    private static func mutateTable(_ bytes: [UInt8], _ start: Int, _ most: Int, _ generator: inout some RandomNumberGenerator) -> [UInt8]?
    {
        var rest = bytes[start...]
        guard var tree = WireTree(&rest) else { return nil }
        for _ in 0..<Int.random(in: 1...4, using: &generator) { change(&tree, 0, &generator) }
        var out = Array(bytes[..<start])
        tree.write(into: &out)
        return out.count <= most ? out : nil
    }

    private static func change(_ tree: inout WireTree, _ depth: Int, _ generator: inout some RandomNumberGenerator) {
        // Into a table inside, as often as not.
        if depth < 40, Bool.random(using: &generator), let row = tree.rows.indices.randomElement(using: &generator),
            let column = tree.rows[row].indices.randomElement(using: &generator)
        {
            if case .table(var inner) = tree.rows[row][column] {
                change(&inner, depth + 1, &generator)
                tree.rows[row][column] = .table(inner)
                return
            }
        }
        switch Int.random(in: 0..<12, using: &generator) {
        case 0: tree.fields.append(.init(name: name(&generator), description: [], type: type(&generator), aspects: []))
        case 1:
            if let field = tree.fields.randomElement(using: &generator) {
                tree.fields += [WireTree.Field](repeating: field, count: Int.random(in: 1...8, using: &generator))
            }
        case 2: if let index = tree.fields.indices.randomElement(using: &generator) { tree.fields.remove(at: index) }
        case 3: if let index = tree.fields.indices.randomElement(using: &generator) { tree.fields[index].name = name(&generator) }
        case 4: if let index = tree.fields.indices.randomElement(using: &generator) { tree.fields[index].type = type(&generator) }
        case 5:
            guard let index = tree.fields.indices.randomElement(using: &generator) else { return }
            tree.fields[index].aspects.append((name(&generator), value(depth, &generator)))
        case 6:
            let width = Int.random(in: 0...max(tree.fields.count, 1), using: &generator)
            tree.rows.append((0..<min(width, tree.fields.count)).map { _ in value(depth, &generator) })
        case 7:
            if let row = tree.rows.randomElement(using: &generator) {
                tree.rows += [[WireTree.Value]](repeating: row, count: Int.random(in: 1...64, using: &generator))
            }
        case 8: tree.rows += [[WireTree.Value]](repeating: [], count: Int.random(in: 1...256, using: &generator))
        case 9:
            guard let row = tree.rows.indices.randomElement(using: &generator), !tree.rows[row].isEmpty else { return }
            tree.rows[row].removeLast(Int.random(in: 1...tree.rows[row].count, using: &generator))
        case 10:
            guard let row = tree.rows.indices.randomElement(using: &generator),
                let column = tree.rows[row].indices.randomElement(using: &generator)
            else { return }
            tree.rows[row][column] = value(depth, &generator)
        default:
            // The whole becomes the cell of another.
            var outer = WireTree()
            outer.fields = [.init(name: name(&generator), description: [], type: 5, aspects: [])]
            outer.rows = [[.table(tree)]]
            tree = outer
        }
    }

    private static func name(_ generator: inout some RandomNumberGenerator) -> [UInt8] {
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: []
        case 1: [UInt8](repeating: UInt8(ascii: "n"), count: Int.random(in: 1...600, using: &generator))
        case 2: Array("\u{1}\"\\".utf8)
        case 3: Array("\u{600}<é".utf8)
        case 4: Array(["value", "name", "rows", "dataShape", "result", "values", "time"].randomElement(using: &generator)?.utf8 ?? "".utf8)
        default: [UInt8.random(in: 0x61...0x7A, using: &generator)]
        }
    }

    private static func type(_ generator: inout some RandomNumberGenerator) -> UInt8 {
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 16, 17, 18, 20, 21, 22, 50, 100, 255].randomElement(using: &generator) ?? 0
    }

    private static func value(_ depth: Int, _ generator: inout some RandomNumberGenerator) -> WireTree.Value {
        func random(_ count: Int, _ generator: inout some RandomNumberGenerator) -> [UInt8] {
            let fill: UInt8 = [0, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
            return (0..<count).map { _ in Bool.random(using: &generator) ? fill : UInt8.random(in: 0...255, using: &generator) }
        }
        switch Int.random(in: 0..<12, using: &generator) {
        case 0, 1: return .nothing
        case 2: return .plain(1, random(8, &generator))
        case 3: return .plain(2, [UInt8.random(in: 0...1, using: &generator)])
        case 4: return .plain([3, 4].randomElement(using: &generator) ?? 3, random(8, &generator))
        case 5: return .plain(22, random(4, &generator))
        case 6: return .plain(6, random(24, &generator))
        case 7:
            let content = random(Int.random(in: 0...40, using: &generator), &generator)
            return .plain([10, 21].randomElement(using: &generator) ?? 21, [0, 0, 0, UInt8(content.count)] + content)
        case 8 where depth < 40: return .variant(value(depth + 1, &generator))
        case 9 where depth < 40:
            var table = WireTree()
            for _ in 0..<Int.random(in: 0...3, using: &generator) { change(&table, depth + 1, &generator) }
            return .table(table)
        default:
            let texts = [
                "", "x", "{\"a\":1}", "[1,2]", "{\"rows\":[{\"a\":{}}]}", "true", "1e400", "2020-01-01T00:00:00Z", "{", "\u{600}<", "null",
            ]
            var out: [UInt8] = []
            WireTree.write(string: Array((texts.randomElement(using: &generator) ?? "").utf8), into: &out)
            return .plain([0, 7, 8, 9, 13, 15, 16, 17, 100].randomElement(using: &generator) ?? 0, out)
        }
    }

    // MARK: JSON

    private static let snippets = [
        #"{"rows":[{}],"dataShape":{"fieldDefinitions":{"a":{"name":"a","baseType":"INFOTABLE"}}}}"#, #"{"baseType":"VARIANT","value":1}"#,
        #""a":{"name":"a","baseType":"NUMBER","ordinal":3,"aspects":{"x":[1]}}"#, "{}", "[]", "null", "1e999", "-0", #""\u0600""#,
        #""\ud83d\ude00""#,
        #"{"latitude":1,"longitude":"2"}"#, #""{\"rows\":[]}""#, #"{"baseType":"INFOTABLE","value":"{\"rows\":[]}"}"#,
        "12345678901234567890", "true",
    ]

    private static func mutateJSON(_ bytes: [UInt8], _ most: Int, _ generator: inout some RandomNumberGenerator) -> [UInt8]? {
        let spans = values(in: bytes)
        guard let span = spans.randomElement(using: &generator) else { return nil }
        let piece = Array(bytes[span])
        let replacement: [UInt8]
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: replacement = Array((snippets.randomElement(using: &generator) ?? "").utf8)
        case 1: replacement = Array(bytes[spans.randomElement(using: &generator) ?? span])
        case 2:
            replacement = Array(
                [[UInt8]](repeating: piece, count: Int.random(in: 2...20, using: &generator)).joined(separator: [UInt8(ascii: ",")]))
        case 3: replacement = quoted(piece)
        case 4:
            replacement =
                Array(#"{"rows":[{"a":"#.utf8) + piece
                + Array(#"}],"dataShape":{"fieldDefinitions":{"a":{"name":"a","baseType":"INFOTABLE"}}}}"#.utf8)
        default: replacement = Array(#"{"baseType":"VARIANT","value":"#.utf8) + piece + [UInt8(ascii: "}")]
        }
        let out = bytes[..<span.lowerBound] + replacement + bytes[span.upperBound...]
        return out.count <= most ? Array(out) : nil
    }

    /// A value as the text of a string.
    private static func quoted(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(ascii: "\"")] + bytes.flatMap { $0 == UInt8(ascii: "\"") || $0 == UInt8(ascii: "\\") ? [UInt8(ascii: "\\"), $0] : [$0] } + [
            UInt8(ascii: "\"")
        ]
    }

    /// Where values stand, found by brackets and quotes alone: the text may be broken.
    private static func values(in bytes: [UInt8]) -> [Range<Int>] {
        var spans: [Range<Int>] = []
        var open: [Int] = []
        var index = 0
        while index < bytes.count, spans.count < 2000 {
            let start = index
            switch bytes[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["): open.append(index)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): if let from = open.popLast() { spans.append(from..<index + 1) }
            case UInt8(ascii: "\""):
                index += 1
                while index < bytes.count, bytes[index] != UInt8(ascii: "\"") { index += bytes[index] == UInt8(ascii: "\\") ? 2 : 1 }
                if index < bytes.count { spans.append(start..<index + 1) }
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"):
                while index + 1 < bytes.count, isWord(bytes[index + 1]) { index += 1 }
                spans.append(start..<index + 1)
            default: break
            }
            index += 1
        }
        return spans
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "E"):
            true
        default: false
        }
    }
}
