import Crypto
import Formats
package import NIOCore

/// The tokens that a client of an authenticated server returns with its next request (ems.md §6.4).
///
/// Two are valid at once, the newest and the one before it, so that clients that work in parallel do not trip one another
/// when the token changes.
package struct CSRFTokens: Sendable {
    package static let header = "x-csrf-token"

    private let rotation: TimeAmount
    private var newest: String
    private var before: String?
    private var changes: NIODeadline

    /// - Parameter rotation: how long a token is the newest.
    package init(rotation: TimeAmount, now: NIODeadline) {
        self.rotation = rotation
        newest = CSRFTokens.make()
        changes = now + rotation
    }

    /// The token for the next answer.
    package mutating func current(now: NIODeadline) -> String {
        advance(now)
        return newest
    }

    /// In constant time for tokens of the right length.
    package mutating func accepts(_ token: String, now: NIODeadline) -> Bool {
        advance(now)
        let isNewest = CSRFTokens.isEqual(token, newest)
        let isBefore = before.map { CSRFTokens.isEqual(token, $0) } ?? false
        return isNewest || isBefore
    }

    private mutating func advance(_ now: NIODeadline) {
        guard now >= changes else { return }
        // After a pause of two periods neither of the old ones is young enough.
        before = now >= changes + rotation ? nil : newest
        newest = CSRFTokens.make()
        changes = now + rotation
    }

    private static func make() -> String { SymmetricKey(size: .bits256).withUnsafeBytes { Hex.encode($0) } }

    private static func isEqual(_ left: String, _ right: String) -> Bool {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
