import Crypto
import Formats
import HTTPTransport
package import NIOCore
import Secrets

/// The tokens that a client of an authenticated server returns with its next request (ems.md §6.4).
///
/// Two are valid at once, the newest and the one before it, so that clients that work in parallel do not trip one another
/// when the token changes.
package struct CSRFTokens: Sendable {
    package static let header = HTTPClient.csrfHeader

    private let rotation: TimeAmount
    private var newest: Secret
    private var before: Secret?
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
        return newest.reveal()
    }

    /// Without telling by its duration how much of the token was right.
    package mutating func accepts(_ token: String, now: NIODeadline) -> Bool {
        advance(now)
        let isNewest = newest.matches(token)
        let isBefore = before?.matches(token) ?? false
        return isNewest || isBefore
    }

    private mutating func advance(_ now: NIODeadline) {
        guard now >= changes else { return }
        // After a pause of two periods neither of the old ones is young enough.
        before = now >= changes + rotation ? nil : newest
        newest = CSRFTokens.make()
        changes = now + rotation
    }

    private static func make() -> Secret { Secret(SymmetricKey(size: .bits256).withUnsafeBytes { Hex.encode($0) }) }
}
