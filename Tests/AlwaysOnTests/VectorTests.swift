import AlwaysOn
import Foundation
import Formats
import NIOCore
import TestKit
import Testing

/// The vectors of `../shared/vectors` when they stand beside the project, else the project's own copy.
let vectors: [Vector] = {
    let own = Bundle.module.path(forResource: "alwayson", ofType: "jsonl", inDirectory: "Fixtures")!
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let shared = root.deletingLastPathComponent().appendingPathComponent("shared/vectors/alwayson.jsonl").path
    return try! Vector.load(path: FileManager.default.fileExists(atPath: shared) ? shared : own)
}()

/// Equal as JSON values: numbers by value, members in any order; members that only the vector has (`group`,
/// `trailingBytes`) do not count.
func matches(_ expected: JSONValue, _ actual: JSONValue) -> Bool {
    switch (expected, actual) {
    case (.object(let expected), .object(let actual)):
        expected.members.allSatisfy { member in
            if ["group", "trailingBytes"].contains(member.name) { return true }
            return actual[member.name].map { matches(member.value, $0) } ?? false
        }
    case (.array(let expected), .array(let actual)):
        expected.count == actual.count && zip(expected, actual).allSatisfy { matches($0, $1) }
    case (.number(let expected), .number(let actual)):
        expected == actual || Double(expected)?.bitPattern == Double(actual)?.bitPattern
    default: expected == actual
    }
}

@Suite struct VectorTests {
    @Test(arguments: vectors.indices)
    func decodes(index: Int) throws {
        let vector = vectors[index]
        let packet = try Packet(decoding: ByteBuffer(bytes: vector.bytes))
        #expect(matches(vector.fields, packet.fields), "\(vector.name): \(packet.fields)")
    }

    @Test(arguments: vectors.indices)
    func encodes(index: Int) throws {
        let vector = vectors[index]
        guard !vector.name.hasPrefix("quirk") else { return }
        let trailing = vector.fields["trailingBytes"]?.int ?? 0
        var bytes = try Packet(fields: vector.fields).encoded()
        bytes.writeRepeatingByte(0, count: trailing)
        #expect(Hex.encode(bytes.readableBytesView.dropLast(trailing)) == Hex.encode(vector.bytes.dropLast(trailing)), "\(vector.name)")
    }

    /// What is only passed on is not touched: decoding and encoding again gives the same bytes.
    @Test(arguments: vectors.indices)
    func passesThroughUnchanged(index: Int) throws {
        let vector = vectors[index]
        guard !vector.name.hasPrefix("quirk") else { return }
        let encoded = try Packet(decoding: ByteBuffer(bytes: vector.bytes)).encoded()
        let trailing = vector.fields["trailingBytes"]?.int ?? 0
        #expect(Array(encoded.readableBytesView) == Array(vector.bytes.dropLast(trailing)), "\(vector.name)")
    }
}
