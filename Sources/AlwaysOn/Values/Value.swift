public import NIOCore

/// A typed value (alwayson.md §4).
public enum Value: Sendable, Equatable {
    /// An empty cell.
    case nothing
    /// All base types whose wire form is a string; `BaseType.isText` holds for the type.
    case text(BaseType, String)
    case number(Double)
    case boolean(Bool)
    /// Milliseconds since 1970 UTC.
    case datetime(Int64)
    /// Milliseconds.
    case timespan(Int64)
    case location(Location)
    case integer(Int32)
    case blob(ByteBuffer)
    case image(ByteBuffer)
    case infotable(Infotable)
    indirect case variant(Value)

    /// A text of the base type STRING.
    public static func string(_ text: String) -> Value { .text(.string, text) }

    /// The base type that the value is of.
    public var baseType: BaseType {
        switch self {
        case .nothing: .nothing
        case .text(let type, _): type
        case .number: .number
        case .boolean: .boolean
        case .datetime: .datetime
        case .timespan: .timespan
        case .location: .location
        case .integer: .integer
        case .blob: .blob
        case .image: .image
        case .infotable: .infotable
        case .variant: .variant
        }
    }

    /// About how many bytes it takes where it is kept.
    package var storedSize: Int {
        switch self {
        case .text(_, let text): 48 + text.utf8.count
        case .blob(let bytes), .image(let bytes): 48 + bytes.readableBytes
        case .variant(let inner): 48 + inner.storedSize
        case .infotable(let table): table.storedSize
        default: 48
        }
    }

    /// The value inside any number of variants.
    public var unwrapped: Value {
        var value = self
        while case .variant(let inner) = value { value = inner }
        return value
    }

    /// The text of any base type that is a text; nil for all others.
    public var stringValue: String? { if case .text(_, let text) = unwrapped { text } else { nil } }

    /// Any number, and a text that is one; nil for all others.
    public var doubleValue: Double? {
        switch unwrapped {
        case .number(let double): double
        case .integer(let integer): Double(integer)
        case .datetime(let time), .timespan(let time): Double(time)
        case .text(_, let text): Double(text)
        default: nil
        }
    }

    /// A truth value, and what is commonly taken for one; nil for all others.
    public var boolValue: Bool? {
        switch unwrapped {
        case .boolean(let bool): bool
        case .number(let double): double != 0
        case .integer(let integer): integer != 0
        case .text(_, "true"): true
        case .text(_, "false"): false
        default: nil
        }
    }
}

/// A point on Earth: degrees, and metres above the ellipsoid.
public struct Location: Sendable, Equatable {
    /// Degrees north.
    public var latitude: Double
    /// Degrees east.
    public var longitude: Double
    /// Metres.
    public var elevation: Double

    /// A place on earth.
    public init(latitude: Double, longitude: Double, elevation: Double = 0) {
        self.latitude = latitude
        self.longitude = longitude
        self.elevation = elevation
    }
}
