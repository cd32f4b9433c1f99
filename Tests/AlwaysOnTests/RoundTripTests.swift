import Formats
import NIOCore
import TestKit
import Testing

@testable import AlwaysOn

@Suite struct RoundTripTests {
    @Test func bytesAndBack() throws {
        var random = RandomValues(generator: SeededGenerator(seed: 1))
        for round in 0..<3000 {
            let table = random.table()
            let encoded = try EncodedInfotable(table)
            let validated = try EncodedInfotable(validating: encoded.bytes)
            // Compared as bytes: a NaN does not equal itself.
            #expect(try EncodedInfotable(validated.decoded()) == encoded, "round \(round)")
        }
    }

    @Test func messagesAndBack() throws {
        var random = RandomValues(generator: SeededGenerator(seed: 2))
        for round in 0..<2000 {
            let message = try random.message()
            #expect(try Message(decoding: message.encoded()) == message, "round \(round)")
            let packet = Packet.message(message)
            #expect(try Packet(fields: packet.fields) == packet, "round \(round)")
        }
    }

    @Test(arguments: [EncodedInfotable.Order.rowsFirst, .shapeFirst])
    func jsonAndBack(order: EncodedInfotable.Order) throws {
        var random = RandomValues(generator: SeededGenerator(seed: 3), jsonSafe: true)
        for round in 0..<3000 {
            let table = random.table()
            let back = try EncodedInfotable(json: table.json(order: order)).decoded()
            #expect(back == table, "round \(round)")
        }
    }

    @Test func chunksAndBack() throws {
        var random = RandomValues(generator: SeededGenerator(seed: 4))
        for _ in 0..<500 {
            let message = try random.message()
            guard message.header.isRequest || message.header.isResponse else { continue }
            let whole = message.encoded()
            let size = Int.random(in: 1100...1500, using: &random.generator)
            let reserve = Bool.random(using: &random.generator) ? 4 : 0
            let pieces = try Chunk.split(whole, size: size, reserve: reserve)
            #expect(pieces.allSatisfy { $0.readableBytes <= size - reserve })
            guard pieces.count > 1 else { continue }
            var joined = ByteBuffer()
            joined.writeHeader(message.header)
            for (index, piece) in pieces.enumerated() {
                guard case .chunk(let chunk) = try Packet(decoding: piece) else {
                    Issue.record("not a chunk")
                    return
                }
                #expect(Int(chunk.number) == index + 1 && Int(chunk.count) == pieces.count)
                if index == 0, let entity = chunk.entity {
                    joined.writeInteger(entity.type.rawValue)
                    joined.writeWireString(entity.name)
                }
                joined.writeImmutableBuffer(chunk.data)
            }
            #expect(joined == whole)
        }
    }
}

@Suite struct JSONFormTests {
    func read(_ json: String) throws -> Infotable { try EncodedInfotable(json: ByteBuffer(string: json)).decoded() }

    @Test func infersABareObject() throws {
        let table = try read(
            #"{"s":"x","n":1.5,"b":true,"z":null,"o":{"k":[1]},"a":[1,2],"l":{"latitude":1,"longitude":2},"t":{"rows":[{"v":1}]}}"#)
        #expect(table.rowCount == 1)
        #expect(table.shape.fields.map(\.baseType) == [.string, .number, .boolean, .nothing, .json, .json, .location, .infotable])
        #expect(table.first("o") == .text(.json, #"{"k":[1]}"#))
        #expect(table.first("l") == .location(Location(latitude: 1, longitude: 2)))
        #expect(table.first("t") == .infotable(Infotable("v", .number(1))))
    }

    @Test func readsEitherOrderAndSpelling() throws {
        let shape =
            #"{"fieldDefinitions":{"b":{"name":"b","baseType":"INTEGER","ordinal":1},"a":{"name":"a","baseType":"DATETIME","ordinal":0}}}"#
        let rows = #"[{"b":2,"a":"1970-01-01T00:00:01Z","unknown":{}},{"a":5}]"#
        for json in [#"{"rows":\#(rows),"dataShape":\#(shape)}"#, #"{"datashape":\#(shape),"rows":\#(rows)}"#] {
            let table = try read(json)
            #expect(table.shape.fields.map(\.name) == ["a", "b"])
            #expect(Array(table.cells) == [.datetime(1000), .integer(2), .datetime(5), .nothing])
        }
        let list = try read(
            #"{"dataShape":{"fieldDefinitions":[{"name":"v","baseType":"VARIANT"}]},"rows":[{"v":{"baseType":"INTEGER","value":7}}]}"#)
        #expect(list.first("v") == .variant(.integer(7)))
    }

    @Test(arguments: [
        (#"{"dataShape":{"fieldDefinitions":{"n":{"baseType":"NUMBER"}}},"rows":[{"n":"abc"}]}"#, "\"n\": expected NUMBER, found string"),
        (#"{"dataShape":{"fieldDefinitions":{"n":{"baseType":"INTEGER"}}},"rows":[{"n":1.5}]}"#, "whole number"),
        (#"{"dataShape":{"fieldDefinitions":{"n":{"baseType":"NUMBR"}}},"rows":[]}"#, "unknown base type \"NUMBR\""),
        (#"{"dataShape":{"fieldDefinitions":{"n":{"baseType":"BLOB"}}},"rows":[{"n":"*"}]}"#, "Base64"),
        ("[1]", "expected an object"),
    ])
    func namesWhatIsWrong(json: String, message: String) {
        let error = #expect(throws: JSONError.self) { try read(json) }
        #expect(error?.message.contains(message) == true, "\(error as Any)")
    }

    @Test func writesRowsFirst() throws {
        var table = Infotable(DataShape([.init("n", .number), .init("s", .string, description: "d")]))
        table.append([.number(.nan), .string("é\"")])
        table.append([.number(2)])
        let json = try table.json()
        #expect(
            String(buffer: json)
                == #"{"rows":[{"n":null,"s":"é\""},{"n":2,"s":null}],"dataShape":{"fieldDefinitions":{"n":{"name":"n","description":"","baseType":"NUMBER","ordinal":0,"aspects":{}},"s":{"name":"s","description":"d","baseType":"STRING","ordinal":1,"aspects":{}}}}}"#
        )
    }

    @Test func refusesDeepNesting() {
        let json = String(repeating: #"{"rows":[{"t":"#, count: 40) + "1" + String(repeating: "}]}", count: 40)
        #expect(throws: JSONError.self) { try read(json) }
    }
}
