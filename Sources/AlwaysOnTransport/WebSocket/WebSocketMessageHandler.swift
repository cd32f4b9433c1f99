import AlwaysOnSession
import Glibc
package import NIOCore
package import NIOWebSocket

/// Unpredictable masking keys (RFC 6455 §5.3), drawn in bulk: asking the system for each is a call a frame.
private struct MaskingKeys {
    private var bytes: [UInt8] = []

    mutating func next() -> WebSocketMaskingKey {
        if bytes.count < 4 {
            // Not more at once: the system call's own limit.
            bytes = [UInt8](repeating: 0, count: 256)
            let result = bytes.withUnsafeMutableBytes { getentropy($0.baseAddress!, $0.count) }
            precondition(result == 0, "the system has no random numbers")
        }
        let key = WebSocketMaskingKey([bytes[bytes.count - 4], bytes[bytes.count - 3], bytes[bytes.count - 2], bytes[bytes.count - 1]])!
        bytes.removeLast(4)
        return key
    }
}

/// Frames ↔ messages, for both ends: fragments, masking, compression, pongs, the closing handshake.
package final class WebSocketMessageHandler: ChannelDuplexHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias InboundOut = WebSocketMessage
    package typealias OutboundIn = WebSocketMessage
    package typealias OutboundOut = WebSocketFrame

    package enum Role: Sendable { case client, server }

    /// How long the peer may take to answer a close frame.
    private static let closeTimeout = TimeAmount.seconds(1)

    private let role: Role
    private let maximumFrameSize: Int
    private let maximumMessageSize: Int
    private let deflater: Deflater?
    private let inflater: Inflater?
    private var fragments: Fragments?
    private var closing = false
    private var isFlushPending = false
    private var masks = MaskingKeys()

    private struct Fragments {
        let opcode: WebSocketOpcode
        let isCompressed: Bool
        var data: ByteBuffer
    }

    /// - Parameters:
    ///   - maximumFrameSize: longer messages are sent in continuation frames of this many bytes.
    ///   - maximumMessageSize: a longer message is refused with status 1009, before and after decompression.
    ///   - compression: nil for none.
    package init(role: Role, maximumFrameSize: Int, maximumMessageSize: Int, compression: DeflateParameters?) {
        self.role = role
        self.maximumFrameSize = maximumFrameSize
        self.maximumMessageSize = maximumMessageSize
        let isClient = role == .client
        deflater = compression.map {
            Deflater(
                windowBits: isClient ? $0.clientMaxWindowBits : $0.serverMaxWindowBits,
                takesOverContext: !(isClient ? $0.clientNoContextTakeover : $0.serverNoContextTakeover))
        }
        inflater = compression.map {
            Inflater(takesOverContext: !(isClient ? $0.serverNoContextTakeover : $0.clientNoContextTakeover))
        }
    }

    // MARK: Inbound

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        guard !closing || frame.opcode == .connectionClose else { return }
        guard hasAllowedReservedBits(frame) else { return fail(context, .protocolError, "a reserved bit is set") }
        guard (frame.maskKey != nil) == (role == .server) else {
            return fail(context, .protocolError, role == .server ? "a client's frame is not masked" : "a server's frame is masked")
        }
        var payload = frame.unmaskedData
        switch frame.opcode {
        case .binary, .text: startMessage(context, frame, payload)
        case .continuation: continueMessage(context, frame, &payload)
        case .ping:
            if !closing { writeFrame(context, .pong, payload, promise: nil) ; context.flush() }
            context.fireChannelRead(wrapInboundOut(.ping(payload)))
        case .pong: context.fireChannelRead(wrapInboundOut(.pong(payload)))
        case .connectionClose: closed(context, &payload)
        default: fail(context, .protocolError, "unknown opcode")
        }
    }

    /// RSV1 marks a compressed message on its first frame; clients of the SDK set it on every frame (alwayson.md §1).
    private func hasAllowedReservedBits(_ frame: WebSocketFrame) -> Bool {
        guard !frame.rsv2, !frame.rsv3 else { return false }
        guard frame.rsv1 else { return true }
        return switch frame.opcode {
        case .binary, .text: inflater != nil
        case .continuation: fragments?.isCompressed ?? false
        default: false
        }
    }

    private func startMessage(_ context: ChannelHandlerContext, _ frame: WebSocketFrame, _ payload: ByteBuffer) {
        guard fragments == nil else { return fail(context, .protocolError, "a message begins inside another") }
        guard payload.readableBytes <= maximumMessageSize else { return tooLarge(context) }
        let message = Fragments(opcode: frame.opcode, isCompressed: frame.rsv1, data: payload)
        if frame.fin {
            deliver(context, message)
        } else {
            fragments = message
        }
    }

    private func continueMessage(_ context: ChannelHandlerContext, _ frame: WebSocketFrame, _ payload: inout ByteBuffer) {
        guard fragments != nil else { return fail(context, .protocolError, "a continuation of nothing") }
        guard fragments!.data.readableBytes + payload.readableBytes <= maximumMessageSize else { return tooLarge(context) }
        fragments!.data.writeBuffer(&payload)
        if frame.fin, let message = fragments {
            fragments = nil
            deliver(context, message)
        }
    }

    private func deliver(_ context: ChannelHandlerContext, _ message: Fragments) {
        var data = message.data
        if message.isCompressed, let inflater {
            do {
                data = try inflater.decompress(data, limit: maximumMessageSize, allocator: context.channel.allocator)
            } catch {
                return fail(context, error.code, error.text)
            }
        }
        guard message.opcode == .text else {
            context.fireChannelRead(wrapInboundOut(.binary(data)))
            return
        }
        guard String(validating: data.readableBytesView, as: UTF8.self) != nil else {
            return fail(context, .invalidData, "a text message is not valid UTF-8")
        }
        context.fireChannelRead(wrapInboundOut(.text(data)))
    }

    private func closed(_ context: ChannelHandlerContext, _ payload: inout ByteBuffer) {
        guard payload.readableBytes != 1 else { return fail(context, .protocolError, "a close frame with half a status") }
        let code = payload.readInteger(as: UInt16.self)
        if let code, !WebSocketMessageHandler.isAllowedOnTheWire(code) {
            return fail(context, .protocolError, "a close frame with status \(code)")
        }
        guard let reason = String(validating: payload.readableBytesView, as: UTF8.self) else {
            return fail(context, .invalidData, "the reason of a close frame is not valid UTF-8")
        }
        context.fireChannelRead(wrapInboundOut(.close(code: code ?? 1005, reason: reason)))
        if closing {
            context.close(promise: nil)
        } else {
            closing = true
            var echo = ByteBuffer()
            if let code { echo.writeInteger(code) }
            let channel = context.channel
            writeFrame(context, .connectionClose, echo, promise: nil)
            context.flush()
            channel.close(promise: nil)
        }
    }

    /// RFC 6455 §7.4: 1004 to 1006 and 1015 never travel, what is below 3000 must be registered.
    private static func isAllowedOnTheWire(_ code: UInt16) -> Bool {
        switch code {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false
        }
    }

    private func tooLarge(_ context: ChannelHandlerContext) {
        fail(context, .messageTooLarge, "a message of more than \(maximumMessageSize) bytes")
    }

    private func fail(_ context: ChannelHandlerContext, _ code: CloseReason.Code, _ text: String) {
        guard !closing else { return }
        fragments = nil
        context.fireErrorCaught(CloseReason(code, text))
    }

    // MARK: Outbound

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !closing else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        switch unwrapOutboundIn(data) {
        case .binary(let data): writeMessage(context, .binary, data, promise)
        case .text(let data): writeMessage(context, .text, data, promise)
        case .ping(let data): writeFrame(context, .ping, data, promise: promise)
        case .pong(let data): writeFrame(context, .pong, data, promise: promise)
        case .close(let code, let reason):
            closing = true
            var data = ByteBuffer(integer: code)
            data.writeString(String(decoding: reason.utf8.prefix(120), as: UTF8.self))
            writeFrame(context, .connectionClose, data, promise: promise)
            let channel = context.channel
            context.eventLoop.scheduleTask(in: WebSocketMessageHandler.closeTimeout) { channel.close(promise: nil) }
        }
    }

    /// Messages that are written while one round of events is handled leave together: each takes a share of a system call.
    package func flush(context: ChannelHandlerContext) {
        guard !isFlushPending else { return }
        isFlushPending = true
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute {
            let (handler, context) = loopBound.value
            handler.isFlushPending = false
            context.flush()
        }
    }

    private func writeMessage(_ context: ChannelHandlerContext, _ opcode: WebSocketOpcode, _ data: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        var rest = deflater?.compress(data, allocator: context.channel.allocator) ?? data
        var opcode = opcode
        while rest.readableBytes > maximumFrameSize {
            writeFrame(context, opcode, rest.readSlice(length: maximumFrameSize)!, fin: false, promise: nil)
            opcode = .continuation
        }
        writeFrame(context, opcode, rest, promise: promise)
    }

    private func writeFrame(
        _ context: ChannelHandlerContext, _ opcode: WebSocketOpcode, _ data: ByteBuffer, fin: Bool = true, promise: EventLoopPromise<Void>?
    ) {
        let mask = role == .client ? masks.next() : nil
        let startsCompressed = deflater != nil && (opcode == .binary || opcode == .text)
        context.write(wrapOutboundOut(WebSocketFrame(fin: fin, rsv1: startsCompressed, opcode: opcode, maskKey: mask, data: data)), promise: promise)
    }
}
