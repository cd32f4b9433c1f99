import Formats

extension Value {
    /// The same value as another base type, where a person's intent is clear: "21.5" as NUMBER, 21 as STRING.
    /// - Returns: nil where it cannot be said in that type. An empty cell stays empty.
    public func converted(to type: BaseType) -> Value? {
        let value = unwrapped
        if value == .nothing { return .nothing }
        if type == .variant { return .variant(value) }
        if value.baseType == type { return value }
        switch type {
        case .nothing: return .nothing
        case .number: return value.boolValueOrNil.map { .number($0 ? 1 : 0) } ?? value.doubleValue.map { .number($0) }
        case .integer: return value.doubleValue.flatMap { Int32(exactly: $0) }.map { .integer($0) }
        case .boolean: return value.boolValue.map { .boolean($0) }
        case .datetime: return value.milliseconds.map { .datetime($0) }
        case .timespan: return value.milliseconds.map { .timespan($0) }
        case .blob: if case .image(let bytes) = value { return .blob(bytes) } else { return nil }
        case .image: if case .blob(let bytes) = value { return .image(bytes) } else { return nil }
        case .location, .infotable: return nil
        default: return value.text.map { .text(type, $0) }
        }
    }

    private var boolValueOrNil: Bool? { if case .boolean(let bool) = self { bool } else { nil } }

    private var milliseconds: Int64? {
        switch self {
        case .datetime(let time), .timespan(let time): time
        case .text(_, let text): Int64(text) ?? UTCTime(iso8601: text)?.milliseconds
        default: doubleValue.flatMap { Int64(exactly: $0.rounded()) }
        }
    }

    /// What a person reads for a scalar.
    public var text: String? {
        switch unwrapped {
        case .text(_, let text): text
        case .number(let double): JSONValue.double(double).description
        case .integer(let integer): String(integer)
        case .boolean(let bool): bool ? "true" : "false"
        case .datetime(let time): UTCTime(milliseconds: time).iso8601
        case .timespan(let time): String(time)
        default: nil
        }
    }
}
