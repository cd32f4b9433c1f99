import AlwaysOn
import AlwaysOnTransport
import EdgeHTTP
import EdgeREST
import Formats
import HTTPTransport
import NIOCore

extension FuzzTarget {
    /// What is accepted can be written, and is then read as the same.
    static func message(_ bytes: [UInt8]) {
        guard let packet = try? Packet(decoding: ByteBuffer(bytes: bytes)) else { return }
        let encoded = packet.encoded()
        guard let again = try? Packet(decoding: encoded), again.encoded() == encoded else {
            fatalError("a message that was accepted is not read again: \(packet)")
        }
        // For tools, which take as long as they need: each cell becomes a tree.
        if bytes.count <= 1024 { _ = packet.fields }
    }

    static func infotable(_ bytes: [UInt8]) {
        guard let table = try? EncodedInfotable(validating: ByteBuffer(bytes: bytes)) else { return }
        guard let again = try? EncodedInfotable(table.decoded()) else { fatalError("what was decoded is not encoded again") }
        guard again.decoded().cells.count == table.decoded().cells.count else { fatalError("cells went missing") }
        guard (try? JSONValue(parsing: table.json(), maximumDepth: 512)) != nil else {
            fatalError("JSON that does not parse: \(String(buffer: table.json()))")
        }
    }

    static func json(_ bytes: [UInt8]) {
        let buffer = ByteBuffer(bytes: bytes)
        if let value = try? JSONValue(parsing: buffer) {
            guard (try? JSONValue(parsing: value.description)) == value else { fatalError("JSON that is not read again: \(value)") }
        }
        check(json: buffer)
    }

    static func deflate(_ bytes: [UInt8]) {
        let buffer = ByteBuffer(bytes: bytes)
        // As the wire does: what comes out is bounded, and here by little, since all of it counts.
        _ = try? Inflater(takesOverContext: true).decompress(buffer, limit: 1 << 16, allocator: .init())
        let compressed = Deflater(windowBits: 13, takesOverContext: true).compress(buffer, allocator: .init())
        guard (try? Inflater(takesOverContext: true).decompress(compressed, limit: bytes.count, allocator: .init())) == buffer else {
            fatalError("what was compressed does not come out again")
        }
    }

    /// The wire form to JSON, back, and once more: the second time nothing changes, and every form is read by those who read it.
    static func table(_ bytes: [UInt8]) {
        guard let table = try? EncodedInfotable(validating: ByteBuffer(bytes: bytes)) else { return }
        for order in [EncodedInfotable.Order.rowsFirst, .shapeFirst] {
            var pieces = ByteBuffer()
            for var piece in table.jsonPieces(order: order, size: 64) { pieces.writeBuffer(&piece) }
            guard pieces == table.json(order: order) else { fatalError("pieces are not the whole: \(String(buffer: pieces))") }
        }
        let response = HTTPResponse(Response(.success, content: table), order: .rowsFirst)
        check(json: response.body)
        check(json: table.firstRowJSON())
        _ = PropertyUpdate.list(from: table.decoded())
        check(encoded: table)
    }

    /// JSON that somebody may send: what is taken from it comes out the same from then on. (Not at once: a number beyond all
    /// doubles is null, and what it was typed as is gone with it.)
    private static func check(json: ByteBuffer) {
        guard let table = try? EncodedInfotable(json: json) else { return }
        check(encoded: table)
        // Two fields of one name are two members of one name, of which JSON knows no order.
        guard !table.decoded().hasRepeatedNames else { return }
        guard let first = try? EncodedInfotable(json: table.json()), let second = try? EncodedInfotable(json: first.json()),
            second.json() == first.json()
        else {
            fatalError("JSON changes on its way: \(String(buffer: table.json()))")
        }
    }

    /// A peer reads what was made here, and answers and requests of it are encoded.
    private static func check(encoded table: EncodedInfotable) {
        guard let read = try? EncodedInfotable(validating: table.bytes), read == table else {
            fatalError("a peer refuses what was made here")
        }
        let decoded = table.decoded()
        guard let again = try? EncodedInfotable(decoded), again.decoded().cells.count == decoded.cells.count else {
            fatalError("a table is not encoded again")
        }
        // As a value of its own it is one level deeper, which may be one too many.
        let wrapped = Response.success(Infotable("value", .variant(.infotable(decoded))))
        let message = Message(header: Header(code: wrapped.status.rawValue, requestID: 1, sessionID: 1), body: .response(wrapped))
        guard (try? Message(decoding: message.encoded())) != nil else { fatalError("a peer refuses an answer") }
    }

    /// The first byte chooses what a device answers: its status and the kind of its content.
    static func device(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let answer = HTTPResponse(
            first & 1 == 0 ? .ok : .internalServerError, headers: ["Content-Type": first & 2 == 0 ? "application/json" : "text/plain"],
            body: ByteBuffer(bytes: bytes.dropFirst()))
        let response = DeviceClient.response(answer, wrapping: "value")
        guard let content = response.content else { return }
        check(encoded: content)
        check(json: content.json())
    }
}

extension Infotable {
    fileprivate var hasRepeatedNames: Bool {
        if Set(shape.fields.map(\.name)).count < shape.fields.count { return true }
        return cells.contains { if case .infotable(let table) = $0.unwrapped { table.hasRepeatedNames } else { false } }
    }
}
