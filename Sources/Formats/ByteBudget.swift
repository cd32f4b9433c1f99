import Synchronization

/// Bytes that many holders keep together, within one bound: request bodies, messages that are not complete yet.
public final class ByteBudget: Sendable {
    /// Most bytes that are held at once.
    public let most: Int
    private let held = Atomic<Int>(0)

    public init(most: Int) { self.most = most }

    /// Bytes that are held now.
    public var count: Int { held.load(ordering: .relaxed) }

    /// - Returns: false, and nothing is taken, where the bound would be passed.
    public func take(_ bytes: Int) -> Bool {
        guard held.add(bytes, ordering: .relaxed).newValue <= most else {
            give(bytes)
            return false
        }
        return true
    }

    public func give(_ bytes: Int) { held.subtract(bytes, ordering: .relaxed) }
}
