import HTTPTransport
import NIOCore
import TestKit
import Testing

@Suite struct MultipartReaderTests {
    private static let type = "multipart/form-data; boundary=xYz"

    /// Parts as they were written, however the body is cut.
    private func read(_ body: [UInt8], cut: () -> Int) throws -> [(name: String, file: String?, bytes: [UInt8])] {
        var reader = try #require(MultipartReader(contentType: MultipartReaderTests.type))
        var parts: [(name: String, file: String?, bytes: [UInt8])] = []
        var rest = body[...]
        while !rest.isEmpty {
            let piece = rest.prefix(max(cut(), 1))
            rest = rest.dropFirst(piece.count)
            for event in try reader.take(ByteBuffer(bytes: piece)) {
                switch event {
                case .part(let name, let file): parts.append((name, file, []))
                case .bytes(let bytes): parts[parts.count - 1].bytes += bytes.readableBytesView
                case .partEnd: break
                }
            }
        }
        try reader.finish()
        return parts
    }

    private func body(_ parts: [(name: String, file: String?, bytes: [UInt8])]) -> [UInt8] {
        parts.flatMap { part in
            Array(
                "--xYz\r\nContent-Disposition: form-data; name=\"\(part.name)\"\(part.file.map { "; filename=\"\($0)\"" } ?? "")\r\nContent-Type: text/plain\r\n\r\n"
                    .utf8)
                + part.bytes + Array("\r\n".utf8)
        } + Array("--xYz--\r\n".utf8)
    }

    @Test func partsComeAsTheyWereWrittenHoweverTheyAreCut() throws {
        var random = SeededGenerator(seed: 5)
        let tricky: [[UInt8]] = [
            [], Array("\r\n".utf8), Array("\r\n--xY".utf8), Array("--xYz".utf8), Array("\r\n--xYz!".utf8.dropLast(1)).dropLast(1) + [0],
            Array("\r\r\n\r".utf8), [0x0D],
        ]
        for _ in 0..<150 {
            let parts = (0..<Int.random(in: 1...4, using: &random)).map { number in
                let bytes = (0..<Int.random(in: 0...5, using: &random)).flatMap { _ in
                    Bool.random(using: &random)
                        ? tricky.randomElement(using: &random) ?? []
                        : (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
                }
                return (name: "n\(number)", file: Bool.random(using: &random) ? "f ü.txt" : nil, bytes: bytes)
            }
            // What holds the delimiter itself is another body.
            guard !parts.contains(where: { String(decoding: $0.bytes, as: UTF8.self).contains("--xYz") }) else { continue }
            let bytes = body(parts)
            let found = try read(bytes) { Int.random(in: 1...20, using: &random) }
            #expect(
                found.map(\.name) == parts.map(\.name) && found.map(\.file) == parts.map(\.file) && found.map(\.bytes) == parts.map(\.bytes)
            )
        }
    }

    @Test(arguments: [
        "", "--xYz", "--xYz\r\n", "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhalf", "--xYzjunk",
        "--xYz\r\nNo-Name: x\r\n\r\n\r\n--xYz--", "nothing at all",
    ])
    func halfBodiesAreRefused(_ text: String) {
        #expect(throws: (any Error).self) { try self.read(Array(text.utf8)) { 3 } }
    }

    @Test func headsHaveABound() {
        #expect(throws: (any Error).self) { try self.read(Array(("--xYz\r\n" + String(repeating: "a", count: 10_000)).utf8)) { 100 } }
    }

    @Test(arguments: [
        "multipart/form-data", "multipart/form-data; boundary=", "text/plain; boundary=x",
        "multipart/form-data; boundary=" + String(repeating: "x", count: 71),
    ])
    func typesWithoutABoundaryAreNone(_ type: String) { #expect(MultipartReader(contentType: type) == nil) }

    @Test func boundariesMayBeQuoted() {
        #expect(MultipartReader(contentType: "multipart/form-data; charset=utf-8; boundary=\"a b\"") != nil)
    }
}
