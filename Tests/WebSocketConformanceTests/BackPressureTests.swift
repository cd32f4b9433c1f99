import AlwaysOnSession
import Formats
import NIOCore
import NIOEmbedded
import NIOWebSocket
import Testing

@testable import AlwaysOnTransport

/// A peer that does not take what is sent to it is not read, and loses nothing when it takes it after all.
@Suite struct BackPressureTests {
    private let channel = EmbeddedChannel()
    private let reads = ReadCounter()
    private let incomplete = ByteBudget(most: 1000)

    init() throws {
        try channel.pipeline.syncOperations.addHandlers([
            reads, WebSocketFrameEncoder(), ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 16)),
            WebSocketMessageHandler(
                role: .server, maximumFrameSize: 4096, maximumMessageSize: 1 << 16, compression: nil, incomplete: incomplete), Closer(),
        ])
        channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    }

    private func receive(_ frames: RawFrame...) throws {
        try channel.writeInbound(ByteBuffer(bytes: frames.flatMap { $0.bytes(to: .server) }))
    }

    /// Bytes of all that was written since.
    private func sent() throws -> [UInt8] {
        channel.embeddedEventLoop.run()
        var bytes: [UInt8] = []
        while let part = try channel.readOutbound(as: ByteBuffer.self) { bytes += part.readableBytesView }
        return bytes
    }

    @Test func framesWaitWhileNothingIsTaken() throws {
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        try receive(RawFrame(RawFrame.ping, [1]), RawFrame(RawFrame.ping, [2]), RawFrame(RawFrame.binary, [3]))
        #expect(try sent().isEmpty)
        #expect(try channel.readInbound(as: WebSocketMessage.self) == nil)
        let before = reads.count
        channel.read()
        #expect(reads.count == before)
        channel.isWritable = true
        channel.pipeline.fireChannelWritabilityChanged()
        #expect(try sent() == [0x8A, 1, 1, 0x8A, 1, 2])
        #expect(reads.count == before + 1)
        _ = try channel.finish(acceptAlreadyClosed: true)
    }

    @Test func whoTakesNothingForLongIsLetGo() throws {
        channel.isWritable = false
        channel.pipeline.fireChannelWritabilityChanged()
        channel.embeddedEventLoop.advanceTime(by: .seconds(29))
        #expect(channel.isActive)
        channel.embeddedEventLoop.advanceTime(by: .seconds(2))
        #expect(!channel.isActive)
    }

    @Test func messagesThatAreNotCompleteShareTheirRoom() throws {
        #expect(incomplete.take(900))
        try receive(RawFrame(RawFrame.binary, [UInt8](repeating: 1, count: 90), fin: false))
        #expect(incomplete.count == 990 && channel.isActive)
        try receive(RawFrame(RawFrame.continuation, [UInt8](repeating: 1, count: 90), fin: false))
        #expect(!channel.isActive && incomplete.count == 900)
    }

    @Test func aBudgetGivesBackWhatItRefuses() {
        let budget = ByteBudget(most: 10)
        #expect(budget.take(10) && !budget.take(1) && budget.count == 10)
        budget.give(4)
        #expect(budget.take(4) && !budget.take(1))
    }
}

private final class ReadCounter: ChannelOutboundHandler, @unchecked Sendable {
    typealias OutboundIn = ByteBuffer
    private(set) var count = 0

    func read(context: ChannelHandlerContext) {
        count += 1
        context.read()
    }
}

/// Closes for a reason, as connections do.
private final class Closer: ChannelInboundHandler {
    typealias InboundIn = WebSocketMessage

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
