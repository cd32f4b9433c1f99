/// One changed property of a push (`UpdateSubscribedPropertyValues`, alwayson.md §6).
public struct PropertyUpdate: Sendable, Equatable {
    /// The property.
    public var name: String
    /// Its new value.
    public var value: Value
    /// Milliseconds since 1970 UTC; nil: when it arrived.
    public var time: Int64?
    /// `GOOD`, `BAD`, `UNKNOWN` and what else the field's systems say.
    public var quality: String

    /// - Parameters:
    ///   - name: the property.
    ///   - value: its new value.
    ///   - time: milliseconds since 1970; nil: the time of whoever takes it.
    ///   - quality: what the value is worth.
    public init(name: String, value: Value, time: Int64?, quality: String = "GOOD") {
        self.name = name
        self.value = value
        self.time = time
        self.quality = quality
    }

    /// Reads the field `values` of a push, or the table itself when it has the columns.
    /// - Returns: nil where neither is there.
    public static func list(from content: Infotable) -> [PropertyUpdate]? {
        var table = content
        if case .infotable(let values)? = content.first("values")?.unwrapped { table = values }
        guard let name = table.shape.index(of: "name"), let value = table.shape.index(of: "value") else { return nil }
        let time = table.shape.index(of: "time")
        let quality = table.shape.index(of: "quality")
        return (0..<table.rowCount).compactMap { row in
            let cells = Array(table[row: row])
            guard let name = cells[name].stringValue else { return nil }
            let time = time.flatMap { cells[$0].converted(to: .datetime) }
            let milliseconds: Int64? = if case .datetime(let time)? = time { time } else { nil }
            return PropertyUpdate(
                name: name, value: cells[value].unwrapped, time: milliseconds, quality: quality.flatMap { cells[$0].stringValue } ?? "GOOD")
        }
    }
}
