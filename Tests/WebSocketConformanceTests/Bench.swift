import AlwaysOnSession
import NIOCore
import NIOEmbedded
import NIOWebSocket

@testable import AlwaysOnTransport

typealias Role = WebSocketMessageHandler.Role

/// A frame as bytes, right or wrong.
struct RawFrame {
    var fin = true
    var reserved: UInt8 = 0
    var opcode: UInt8
    var payload: [UInt8] = []
    /// nil: as the sender's role wants it.
    var isMasked: Bool?

    static let (continuation, text, binary, close, ping, pong): (UInt8, UInt8, UInt8, UInt8, UInt8, UInt8) = (0, 1, 2, 8, 9, 10)

    init(_ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true, reserved: UInt8 = 0, isMasked: Bool? = nil) {
        (self.opcode, self.payload, self.fin, self.reserved, self.isMasked) = (opcode, payload, fin, reserved, isMasked)
    }

    /// - Parameter role: of the end under test, which receives this.
    func bytes(to role: Role) -> [UInt8] {
        var bytes = [(fin ? 0x80 : 0) | reserved << 4 | opcode]
        let mask: UInt8 = isMasked ?? (role == .server) ? 0x80 : 0
        switch payload.count {
        case ..<126: bytes.append(mask | UInt8(payload.count))
        case ..<65536: bytes += [mask | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [mask | 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) }
        }
        guard mask != 0 else { return bytes + payload }
        let key: [UInt8] = [0x12, 0xAB, 0x00, 0xFE]
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
    }
}

/// What an end answers.
enum Answer: Equatable, CustomStringConvertible {
    case message(opcode: UInt8, [UInt8])
    case pong([UInt8])
    /// A close frame; nil without status.
    case close(UInt16?)
    case closed

    var description: String {
        switch self {
        case .message(let opcode, let bytes): "message(\(opcode), \(bytes.count) bytes, \(bytes.prefix(8)))"
        case .pong(let bytes): "pong(\(bytes.count) bytes)"
        case .close(let code): "close(\(code.map(String.init) ?? "no status"))"
        case .closed: "closed"
        }
    }
}

/// Sends every message back, and closes with the status of a violation: as a connection does.
private final class Echo: ChannelInboundHandler {
    typealias InboundIn = WebSocketMessage
    typealias OutboundOut = WebSocketMessage

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .binary(let bytes): context.writeAndFlush(wrapOutboundOut(.binary(bytes)), promise: nil)
        case .text(let bytes): context.writeAndFlush(wrapOutboundOut(.text(bytes)), promise: nil)
        case .ping, .pong, .close: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let reason = error as? CloseReason else { return }
        context.writeAndFlush(wrapOutboundOut(.close(code: reason.code.rawValue, reason: reason.text)), promise: nil)
    }
}

/// One end under test: the frame codec and the message handler as an upgrade lays them.
final class Bench {
    static let limit = 100_000

    private let role: Role
    private let channel: EmbeddedChannel
    private let compression: DeflateParameters?
    private let inflater: Inflater?

    init(_ role: Role, frameSize: Int = 1 << 20, compression: DeflateParameters? = nil) throws {
        self.role = role
        self.compression = compression
        inflater = compression.map {
            Inflater(takesOverContext: !(role == .client ? $0.clientNoContextTakeover : $0.serverNoContextTakeover))
        }
        channel = EmbeddedChannel()
        try channel.pipeline.syncOperations.addHandlers([
            WebSocketFrameEncoder(), ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: Bench.limit)),
            WebSocketProtocolErrorHandler(isServer: role == .server),
            WebSocketMessageHandler(role: role, maximumFrameSize: frameSize, maximumMessageSize: Bench.limit, compression: compression),
            Echo(),
        ])
        channel.connect(to: try SocketAddress(unixDomainSocketPath: "/test"), promise: nil)
    }

    deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

    /// - Parameter chop: bytes delivered at once; nil: all.
    func answers(to frames: [RawFrame], chop: Int? = nil) throws -> [Answer] {
        feed(frames, chop: chop)
        return try read()
    }

    func feed(_ frames: [RawFrame], chop: Int? = nil) {
        let bytes = frames.flatMap { $0.bytes(to: role) }
        let step = chop ?? max(bytes.count, 1)
        for start in stride(from: 0, to: bytes.count, by: step) where channel.isActive {
            // What is wrong shows in the answers.
            _ = try? channel.writeInbound(ByteBuffer(bytes: bytes[start..<min(start + step, bytes.count)]))
        }
    }

    func rawFrames() throws -> [WebSocketFrame] {
        let decoder = EmbeddedChannel(handler: ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 24)))
        defer { _ = try? decoder.finish(acceptAlreadyClosed: true) }
        var frames: [WebSocketFrame] = []
        channel.embeddedEventLoop.run()
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) { try decoder.writeInbound(buffer) }
        while let frame = try decoder.readInbound(as: WebSocketFrame.self) { frames.append(frame) }
        return frames
    }

    private func read() throws -> [Answer] {
        var answers: [Answer] = []
        var message: (opcode: UInt8, isCompressed: Bool, bytes: ByteBuffer)?
        for frame in try rawFrames() {
            var payload = frame.unmaskedData
            precondition((frame.maskKey != nil) == (role == .client), "the end under test masks wrongly")
            switch frame.opcode {
            case .connectionClose: answers.append(.close(payload.readInteger(as: UInt16.self)))
            case .pong: answers.append(.pong(Array(payload.readableBytesView)))
            case .continuation: message!.bytes.writeBuffer(&payload)
            case .ping: break
            default: message = (frame.opcode == .text ? RawFrame.text : RawFrame.binary, frame.rsv1, payload)
            }
            if frame.fin, let whole = message, frame.opcode == .continuation || frame.opcode == .text || frame.opcode == .binary {
                let bytes = whole.isCompressed ? try inflater!.decompress(whole.bytes, limit: 1 << 24, allocator: .init()) : whole.bytes
                answers.append(.message(opcode: whole.opcode, Array(bytes.readableBytesView)))
                message = nil
            }
        }
        if !channel.isActive { answers.append(.closed) }
        return answers
    }
}

/// A case of the conformance suite.
struct Case: CustomStringConvertible {
    /// Of RFC 6455, or of RFC 7692 where it says so.
    let section: String
    let name: String
    var frames: [RawFrame]
    var expected: [Answer]
    var chop: Int?

    init(_ section: String, _ name: String, _ frames: [RawFrame], _ expected: [Answer], chop: Int? = nil) {
        (self.section, self.name, self.frames, self.expected, self.chop) = (section, name, frames, expected, chop)
    }

    var description: String { "§\(section) \(name)\(chop.map { ", \($0) bytes at once" } ?? "")" }
}
