/// What input may cost: given to every decoder and converter, so that one notion of "too much" holds for all of them.
///
/// Work and memory stay in proportion to what came in: a limit is a number, or a number and so many more for each byte of
/// input. Reaching one is an error that names it (`LimitExceeded`), never a trap, and costs the message alone.
public struct InputLimits: Sendable, Equatable {
    public static let standard = InputLimits()

    /// Deepest nesting of infotables and variants, text that holds an infotable included (alwayson.md §11).
    public var depth = 32
    /// Deepest nesting of arrays and objects in the JSON form of infotables that are nested so deep, aspects and all.
    public var jsonDepth = 512
    /// Fields of one data shape, and aspects of one field: what 16 bits count on the wire.
    public var fields = 65_535
    /// Members of a bare JSON object, or of rows without a data shape, that become fields.
    public var inferredFields = 4096
    /// Cells that no input stands for, made where a row is shorter than its data shape.
    public var emptyCells = Allowance(base: 4096, perByte: 4, most: 1_048_576)
    /// Bytes of member names in an infotable's JSON form, which repeats them in every row.
    public var repeatedNames = Allowance(base: 1_048_576, perByte: 32, most: 1 << 28)
    /// Bytes of an infotable's wire form.
    public var wireBytes = 1 << 24
    /// Bytes of a name: of an entity, property, service, event or gateway.
    public var nameBytes = 1024

    public init() {}

    /// So much, and so much more for each byte of input, up to a bound.
    public struct Allowance: Sendable, Equatable {
        public var base: Int
        public var perByte: Int
        public var most: Int

        public init(base: Int, perByte: Int, most: Int) {
            self.base = base
            self.perByte = perByte
            self.most = most
        }

        public func of(bytes: Int) -> Int { min(base + perByte * min(bytes, most), most) }
    }
}

/// Input that would cost more than its limit allows.
public struct LimitExceeded: Error, Sendable, Equatable, CustomStringConvertible {
    /// Which limit was reached, and what it is.
    public let description: String

    public init(_ description: String) { self.description = description }
}
