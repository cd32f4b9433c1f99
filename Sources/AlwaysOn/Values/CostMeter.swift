import Formats

/// What the infotables of one message have cost so far, against the limits. Shared by all that read or make a wire form.
struct CostMeter {
    let limits: InputLimits
    /// Infotables and variants around the place that is being read or written.
    private(set) var depth = 0
    private var emptyCells = 0
    private let emptyCellsAllowed: Int
    private var repeatedNames = 0

    /// - Parameter inputBytes: length of what is read, the measure of what it may cost.
    init(_ limits: InputLimits, inputBytes: Int) {
        self.limits = limits
        emptyCellsAllowed = limits.emptyCells.of(bytes: inputBytes)
    }

    mutating func descend() throws(LimitExceeded) {
        guard depth < limits.depth else { throw LimitExceeded("infotables and variants nested deeper than \(limits.depth)") }
        depth += 1
    }

    mutating func ascend() { depth -= 1 }

    /// A data shape has so many fields, or a field so many aspects.
    func check(fields count: Int, _ what: StaticString) throws(LimitExceeded) {
        guard count <= limits.fields else { throw LimitExceeded("more than \(limits.fields) \(what)") }
    }

    /// A row: cells of it that nothing was sent for, and the length of its member names in JSON.
    mutating func row(emptyCells count: Int, names length: Int) throws(LimitExceeded) {
        emptyCells += count
        repeatedNames += length
        guard emptyCells <= emptyCellsAllowed else {
            throw LimitExceeded("rows leave out more than \(emptyCellsAllowed) cells of their data shape")
        }
    }

    /// The end of a message, or of what becomes one: all of it, in both forms, is within its limits.
    func finish(wireBytes: Int) throws(LimitExceeded) {
        guard wireBytes <= limits.wireBytes else { throw LimitExceeded("an infotable of more than \(limits.wireBytes) bytes") }
        let allowed = limits.repeatedNames.of(bytes: wireBytes)
        guard repeatedNames <= allowed else {
            throw LimitExceeded(
                "as JSON its rows would repeat \(repeatedNames) bytes of names, \(allowed) are allowed for \(wireBytes) bytes")
        }
    }
}

extension CostMeter {
    /// Bytes of a member's name with quotes, colon and comma in JSON.
    static func jsonLength(ofName bytes: some Collection<UInt8>) -> Int {
        bytes.reduce(4) { $0 + ($1 < 0x20 ? 6 : $1 == UInt8(ascii: "\"") || $1 == UInt8(ascii: "\\") ? 2 : 1) }
    }
}
