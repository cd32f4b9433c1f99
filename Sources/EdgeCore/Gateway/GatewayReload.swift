import AlwaysOnTransport
package import Formats
import NIOCore
package import Settings

/// Changing a running gateway's settings.
extension Gateway {
    /// Takes over the settings that may change while it runs.
    ///
    /// - Parameter security: made from `new`.
    /// - Returns: all that differs.
    package func apply(_ new: GatewayConfiguration, security: ClientSecurity) -> [SettingChange] {
        let changes = GatewayConfiguration.settings.changes(from: configuration, to: new)
        guard !changes.isEmpty else { return [] }
        let old = configuration
        GatewayConfiguration.settings.adopt(new, into: &configuration)
        if configuration.certificates != old.certificates || configuration.proxy != old.proxy || configuration.connection != old.connection
        {
            // Addresses and encryption of the platforms stay until a restart.
            if new.servers == old.servers, new.resource == old.resource, new.connection.isEncrypted == old.connection.isEncrypted {
                self.security = security
            }
            devices.use(security.devices)
        }
        if configuration.autoBind != old.autoBind { perform(registry.configure(configuration.autoBind)) }
        if !configuration.tunnel.isEnabled { tunnels.end("tunnels are switched off (tunnel.enabled)") }
        if configuration.applicationKey != old.applicationKey { useNewKey() }
        return changes
    }

    private func useNewKey() {
        switch link {
        case .open(let connection):
            logger.info("connecting anew with another application key")
            closing = .toReconnect
            connection.close(.init(.normal, "another application key"))
        case .stopped where configuration.applicationKey != nil && stopping == nil: connect(after: .zero)
        case .waiting(let timer):
            timer.cancel()
            connect(after: .zero)
        case .stopped, .connecting, .resting: break
        }
    }

    /// All settings in force, as JSON, secrets masked.
    package var configurationInForce: JSONObject { GatewayConfiguration.settings.json(of: configuration) }
}
