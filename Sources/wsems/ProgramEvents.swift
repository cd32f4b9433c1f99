import EdgeCore
import Glibc
import ProgramSupport

/// Waits for what ends the gateway, and serves signals and the console until then (ems.md §1.5, §1.6).
struct ProgramEvents {
    let gateway: Gateway
    let host: ProgramHost
    let hasConsole: Bool
    /// Taken over from the start on, so that an early SIGTERM ends the gateway in order too.
    let signals: AsyncStream<Int32>

    func untilEnd() async -> GatewayProgram.Outcome {
        let (ends, end) = AsyncStream.makeStream(of: GatewayProgram.Outcome.self)
        let outcome = await withTaskGroup(of: Void.self) { group in
            group.addTask { await serveSignals(end) }
            group.addTask {
                await gateway.untilExhausted()
                end.yield(.exit(4))
            }
            group.addTask { for await _ in host.restarts { end.yield(.restart) } }
            if hasConsole { group.addTask { await console(end) } }
            let outcome = await ends.first { _ in true } ?? .exit(0)
            group.cancelAll()
            // The wait for the end of all attempts ends with the gateway.
            await gateway.stop()
            return outcome
        }
        host.manager.stopping()
        return outcome
    }

    private func serveSignals(_ end: AsyncStream<GatewayProgram.Outcome>.Continuation) async {
        for await signal in signals {
            guard signal == SIGHUP else { return _ = end.yield(.exit(0)) }
            _ = try? await host.reload()
        }
    }

    private func console(_ end: AsyncStream<GatewayProgram.Outcome>.Continuation) async {
        let isEndWanted = await CommandPrompt.untilQuit(hint: "ENTER shows the state, q ends the gateway") {
            await gateway.isConnected ? "++ " : "-- "
        }
        if isEndWanted { end.yield(.exit(0)) }
    }
}
