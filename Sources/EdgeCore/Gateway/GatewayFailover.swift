import NIOCore
import NetworkSupport

/// Returning to a better platform while another is in use (`failover`).
extension Gateway {
    func scheduleReturn() {
        returnTimer?.cancel()
        guard configuration.failover.isEnabled, !servers.better.isEmpty else { return }
        returnTimer = loop.scheduleTask(in: configuration.failover.returnInterval) { self.assumeIsolated { $0.lookForBetter(from: 0) } }
    }

    /// Opens a connection to each better platform in turn and closes it again.
    private func lookForBetter(from index: Int) {
        guard case .open = link, index < servers.better.upperBound else { return scheduleReturn() }
        let endpoint = security.platforms[index]
        Dialer(proxy: endpoint.proxy)
            .connect(host: endpoint.host, port: endpoint.port, tls: endpoint.tls, timeout: endpoint.connectTimeout, on: loop)
            .map { $0.close(promise: nil) }
            .whenComplete { result in
                self.assumeIsolated { gateway in
                    switch result {
                    case .failure: gateway.lookForBetter(from: index + 1)
                    case .success: gateway.returnTo(index)
                    }
                }
            }
    }

    private func returnTo(_ index: Int) {
        guard case .open(let connection) = link, stopping == nil, closing == nil else { return }
        servers.use(index)
        logger.warning("\(endpoint.url) answers again: going back to it")
        closing = .toReconnect
        perform(registry.unbindAll())
        connection.close(.init(.normal, "another platform is preferred"))
    }
}
