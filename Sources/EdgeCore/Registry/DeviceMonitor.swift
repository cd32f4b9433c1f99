package import NIOCore

/// When to check that device hosts still answer (ems.md §5.2). One check serves all Things of a host.
///
/// A host is checked twice within each keep-alive interval, and counts as lost after two failures in a row: so its
/// Things are unbound before the interval is over, and one lost packet unbinds nothing.
package struct DeviceMonitor: Sendable {
    package enum Outcome: Sendable, Equatable {
        case nothing
        case lost(DeviceHost)
        case found(DeviceHost)
    }

    private struct Host: Sendable {
        var interval: TimeAmount
        var next: NIODeadline
        var failures = 0
        var isChecking = false
        var isLost = false
    }

    private var hosts: [DeviceHost: Host] = [:]

    package init() {}

    package var nextDeadline: NIODeadline {
        hosts.values.lazy.filter { !$0.isChecking }.map(\.next).min() ?? .distantFuture
    }

    /// Things of this host want it to be checked; of several intervals the shortest counts.
    package mutating func watch(_ host: DeviceHost, interval: TimeAmount, now: NIODeadline) {
        if var known = hosts[host] {
            known.interval = min(known.interval, interval)
            // Who registers is alive.
            known.failures = 0
            known.isLost = false
            if !known.isChecking { known.next = min(known.next, now + known.interval / 2) }
            hosts[host] = known
        } else {
            hosts[host] = Host(interval: interval, next: now + interval / 2)
        }
    }

    package mutating func forget(_ host: DeviceHost) { hosts[host] = nil }

    /// The hosts to check now. Each check's end is told by `checked`.
    package mutating func due(_ now: NIODeadline) -> [(host: DeviceHost, timeout: TimeAmount)] {
        var due: [(DeviceHost, TimeAmount)] = []
        for (name, host) in hosts where !host.isChecking && host.next <= now {
            hosts[name]?.isChecking = true
            due.append((name, min(host.interval / 5, .seconds(10))))
        }
        return due
    }

    package mutating func checked(_ name: DeviceHost, answered: Bool, now: NIODeadline) -> Outcome {
        guard var host = hosts[name], host.isChecking else { return .nothing }
        host.isChecking = false
        defer { hosts[name] = host }
        if answered {
            host.failures = 0
            host.next = now + host.interval / 2
            guard host.isLost else { return .nothing }
            host.isLost = false
            return .found(name)
        }
        host.failures += 1
        let isFirst = host.failures == 1
        host.next = now + (isFirst ? min(host.interval / 10, .seconds(1)) : host.interval / 2)
        guard host.failures == 2, !host.isLost else { return .nothing }
        host.isLost = true
        return .lost(name)
    }

    /// A request could not reach the host: it is checked at once.
    package mutating func suspect(_ name: DeviceHost, now: NIODeadline) {
        guard let host = hosts[name], !host.isChecking, host.failures == 0 else { return }
        hosts[name]?.next = now
    }
}

extension TimeAmount {
    static func / (amount: TimeAmount, divisor: Int64) -> TimeAmount { .nanoseconds(max(amount.nanoseconds / divisor, 1)) }
}
