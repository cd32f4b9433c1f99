package import NIOCore

/// How many blocks are on their way at once: as many as the way holds, and few that wait on it, since what waits delays live requests.
///
/// Compares how long blocks take with the least that one took, as TCP Vegas does.
package struct BlockWindow: Sendable {
    /// Blocks that may wait on the way: fewer, and more are sent; more, and fewer are.
    private static let fewWaiting = 2.0
    private static let manyWaiting = 4.0
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
        if waiting > BlockWindow.manyWaiting {
            isOpening = false
            blocks = max(blocks - max(blocks / 8, 1), least)
        } else if waiting < BlockWindow.fewWaiting {
            blocks = min(isOpening ? blocks * 2 : blocks + 1, most)
        } else {
            isOpening = false
        }
        // The way may have become longer for good.
        base += (mean - base) / 256
    }
}
