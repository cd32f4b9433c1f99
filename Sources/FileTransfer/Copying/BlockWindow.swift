package import NIOCore

/// How many blocks are on their way at once: as many as the way holds, and few that wait on it, since what waits delays live requests.
///
/// Compares how long blocks take with the least that one took, as TCP Vegas does.
package struct BlockWindow: Sendable {
    /// Blocks that may wait on the way, and of those on it: fewer, and more are sent; more than twice so many, and fewer are. A long way is
    /// not as even as a short one, and a little more waiting makes no difference on it.
    private static let waiting = (blocks: 1.0, share: 0.05)
    private static let usualLeast = 2

    private let least: Int
    private let most: Int
    package private(set) var blocks: Int
    private var base = Double.infinity
    private var round: (sum: Double, count: Int) = (0, 0)
    /// Doubling, until something waits for the first time.
    private var isOpening = true

    package init(bytes: Int, blockSize: Int) {
        most = max(bytes / max(blockSize, 1), 1)
        least = min(BlockWindow.usualLeast, most)
        blocks = least
    }

    /// A block has arrived, so long after it was asked for.
    package mutating func arrived(after time: TimeAmount) {
        let time = Double(max(time.nanoseconds, 1))
        base = min(base, time)
        round.sum += time
        round.count += 1
        guard round.count >= blocks else { return }
        let mean = round.sum / Double(round.count)
        round = (0, 0)
        let waiting = Double(blocks) * (1 - base / mean)
        let wanted = max(BlockWindow.waiting.blocks, BlockWindow.waiting.share * Double(blocks))
        if waiting > 2 * wanted {
            isOpening = false
            blocks = max(blocks - max(blocks / 8, 1), least)
        } else if waiting < wanted {
            blocks = min(isOpening ? blocks * 2 : blocks + 1, most)
        } else {
            isOpening = false
        }
        // The way may have become longer for good.
        base += (mean - base) / 256
    }
}
