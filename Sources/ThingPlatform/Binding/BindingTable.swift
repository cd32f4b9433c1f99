/// Which connection each Thing is bound to (alwayson.md §7). Knows names and connection ids, nothing else.
package struct BindingTable: Sendable {
    package enum Outcome: Sendable, Equatable {
        case bound
        /// Another connection had the Thing and lost it.
        case takenOver(from: UInt32)
        /// The same connection bound it already.
        case again
    }

    /// Names that a connection bound and that no Thing had; what one peer may leave here is bounded.
    package static let maximumUnmatched = 65_536

    private struct Binding: Sendable {
        let connection: UInt32
        /// As the BIND spelled it.
        let name: String
    }

    private var bindings: [String: Binding] = [:]
    private var thingsOfConnection: [UInt32: Set<String>] = [:]
    private var unmatched: [String: UInt32] = [:]

    package init() {}

    package func connection(of thing: String) -> UInt32? { bindings[thing]?.connection }

    /// What the edge calls the Thing: the name, or `*` and the identifier, that it bound.
    package func boundName(of thing: String) -> String? { bindings[thing]?.name }

    package func things(of connection: UInt32) -> Set<String> { thingsOfConnection[connection] ?? [] }

    /// - Parameter name: as the BIND spelled it.
    package mutating func bind(_ thing: String, as name: String, to connection: UInt32) -> Outcome {
        let before = bindings[thing]?.connection
        bindings[thing] = Binding(connection: connection, name: name)
        if before == connection { return .again }
        if let before { thingsOfConnection[before]?.remove(thing) }
        thingsOfConnection[connection, default: []].insert(thing)
        return before.map { .takenOver(from: $0) } ?? .bound
    }

    /// - Returns: whether it was this connection that had the Thing.
    package mutating func unbind(_ thing: String, from connection: UInt32) -> Bool {
        guard bindings[thing]?.connection == connection else { return false }
        bindings[thing] = nil
        thingsOfConnection[connection]?.remove(thing)
        return true
    }

    /// Remembers a name (as the BIND spelled it) that no Thing has yet.
    /// - Returns: false when there are too many.
    package mutating func remember(_ name: String, for connection: UInt32) -> Bool {
        guard unmatched.count < BindingTable.maximumUnmatched || unmatched[name] != nil else { return false }
        unmatched[name] = connection
        return true
    }

    package mutating func forget(_ name: String, of connection: UInt32) {
        if unmatched[name] == connection { unmatched[name] = nil }
    }

    /// A Thing was created: the connection that waits for it, and by which of these names.
    package mutating func claim(_ names: [String]) -> (connection: UInt32, name: String)? {
        for name in names {
            if let connection = unmatched.removeValue(forKey: name) { return (connection, name) }
        }
        return nil
    }

    /// - Returns: the Things that the connection had.
    package mutating func disconnected(_ connection: UInt32) -> Set<String> {
        unmatched = unmatched.filter { $0.value != connection }
        let things = thingsOfConnection.removeValue(forKey: connection) ?? []
        for thing in things { bindings[thing] = nil }
        return things
    }
}
