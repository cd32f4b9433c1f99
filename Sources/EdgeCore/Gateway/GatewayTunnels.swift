import AlwaysOn
import AlwaysOnTransport
import Formats
import LogSupport
import Logging
import NIOCore
import NIOHTTP1
import Secrets
import TunnelTransport
import Tunnels

/// Tunnels to bound Things, which the gateway opens itself (ems.md §7.2, alwayson.md §9).
extension Gateway {
    private enum TunnelService: String {
        case start = "StartTunnel"
        case command = "TunnelCommandToEdge"
        case complete = "CompleteTunnel"
    }

    /// nil where a request is for somebody else.
    func handleTunnels(_ request: Request) -> EventLoopFuture<Response>? {
        guard request.entityType == .thing, request.characteristic == .service, let service = TunnelService(rawValue: request.name),
            let thing = registry.thing(request.entityName)
        else { return nil }
        let parameters = TunnelParameters(service: request.name, table: request.content?.decoded() ?? Infotable(DataShape([])))
        do throws(TunnelFault) {
            switch service {
            case .start: return loop.makeSucceededFuture(try startTunnel(parameters, for: thing, as: request.entityName))
            case .command: return try commandTunnel(parameters, of: request.entityName)
            case .complete:
                let id = try parameters.id()
                let reason =
                    parameters.text("connection").flatMap { try? JSONValue(parsing: $0) }?["reason"]?.string ?? "completed by the platform"
                guard tunnels.end(id, of: request.entityName, reason) else { return loop.makeSucceededFuture(Gateway.unknownTunnel(id)) }
                return loop.makeSucceededFuture(Response(.success))
            }
        } catch {
            return loop.makeSucceededFuture(Response(.badRequest, reason: error.description))
        }
    }

    private static func unknownTunnel(_ id: String) -> Response { Response(.notFound, reason: "there is no tunnel \(id) here") }

    private func startTunnel(_ parameters: TunnelParameters, for thing: EdgeThing, as name: String) throws(TunnelFault) -> Response {
        let settings = configuration.tunnel
        let start = try parameters.start(settings)
        func refused(_ status: Status, _ reason: String) -> Response {
            logger.log(level: .audit, "a tunnel of \(name) to \(start.target)\(start.userText) was refused: \(reason)")
            return Response(status, reason: reason)
        }
        guard settings.isEnabled else { return refused(.forbidden, "tunnels are switched off here (tunnel.enabled)") }
        let policy = try settings.allow.map { texts throws(TunnelFault) in try TunnelPolicy(texts) } ?? .standard(deviceHost: thing.host)
        guard policy.allows(start.target) else {
            return refused(.forbidden, "\(start.target) is not among those to which tunnels may lead here (tunnel.allow)")
        }
        guard case .open(let connection) = link, connection.isOnline, closing == nil, stopping == nil,
            let key = configuration.applicationKey
        else {
            return refused(.serviceUnavailable, "the connection to the platform is being closed")
        }
        var endpoint = connection.endpoint
        endpoint.path = Gateway.tunnelPath(beside: endpoint.path, start.id)
        do throws(EdgeTunnels.Refusal) {
            try tunnels.start(start, thing: name, at: endpoint, headers: ["appKey": key.reveal()], most: settings.maximumConcurrent)
        } catch {
            switch error {
            case .known: return refused(.badRequest, "there is a tunnel \(start.id) already")
            case .tooMany(let most): return refused(.serviceUnavailable, "\(most) tunnels are open already (tunnel.max_concurrent)")
            }
        }
        return Response(.success)
    }

    /// Where the tunnels of a platform are whose connections are at `path`.
    static func tunnelPath(beside path: String, _ id: String) -> String {
        let isUsual = path.lowercased().hasSuffix("/ws")
        return (isUsual ? String(path.dropLast(3)) + "/WSTunnelServer" : TunnelUpgrade.edgePath) + "/\(id)"
    }

    private func commandTunnel(_ parameters: TunnelParameters, of thing: String) throws(TunnelFault) -> EventLoopFuture<Response> {
        let id = try parameters.id()
        guard let word = parameters.text("command"), let command = SingleTunnel.Command(rawValue: word.uppercased()), command != .cancel
        else {
            throw TunnelFault("\(parameters.service): expected \"command\", CONNECT or DISCONNECT")
        }
        guard let done = tunnels.command(id, of: thing, command) else { return loop.makeSucceededFuture(Gateway.unknownTunnel(id)) }
        return done.map { $0 ? Response(.success) : Response(.badRequest, reason: "\(word): no connection of tunnel \(id) is left") }
    }

