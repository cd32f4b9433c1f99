package import Formats
import NIOCore

/// What a peer has not taken yet, against the bound of one peer and that of all together.
///
/// Looked at only while the channel takes no more: as long as it does, there is next to nothing.
package struct Backlog {
    /// Bytes that may wait for one peer before requests and answers for it are given up.
    static let most = 8 << 20
    /// A peer for which so much waits is no longer served.
    static let mostEver = 2 * most

    private let all: ByteBudget
    private var counted = 0

    package init(_ all: ByteBudget) { self.all = all }

    enum State {
        case flowing
        /// Nothing long may be added.
        case full(Int)
        case hopeless(Int)
    }

    mutating func state(of channel: any Channel) -> State {
        guard !channel.isWritable else {
            release()
            return .flowing
        }
        let waiting = (try? channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        let hasRoom = count(waiting)
        if waiting > Backlog.mostEver { return .hopeless(waiting) }
        return waiting > Backlog.most || !hasRoom ? .full(waiting) : .flowing
    }

    private mutating func count(_ waiting: Int) -> Bool {
        all.give(counted)
        counted = 0
        guard all.take(waiting) else { return false }
        counted = waiting
        return true
    }

    mutating func release() {
        guard counted > 0 else { return }
        all.give(counted)
        counted = 0
    }
}
