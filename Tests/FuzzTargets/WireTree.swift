/// An infotable as a tree of its pieces, valid or not, for mutations that keep its structure: what is one byte off teaches little
/// about tables that are well formed and odd.
struct WireTree {
    indirect enum Value {
        case nothing
        /// A base type and its content as bytes.
        case plain(UInt8, [UInt8])
        case variant(Value)
        case table(WireTree)
    }

    struct Field {
        var name: [UInt8]
        var description: [UInt8]
        var type: UInt8
        var aspects: [(name: [UInt8], value: Value)]
    }

    var fields: [Field] = []
    var rows: [[Value]] = []

    // MARK: Reading

    init() {}

    /// nil where the bytes are no infotable, whatever its limits.
    init?(_ bytes: inout ArraySlice<UInt8>, depth: Int = 0) {
        guard depth < 64 else { return nil }
        while let marker = bytes.popFirst(), marker == 1 {
            guard let name = WireTree.string(&bytes), let description = WireTree.string(&bytes), let type = bytes.popFirst(),
                let count = WireTree.short(&bytes)
            else { return nil }
            var aspects: [(name: [UInt8], value: Value)] = []
            for _ in 0..<count {
                guard let name = WireTree.string(&bytes), let value = Value(&bytes, depth: depth + 1) else { return nil }
                aspects.append((name, value))
            }
            fields.append(Field(name: name, description: description, type: type, aspects: aspects))
        }
        while let marker = bytes.popFirst(), marker == 1 {
            guard let count = WireTree.short(&bytes) else { return nil }
            var row: [Value] = []
            for _ in 0..<count {
                guard let value = Value(&bytes, depth: depth + 1) else { return nil }
                row.append(value)
            }
            rows.append(row)
        }
    }

    static func short(_ bytes: inout ArraySlice<UInt8>) -> Int? {
        guard let high = bytes.popFirst(), let low = bytes.popFirst() else { return nil }
        return Int(high) << 8 | Int(low)
    }

    static func take(_ count: Int, _ bytes: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard count <= bytes.count else { return nil }
        defer { bytes = bytes.dropFirst(count) }
        return Array(bytes.prefix(count))
    }

    static func string(_ bytes: inout ArraySlice<UInt8>) -> [UInt8]? {
        guard let first = bytes.first else { return nil }
        if first < 0x80 {
            bytes = bytes.dropFirst()
            return take(Int(first), &bytes)
        }
        guard let four = take(4, &bytes) else { return nil }
        return take(four.reduce(0) { $0 << 8 | Int($1) } & 0x7FFF_FFFF, &bytes)
    }

    // MARK: Writing

    func write(into out: inout [UInt8]) {
        for field in fields {
            out.append(1)
            WireTree.write(string: field.name, into: &out)
            WireTree.write(string: field.description, into: &out)
            out.append(field.type)
            WireTree.write(short: field.aspects.count, into: &out)
            for aspect in field.aspects.prefix(65_535) {
                WireTree.write(string: aspect.name, into: &out)
                aspect.value.write(into: &out)
            }
        }
        out.append(0)
        for row in rows {
            out.append(1)
            WireTree.write(short: row.count, into: &out)
            for value in row.prefix(65_535) { value.write(into: &out) }
        }
        out.append(0)
    }

    static func write(short count: Int, into out: inout [UInt8]) {
        let count = UInt16(clamping: count)
        out += [UInt8(count >> 8), UInt8(count & 255)]
    }

    static func write(string bytes: [UInt8], into out: inout [UInt8]) {
        if bytes.count < 0x80 {
            out.append(UInt8(bytes.count))
        } else {
            let length = UInt32(clamping: bytes.count) | 0x8000_0000
            out += [24, 16, 8, 0].map { UInt8(length >> $0 & 255) }
        }
        out += bytes
    }
}

extension WireTree.Value {
    init?(_ bytes: inout ArraySlice<UInt8>, depth: Int) {
        guard depth < 64, let type = bytes.popFirst() else { return nil }
        let content: [UInt8]?
        switch type {
        case 0xFF:
            self = .nothing
            return
        case 1, 3, 4: content = WireTree.take(8, &bytes)
        case 2: content = WireTree.take(1, &bytes)
        case 22: content = WireTree.take(4, &bytes)
        case 6: content = WireTree.take(24, &bytes)
        case 10, 21:
            guard let four = WireTree.take(4, &bytes) else { return nil }
            content = WireTree.take(four.reduce(0) { $0 << 8 | Int($1) }, &bytes).map { four + $0 }
        case 18:
            guard let inner = WireTree.Value(&bytes, depth: depth + 1) else { return nil }
            self = .variant(inner)
            return
        case 5:
            guard let table = WireTree(&bytes, depth: depth + 1) else { return nil }
            self = .table(table)
            return
        default:
            content = WireTree.string(&bytes).map { text in
                var out: [UInt8] = []
                WireTree.write(string: text, into: &out)
                return out
            }
        }
        guard let content else { return nil }
        self = .plain(type, content)
    }

    func write(into out: inout [UInt8]) {
        switch self {
        case .nothing: out.append(0xFF)
        case .plain(let type, let content): out += [type] + content
        case .variant(let inner):
            out.append(18)
            inner.write(into: &out)
        case .table(let table):
            out.append(5)
            table.write(into: &out)
        }
    }
}
