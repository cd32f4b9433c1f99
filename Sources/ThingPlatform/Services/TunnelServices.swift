import AlwaysOn
import Formats
import NIOCore
import ThingModel
import TunnelTransport
import Tunnels

/// The subsystem that opens tunnels, and the tunnels that a Thing has by name (platform.md §12, alwayson.md §9).
extension ServiceTables {
    private static let sessions = "INFOTABLE:TunnelSession"
    private static let definitions = "INFOTABLE:TunnelDefinition"

    static let tunnelSubsystem: [Service] = [
        Service(
            "StartTunnel", nil, "Opens a tunnel to a Thing: one that it has by name, or to a host and port as its edge sees them",
            "thing!, tunnel, timeout INTEGER, host, port INTEGER, idleTimeout INTEGER", sessions
        ) { try $0.startTunnel($1) },
        Service("GetActiveTunnels", nil, "Tunnels that are open: all for administrators, else one's own", "", sessions) { platform, call in
            .table(platform.tunnelTable(platform.currentTunnels().filter { call.maySeeWhat(isOf: $0.user) }))
        },
        Service("GetActiveTunnel", nil, "A tunnel that is open", "tid!", sessions) { platform, call in
            .table(platform.tunnelTable([try platform.tunnel(call)]))
        },
        Service("CancelTunnel", nil, "Ends a tunnel", "tid!, reason") { platform, call in
            let session = try platform.tunnel(call)
            let reason = try call.text("reason") ?? "cancelled by \(call.principal.user)"
            platform.endTunnel(session.id, .cancelled, code: 410, String(reason.prefix(1000)))
            return .nothing
        },
    ]

    static let tunnelServices: [Service] = [
        Service(
            "AddTunnel", .update, "Names a tunnel to a host and port as the Thing's edge sees them",
            "name!, description, host STRING=localhost, port INTEGER!, proto STRING=TCP, numConnects INTEGER=-1, appUri, "
                + "idleTimeout INTEGER=300000"
        ) { try $0.addTunnel($1) },
        Service("GetTunnels", .view, "Its tunnels", "", definitions) { platform, call in
            .table(platform.tunnelDefinitions(call) { _ in true })
        },
        Service("GetTunnelNames", .view, "Names of its tunnels", "", "INFOTABLE:EntityList") { platform, call in
            let tunnels = platform.model[thing: call.entity.name]?.tunnels ?? [:]
            return .table(Shapes.list(tunnels.sorted { $0.key < $1.key }.map { ($0.key, $0.value.description) }))
        },
        Service("GetTunnel", .view, "One of its tunnels", "name!", definitions) { platform, call in
            let name = try platform.knownTunnel(call)
            return .table(platform.tunnelDefinitions(call) { $0 == name })
        },
        Service("RemoveTunnel", .update, "Takes a tunnel's name away; those that are open stay open", "name!") { platform, call in
            let name = try platform.knownTunnel(call)
            try platform.changeThing(call) { $0.tunnels[name] = nil }
            return .nothing
        },
        Service("GetTunnelStatus", .view, "Whether tunnels lead to it now, and where their ends are", "name", "INFOTABLE:TunnelStatus") {
            platform, call in
            let isConnected = platform.bindings.connection(of: call.entity.name) != nil
            let row: [Value] = [
                .boolean(true), .string(isConnected ? "READY" : "NOT_CONNECTED"), .string(TunnelUpgrade.userPath), .string(""),
            ]
            return .table(Shapes.table("TunnelStatus", [row]))
        },
        Service("TunnelCommandFromEdge", nil, "What the edge says of a tunnel", "tid!, command!") { platform, call in
            try platform.demandOwnEdge(call)
            guard let command = SingleTunnel.Command(rawValue: try call.required("command").uppercased()), command != .connect else {
                throw ServiceFailure(.badRequest, "\(call.service): expected \"command\", DISCONNECT or CANCEL")
            }
            try platform.tunnelCommand(try call.required("tid"), from: call.entity.name, command)
            return .nothing
        },
    ]
}

extension Platform {
    private static let mostTunnels = 100
    private static let longestPatience = 3600

    func tunnelTable(_ sessions: [TunnelSession]) -> Infotable {
        Platform.table(of: sessions, now: Platform.now()) { tunnelRunners[$0]?.address ?? "" }
    }

    /// The edge that stands for the Thing says this, and nobody else.
    func demandOwnEdge(_ call: ServiceCall) throws {
        guard let edge = call.caller.edge, bindings.connection(of: call.entity.name) == edge else {
            throw ServiceFailure(.forbidden, "\(call.service) is for the edge of \(call.entity.name)")
        }
    }

    // MARK: Opening

