package import NIOCore

/// What goes out.
extension TunnelMachine {
    /// The next message to send, to be asked for as long as the other end takes what is sent; nil: nothing.
    /// - Returns: with it what to do afterwards.
    package mutating func next(now: NIODeadline) -> (message: ByteBuffer, actions: [Action])? {
        if let token = owesPong {
            owesPong = nil
            return (message(.pong(token)), [])
        }
        if owesPing {
            owesPing = false
            lastPing = now
            return (message(.ping(now.uptimeNanoseconds)), [])
        }
        while let id = queue.popFirst() {
            guard var stream = streams.removeValue(forKey: id) else { continue }
            stream.isQueued = false
            guard stream.hasSomethingToSend else {
                streams[id] = stream
                continue
            }
            return send(id, &stream)
        }
        return nil
    }

    private mutating func send(_ id: UInt32, _ stream: inout TunnelStream) -> (message: ByteBuffer, actions: [Action]) {
        // A connection that the other end has not heard of is opened before it is broken off.
        if let reason = stream.owesReset, !(role == .opener && stream.owesAccept) {
            stream.window.end()
            return (message(.reset(id, reason)), [])
        }
        let frame: TunnelFrame
        if stream.owesAccept {
            stream.owesAccept = false
            frame = role == .opener ? .open(id) : .accept(id)
        } else if stream.owesCredit > 0 {
            frame = .credit(id, UInt32(clamping: stream.owesCredit))
            stream.owesCredit = 0
        } else if stream.unsent.readableBytes > 0 {
            let length = min(stream.unsent.readableBytes, stream.credit, TunnelFrame.window)
            stream.credit -= length
            frame = .data(id, stream.unsent.readSlice(length: length) ?? ByteBuffer())
            // The slice keeps what was read; nothing here does.
            if stream.unsent.readableBytes == 0 { stream.unsent = ByteBuffer() }
        } else {
            stream.endSent = true
            frame = .end(id)
        }
        streams[id] = stream
        enqueue(id)
        return (message(frame), askToRead(id) + closeIfOver(id))
    }

    private func message(_ frame: TunnelFrame) -> ByteBuffer {
        let length = if case .data(_, let bytes) = frame { bytes.readableBytes } else { 8 }
        var buffer = ByteBufferAllocator().buffer(capacity: TunnelFrame.headerSize + length)
        TunnelFrame.encode(frame, into: &buffer)
        return buffer
    }

    mutating func enqueue(_ id: UInt32) {
        guard let stream = streams[id], !stream.isQueued, stream.hasSomethingToSend else { return }
        streams[id]?.isQueued = true
        queue.append(id)
    }

    mutating func askToRead(_ id: UInt32) -> [Action] {
        guard streams[id]?.wantsRead == true else { return [] }
        streams[id]?.isReading = true
        return [.read(id)]
    }

    mutating func closeIfOver(_ id: UInt32) -> [Action] {
        guard streams[id]?.isOver == true else { return [] }
        remove(id)
        return [.close(id)]
    }

    mutating func remove(_ id: UInt32) {
        streams[id]?.window.end()
        streams[id] = nil
    }
}
