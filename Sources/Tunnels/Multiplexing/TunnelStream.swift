import NIOCore

/// One connection of a tunnel, as one end sees it.
struct TunnelStream {
    /// The local side exists.
    var isConnected: Bool
    /// What may still be sent.
    var credit = TunnelFrame.window
    /// Read here and not sent yet.
    var unsent = ByteBuffer()
    /// Somebody was asked to read, and has not answered.
    var isReading = false
    /// Nothing more is read here.
    var hasEnded = false
    var endSent = false
    /// Nothing more comes from the other end.
    var otherEnded = false
    /// What came before the local side was there.
    var early = ByteBuffer()
    /// What the local side has not taken yet.
    var untaken = 0
    var window: CreditWindow
    // What is to be told.
    var owesAccept = false
    var owesCredit = 0
    var owesReset: String?
    /// Stands in the queue of those that have something to send.
    var isQueued = false

    var hasSomethingToSend: Bool {
        owesReset != nil || owesAccept || owesCredit > 0 || (unsent.readableBytes > 0 && credit > 0)
            || (hasEnded && !endSent && unsent.readableBytes == 0)
    }

    var wantsRead: Bool { isConnected && !isReading && !hasEnded && unsent.readableBytes == 0 && credit > 0 && owesReset == nil }

    /// Both directions have ended, and all has been said and taken.
    var isOver: Bool { endSent && otherEnded && untaken == 0 }
}
