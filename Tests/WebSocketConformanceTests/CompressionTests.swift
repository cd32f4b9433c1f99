import AlwaysOnSession
import NIOCore
import Testing

@testable import AlwaysOnTransport

/// RFC 7692 §6 and §7.2: compressed messages, against both ends.
@Suite struct CompressionTests {
    private static let compressed: UInt8 = 4

    private func deflated(_ payloads: [[UInt8]], takeover: Bool = true, windowBits: Int = 13) -> [[UInt8]] {
        let deflater = Deflater(windowBits: windowBits, takesOverContext: takeover)
        return payloads.map { Array(deflater.compress(ByteBuffer(bytes: $0), allocator: .init()).readableBytesView) }
    }

    /// §7.2.3: the examples of the RFC, byte by byte.
    @Test(
        arguments: [
            ("one block", [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
            ("no compression", [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]),
            ("a block that says it is the last", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]),
            ("two blocks", [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00]),
        ] as [(String, [UInt8])])
    func examplesOfTheRFC(name: String, bytes: [UInt8]) throws {
        for role in [Role.server, .client] {
            for cut in 1..<bytes.count {
                let frames = [
                    RawFrame(RawFrame.text, Array(bytes[..<cut]), fin: false, reserved: CompressionTests.compressed),
                    RawFrame(RawFrame.continuation, Array(bytes[cut...])),
                ]
                let answers = try Bench(role, compression: DeflateParameters()).answers(to: frames)
                #expect(answers == [.message(opcode: RawFrame.text, Array("Hello".utf8))], "\(name) cut at \(cut), \(role)")
            }
        }
    }

    /// §7.2.3.2: the second of two equal messages refers to the first.
    @Test func sharesTheWindow() throws {
        let hello = Array("Hello".utf8)
        let first: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
        let second: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00]
        let frames = [first, second].map { RawFrame(RawFrame.text, $0, reserved: CompressionTests.compressed) }
        for role in [Role.server, .client] {
            #expect(
                try Bench(role, compression: DeflateParameters()).answers(to: frames) == [
                    .message(opcode: RawFrame.text, hello), .message(opcode: RawFrame.text, hello),
                ])
            // Without take-over the reference points nowhere.
            let alone = DeflateParameters(serverNoContextTakeover: true, clientNoContextTakeover: true)
            #expect(try Bench(role, compression: alone).answers(to: frames) == [.message(opcode: RawFrame.text, hello), .close(1007)])
        }
    }

    /// §7.2.3.5: the context survives a block that says it is the last.
    @Test func sharesTheWindowBeyondALastBlock() throws {
        let hello = Answer.message(opcode: RawFrame.text, Array("Hello".utf8))
        let frames = [[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], [0xF2, 0x00, 0x11, 0x00, 0x00]].map {
            RawFrame(RawFrame.text, $0, reserved: CompressionTests.compressed)
        }
        #expect(try Bench(.server, compression: DeflateParameters()).answers(to: frames) == [hello, hello])
    }

    @Test func emptyMessages() throws {
        #expect(deflated([[]]) == [[0]])
        for role in [Role.server, .client] {
            let frames = [RawFrame(RawFrame.binary, [0], reserved: CompressionTests.compressed), RawFrame(RawFrame.binary)]
            #expect(
                try Bench(role, compression: DeflateParameters()).answers(to: frames) == [
                    .message(opcode: RawFrame.binary, []), .message(opcode: RawFrame.binary, []),
                ])
        }
    }

    /// All lengths, contents, windows and both ways with and without take-over come through.
    @Test(arguments: [0, 1, 15, 16, 127, 128, 1000, 8192, 32_768, 65_535, 65_536, 99_999], [false, true])
    func comesThrough(length: Int, takeover: Bool) throws {
        var random = SystemRandomNumberGenerator()
        let texts = [
            FramingCases.bytes(length), (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) },
            [UInt8](repeating: 0, count: length),
        ]
        for (role, bits) in [(Role.server, 15), (.client, 15), (.client, 9), (.server, 9)] {
            let parameters = DeflateParameters(
                serverNoContextTakeover: !takeover, clientNoContextTakeover: !takeover, serverMaxWindowBits: bits)
            let messages = texts + texts
            let frames = deflated(messages, takeover: takeover, windowBits: bits).filter { $0.count <= Bench.limit }.map {
                RawFrame(RawFrame.binary, $0, reserved: CompressionTests.compressed)
            }
            guard frames.count == messages.count else { continue }
            for frameSize in [128, 1 << 20] {
                let answers = try Bench(role, frameSize: frameSize, compression: parameters).answers(to: frames)
                #expect(answers == messages.map { .message(opcode: RawFrame.binary, $0) })
            }
        }
    }

    /// §6.1: only the first frame is marked; clients of the SDK mark all (alwayson.md §1).
    @Test func marksOnTheFirstFrameAndToleratesMore() throws {
        let payload = FramingCases.bytes(5000)
        let bytes = deflated([payload])[0]
        let frames = [
            RawFrame(RawFrame.binary, Array(bytes[..<20]), fin: false, reserved: 4), RawFrame(RawFrame.ping, [1]),
            RawFrame(RawFrame.continuation, Array(bytes[20..<40]), fin: false, reserved: 4),
            RawFrame(RawFrame.continuation, Array(bytes[40...]), reserved: 4),
        ]
        #expect(
            try Bench(.server, compression: DeflateParameters()).answers(to: frames) == [
                .pong([1]), .message(opcode: RawFrame.binary, payload),
            ])

        let channel = try Bench(.server, frameSize: 128, compression: DeflateParameters())
        var random = SystemRandomNumberGenerator()
        let noise = (0..<1000).map { _ in UInt8.random(in: 0...255, using: &random) }
        channel.feed([RawFrame(RawFrame.binary, noise)])
        let sent = try channel.rawFrames()
        #expect(sent.count > 7 && sent[0].rsv1 && sent.dropFirst().allSatisfy { !$0.rsv1 } && sent.allSatisfy { !$0.rsv2 && !$0.rsv3 })
    }

    @Test func uncompressedMessagesBetweenCompressedOnes() throws {
        let texts = ["one one one", "two", "one one one"].map { Array($0.utf8) }
        let bytes = deflated([texts[0], texts[2]])
        let frames = [
            RawFrame(RawFrame.text, bytes[0], reserved: 4), RawFrame(RawFrame.text, texts[1]),
            RawFrame(RawFrame.text, bytes[1], reserved: 4),
        ]
        for role in [Role.server, .client] {
            #expect(
                try Bench(role, compression: DeflateParameters()).answers(to: frames) == texts.map { .message(opcode: RawFrame.text, $0) })
        }
    }

    /// Violations and the status that each closes with.
    @Test(
        arguments: [
            ("§6.1 a compressed ping", [RawFrame(RawFrame.ping, [0], reserved: 4)], 1002),
            ("§6.1 a compressed pong", [RawFrame(RawFrame.pong, [0], reserved: 4)], 1002),
            ("§6.1 a compressed close", [RawFrame(RawFrame.close, reserved: 4)], 1002),
            (
                "§6.1 a mark in the middle of a message that is not compressed",
                [RawFrame(RawFrame.text, [65], fin: false), RawFrame(RawFrame.continuation, [65], reserved: 4)], 1002
            ),
            ("RFC 6455 §5.2 RSV2", [RawFrame(RawFrame.text, [0], reserved: 2)], 1002),
            ("RFC 6455 §5.2 RSV3 with RSV1", [RawFrame(RawFrame.text, [0], reserved: 5)], 1002),
            ("§7.2.2 a reserved block type", [RawFrame(RawFrame.binary, [0xFF, 0xFF], reserved: 4)], 1007),
            ("§7.2.2 a stored block with wrong lengths", [RawFrame(RawFrame.binary, [0x00, 0x05, 0x00, 0x00, 0x00], reserved: 4)], 1007),
            ("§7.2.2 a reference before the beginning", [RawFrame(RawFrame.text, [0xF2, 0x00, 0x11, 0x00, 0x00], reserved: 4)], 1007),
            (
                "RFC 6455 §8.1 text that is no UTF-8 when decompressed",
                [RawFrame(RawFrame.text, [0x00, 0x02, 0x00, 0xFD, 0xFF, 0xC3, 0x28, 0x00], reserved: 4)], 1007
            ),
        ] as [(String, [RawFrame], UInt16)])
    func violations(name: String, frames: [RawFrame], status: UInt16) throws {
        for role in [Role.server, .client] {
            #expect(try Bench(role, compression: DeflateParameters()).answers(to: frames).first == .close(status), "\(name), \(role)")
        }
    }

    /// A small message that would become a big one ends the connection, and the memory is not taken.
    @Test func bombs() throws {
        let bomb = deflated([[UInt8](repeating: 0, count: 50_000_000)])[0]
        #expect(bomb.count <= 300_000)
        let frames = bomb.chunked(90_000).enumerated().map {
            RawFrame($0 == 0 ? RawFrame.binary : RawFrame.continuation, $1, fin: false, reserved: $0 == 0 ? 4 : 0)
        }
        #expect(
            try Bench(.server, compression: DeflateParameters()).answers(to: frames + [RawFrame(RawFrame.continuation)]) == [.close(1009)])
        let small = deflated([[UInt8](repeating: 0, count: Bench.limit + 1)])[0]
        #expect(throws: CloseReason.self) {
            try Inflater(takesOverContext: true).decompress(ByteBuffer(bytes: small), limit: Bench.limit, allocator: .init())
        }
        let frame = RawFrame(RawFrame.binary, small, reserved: 4)
        #expect(try Bench(.client, compression: DeflateParameters()).answers(to: [frame]) == [.close(1009)])
    }

    /// Any bytes at all give a message or a close, nothing else.
    @Test func noise() throws {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let bytes = (0..<Int.random(in: 1...200)).map { _ in UInt8.random(in: 0...255, using: &random) }
            let answers = try Bench(.server, compression: DeflateParameters()).answers(to: [RawFrame(RawFrame.binary, bytes, reserved: 4)])
            switch answers.first {
            case .message, .close(1007), .close(1009): break
            default: Issue.record("\(answers) to \(bytes)")
            }
        }
    }
}

extension Array {
    func chunked(_ size: Int) -> [[Element]] { stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) } }
}
