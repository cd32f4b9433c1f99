import Formats
import TestKit
import Testing

/// `edgectl message`, on the vectors and on lines that are none.
@Suite struct MessageCommandTests {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func run(_ command: String, _ lines: [String]) async throws -> [JSONValue] {
        let input = lines.joined(separator: "\n") + "\n"
        let program = try Program(Chain.binary("edgectl"), ["message", command], in: directory.path, input: input)
        #expect(await program.exitStatus() == 0)
        return try program.lines.map { try JSONValue(parsing: $0) }
    }

    @Test func decodesAndEncodesAgain() async throws {
        let lines = [
            #"{"name":"bind","hex":"010a0000000a000000001a2b3c4d000000010c537465616d53656e736f7231"}"#,
            #"{"name":"keep","hex":"011f00000001000000000000000000ffff","more":[1]}"#,
        ]
        let decoded = try await run("decode", lines)
        #expect(decoded.count == 2)
        #expect(decoded[0]["fields"]?["names"] == ["SteamSensor1"])
        #expect(decoded[0]["name"] == "bind")
        #expect(decoded[1]["fields"]?["trailingBytes"] == 2)
        #expect(decoded[1]["more"] == [1])
        let encoded = try await run(
            "encode", decoded.map { .object(["fields": $0["fields"] ?? .null]) }.map { (line: JSONValue) in line.description })
        #expect(encoded[0]["hex"] == "010a0000000a000000001a2b3c4d000000010c537465616d53656e736f7231")
        #expect(encoded[1]["hex"] == "011f00000001000000000000000000")
    }

    @Test func aBadLineDoesNotEndTheRun() async throws {
        let decoded = try await run(
            "decode",
            ["nonsense", "[]", #"{"hex":"0z"}"#, #"{"hex":"0102","fields":{}}"#, "", #"{"hex":"011f00000001000000000000000000"}"#])
        #expect(decoded.count == 5)
        for line in decoded.dropLast() { #expect(line["error"]?.string?.isEmpty == false && line["fields"] == nil) }
        #expect(decoded.last?["fields"]?["kind"] == "keepAlive")
        let encoded = try await run("encode", [#"{"fields":{"code":20}}"#, #"{"fields":5}"#])
        #expect(encoded[0]["error"]?.string?.contains("fields.") == true)
        #expect(encoded[1]["error"] != nil)
    }
}
