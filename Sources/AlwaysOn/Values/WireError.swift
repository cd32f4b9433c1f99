import Formats

/// A message that the codec refuses (alwayson.md §11).
public struct WireError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What the sender of a request is answered: 4.00, 4.13 for a limit, or 4.15 for a base type that is not known.
    public let status: Status
    /// What was expected, in words.
    public let message: String
    /// Offset in bytes from the start of what was decoded.
    public let offset: Int
    /// Whether the message is well formed and merely costs too much: that says nothing against the peer's codec.
    public let isLimit: Bool

    /// - Parameters:
    ///   - message: what was expected, in words.
    ///   - status: what a peer is answered.
    ///   - offset: bytes from the message's beginning.
    public init(_ message: String, status: Status = .badRequest, offset: Int) {
        self.message = message
        self.status = status
        self.offset = offset
        isLimit = false
    }

    /// A limit of input that was passed.
    public init(_ limit: LimitExceeded, offset: Int) {
        message = limit.description
        status = .entityTooLarge
        self.offset = offset
        isLimit = true
    }

    /// Where, and what was expected.
    public var description: String { "at byte \(offset): \(message)" }
}
