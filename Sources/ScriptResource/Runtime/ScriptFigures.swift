import HTTPTransport
import LuaRuntime
package import Metrics
import NIOConcurrencyHelpers
package import NIOCore

/// What one script did so far. Written in its turn, read from anywhere.
final class ScriptFigures: Sendable {
    struct State: Sendable {
        /// Uncaught errors: of the script itself, and of requests that it was to answer.
        var errors = 0
        /// Times that it was started after the first.
        var restarts = 0
        /// Bytes of its Lua state, when it last came to rest.
        var memory = 0
        var scans = 0
        /// Seconds of all scans.
        var scanTime = 0.0
    }

    private let box = NIOLockedValueBox(State())

    var state: State { box.withLockedValue { $0 } }
    func change(_ body: (inout State) -> Void) { box.withLockedValue { body(&$0) } }
}

/// What all scripts of a process did together.
final class ResourceFigures: Sendable {
    struct State: Sendable {
        var scans = Histogram()
        var toGateway = RequestFigures()
        /// Why the gateway gave no answer to the last request; nil where it gave one.
        var gatewayFailure: String?
        var longRuns = 0
    }

    private let box = NIOLockedValueBox(State())

    var state: State { box.withLockedValue { $0 } }
    func change(_ body: (inout State) -> Void) { box.withLockedValue { body(&$0) } }

    /// Counts a request to the gateway.
    func follow(_ answer: EventLoopFuture<HTTPResponse>) -> EventLoopFuture<HTTPResponse> {
        let since = NIODeadline.now()
        change { $0.toGateway.began() }
        answer.whenComplete { result in
            self.change { state in
                switch result {
                case .success(let response):
                    state.toGateway.ended(Int(response.status.code), after: .now() - since)
                    state.gatewayFailure = nil
                case .failure(let error):
                    // As scripts are told.
                    let isLate = if case HTTPCallFailure.timeout? = error as? HTTPCallFailure { true } else { false }
                    state.toGateway.ended(isLate ? 504 : 503, after: .now() - since)
                    state.gatewayFailure = "\(error)"
                }
            }
        }
        return answer
    }
}

extension ScriptEnvironment {
    private static let states = ["Loading", "Running", "Finished", "Stopped", "Error"]

    /// Everything that can be counted, for Prometheus.
    func metrics(served: RequestFigures, version: String) -> MetricsText {
        var text = MetricsText()
        let (scripts, states, state) = (all, scriptStates, figures.state)
        text.family(.gauge, "lsr_build_info", "1; the label tells the version.") { $0.sample(["version": version], 1) }
        text.add(["local": served, "to_gateway": state.toGateway], prefix: "lsr")
        text.add(
            .gauge, "lsr_gateway_reached", "1 where the last request to the gateway was answered, or none was sent yet, else 0.",
            state.gatewayFailure == nil ? 1 : 0)
        text.family(.gauge, "lsr_scripts", "Scripts, Things among them, by state.") { family in
            for name in ScriptEnvironment.states {
                family.sample(["state": name.lowercased()], states.values.count { $0.description == name })
            }
        }
        text.family(.histogram, "lsr_scan_duration_seconds", "How long scans of Things' properties took.") {
            $0.histogram([:], state.scans)
        }
        text.add(.counter, "lsr_long_runs_total", "Runs that took longer than requestTimeout without a pause.", state.longRuns)
        let each = scripts.map { (name: $0.name, figures: $0.figures.state) }
        text.family(.counter, "lsr_script_scans_total", "Scans of a Thing's properties.") { family in
            for (name, figures) in each where figures.scans > 0 { family.sample(["script": name], figures.scans) }
        }
        text.family(.counter, "lsr_script_scan_seconds_total", "Seconds that they took.") { family in
            for (name, figures) in each where figures.scans > 0 { family.sample(["script": name], figures.scanTime) }
        }
        text.family(.counter, "lsr_script_errors_total", "Uncaught errors of a script.") { family in
            for (name, figures) in each { family.sample(["script": name], figures.errors) }
        }
        text.family(.counter, "lsr_script_restarts_total", "Starts of a script after its first.") { family in
            for (name, figures) in each { family.sample(["script": name], figures.restarts) }
        }
        text.family(.gauge, "lsr_script_memory_bytes", "Memory of a script's Lua state, when it last came to rest.") { family in
            for (name, figures) in each { family.sample(["script": name], figures.memory) }
        }
        if let pushes { text.add(.gauge, "lsr_push_store_messages", "Changes that wait for the gateway on disk.", pushes.count) }
        ProcessFigures().write(to: &text)
        return text
    }

    /// The loop that serves everything is the one that is asked.
    package var health: HealthReport { .answering }

    package var readiness: EventLoopFuture<HealthReport> { loop.makeSucceededFuture(readinessNow) }

    private var readinessNow: HealthReport {
        var report = HealthReport()
        let state = figures.state
        let gateway = configuration.gateway
        let place = "\(gateway.host):\(gateway.port)"
        if let failure = state.gatewayFailure {
            report.add("gateway", false, "\(place): \(failure)")
        } else if state.toGateway.answered[401] ?? 0 > 0, state.toGateway.answered[200] ?? 0 == 0 {
            report.add("gateway", false, "\(place) refuses rap_userid and rap_password")
        } else {
            report.add("gateway", true, state.toGateway.answered.isEmpty ? "\(place) was not asked for anything yet" : "\(place) answers")
        }
        let states = scriptStates.sorted { $0.key < $1.key }
        let failed = states.filter { if case .failed = $0.value { true } else { false } }.map(\.key)
        let loading = states.filter { $0.value == .loading }.map(\.key)
        if failed.isEmpty, loading.isEmpty { report.add("scripts", true, "\(states.count) scripts") }
        if !failed.isEmpty {
            report.add(
                "scripts", false,
                "failed: \(failed.prefix(10).joined(separator: ", "))\(failed.count > 10 ? " and \(failed.count - 10) more" : "")")
        }
        if !loading.isEmpty { report.add("start", false, "\(loading.count) scripts are being loaded") }
        if let directory = configuration.pushStore, pushes == nil {
            report.add("push_store", false, "\(directory) could not be opened: see the log")
        }
        return report
    }
}
