/// The result code of a response (alwayson.md §2): class in the upper three bits, detail in the lower five.
public struct Status: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    public static let success = Status(rawValue: 0x40)
    public static let badRequest = Status(rawValue: 0x80)
    public static let unauthorized = Status(rawValue: 0x81)
    public static let badOption = Status(rawValue: 0x82)
    public static let forbidden = Status(rawValue: 0x83)
    public static let notFound = Status(rawValue: 0x84)
    public static let methodNotAllowed = Status(rawValue: 0x85)
    public static let notAcceptable = Status(rawValue: 0x86)
    public static let preconditionFailed = Status(rawValue: 0x8C)
    public static let entityTooLarge = Status(rawValue: 0x8D)
    public static let unsupportedContentFormat = Status(rawValue: 0x8F)
    public static let internalError = Status(rawValue: 0xA0)
    public static let notImplemented = Status(rawValue: 0xA1)
    public static let badGateway = Status(rawValue: 0xA2)
    public static let serviceUnavailable = Status(rawValue: 0xA3)
    public static let gatewayTimeout = Status(rawValue: 0xA4)

    private static let named: [(Status, String)] = [
        (.success, "success"), (.badRequest, "bad request"), (.unauthorized, "unauthorized"), (.badOption, "bad option"),
        (.forbidden, "forbidden"), (.notFound, "not found"), (.methodNotAllowed, "method not allowed"),
        (.notAcceptable, "not acceptable"), (.preconditionFailed, "precondition failed"),
        (.entityTooLarge, "entity too large"), (.unsupportedContentFormat, "unsupported content format"),
        (.internalError, "internal error"), (.notImplemented, "not implemented"), (.badGateway, "bad gateway"),
        (.serviceUnavailable, "service unavailable"), (.gatewayTimeout, "gateway timeout"),
    ]

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

    public var description: String {
        let name = Status.named.first { $0.0 == self }?.1 ?? "unknown code"
        return "\(name) (\(rawValue >> 5).\(rawValue & 31 < 10 ? "0" : "")\(rawValue & 31))"
    }
}