    func tunnelHappened(_ info: EdgeTunnels.Info, _ event: EdgeTunnels.Event) {
        let name = "tunnel \(info.start.id) of \(info.thing) to \(info.start.target)"
        switch event {
        case .opened: logger.log(level: .audit, "\(name) begins\(info.start.userText)")
        case .connected(let number): logger.info("\(name): connection \(number) is open")
        case .refused(let number, let reason): logger.warning("\(name): connection \(number): \(reason)")
        case .closed(let number, let reason): logger.info("\(name): connection \(number) is over\(reason.map { ": \($0)" } ?? "")")
        case .tell(let command): tellPlatform(command, info)
        case .ended(let reason):
            let seconds = Double(info.age.nanoseconds / 1_000_000) / 1000
            let bytes = "\(info.sent) bytes from it and \(info.received) to it"
            logger.log(
                level: .audit, "\(name) ends\(info.start.userText) after \(seconds) s, \(info.connections) connections, \(bytes): \(reason)"
            )
            duty.traffic(now: loop.now)
        }
    }

    private func tellPlatform(_ command: SingleTunnel.Command, _ info: EdgeTunnels.Info) {
        let table = Infotable(row: ["tid": .string(info.start.id), "command": .string(command.rawValue)])
        guard isConnected, let content = try? EncodedInfotable(table) else { return }
        // Nothing hangs on the answer: it is told again by the end of the WebSocket.
        _ = handleOnline(Request(.post, info.thing, .service, "TunnelCommandFromEdge", content: content))
    }
}

/// Takes the tunnels' events to their gateway, which is made after them.
final class TunnelEvents: @unchecked Sendable {
    weak var gateway: Gateway?

    func handle(_ info: EdgeTunnels.Info, _ event: EdgeTunnels.Event) {
        gateway?.assumeIsolated { $0.tunnelHappened(info, event) }
    }
}

extension TunnelStart {
    fileprivate var userText: String { user.map { " for \($0)" } ?? "" }
}

extension GatewayConfiguration {
    var tunnelSettings: EdgeTunnels.Settings {
        var settings = EdgeTunnels.Settings()
        settings.maximumConnections = tunnel.maximumConnections
        settings.connectTimeout = connection.connectTimeout
        settings.rate = tunnel.maximumRate > 0 ? tunnel.maximumRate : nil
        return settings
    }
}

/// The parameters of a tunnel's service. Types are taken as they come where they can be read.
struct TunnelParameters {
    let service: String
    let table: Infotable

    private func value(_ name: String) -> Value? { table.parameter(name) }

    func text(_ name: String) -> String? { value(name)?.stringValue }

    func id() throws(TunnelFault) -> String {
        guard let id = text("tid"), TunnelStart.isID(id) else {
            throw TunnelFault("\(service): expected \"tid\", the tunnel's id: letters, digits and -_.~, at most 128 of them")
        }
        return id
    }

    private func number(_ name: String, in range: ClosedRange<Int>) throws(TunnelFault) -> Int? {
        guard let value = value(name) else { return nil }
        guard let number = value.doubleValue, let whole = Int(exactly: number.rounded(.towardZero)), range.contains(whole) else {
            throw TunnelFault("\(service): expected \"\(name)\", a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return whole
    }

    func start(_ settings: GatewayConfiguration.Tunnel) throws(TunnelFault) -> TunnelStart {
        let id = try id()
        let type = text("type")?.lowercased() ?? "tcp"
        guard !TunnelStart.refusedTypes.contains(type) else { throw TunnelFault("\(service): type \(type) is not offered: expected tcp") }
        guard let connection = text("connection") else {
            throw TunnelFault("\(service): expected \"connection\", a JSON object with host and port")
        }
        var start = TunnelStart(id: id, target: try TunnelTarget(host: "localhost", port: 1))
        try start.take(connection: connection)
        start.chunkSize = try number("chunksize", in: TunnelStart.chunkSizes) ?? settings.bufferSize
        start.idleTimeout = try number("idle_timeout", in: 0...86_400_000) ?? Int(settings.idleTimeout.nanoseconds / 1_000_000)
        start.readTimeout = try number("read_timeout", in: 0...86_400_000) ?? Int(settings.readTimeout.nanoseconds / 1_000_000)
        return start
    }
}
