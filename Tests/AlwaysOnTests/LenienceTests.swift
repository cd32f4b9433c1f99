import Formats
import NIOCore
import TestKit
import Testing

@testable import AlwaysOn

/// What clients of the SDK do and the specification tolerates (alwayson.md, "quirk"), and what is kept exactly.
@Suite struct LenienceTests {
    private func shape(_ fields: [(String, BaseType)]) -> ByteBuffer {
        var bytes = ByteBuffer()
        for (name, type) in fields { bytes.writeField(name, type) }
        bytes.writeWireFlag(false)
        return bytes
    }

    private func row(_ values: [Value], into bytes: inout ByteBuffer) {
        bytes.writeWireFlag(true)
        bytes.writeInteger(UInt16(values.count))
        for value in values { bytes.writeValue(value) }
    }

    /// §5: shapes evolve; cells that a row lacks are empty, surplus ones an error.
    @Test func rowsShorterAndLongerThanTheShape() throws {
        var bytes = shape([("a", .number), ("b", .string)])
        row([.number(1)], into: &bytes)
        row([], into: &bytes)
        row([.number(2), .string("x")], into: &bytes)
        bytes.writeWireFlag(false)
        let table = try EncodedInfotable(validating: bytes)
        #expect(table.decoded().cells == [.number(1), .nothing, .nothing, .nothing, .number(2), .string("x")])
        #expect(try JSONValue(parsing: table.json())["rows"]?.array?.count == 3)

        var surplus = shape([("a", .number)])
        row([.number(1), .number(2)], into: &surplus)
        surplus.writeWireFlag(false)
        let error = #expect(throws: WireError.self) { try EncodedInfotable(validating: surplus) }
        #expect(error?.status == .badRequest)
    }

    /// §3: four bytes of length are read for short strings too, and never written for them.
    @Test func longFormOfShortLengths() throws {
        var bytes = ByteBuffer()
        bytes.writeHeader(Header(code: Code.auth, requestID: 1, sessionID: 7))
        bytes.writeInteger(UInt8(1))
        for text in ["appKey", "secret"] {
            bytes.writeInteger(UInt32(text.utf8.count) | 0x8000_0000)
            bytes.writeString(text)
        }
        let message = try Message(decoding: bytes)
        #expect(message.body == .auth(Auth(applicationKey: "secret")))
        #expect(message.encoded().readableBytes == bytes.readableBytes - 6)
    }

    /// §3: an SDK reads the long form of a header wrongly, so that no header of 128 bytes or more is ever sent.
    @Test func noLongHeadersAreSent() throws {
        let long = String(repeating: "x", count: 128)
        var request = Request(.get, "T", .property, "p")
        request.headers = [.init(name: "short", value: "1"), .init(name: "long", value: long), .init(name: long, value: "1")]
        let message = try Message(decoding: Message(header: Header(code: 1, requestID: 1, sessionID: 7), body: .request(request)).encoded())
        guard case .request(let read) = message.body else { throw WireError("no request", offset: 0) }
        #expect(read.headers == [.init(name: "short", value: "1")])
    }

    /// §2: an extra, empty, last chunk.
    @Test func anEmptyChunkIsRead() throws {
        let chunk = Chunk(
            header: Header(code: 2, requestID: 1, sessionID: 7), number: 3, count: 3, size: 512, entity: .init(type: .thing, name: "T"),
            data: ByteBuffer())
        #expect(try Packet(decoding: chunk.encoded()) == .chunk(chunk))
    }

    /// §5: not-a-number and infinities become null, large integers and all doubles stay what they are.
    @Test func numbersInJSON() throws {
        let values: [Double] = [
            0.1, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 9_007_199_254_740_992, 1e21, 1.5e-7, 123456789.123,
        ]
        for value in values {
            let json = try EncodedInfotable(Infotable("n", .number(value))).json()
            let back = try EncodedInfotable(json: json).decoded().first("n")
            #expect(back?.doubleValue?.bitPattern == value.bitPattern, "\(String(buffer: json))")
        }
        for value in [Double.nan, .infinity, -.infinity] {
            #expect(try JSONValue(parsing: EncodedInfotable(Infotable("n", .number(value))).json())["rows"]?[0]?["n"] == .null)
        }
        let large = #"{"rows":[{"j":{"id":12345678901234567890}}],"dataShape":{"fieldDefinitions":{"j":{"name":"j","baseType":"JSON"}}}}"#
        let json = String(buffer: try EncodedInfotable(json: ByteBuffer(string: large)).json())
        #expect(json.contains("12345678901234567890"))
        let time = #"{"rows":[{"t":9007199254740993}],"dataShape":{"fieldDefinitions":{"t":{"name":"t","baseType":"DATETIME"}}}}"#
        #expect(try EncodedInfotable(json: ByteBuffer(string: time)).decoded().first("t") == .datetime(9_007_199_254_740_993))
    }

    @Test func bigBlobsAndUnknownMembers() throws {
        let blob = ByteBuffer(bytes: (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        let table = try EncodedInfotable(Infotable("b", .blob(blob)))
        let isSame = try EncodedInfotable(json: table.json(order: .shapeFirst)) == table
        #expect(isSame)
        let text =
            #"{"unknown":[1,{"x":null}],"rows":[{"b":1,"other":2}],"name":"t","dataShape":{"name":"S","fieldDefinitions":{"b":{"name":"b","baseType":"NUMBER","more":{}}}}}"#
        #expect(try EncodedInfotable(json: ByteBuffer(string: text)).decoded() == Infotable("b", .number(1)))
    }

    /// Rows whose members come in another order than the shape's, twice or not at all.
    @Test func membersInAnyOrder() throws {
        let text =
            #"{"rows":[{"b":"x","a":1},{"a":2},{"b":"y"},{},{"a":3,"b":"z","c":4},{"a":5,"a":6}],"dataShape":{"fieldDefinitions":{"a":{"name":"a","baseType":"NUMBER"},"b":{"name":"b","baseType":"STRING","ordinal":1}}}}"#
        let cells = try EncodedInfotable(json: ByteBuffer(string: text)).decoded().cells
        #expect(
            cells == [
                .number(1), .string("x"), .number(2), .nothing, .nothing, .string("y"), .nothing, .nothing, .number(3), .string("z"),
                .number(6), .nothing,
            ])
    }

    /// A list that is skipped by its brackets first is refused all the same where its grammar is wrong.
    @Test(arguments: [
        #"{"rows":[{"a":1}}],"dataShape":{"fieldDefinitions":{}}}"#, #"{"rows":[{"a" 1}]}"#, #"{"rows":[{"a":1},]}"#,
        #"{"rows":[{"a":tru}],"dataShape":{"fieldDefinitions":{}}}"#,
        #"{"rows":[{"a":"\#u{1}"}]}"#, #"{"rows":[{"a":1]],"dataShape":{}}"#, #"{"rows":[{"a":1}"#,
        #"{"dataShape":{"fieldDefinitions":{"a":{]}}},"rows":[]}"#,
        #"{"rows":[],"rows":[nonsense],"dataShape":{"fieldDefinitions":{}}}"#,
    ])
    func brokenTables(text: String) {
        #expect(throws: JSONError.self) { try EncodedInfotable(json: ByteBuffer(string: text)) }
    }
}
