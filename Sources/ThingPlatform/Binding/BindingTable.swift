/// Which connection each Thing is bound to (alwayson.md §7). Knows names and connection ids, nothing else.
package struct BindingTable: Sendable {
    package enum Outcome: Sendable, Equatable {
        case bound
        /// Another connection had the Thing and lost it.
        case takenOver(from: UInt32)
        /// The same connection bound it already.
        case again
    }

    private struct Binding: Sendable {
        let connection: UInt32
        /// As the BIND spelled it.
        let name: String
    }

    private var bindings: [String: Binding] = [:]
    private var thingsOfConnection: [UInt32: Set<String>] = [:]
    private var waiting = WaitingNames()

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

    /// Remembers a name (as the BIND spelled it) that no Thing has yet, behind those that wait for it already.
    /// - Returns: false when this connection, or its user's connections together, wait for too many.
    package mutating func remember(_ name: String, for connection: UInt32, of user: String) -> Bool {
        waiting.add(name, for: connection, of: user)
    }

    package mutating func forget(_ name: String, of connection: UInt32) { waiting.remove(name, of: connection) }

    /// A Thing was created: the connection that has waited longest for one of these names and may have it.
    package mutating func claim(_ names: [String], where mayBind: (UInt32) -> Bool) -> (connection: UInt32, name: String)? {
        for name in names {
            guard let connection = waiting.first(for: name, where: mayBind) else { continue }
            waiting.remove(name, of: connection)
            return (connection, name)
        }
        return nil
    }

    /// - Returns: the Things that the connection had.
    package mutating func disconnected(_ connection: UInt32) -> Set<String> {
        waiting.removeAll(of: connection)
        let things = thingsOfConnection.removeValue(forKey: connection) ?? []
        for thing in things { bindings[thing] = nil }
        return things
    }
}

/// Names that connections bound and that no Thing has yet. What one connection or one user may leave here is bounded, and
/// nobody's place is taken by others.
package struct WaitingNames: Sendable {
    package static let mostOfConnection = 16_384
    package static let mostOfUser = 65_536

    /// Those that wait for one name, in order. Who has gone is struck out when there are many of them.
    private struct Holders: Sendable {
        var order: [UInt32]
        var count: Int
    }

    private struct Connection: Sendable {
        let user: String
        var names: Set<String> = []
    }

    private var holders: [String: Holders] = [:]
    private var connections: [UInt32: Connection] = [:]
    private var countOfUser: [String: Int] = [:]

    package init() {}

    package mutating func add(_ name: String, for connection: UInt32, of user: String) -> Bool {
        if connections[connection]?.names.contains(name) == true { return true }
        guard (connections[connection]?.names.count ?? 0) < WaitingNames.mostOfConnection,
            countOfUser[user, default: 0] < WaitingNames.mostOfUser
        else { return false }
        connections[connection, default: Connection(user: user)].names.insert(name)
        countOfUser[user, default: 0] += 1
        holders[name, default: Holders(order: [], count: 0)].order.append(connection)
        holders[name]?.count += 1
        return true
    }

    package func first(for name: String, where isWanted: (UInt32) -> Bool) -> UInt32? {
        holders[name]?.order.first { connections[$0]?.names.contains(name) == true && isWanted($0) }
    }

    package mutating func remove(_ name: String, of connection: UInt32) {
        guard connections[connection]?.names.remove(name) != nil else { return }
        if connections[connection]?.names.isEmpty == true { end(connection, names: 1) } else { countDown(connection, by: 1) }
        strike(name)
    }

    package mutating func removeAll(of connection: UInt32) {
        guard let names = connections[connection]?.names else { return }
        end(connection, names: names.count)
        for name in names { strike(name) }
    }

    private mutating func end(_ connection: UInt32, names count: Int) {
        countDown(connection, by: count)
        connections[connection] = nil
    }

    private mutating func countDown(_ connection: UInt32, by count: Int) {
        guard let user = connections[connection]?.user, let before = countOfUser[user] else { return }
        countOfUser[user] = before > count ? before - count : nil
    }

    /// One of those that waited for the name has gone.
    private mutating func strike(_ name: String) {
        guard var found = holders[name] else { return }
        found.count -= 1
        // A holder that comes back would else stand twice.
        found.order = found.count == 0 ? [] : found.order.filter { connections[$0]?.names.contains(name) == true }
        holders[name] = found.count == 0 ? nil : found
    }
}

extension BindingTable {
    /// Names that wait for a Thing, with the connection that waits.
    package var waitingNames: [(name: String, connection: UInt32)] { waiting.all }
}

extension WaitingNames {
    package var all: [(name: String, connection: UInt32)] { connections.flatMap { id, connection in connection.names.map { ($0, id) } } }
}
