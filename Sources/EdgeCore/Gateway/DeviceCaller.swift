package import AlwaysOn
package import NIOCore
package import NetworkSupport

/// The way from the gateway to device hosts. Used on the gateway's event loop.
package protocol DeviceCaller: Sendable {
    /// Passes a platform's request on to the program that stands for a Thing. The future does not fail: what goes wrong
    /// is a response (5.03 unreachable, 5.04 too late, 5.02 nonsense).
    func call(_ request: Request, of thing: EdgeThing) -> EventLoopFuture<Response>

    /// Succeeds when somebody answers there.
    func probe(_ host: DeviceHost, timeout: TimeAmount) -> EventLoopFuture<Void>

    /// New TLS settings, for connections from now on.
    func use(_ tls: TLSClient)
}
