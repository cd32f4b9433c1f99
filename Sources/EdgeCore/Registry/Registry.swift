package import AlwaysOn
import AlwaysOnSession
import NIOCore

/// Which Things are bound through this gateway and how far each binding is. Decides what to send; sends nothing.
package struct Registry: Sendable {
    package enum Action: Sendable, Equatable {
        case bind([Bind])
        case unbind([Bind])
        /// The platform refused a name; it is tried again later. `again`: not for the first time.
        case refused(String, Response, again: Bool)
    }

    package enum Binding: Sendable, Equatable {
        case unbound
        case binding
        case bound
        case refused
    }

    private struct Entry: Sendable {
        /// From `auto_bind`.
        var configured: EdgeThing?
        /// From `AddEdgeThing`; stands before the configured one while it is there.
        var registered: EdgeThing?
        /// The device host of a persistent registration does not answer.
        var isLost = false
        var binding = Binding.unbound
        var wasRefused = false
        /// The platform has sent a request for it over this connection: it is there, and bound.
        var isConfirmed = false

        var thing: EdgeThing? { registered ?? configured }
        var isWanted: Bool { configured != nil || (registered != nil && !isLost) }
    }

    private var entries: [String: Entry] = [:]
    private var isOnline = false
    /// Bytes of one BIND message.
    private let messageSize: Int

    package init(autoBind: [EdgeThing] = [], messageSize: Int = 8192) {
        self.messageSize = messageSize
        for thing in autoBind { entries[thing.name] = Entry(configured: thing) }
    }

    // MARK: Looking up

    /// The Thing that a platform's request names: exactly, else by its identifier.
    package func thing(_ name: String) -> EdgeThing? { (entries[name] ?? entries["*" + name])?.thing }

    package func contains(_ name: String) -> Bool { entries[name]?.thing.map { !$0.isGateway } ?? false }

    package var count: Int { entries.count }

    package func isGatewayAlias(_ name: String) -> Bool { entries[name]?.thing?.isGateway == true }

    /// Names of all that are bound or to be bound, gateways left out.
    package var names: [String] { entries.values.compactMap { $0.thing.flatMap { $0.isGateway ? nil : $0.name } }.sorted() }

    package var registered: [EdgeThing] { entries.values.compactMap(\.registered) }

    package func registered(_ name: String) -> EdgeThing? { entries[name]?.registered }

    package func hasRegistrations(at host: DeviceHost) -> Bool { entries.values.contains { $0.registered?.deviceHost == host } }

    package func binding(_ name: String) -> Binding? { entries[name]?.binding }

    /// How far the binding is of the Thing that a request names: exactly, else by its identifier.
    package func bindingOfThing(_ name: String) -> Binding? { (entries[name] ?? entries["*" + name])?.binding }

    /// Every Thing with how far its binding is, by name.
    package var bindings: [GatewayStatus.Binding] {
        entries.compactMap { name, entry in
            guard let thing = entry.thing else { return nil }
            return GatewayStatus.Binding(name: name, state: entry.binding, host: thing.isGateway ? "this gateway" : "\(thing.deviceHost)")
        }.sorted { $0.name < $1.name }
    }

    /// Platforms answer a BIND of a name that no Thing has as one that was done: the Thing may come later. That it is there shows when
    /// they first speak to it (NotifyPropertyUpdate, alwayson.md §6).
    ///
    /// - Returns: whether that was not known before.
    package mutating func confirm(_ name: String) -> Bool {
        let key = entries[name] != nil ? name : "*" + name
        guard entries[key]?.isConfirmed == false else { return false }
        entries[key]?.isConfirmed = true
        return true
    }

    /// Whether a Thing is registered here that the platform may not have yet.
    package func mayBeMissing(_ name: String) -> Bool { (entries[name] ?? entries["*" + name])?.isConfirmed == false }

    package var boundCount: Int { entries.values.count { $0.binding == .bound } }

    // MARK: Devices

    /// A device host registers a Thing; the same name again replaces its data.
    package mutating func register(_ thing: EdgeThing) -> [Action] {
        var entry = entries[thing.name] ?? Entry()
        entry.registered = thing
        entry.isLost = false
        entries[thing.name] = entry
        return bindIfWanted(thing.name)
    }

    /// Other configured Things than before (`auto_bind` was changed).
    package mutating func configure(_ autoBind: [EdgeThing]) -> [Action] {
        let wanted = Dictionary(autoBind.map { ($0.name, $0) }) { $1 }
        var actions: [Action] = []
        for (name, entry) in entries {
            guard let old = entry.configured, wanted[name]?.isGateway != old.isGateway else { continue }
            // Bound as a gateway and bound as a device are two things.
            let registered = entry.registered
            actions += remove(name) ?? []
            if let registered { actions += register(registered) }
        }
        for (name, thing) in wanted {
            entries[name, default: Entry()].configured = thing
            actions += bindIfWanted(name)
        }
        return actions
    }

    /// - Returns: nil when no such Thing is there.
    package mutating func remove(_ name: String) -> [Action]? {
        guard var entry = entries[name] else { return nil }
        let gateway = entry.configured?.isGateway == true
        entries[name] = nil
        guard isOnline, entry.binding == .bound || entry.binding == .binding else { return [] }
        entry.binding = .unbound
        return [.unbind([gateway ? Bind(gateway: .init(name: name), names: []) : Bind(names: [name])])]
    }

    /// A device host no longer answers: what it registered is unbound. Persistent registrations and configured Things
    /// stay known.
    package mutating func lost(_ host: DeviceHost) -> (names: [String], actions: [Action]) {
        var names: [String] = []
        for (name, entry) in entries where entry.registered?.deviceHost == host && !entry.isLost {
            names.append(name)
            if entry.registered?.persist == true { entries[name]?.isLost = true } else { entries[name]?.registered = nil }
            if entries[name]?.thing == nil { entries[name] = nil }
        }
        names.sort()
        let unwanted = names.filter { entries[$0]?.isWanted != true }
        for name in unwanted { entries[name]?.binding = .unbound }
        guard isOnline, !unwanted.isEmpty else { return (names, []) }
        return (names, [.unbind(Bind.batches(of: unwanted, size: messageSize))])
    }

    /// The device host of persistent registrations answers again.
    package mutating func found(_ host: DeviceHost) -> [Action] {
        let names = entries.filter { $0.value.registered?.deviceHost == host && $0.value.isLost }.keys.sorted()
        for name in names { entries[name]?.isLost = false }
        return bind(names)
    }

    // MARK: Platform

    /// Authenticated: everything that is wanted is to be bound.
    package mutating func online() -> [Action] {
        isOnline = true
        return bind(entries.filter { $0.value.isWanted }.keys.sorted())
    }

    package mutating func offline() {
        isOnline = false
        for name in entries.keys {
            entries[name]?.binding = .unbound
            entries[name]?.isConfirmed = false
        }
    }

    package mutating func answered(_ bind: Bind, _ response: Response) -> [Action] {
        let names = bind.names + (bind.gateway.map { [$0.name] } ?? [])
        guard !response.status.isSuccess else {
            for name in names where entries[name]?.binding == .binding {
                entries[name]?.binding = .bound
                entries[name]?.wasRefused = false
            }
            return []
        }
        // One name of many may be the cause: halves tell which, and the others are bound.
        if bind.names.count > 1 {
            let middle = bind.names.count / 2
            return [.bind([Bind(names: Array(bind.names[..<middle])), Bind(names: Array(bind.names[middle...]))])]
        }
        return names.filter { entries[$0] != nil }.map { name in
            let again = entries[name]?.wasRefused == true
            entries[name]?.binding = .refused
            entries[name]?.wasRefused = true
            return .refused(name, response, again: again)
        }
    }

    /// Tries refused names again.
    package mutating func retryRefused() -> [Action] {
        bind(entries.filter { $0.value.binding == .refused && $0.value.isWanted }.keys.sorted())
    }

    /// The messages that unbind everything, for an orderly stop.
    package mutating func unbindAll() -> [Action] {
        guard isOnline else { return [] }
        let bound = entries.filter { $0.value.binding != .unbound }
        for name in bound.keys { entries[name]?.binding = .unbound }
        return [.unbind(messages(bound.keys.sorted()))]
    }

    // MARK: Inside

    private mutating func bindIfWanted(_ name: String) -> [Action] {
        guard let entry = entries[name], entry.binding == .unbound || entry.binding == .refused else { return [] }
        return bind([name])
    }

    private mutating func bind(_ names: [String]) -> [Action] {
        guard isOnline, !names.isEmpty else { return [] }
        for name in names { entries[name]?.binding = .binding }
        return [.bind(messages(names))]
    }

    private func messages(_ names: [String]) -> [Bind] {
        let gateways = names.filter { isGatewayAlias($0) }
        let others = gateways.isEmpty ? names : names.filter { !isGatewayAlias($0) }
        return gateways.map { Bind(gateway: .init(name: $0), names: []) } + Bind.batches(of: others, size: messageSize)
    }
}
