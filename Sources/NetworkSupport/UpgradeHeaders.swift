package import NIOHTTP1

extension HTTPHeaders {
    /// Whether `Connection` says that another protocol is wanted: `Upgrade` alone does not (RFC 9110 §7.8).
    package var connectionAsksForUpgrade: Bool { self[canonicalForm: "Connection"].contains { $0.lowercased() == "upgrade" } }
}
