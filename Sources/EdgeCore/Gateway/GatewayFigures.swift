import AlwaysOnSession
import AlwaysOnTransport
package import Metrics
import FileTransfer
import LogSupport
import MessageStore
package import NIOCore

/// What a gateway counts from its start on, beyond what its parts count.
struct GatewayFigures: Sendable {
    /// Attempts to connect, those that were authenticated, and those that came to nothing or were lost later.
    var attempts = 0
    var connections = 0
    var failures = 0
    var keyRefusals = 0
    var fromPlatform = RequestFigures()
    /// Of connections that are gone.
    private(set) var counters = SessionCounters()
    private(set) var traffic = LinkTraffic()

    mutating func ended(_ connection: EdgeConnection) {
        counters = counters + connection.counters
        traffic = traffic + connection.traffic
    }
}

extension Gateway {
    /// Everything that can be counted, for Prometheus.
    /// - Parameter local: what the local server answered.
    package func metrics(local: RequestFigures) -> EventLoopFuture<MetricsText> {
        oldestAge.map { age in self.assumeIsolated { $0.metrics(local, oldestAge: age) } }
    }

    package var metricsSettings: GatewayConfiguration.Metrics { configuration.metrics }

    /// How old the oldest waiting request is, in seconds; nil without a store. 0 where none waits.
    private var oldestAge: EventLoopFuture<Double?> {
        guard let waiting = outbox?.stores.waiting else { return loop.makeSucceededFuture(nil) }
        guard !waiting.isEmpty else { return loop.makeSucceededFuture(0) }
        return waiting.read(from: .init(), bytes: 1, messages: 1, wanted: .init()).map { found in
            guard let oldest = found.messages.first else { return 0 }
            let now = SystemClock.shared.now
            let age = oldest.isOfThisBoot ? now.uptime - oldest.time.uptime : now.wall - oldest.time.wall
            return Double(max(age, 0)) / 1000
        }.recover { _ in nil }
    }

    private func metrics(_ local: RequestFigures, oldestAge: Double?) -> MetricsText {
        var text = MetricsText()
        text.family(.gauge, "wsems_build_info", "1; the label tells the version.") { $0.sample(["version": host.version], 1) }
        addLink(to: &text)
        text.add(["local": local, "platform": figures.fromPlatform], prefix: "wsems")
        let states = Dictionary(grouping: registry.bindings, by: \.state).mapValues(\.count)
        text.family(.gauge, "wsems_things", "Things that this gateway binds, by how far they are.") { family in
            for state in [Registry.Binding.unbound, .binding, .bound, .refused] { family.sample(["state": "\(state)"], states[state] ?? 0) }
        }
        if let store = storeStatus { add(store, oldestAge: oldestAge, to: &text) }
        if let files { add(files.counters, active: files.active.count, to: &text) }
        text.add(.gauge, "wsems_tunnels_open", "Tunnels that are open.", tunnels.all.count)
        text.add(.counter, "wsems_tunnels_total", "Tunnels that there were since the start.", tunnels.countSoFar)
        text.family(.counter, "wsems_log_lines_total", "Lines that were logged, by level.") { family in
            for (level, count) in host.log.counts { family.sample(["level": level.name], count) }
        }
        ProcessFigures().write(to: &text)
        return text
    }

    private func addLink(to text: inout MetricsText) {
        var (counters, traffic) = (figures.counters, figures.traffic)
        if case .open(let connection) = link { (counters, traffic) = (counters + connection.counters, traffic + connection.traffic) }
        text.add(
            .gauge, "wsems_connected", "1 while the gateway is connected to the platform and authenticated, else 0.", isConnected ? 1 : 0)
        text.add(.counter, "wsems_connection_attempts_total", "Attempts to connect to the platform.", figures.attempts)
        text.add(.counter, "wsems_connections_total", "Connections to the platform that were authenticated.", figures.connections)
        text.add(.counter, "wsems_connection_failures_total", "Attempts that failed, and connections that were lost.", figures.failures)
        text.add(.counter, "wsems_key_refusals_total", "Times that the platform refused the application key.", figures.keyRefusals)
        text.family(.counter, "wsems_platform_messages_total", "AlwaysOn messages.") { family in
            family.sample(["direction": "sent"], traffic.sent.messages)
            family.sample(["direction": "received"], traffic.received.messages)
        }
        text.family(.counter, "wsems_platform_bytes_total", "Bytes of AlwaysOn messages, before compression.") { family in
            family.sample(["direction": "sent"], traffic.sent.bytes)
            family.sample(["direction": "received"], traffic.received.bytes)
        }
        text.family(.counter, "wsems_session_refusals_total", "What sessions refused or dropped, by reason.") { family in
            let reasons: KeyValuePairs = [
                "unreadable": counters.unreadable, "unmatched_response": counters.unmatchedResponses,
                "dropped_chunks": counters.droppedChunkSets,
                "timeout": counters.timeouts, "overload": counters.overloads,
            ]
            for (reason, count) in reasons { family.sample(["reason": reason], count) }
        }
    }

    private func add(_ store: GatewayStatus.Store, oldestAge: Double?, to text: inout MetricsText) {
        text.add(.gauge, "wsems_store_messages", "Requests that wait for the platform.", store.messages)
        text.add(.gauge, "wsems_store_bytes", "Bytes that they take.", store.bytes)
        text.add(.gauge, "wsems_store_capacity_bytes", "Bytes that they may take.", store.maximumBytes)
        if let oldestAge { text.add(.gauge, "wsems_store_oldest_age_seconds", "Age of the oldest of them.", oldestAge) }
        text.add(.gauge, "wsems_store_refused_messages", "Requests that the platform refused and that were set aside.", store.refused)
        text.add(.counter, "wsems_store_delivered_total", "Stored requests that the platform has taken.", store.delivered)
        text.family(
            .counter, "wsems_store_dropped_total",
            "Stored requests that are gone, by reason; not_stored: they were refused to their sender."
        ) { family in
            let reasons: KeyValuePairs = [
                "expired": store.expired, "room": store.dropped, "damaged": store.damaged, "not_stored": store.notStored,
            ]
            for (reason, count) in reasons { family.sample(["reason": reason], count) }
        }
    }

    private func add(_ counters: FileCounters, active: Int, to text: inout MetricsText) {
        text.add(.gauge, "wsems_transfers_active", "File transfers that are under way.", active)
        text.family(.counter, "wsems_transfers_total", "File transfers, by what became of them.") { family in
            let results: KeyValuePairs = ["completed": counters.completed, "failed": counters.failed, "refused": counters.refusals]
            for (result, count) in results { family.sample(["result": result], count) }
        }
        text.family(.counter, "wsems_transfer_bytes_total", "Bytes of files.") { family in
            family.sample(["direction": "sent"], counters.bytesOut)
            family.sample(["direction": "received"], counters.bytesIn)
        }
    }
}
