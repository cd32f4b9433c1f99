import AlwaysOnSession
import AlwaysOnTransport
import EdgeREST
import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1
import NIOWebSocket
import ThingModel
import TunnelTransport
import Tunnels

/// Where the two ends of a tunnel come in, and who may open them.
struct TunnelEnd: Sendable, Equatable {
    enum Side: Sendable { case edge, user }

    let side: Side
    let id: String

    /// nil: the path is another's.
    init?(path: [String]) {
        guard path.count == 3, path[0].lowercased() == "thingworx" else { return nil }
        switch path[1].lowercased() {
        case "wstunnelserver": side = .edge
        case "wstunnelclient": side = .user
        default: return nil
        }
        id = path[2]
    }

    /// SDK edges take no longer frames (alwayson.md §9).
    private static let longestFrame = 32_768

    static func upgraders(_ platform: Platform, site: SiteRules) -> [String: any HTTPServerProtocolUpgrader & Sendable] {
        [
            TunnelUpgrade.edgePath + "/": upgrader(platform, site),
            TunnelUpgrade.userPath + "/": upgrader(platform, site),
        ]
    }

    private static func upgrader(_ platform: Platform, _ site: SiteRules) -> any HTTPServerProtocolUpgrader & Sendable {
        let longest = max(TunnelFrame.maximumSize, TextPayload.longestMessage(chunk: TunnelSession.largestBlock))
        return NIOWebSocketServerUpgrader(
            maxFrameSize: longest,
            shouldUpgrade: { channel, head in
                let end = platform.assumeIsolated { platform in
                    HTTPRequest(head: head, remoteAddress: channel.remoteAddress).flatMap { http in admitted(http, site, platform) }
                }
                let carriesMany = TunnelUpgrade.carriesMany(head.headers)
                return channel.eventLoop.makeSucceededFuture(end.map { _ in carriesMany ? TunnelUpgrade.agreement : [:] })
            },
            upgradePipelineHandler: { channel, head in
                channel.eventLoop.makeCompletedFuture {
                    guard let http = HTTPRequest(head: head, remoteAddress: channel.remoteAddress), let end = TunnelEnd(path: http.path)
                    else {
                        throw CloseReason(.policyViolation, "no tunnel")
                    }
                    let carriesMany = TunnelUpgrade.carriesMany(head.headers)
                    let announced = head.headers.first(name: "Max-Frame-Size").flatMap { Int($0) } ?? longestFrame
                    let socket = try TunnelUpgrade.add(
                        to: channel, role: .server, longest: longest, frame: carriesMany ? nil : min(max(announced, 128), longestFrame),
                        stalls: carriesMany)
                    socket.whenUpgraded = { socket in platform.assumeIsolated { end.join(socket, carriesMany: carriesMany, $0) } }
                }
            })
    }

    private func join(_ socket: TunnelSocket, carriesMany: Bool, _ platform: isolated Platform) {
        do throws(TunnelTable.Refusal) {
            switch side {
            case .edge: try platform.edgeJoined(id, socket, carriesMany: carriesMany)
            case .user: try platform.userJoined(id, socket)
            }
        } catch {
            socket.close(CloseReason(.policyViolation, error == .taken ? "the tunnel has this end already" : "there is no such tunnel"))
        }
    }

    private static func admitted(_ http: HTTPRequest, _ site: SiteRules, _ platform: isolated Platform) -> TunnelEnd? {
        // A page of another site could open it, and the browser would send the cookie along.
        guard let end = TunnelEnd(path: http.path), site.refusal(of: http.headers, method: .POST) == nil,
            let caller = PlatformAdmission.caller(
                showing: http.headers.first(name: "appKey"), http.headers, from: http.remoteAddress, platform),
            end.refusal(for: caller.principal, carriesMany: TunnelUpgrade.carriesMany(http.headers), platform) == nil
        else { return nil }
        return end
    }

    /// Why this end is not opened; nil where it is.
    func refusal(for principal: Principal, carriesMany: Bool, _ platform: isolated Platform) -> RestFailure? {
        let unknown = RestFailure(.notFound, "there is no tunnel \(id.prefix(64)) here: StartTunnel of the TunnelSubsystem opens one")
        guard let leg = platform.tunnels.leg(id), let session = platform.tunnels[leg.session] else { return unknown }
        switch side {
        case .user:
            guard leg.session == id, session.user == principal.user else { return unknown }
            guard carriesMany else { return RestFailure(.badRequest, "expected the header X-Tunnel-Encoding: binary") }
            return session.hasUser ? RestFailure(.conflict, "tunnel \(id) has this end already") : nil
        case .edge:
            // Whoever stands for the Thing, and nobody else.
            guard let edge = platform.bindings.connection(of: session.thing).flatMap({ platform.edges[$0] }),
                edge.principal.user == principal.user
            else { return unknown }
            return leg.state == .asked ? nil : RestFailure(.conflict, "tunnel \(id) has this end already")
        }
    }
}
