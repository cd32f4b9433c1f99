import AlwaysOn

/// Current values of Things, apart from them: a copy of a Thing does not make the next value copy all others.
package struct ValueTable: Sendable {
    private struct Values: Sendable {
        var byName: [String: TimedValue] = [:]
        var size = 0
    }

    private var things: [String: Values] = [:]
    private var size = 0

    /// Bytes that the values of one Thing, and of all, may take.
    package static let mostOfThing = 64 << 20
    package static let mostOfAll = 1 << 30

    package init() {}

    package subscript(thing: String, property: String) -> TimedValue? { things[thing]?.byName[property] }

    /// Keeps a value of a property.
    /// - Returns: false, with the value before it kept, where the values of the Thing, or of all, would take too much.
    package mutating func keep(_ value: TimedValue, of name: String, thing: String) -> Bool {
        let growth = value.value.storedSize - (things[thing]?.byName[name]?.value.storedSize ?? 0)
        if growth > 0 {
            guard (things[thing]?.size ?? 0) + growth <= ValueTable.mostOfThing, size + growth <= ValueTable.mostOfAll else { return false }
        }
        things[thing, default: Values()].byName[name] = value
        things[thing]?.size += growth
        size += growth
        return true
    }

    package mutating func remove(_ thing: String) { size -= things.removeValue(forKey: thing)?.size ?? 0 }

    package mutating func remove(_ property: String, of thing: String) {
        guard let old = things[thing]?.byName.removeValue(forKey: property) else { return }
        things[thing]?.size -= old.value.storedSize
        size -= old.value.storedSize
    }
}
