import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import AlwaysOnTransport

/// Every case against both ends.
@Suite struct FrameTests {
    static let cases = FramingCases.all + TextAndCloseCases.all

    @Test(arguments: cases.indices)
    func server(index: Int) throws { try check(FrameTests.cases[index], .server) }

    @Test(arguments: cases.indices)
    func client(index: Int) throws { try check(FrameTests.cases[index], .client) }

    /// §5.1: a client masks, a server does not; the other end closes with 1002 where it is otherwise.
    @Test(arguments: [RawFrame.text, RawFrame.binary, RawFrame.ping, RawFrame.pong, RawFrame.close, RawFrame.continuation], [0, 1, 100])
    func wrongMasks(opcode: UInt8, length: Int) throws {
        let payload = FramingCases.bytes(length)
        #expect(try Bench(.server).answers(to: [RawFrame(opcode, payload, isMasked: false)]) == [.close(1002)])
        #expect(try Bench(.client).answers(to: [RawFrame(opcode, payload, isMasked: true)]) == [.close(1002)])
    }

    /// §5.4: a sender may cut a message where it likes, and not a control frame.
    @Test(arguments: [128, 1000, 65_535], [1, 127, 128, 129, 1000, 99_999])
    func sendsFramesOfTheAgreedSize(frameSize: Int, length: Int) throws {
        for role in [Role.server, .client] {
            let payload = FramingCases.bytes(length)
            let whole = try Bench(role, frameSize: frameSize)
            #expect(try whole.answers(to: [RawFrame(RawFrame.binary, payload)]) == [.message(opcode: RawFrame.binary, payload)])
        }
    }

    /// §5.3: the key of every frame is a new one.
    @Test func masksWithNewKeys() throws {
        let channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([
            WebSocketMessageHandler(role: .client, maximumFrameSize: 128, maximumMessageSize: 1 << 20, compression: nil)
        ])
        channel.write(WebSocketMessage.binary(ByteBuffer(repeating: 7, count: 12_800)), promise: nil)
        channel.flush()
        var keys: Set<[UInt8]> = []
        channel.embeddedEventLoop.run()
        // 128 bytes in frames whose length takes two bytes: the key stands behind four.
        while let frame = try channel.readOutbound(as: ByteBuffer.self) {
            keys.insert(frame.getBytes(at: frame.readerIndex + 4, length: 4) ?? [])
        }
        #expect(keys.count > 95)
        _ = try? channel.finish(acceptAlreadyClosed: true)
    }

    private func check(_ test: Case, _ role: Role) throws {
        let answers = try Bench(role).answers(to: test.frames, chop: test.chop)
        #expect(answers == test.expected, "\(test), \(role)")
    }
}
