import NIOCore
import TestKit
import Testing

@testable import AlwaysOn

/// alwayson.md §11: whatever the bytes, an error or a message, and nothing allocated on a length's word alone.
@Suite struct HostileInputTests {
    @Test func truncatedVectorsAreRefusedOrRead() throws {
        for vector in vectors where vector.bytes.count < 600 {
            for length in 0..<vector.bytes.count {
                let slice = ByteBuffer(bytes: vector.bytes[..<length])
                if let packet = try? Packet(decoding: slice) { _ = packet.fields }
            }
        }
    }

    @Test func mutatedVectorsDoNotCrash() throws {
        var generator = SeededGenerator(seed: 99)
        let small = vectors.filter { $0.bytes.count < 2000 }
        for _ in 0..<30_000 {
            var bytes = small.randomElement(using: &generator)!.bytes
            for _ in 0..<Int.random(in: 1...6, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = [
                    0, 1, 5, 18, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator),
                ]
                .randomElement(using: &generator)!
            }
            guard let packet = try? Packet(decoding: ByteBuffer(bytes: bytes)) else { continue }
            // What was accepted can be written, read again and turned into JSON.
            #expect(try Packet(decoding: packet.encoded()).encoded() == packet.encoded())
            if case .message(let message) = packet, case .request(let request) = message.body, let content = request.content {
                _ = content.json()
            }
        }
    }

    func table(_ build: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var buffer = ByteBuffer()
        build(&buffer)
        return buffer
    }

    @Test func refusesUnknownBaseTypeAsUnsupported() {
        let bytes = table { $0.writeBytes([1, 1, 0x61, 0, 99, 0, 0, 0, 0]) }
        let error = #expect(throws: WireError.self) { try EncodedInfotable(validating: bytes) }
        #expect(error?.status == .unsupportedContentFormat)
        #expect(error?.offset == 4)
    }

    @Test func refusesNestingDeeperThan32() {
        var value = Value.boolean(true)
        for _ in 0..<40 { value = .variant(value) }
        let deep = Infotable("v", value)
        let written = #expect(throws: WireError.self) { try EncodedInfotable(deep) }
        let bytes = table { $0.writeBytes([1, 1, 0x61, 0, 18, 0, 0, 0, 1, 0, 1] + [UInt8](repeating: 18, count: 40) + [2, 1, 0]) }
        let read = #expect(throws: WireError.self) { try EncodedInfotable(validating: bytes) }
        for error in [written, read] {
            #expect(error?.message.contains("nested deeper than 32") == true)
            #expect(error?.isLimit == true)
        }
    }

    @Test(
        arguments: [
            [2], [1, 0x85, 0, 0, 0], [1, 0xFF, 0xFF, 0xFF, 0xFF], [1, 1, 0xFF, 0, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 2],
            [1, 1, 0x61, 0, 21, 0, 0, 0, 1, 0, 1, 21, 0xFF, 0xFF, 0xFF, 0xFF, 0],
        ] as [[UInt8]])
    func refusesBadTables(bytes: [UInt8]) {
        #expect(throws: WireError.self) { try EncodedInfotable(validating: ByteBuffer(bytes: bytes)) }
    }

    @Test func refusesRowsThatCostMoreThanTheySay() {
        let bytes = table { buffer in
            for index in 0..<200 { buffer.writeField("f\(index)", .string) }
            buffer.writeInteger(0, as: UInt8.self)
            for _ in 0..<2_000 { buffer.writeBytes([1, 0, 0]) }
            buffer.writeInteger(0, as: UInt8.self)
        }
        #expect(throws: WireError.self) { try EncodedInfotable(validating: bytes) }
    }

    @Test func reasonIsReadFromTheContentToo() throws {
        let response = Response(.internalError, content: try EncodedInfotable(Infotable("reason", .string("why"))))
        #expect(response.reasonText == "why")
    }

    @Test func httpStatusesMapToTheNearest() {
        #expect(Status(rawValue: 0x84).httpStatus == 404)
        #expect(Status(httpStatus: 204) == .success)
        #expect(Status(httpStatus: 409) == .notAcceptable)
        #expect(Status(httpStatus: 422) == .unsupportedContentFormat)
        #expect(Status(httpStatus: 599) == .gatewayTimeout)
        #expect(Status(httpStatus: 302) == .internalError)
    }
}
