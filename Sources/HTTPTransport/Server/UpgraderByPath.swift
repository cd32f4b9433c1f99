package import NIOCore
package import NIOHTTP1

/// Several protocols of one name: which of them a request is for, its path tells.
///
/// NIO takes one upgrader for each name, and all WebSockets are called alike.
package struct UpgraderByPath: HTTPServerProtocolUpgrader, Sendable {
    private let upgraders: [String: any HTTPServerProtocolUpgrader & Sendable]
    package let supportedProtocol: String
    package let requiredUpgradeHeaders: [String] = []

    struct NothingThere: Error {}

    /// - Parameter upgraders: of one protocol, by paths that are compared without regard to case; one that ends with a slash is for all
    ///   paths that begin so.
    package init(_ upgraders: [String: any HTTPServerProtocolUpgrader & Sendable]) {
        self.upgraders = Dictionary(upgraders.map { ($0.key.lowercased(), $0.value) }) { $1 }
        supportedProtocol = upgraders.values.first?.supportedProtocol ?? ""
    }

    private func upgrader(for head: HTTPRequestHead) -> (any HTTPServerProtocolUpgrader & Sendable)? {
        let path = head.uri.prefix { $0 != "?" }.lowercased()
        if let exact = upgraders[path] { return exact }
        return upgraders.first { $0.key.hasSuffix("/") && path.hasPrefix($0.key) }?.value
    }

    package func buildUpgradeResponse(
        channel: any Channel, upgradeRequest: HTTPRequestHead, initialResponseHeaders: HTTPHeaders
    )
        -> EventLoopFuture<HTTPHeaders>
    {
        guard let upgrader = upgrader(for: upgradeRequest),
            upgrader.requiredUpgradeHeaders.allSatisfy({ upgradeRequest.headers.contains(name: $0) })
        else {
            return channel.eventLoop.makeFailedFuture(NothingThere())
        }
        return upgrader.buildUpgradeResponse(
            channel: channel, upgradeRequest: upgradeRequest, initialResponseHeaders: initialResponseHeaders)
    }

    package func upgrade(context: ChannelHandlerContext, upgradeRequest: HTTPRequestHead) -> EventLoopFuture<Void> {
        upgrader(for: upgradeRequest)?.upgrade(context: context, upgradeRequest: upgradeRequest)
            ?? context.eventLoop.makeFailedFuture(NothingThere())
    }
}
