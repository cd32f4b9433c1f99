/// The result code of a response (alwayson.md §2): class in the upper three bits, detail in the lower five.
public struct Status: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    /// As it stands on the wire: three bits of class, five of detail.
    public let rawValue: UInt8

    /// Any byte is a status; those that are not named here are passed on as they are.
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// 2.00: done; HTTP 200.
    public static let success = Status(rawValue: 0x40)
    /// 4.00: the request cannot be understood.
    public static let badRequest = Status(rawValue: 0x80)
    /// 4.01: nobody, or somebody unknown, asks.
    public static let unauthorized = Status(rawValue: 0x81)
    /// 4.02: an option that is not understood; HTTP 400.
    public static let badOption = Status(rawValue: 0x82)
    /// 4.03: whoever asks may not.
    public static let forbidden = Status(rawValue: 0x83)
    /// 4.04: there is no such entity or member.
    public static let notFound = Status(rawValue: 0x84)
    /// 4.05: it is there, and not for this method.
    public static let methodNotAllowed = Status(rawValue: 0x85)
    /// 4.06: the answer would have no form that was asked for.
    public static let notAcceptable = Status(rawValue: 0x86)
    /// 4.12: a condition does not hold.
    public static let preconditionFailed = Status(rawValue: 0x8C)
    /// 4.13: longer than may be.
    public static let entityTooLarge = Status(rawValue: 0x8D)
    /// 4.15: content of a kind that is not understood.
    public static let unsupportedContentFormat = Status(rawValue: 0x8F)
    /// 5.00: a fault of whoever answers.
    public static let internalError = Status(rawValue: 0xA0)
    /// 5.01: not offered.
    public static let notImplemented = Status(rawValue: 0xA1)
    /// 5.02: who was asked on the way answered nonsense.
    public static let badGateway = Status(rawValue: 0xA2)
    /// 5.03: not now, or not connected.
    public static let serviceUnavailable = Status(rawValue: 0xA3)
    /// 5.04: no answer in time.
    public static let gatewayTimeout = Status(rawValue: 0xA4)

    private static let named: [(Status, String)] = [
        (.success, "success"), (.badRequest, "bad request"), (.unauthorized, "unauthorized"), (.badOption, "bad option"),
        (.forbidden, "forbidden"), (.notFound, "not found"), (.methodNotAllowed, "method not allowed"),
        (.notAcceptable, "not acceptable"), (.preconditionFailed, "precondition failed"),
        (.entityTooLarge, "entity too large"), (.unsupportedContentFormat, "unsupported content format"),
        (.internalError, "internal error"), (.notImplemented, "not implemented"), (.badGateway, "bad gateway"),
        (.serviceUnavailable, "service unavailable"), (.gatewayTimeout, "gateway timeout"),
    ]

    /// Whether the request was done.
    public var isSuccess: Bool { rawValue >> 5 == 2 }

    /// Class × 100 + detail: 0x84 is 404. Success is 200, whatever its detail.
    public var httpStatus: Int { isSuccess ? 200 : Int(rawValue >> 5) * 100 + Int(rawValue & 31) }

    /// The named code nearest to an HTTP status within its class.
    public init(httpStatus: Int) {
        if (200..<300).contains(httpStatus) {
            self = .success
            return
        }
        let candidates = Status.named.map(\.0).filter { $0.httpStatus / 100 == httpStatus / 100 && !$0.isSuccess }
        let nearest = candidates.min { abs($0.httpStatus - httpStatus) < abs($1.httpStatus - httpStatus) }
        self = nearest ?? .internalError
    }

    /// Such as `not found (4.04)`.
    public var description: String {
        let name = Status.named.first { $0.0 == self }?.1 ?? "unknown code"
        return "\(name) (\(rawValue >> 5).\(rawValue & 31 < 10 ? "0" : "")\(rawValue & 31))"
    }
}
