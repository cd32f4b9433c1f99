import Formats
import NIOCore
import Testing

@testable import AlwaysOn

/// What input may cost (`InputLimits`): reaching a limit is an error that names it, and work stays in proportion to what came in.
@Suite struct InputLimitTests {
    /// An infotable in an infotable and so on, each in a member `n`; the innermost is `core`.
    private func nested(_ depth: Int, around core: String) -> String {
        (0..<depth).reduce(core) { inner, _ in
            #"{"rows":[{"n":\#(inner)}],"dataShape":{"fieldDefinitions":{"n":{"name":"n","baseType":"INFOTABLE"}}}}"#
        }
    }

    private func encode(_ json: String) throws(JSONError) -> EncodedInfotable { try EncodedInfotable(json: ByteBuffer(string: json)) }

    private func refused(_ json: String, _ sourceLocation: SourceLocation = #_sourceLocation) -> JSONError? {
        #expect(throws: JSONError.self, sourceLocation: sourceLocation) { try encode(json) }
    }

    private func elapsed(_ work: () throws -> Void) rethrows -> Duration { try ContinuousClock().measure(work) }

    // MARK: Depth

    @Test func textInsideAMessageIsNoFreshStart() throws {
        let text = JSONValue.string(nested(29, around: #"{"rows":[]}"#)).description
        let error = refused(nested(29, around: text))
        #expect(error?.isLimit == true && error?.message.contains("nested deeper than 32") == true)
        // As deep as is allowed, half of it as text, is read and written again.
        let inner = JSONValue.string(nested(15, around: #"{"rows":[]}"#)).description
        let table = try encode(nested(15, around: inner))
        #expect(try EncodedInfotable(table.decoded()).bytes == table.bytes)
    }

    @Test func variantsAroundTheDeepestTableAreRefused() throws {
        let table = try encode(nested(31, around: #"{"rows":[]}"#)).decoded()
        #expect(throws: WireError.self) { try EncodedInfotable(Infotable("v", .variant(.infotable(table)))) }
    }

    // MARK: Width

    @Test func moreFieldsThanTheWireCountsAreRefused() {
        let wide = Infotable(DataShape((0..<70_000).map { .init("f\($0)", .string) }))
        let error = #expect(throws: WireError.self) { try EncodedInfotable(wide) }
        #expect(error?.isLimit == true && error?.status == .entityTooLarge)
        #expect(Response.success(wide).status == .entityTooLarge)
        var bytes = ByteBuffer()
        for index in 0..<70_000 { bytes.writeField("f\(index)", .string) }
        bytes.writeBytes([0, 0])
        #expect(throws: WireError.self) { try EncodedInfotable(validating: bytes) }
        let fields = (0..<70_000).map { #""f\#($0)":{"name":"f\#($0)","baseType":"STRING"}"# }.joined(separator: ",")
        #expect(refused(#"{"rows":[],"dataShape":{"fieldDefinitions":{\#(fields)}}}"#)?.isLimit == true)
        let aspects = (0..<70_000).map { #""a\#($0)":1"# }.joined(separator: ",")
        #expect(
            refused(#"{"rows":[],"dataShape":{"fieldDefinitions":{"f":{"name":"f","baseType":"STRING","aspects":{\#(aspects)}}}}}"#)?
                .isLimit == true)
    }

    // MARK: Expansion

    /// A thousand columns and many rows of `{}`.
    @Test func emptyRowsOfAWideShape() {
        let fields = (0..<2_000).map { #""f\#($0)":{"name":"f\#($0)","baseType":"STRING"}"# }.joined(separator: ",")
        let rows = [String](repeating: "{}", count: 30_000).joined(separator: ",")
        let json = #"{"dataShape":{"fieldDefinitions":{\#(fields)}},"rows":[\#(rows)]}"#
        let time = elapsed { #expect(refused(json)?.message.contains("leave out more than") == true) }
        #expect(time < .seconds(20))
    }

    /// Long names and many short rows: as JSON every row would repeat them.
    @Test func longNamesOfManyRows() {
        var bytes = ByteBuffer()
        for index in 0..<10 { bytes.writeField(String(repeating: "n", count: 10_000) + "\(index)", .string) }
        bytes.writeInteger(0 as UInt8)
        for _ in 0..<40_000 { bytes.writeBytes([1, 0, 0]) }
        bytes.writeInteger(0 as UInt8)
        let error = #expect(throws: WireError.self) { try EncodedInfotable(validating: bytes) }
        #expect(error?.isLimit == true)
    }

    /// An aspect that is a VARIANT makes no new account of empty cells (it once did, and the JSON writer stopped the program).
    @Test func anAspectIsNoFreshStart() throws {
        var bytes = ByteBuffer()
        for index in 0..<999 { bytes.writeField("f\(index)", .string) }
        bytes.writeField("last", .string, aspects: [0, 1, 1, UInt8(ascii: "a"), BaseType.variant.rawValue, BaseType.nothing.rawValue])
        bytes.writeBytes([0, 1, 0, 0, 0])
        let table = try EncodedInfotable(validating: bytes)
        #expect(try JSONValue(parsing: table.json())["rows"]?[0]?.object?.members.count == 1000)
        #expect(table.decoded().cells.count == 1000)
        #expect(try JSONValue(parsing: table.firstRowJSON()).object?.members.count == 1000)
    }

    /// Tables in tables whose members do not come in order: each level once doubled the work of the one below.
    @Test func membersOutOfOrderAtEveryDepth() throws {
        let shape =
            #""dataShape":{"fieldDefinitions":{"a":{"name":"a","baseType":"INFOTABLE","ordinal":0},"b":{"name":"b","baseType":"NUMBER","ordinal":1},"c":{"name":"c","baseType":"NUMBER","ordinal":2}}}"#
        let json = (0..<30).reduce(#"{"rows":[]}"#) { inner, _ in #"{\#(shape),"rows":[{"a":\#(inner),"c":1,"b":2}]}"# }
        var cells: [Value] = []
        let time = try elapsed { cells = try encode(json).decoded().cells }
        #expect(cells[1] == .number(2))
        #expect(time < .seconds(10))
    }

    @Test func manyTextsThatHoldTablesAreWrittenOnce() throws {
        let cell = JSONValue.string(#"{"rows":[{"a":1}]}"#).description
        let rows = [String](repeating: #"{"t":\#(cell)}"#, count: 5_000).joined(separator: ",")
        let json = #"{"dataShape":{"fieldDefinitions":{"t":{"name":"t","baseType":"INFOTABLE"}}},"rows":[\#(rows)]}"#
        var rowCount = 0
        let time = try elapsed { rowCount = try encode(json).decoded().rowCount }
        #expect(rowCount == 5_000)
        #expect(time < .seconds(10))
    }

    // MARK: Large objects

    @Test func anObjectOfManyMembersTakesTimeInProportion() throws {
        let text = "{" + (0..<80_000).map { #""member\#($0)":\#($0)"# }.joined(separator: ",") + "}"
        let time = try elapsed {
            var object = try #require(try JSONValue(parsing: text).object)
            let found = (0..<80_000).count { (index: Int) in object["member\(index)"]?.int == index }
            #expect(found == 80_000)
            object["member5"] = 6
            object["member7"] = nil
            #expect(
                object["member5"] == 6 && object["member7"] == nil && object.members.count == 79_999 && object["member79999"]?.int == 79_999
            )
        }
        #expect(time < .seconds(10))
    }

    @Test func aTableHasBothItsFormsWithinTheLimits() throws {
        var limits = InputLimits()
        limits.wireBytes = 100
        let table = Infotable("text", .string(String(repeating: "x", count: 200)))
        #expect(throws: WireError.self) { try EncodedInfotable(table, limits: limits) }
        #expect(limits.emptyCells.of(bytes: .max) == limits.emptyCells.most)
    }
}
