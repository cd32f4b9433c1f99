import AlwaysOn
import ArgumentParser
import Formats
import NIOCore
import ProgramSupport

/// Takes messages apart and puts them together, for whoever looks at a capture.
struct MessageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "message", abstract: "Read and write AlwaysOn messages as JSON lines.", subcommands: [Decode.self, Encode.self])

    struct Decode: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read lines with \"hex\", write them back with \"fields\".",
            discussion: "What other members a line has stay. A line that cannot be decoded is written back with \"error\".")

        func run() async throws { MessageCommand.eachLine("fields", MessageCommand.fields(of:)) }
    }

    struct Encode: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read lines with \"fields\", write them back with \"hex\".",
            discussion: "What other members a line has stay. A line that cannot be encoded is written back with \"error\".")

        func run() async throws { MessageCommand.eachLine("hex", MessageCommand.hex(of:)) }
    }

    private static func fields(of line: JSONObject) throws -> JSONValue {
        guard let text = line["hex"]?.string else { throw LineError("expected a string \"hex\"") }
        guard let bytes = Hex.decode(text) else { throw LineError("hex: expected pairs of hexadecimal digits") }
        var buffer = ByteBuffer(bytes: bytes)
        let packet = try Packet(readingFrom: &buffer)
        guard var fields = packet.fields.object else { throw LineError("a packet without fields") }
        if buffer.readableBytes > 0 { fields["trailingBytes"] = .int(buffer.readableBytes) }
        return .object(fields)
    }

    private static func hex(of line: JSONObject) throws -> JSONValue {
        guard let fields = line["fields"] else { throw LineError("expected an object \"fields\"") }
        return .string(Hex.encode(try Packet(fields: fields).encoded().readableBytesView))
    }

    private static func eachLine(_ name: String, _ value: (JSONObject) throws -> JSONValue) {
        while let line = readLine() {
            guard line.contains(where: { !$0.isWhitespace }) else { continue }
            Console.line(written(line, name, value))
        }
    }

    /// A line with a member more, or with `error` in its place.
    private static func written(_ line: String, _ name: String, _ value: (JSONObject) throws -> JSONValue) -> String {
        var object = JSONObject()
        do {
            guard let given = try JSONValue(parsing: line).object else { throw LineError("expected an object") }
            object = given
            object["error"] = nil
            object[name] = try value(given)
        } catch {
            object[name] = nil
            object["error"] = .string("\(error)")
        }
        return JSONValue.object(object).description
    }
}

private struct LineError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
