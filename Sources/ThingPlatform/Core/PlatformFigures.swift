package import HTTPTransport
package import Metrics
import Formats
package import NIOCore
import Secrets

/// What a platform counts from its start on, beyond what its parts count.
struct PlatformFigures: Sendable {
    /// What its server answered; counted by the server itself.
    let served = RequestMeter()
    /// What edges answered.
    var toEdges = RequestFigures()
    var connections = 0
    var keyRefusals = 0
    var valuesTaken = 0
    var failedBatches = 0
    /// What the store said to the last batch, where it did not take it.
    var storeFailure: String?
}

extension Platform {
    package var requestMeter: RequestMeter { figures.served }

    /// Everything that can be counted, for Prometheus.
    func metrics() -> MetricsText {
        var text = MetricsText()
        text.family(.gauge, "thingplatform_build_info", "1; the label tells the version.") { $0.sample(["version": settings.version], 1) }
        text.add(["rest": figures.served.figures, "to_edges": figures.toEdges], prefix: "thingplatform")
        text.add(.gauge, "thingplatform_edges", "Connections of edges that are authenticated.", edges.count)
        text.add(.counter, "thingplatform_edge_connections_total", "Connections of edges that were authenticated.", figures.connections)
        text.add(.counter, "thingplatform_key_refusals_total", "Application keys of edges that were not accepted.", figures.keyRefusals)
        text.add(
            .gauge, "thingplatform_bound_things", "Names that edges have bound.",
            edges.keys.reduce(0) { $0 + bindings.things(of: $1).count })
        text.add(.gauge, "thingplatform_things", "Things of the model.", model.things.count)
        text.add(.counter, "thingplatform_values_total", "Property values that were taken.", figures.valuesTaken)
        text.add(.gauge, "thingplatform_store_waiting_bytes", "Bytes that are still to be written.", commits.batch.size)
        text.add(.counter, "thingplatform_store_failures_total", "Batches that the store did not take at first.", figures.failedBatches)
        text.add(.gauge, "thingplatform_transfers_active", "File transfers that are under way.", transfers.running.count)
        text.add(.gauge, "thingplatform_tunnels_open", "Tunnels that are open.", tunnels.count)
        text.add(.counter, "thingplatform_tunnels_total", "Tunnels that there were since the start.", tunnelsOpened)
        text.add(.counter, "thingplatform_tunnel_bytes_total", "Bytes that went through tunnels that have ended.", tunnelBytes)
        ProcessFigures().write(to: &text)
        return text
    }

    package var operations: OperationsPages {
        OperationsPages(
            program: "thingplatform", version: settings.version, health: { self.assumeIsolated { $0.health } },
            readiness: { self.assumeIsolated { $0.readiness } },
            metrics: { self.assumeIsolated { $0.settings.offersMetrics ? $0.loop.makeSucceededFuture($0.metrics()) : nil } })
    }

    /// The loop that serves everything is the one that is asked.
    package var health: HealthReport { .answering }

    package var readiness: EventLoopFuture<HealthReport> { loop.makeSucceededFuture(readinessNow) }

    private var readinessNow: HealthReport {
        var report = HealthReport()
        if let failure = figures.storeFailure {
            report.add("store", false, failure)
        } else if commits.isFull {
            report.add("store", false, "\(commits.batch.size) bytes wait to be written: nothing more is taken")
        } else {
            report.add("store", true, "what was taken is kept")
        }
        return report
    }
}
