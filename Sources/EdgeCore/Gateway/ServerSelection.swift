/// Which of the configured platforms is connected to (`ws_servers` in order, where `failover` is on).
package struct ServerSelection: Sendable {
    private let count: Int
    package private(set) var current = 0
    private var failures = 0

    package init(count: Int) { self.count = count }

    /// The one in use did not answer.
    /// - Returns: whether another is to be tried at once; otherwise all were tried, and it begins with the first again.
    package mutating func failed() -> Bool {
        failures += 1
        guard failures < count else {
            failures = 0
            current = 0
            return false
        }
        current = (current + 1) % count
        return true
    }

    package mutating func succeeded() { failures = 0 }

    /// Those that come before the one in use.
    package var better: Range<Int> { 0..<current }

    package mutating func use(_ index: Int) {
        current = index
        failures = 0
    }
}
