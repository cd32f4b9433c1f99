import AlwaysOnSession
package import Formats
package import NIOCore
package import NIOWebSocket

/// Frames ↔ messages, for both ends: fragments, masking, compression, pongs, the closing handshake.
///
/// While the peer does not take what is sent to it, nothing of what it sends is worked on or read, unless `Manners` say otherwise.
package final class WebSocketMessageHandler: ChannelDuplexHandler {
    package typealias InboundIn = WebSocketFrame
    package typealias InboundOut = WebSocketMessage
    package typealias OutboundIn = WebSocketMessage
    package typealias OutboundOut = ByteBuffer

    package enum Role: Sendable { case client, server }

    /// How it goes with a peer that is slow.
    package struct Manners: Sendable {
        /// Whether what the peer sends is read although it does not take what is sent to it. Where it may be that both ends have much to
        /// say,
        /// neither would read otherwise.
        package var readsAlways = false
        /// How long a peer may take nothing at all of what waits for it; nil: as long as it likes.
        package var stall: TimeAmount? = .seconds(30)
        /// How long what was sent before a close frame, and that, may take to go out.
        package var farewell = TimeAmount.seconds(1)

        package init() {}
    }

    /// How long the peer may take to answer a close frame.
    static let closeTimeout = TimeAmount.seconds(1)

    let role: Role
    let maximumFrameSize: Int
    private let maximumMessageSize: Int
    let deflater: Deflater?
    private let inflater: Inflater?
    private var fragments: Fragments?
    var closing = false
    var isFlushPending = false
    /// Frames that came in one piece with others while the peer took nothing.
    private var held = CircularBuffer<WebSocketFrame>()
    /// Whether the peer takes what is sent: as the channel last said, which costs less than asking it for each frame.
    private var isTaking = true
    private var isReadWanted = false
    private var stall: Stall?
    let manners: Manners
    /// The newest ping that came while the peer took nothing.
    private var unansweredPing: ByteBuffer?
    private let incomplete: ByteBudget
    var masks = MaskingKeys()
    /// Where frames enter the pipeline: behind NIO's encoder, which an upgrade puts there.
    var output: ChannelHandlerContext?

    /// A peer that has taken nothing since a time.
    private struct Stall {
        let timer: Scheduled<Void>
        let waiting: Int
    }

    private struct Fragments {
        let opcode: WebSocketOpcode
        let isCompressed: Bool
        var data: ByteBuffer
    }

    /// - Parameters:
    ///   - maximumFrameSize: longer messages are sent in continuation frames of this many bytes.
    ///   - maximumMessageSize: a longer message is refused with status 1009, before and after decompression.
    ///   - compression: nil for none.
    ///   - incomplete: what messages whose frames have not all come may take, with those of other connections.
    ///   - shared: compresses for many connections of one loop; each message by itself then.
    package init(
        role: Role, maximumFrameSize: Int, maximumMessageSize: Int, compression: DeflateParameters?, shared: Deflater? = nil,
        incomplete: ByteBudget = ByteBudget(most: .max), manners: Manners = Manners()
    ) {
        self.incomplete = incomplete
        self.manners = manners
        self.role = role
        self.maximumFrameSize = maximumFrameSize
        self.maximumMessageSize = maximumMessageSize
        let isClient = role == .client
        deflater = compression.map {
            shared
                ?? Deflater(
                    windowBits: isClient ? $0.clientMaxWindowBits : $0.serverMaxWindowBits,
                    takesOverContext: !(isClient ? $0.clientNoContextTakeover : $0.serverNoContextTakeover))
        }
        inflater = compression.map {
            Inflater(
                windowBits: isClient ? 15 : $0.clientMaxWindowBits,
                takesOverContext: !(isClient ? $0.serverNoContextTakeover : $0.clientNoContextTakeover))
        }
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        output = try? context.pipeline.syncOperations.context(handlerType: WebSocketFrameEncoder.self)
    }

    package func handlerRemoved(context: ChannelHandlerContext) { output = nil }

    // MARK: Inbound

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        if manners.readsAlways || (isTaking && held.isEmpty) { receive(frame, context) } else { held.append(frame) }
    }

    package func read(context: ChannelHandlerContext) {
        if manners.readsAlways || (isTaking && held.isEmpty) { context.read() } else { isReadWanted = true }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        isTaking = context.channel.isWritable
        if isTaking {
            endStall()
            if let ping = unansweredPing { answer(ping, context) }
            goOn(context)
        } else {
            awaitProgress(context)
        }
        context.fireChannelWritabilityChanged()
    }

    /// The peer takes what is sent again.
    private func goOn(_ context: ChannelHandlerContext) {
        while isTaking, let frame = held.popFirst() { receive(frame, context) }
        guard held.isEmpty, isReadWanted, isTaking else { return }
        isReadWanted = false
        context.read()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        endStall()
        held.removeAll()
        dropFragments()
        context.fireChannelInactive()
    }

    private func awaitProgress(_ context: ChannelHandlerContext) {
        guard stall == nil, !closing, let patience = manners.stall else { return }
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        let loopBound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let timer = context.eventLoop.scheduleTask(in: patience) {
            let (handler, context) = loopBound.value
            handler.lookAtProgress(context)
        }
        stall = Stall(timer: timer, waiting: waiting)
    }

    private func lookAtProgress(_ context: ChannelHandlerContext) {
        guard let before = stall else { return }
        stall = nil
        guard context.channel.isActive, !context.channel.isWritable else { return }
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if waiting < before.waiting { return awaitProgress(context) }
        let seconds = (manners.stall?.nanoseconds ?? 0) / 1_000_000_000
        fail(context, .policyViolation, "the peer has taken nothing of what was sent for \(seconds) s")
    }

    private func endStall() {
        stall?.timer.cancel()
        stall = nil
    }

    private func receive(_ frame: WebSocketFrame, _ context: ChannelHandlerContext) {
        guard !closing || frame.opcode == .connectionClose else { return }
        guard hasAllowedReservedBits(frame) else { return fail(context, .protocolError, "a reserved bit is set") }
        guard (frame.maskKey != nil) == (role == .server) else {
            return fail(context, .protocolError, role == .server ? "a client's frame is not masked" : "a server's frame is masked")
        }
        var payload = FrameBytes.payload(of: frame, allocator: context.channel.allocator)
        switch frame.opcode {
        case .binary, .text: startMessage(context, frame, payload)
        case .continuation: continueMessage(context, frame, &payload)
        case .ping:
            if !closing { answer(payload, context) }
            context.fireChannelRead(wrapInboundOut(.ping(payload)))
        case .pong: context.fireChannelRead(wrapInboundOut(.pong(payload)))
        case .connectionClose: closed(context, &payload)
        default: fail(context, .protocolError, "unknown opcode")
        }
    }

    /// A peer that takes nothing has its newest ping answered later, and no other (RFC 6455 §5.5.3).
    private func answer(_ ping: ByteBuffer, _ context: ChannelHandlerContext) {
        unansweredPing = isTaking ? nil : ping
        guard isTaking else { return }
        writeFrame(context, .pong, ping, promise: nil)
        context.flush()
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
        guard !frame.fin else { return deliver(context, message) }
        guard keep(payload.readableBytes, context) else { return }
        // A copy: the slice would keep all that came with it.
        fragments = Fragments(
            opcode: message.opcode, isCompressed: message.isCompressed, data: ByteBuffer(bytes: payload.readableBytesView))
    }

    private func continueMessage(_ context: ChannelHandlerContext, _ frame: WebSocketFrame, _ payload: inout ByteBuffer) {
        guard let length = fragments?.data.readableBytes else { return fail(context, .protocolError, "a continuation of nothing") }
        guard length + payload.readableBytes <= maximumMessageSize else { return tooLarge(context) }
        guard keep(payload.readableBytes, context) else { return }
        fragments?.data.writeBuffer(&payload)
        guard frame.fin, let message = fragments else { return }
        dropFragments()
        deliver(context, message)
    }

    /// Room for more of a message whose frames have not all come.
    private func keep(_ bytes: Int, _ context: ChannelHandlerContext) -> Bool {
        if incomplete.take(bytes) { return true }
        fail(context, .policyViolation, "messages that are not complete take all the memory that there is for them")
        return false
    }

    private func dropFragments() {
        incomplete.give(fragments?.data.readableBytes ?? 0)
        fragments = nil
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
        dropFragments()
        context.fireErrorCaught(CloseReason(code, text))
    }
}
