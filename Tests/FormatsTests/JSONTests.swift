import Formats
import NIOCore
import TestKit
import Testing

@Suite struct JSONReaderTests {
    @Test(arguments: [
        ("{\"a\":1,}", 7), ("[1,]", 3), ("{a:1}", 1), ("// x\n{}", 0), ("[01]", 2), ("\"\u{1}\"", 1), ("{\"a\" 1}", 5),
        ("nul", 0), ("[1 2]", 3), ("{}x", 2), ("\"\\q\"", 2), ("", 0), ("[", 1), ("-", 1), ("1.", 2), ("\"\\ud800\"", 7),
    ])
    func refuses(text: String, offset: Int) {
        let error = #expect(throws: JSONError.self) { try JSONDocument(bytes: Array(text.utf8)) }
        #expect(error?.offset == offset, "\(error as Any)")
    }

    @Test func keepsNumbersAndOrder() throws {
        let text = #"{"b":9007199254740993,"a":[1e3,-0.5,true,null],"c":{"é":"\u00e9\n\ud83d\ude00"}}"#
        let value = try JSONValue(parsing: text)
        #expect(value["b"] == .number("9007199254740993"))
        #expect(value["a"]?[0]?.int == 1000)
        #expect(value["c"]?["é"] == "é\n😀")
        #expect(value.description == #"{"b":9007199254740993,"a":[1e3,-0.5,true,null],"c":{"é":"é\n😀"}}"#)
    }

    @Test func refusesDeepNesting() {
        let text = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
        #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    }

    @Test func lastDuplicateWins() throws {
        #expect(try JSONValue(parsing: #"{"a":1,"a":2}"#)["a"]?.int == 2)
    }

    @Test func documentKnowsPlaces() throws {
        let text = "\u{FEFF}{\n  \"appKey\": \"k\",\n  \"list\": [ {\"password\":\"p\"} ]\n}\n"
        let document = try JSONDocument(bytes: Array(text.utf8))
        #expect(document.location(of: "appKey")?.description == "line 2, column 13")
        #expect(document.location(of: "list[0].password")?.line == 3)
        let replaced = document.replacingStrings(["appKey": "X\"", "list[0].password": "longer"])
        #expect(
            String(decoding: replaced, as: UTF8.self)
                == "\u{FEFF}{\n  \"appKey\": \"X\\\"\",\n  \"list\": [ {\"password\":\"longer\"} ]\n}\n")
    }

    @Test func doublesReadBack() throws {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            let double = Double(bitPattern: generator.next())
            let text = JSONValue.double(double)
            if double.isFinite { #expect(text.double?.bitPattern == double.bitPattern) } else { #expect(text == .null) }
        }
        #expect(JSONValue.double(-0.0).description == "-0")
        #expect(JSONValue.double(1e15).description == "1000000000000000")
        #expect(JSONValue.double(0.1).description == "0.1")
    }

    /// Whatever the bytes: an error or a value, and a value's text reads back as the same value.
    @Test func survivesMutations() throws {
        var generator = SeededGenerator(seed: 11)
        let seed = Array(#"{"a":[1,2.5e-3,"x\u00e9\n"],"b":{"c":null,"d":[true,false]}}"#.utf8)
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            if let value = try? JSONDocument(bytes: bytes).value {
                #expect(try JSONValue(parsing: value.description) == value)
            }
        }
    }
}

@Suite struct FormatTests {
    @Test func base64RoundTrips() {
        var generator = SeededGenerator(seed: 3)
        for length in 0..<100 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
            #expect(Hex.decode(Hex.encode(bytes)) == bytes)
        }
        #expect(Base64.encode(Array("foob".utf8)) == "Zm9vYg==")
        #expect(Base64.decode("Zm9vYg") == Array("foob".utf8))
        #expect(Base64.decode("Zm9v*") == nil)
        #expect(Base64.decode("Z") == nil)
    }

    @Test func times() throws {
        #expect(UTCTime(milliseconds: 0).iso8601 == "1970-01-01T00:00:00.000Z")
        #expect(UTCTime(milliseconds: 1_700_000_000_123).logForm == "2023-11-14 22:13:20,123")
        #expect(UTCTime(milliseconds: -1).iso8601 == "1969-12-31T23:59:59.999Z")
        #expect(UTCTime(iso8601: "2023-11-14T23:13:20.123+01:00")?.milliseconds == 1_700_000_000_123)
        #expect(UTCTime(iso8601: "2024-02-29")?.milliseconds == 1_709_164_800_000)
        #expect(UTCTime(iso8601: "2024-13-01") == nil)
        #expect(UTCTime(iso8601: "soon") == nil)
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<2000 {
            let time = Int64.random(in: -60_000_000_000_000...250_000_000_000_000, using: &generator)
            #expect(UTCTime(iso8601: UTCTime(milliseconds: time).iso8601)?.milliseconds == time)
        }
    }
}