    func startTunnel(_ call: ServiceCall) throws -> ServiceResult {
        let given = try call.required("thing")
        guard let thing = model[thing: given] ?? model.thing(bound: given) else { throw ServiceFailure.notFound(.thing, given) }
        let name = try call.string("tunnel") ?? ""
        try demand(.tunnel, EntityRef(.thing, thing.name), resource: TunnelSession.resource(ofTunnel: name), call)
        guard model.hasTunnels(thing) else {
            throw ServiceFailure(
                .badRequest, "\(thing.name) has no tunnels: expected a Thing of a template with tunnels, such as RemoteThingWithTunnels")
        }
        guard thing.isEnabled else { throw ServiceFailure(.internalError, "Thing [\(thing.name)] is not running.") }
        let definition = try tunnelDefinition(name, of: thing, call)
        let patience = try call.count("timeout", default: Platform.tunnelPatience)
        let target: TunnelTarget
        do throws(TunnelFault) { target = try TunnelTarget(host: definition.host, port: definition.port) } catch {
            throw ServiceFailure(.badRequest, "StartTunnel: \(error)")
        }
        var session = TunnelSession(
            id: Platform.makeTransferID(), thing: thing.name, user: call.principal.user, target: target, startTime: Int(Platform.now()),
            patience: min(patience > 0 ? patience : Platform.tunnelPatience, Platform.longestPatience) * 1000)
        (session.name, session.connects, session.key) = (name, definition.connects, call.caller.key)
        session.idleTimeout = try call.number("idleTimeout") == nil ? definition.idleTimeout : call.count("idleTimeout", default: 0)
        return .later(
            try openTunnel(session).map { session in .success(self.assumeIsolated { $0.tunnelTable([session]) }) }.recover { Response($0) })
    }

    private func tunnelDefinition(_ name: String, of thing: Thing, _ call: ServiceCall) throws -> TunnelDefinition {
        guard name.isEmpty else {
            guard let known = thing.tunnels[name] else {
                let names = NameList(thing.tunnels.keys.sorted())
                throw ServiceFailure(.notFound, "\(thing.name) has no tunnel \(name)\(thing.tunnels.isEmpty ? "" : ": it has \(names)")")
            }
            return known
        }
        guard let port = try call.number("port") else {
            throw ServiceFailure(
                .badRequest, "StartTunnel: expected \"tunnel\", the name of one that \(thing.name) has, or \"host\" and \"port\"")
        }
        return TunnelDefinition(host: try call.string("host") ?? "localhost", port: Int(exactly: port) ?? 0)
    }

    // MARK: Looking

    func tunnel(_ call: ServiceCall) throws -> TunnelSession {
        let id = try call.required("tid")
        noteTraffic(of: id)
        guard let session = tunnels[id], call.maySeeWhat(isOf: session.user) else {
            throw ServiceFailure(.notFound, "\(call.service): no such tunnel is open: \(id)")
        }
        return session
    }

    // MARK: Names

    func addTunnel(_ call: ServiceCall) throws -> ServiceResult {
        let name = try call.name()
        guard let port = try call.number("port").flatMap({ Int(exactly: $0) }) else {
            throw ServiceFailure(.badRequest, "AddTunnel: expected \"port\", a number from 1 to 65535")
        }
        var definition = TunnelDefinition(host: try call.text("host") ?? "localhost", port: port)
        do throws(TunnelFault) { _ = try TunnelTarget(host: definition.host, port: port) } catch {
            throw ServiceFailure(.badRequest, "AddTunnel: \(error)")
        }
        definition.description = try call.string("description") ?? ""
        definition.proto = try call.text("proto") ?? definition.proto
        definition.appURI = try call.string("appUri") ?? ""
        if let connects = try call.number("numConnects") { definition.connects = Int(exactly: max(min(connects, 1e9), -1).rounded()) ?? -1 }
        definition.idleTimeout = try call.count("idleTimeout", default: definition.idleTimeout)
        try changeThing(call) { thing in
            guard thing.tunnels[name] == nil else { throw ServiceFailure(.internalError, "\(thing.name) has a tunnel \(name) already") }
            guard thing.tunnels.count < Platform.mostTunnels else {
                throw ServiceFailure(.entityTooLarge, "\(thing.name) has \(Platform.mostTunnels) tunnels already")
            }
            thing.tunnels[name] = definition
        }
        return .nothing
    }

    func knownTunnel(_ call: ServiceCall) throws -> String {
        let name = try call.required("name")
        guard model[thing: call.entity.name]?.tunnels[name] != nil else {
            throw ServiceFailure(.notFound, "\(call.entity.name) has no tunnel \(name)")
        }
        return name
    }

    func tunnelDefinitions(_ call: ServiceCall, where isWanted: (String) -> Bool) -> Infotable {
        let tunnels = model[thing: call.entity.name]?.tunnels ?? [:]
        return Shapes.table(
            "TunnelDefinition",
            tunnels.filter { isWanted($0.key) }.sorted { $0.key < $1.key }.map { name, tunnel in
                [
                    .string(name), .string(tunnel.description), .string(tunnel.host), .integer(Int32(clamping: tunnel.port)),
                    .string(tunnel.proto),
                    .integer(Int32(clamping: tunnel.connects)), .string(tunnel.appURI), .integer(Int32(clamping: tunnel.idleTimeout)),
                ]
            })
    }
}

extension PlatformModel {
    private static let tunnelTemplates = ["RemoteThingWithTunnels", "RemoteThingWithTunnelsAndFileTransfer", "EMSGateway", "SDKGateway"]

    /// Whether tunnels can lead to it.
    func hasTunnels(_ thing: Thing) -> Bool {
        isRemote(thing) && PlatformModel.tunnelTemplates.contains { template(thing.template, isA: $0) }
    }
}
