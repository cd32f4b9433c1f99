import AlwaysOn
import AlwaysOnTransport
import Formats
import ThingModel

/// Subsystems (platform.md §12), and services of remote Things that the platform answers or rewords.
extension ServiceTables {
    static let everySubsystem: [Service] = [
        Service("IsRunning", nil, "Whether it runs", "", "BOOLEAN") { _, _ in .value(.boolean(true)) },
        Service("GetSubsystemState", nil, "Its state", "", "STRING") { _, _ in .value(.string("RUNNING")) },
        Service("GetPerformanceMetrics", nil, "Its figures", "", "INFOTABLE:PerformanceMetrics") { platform, call in
            .table(platform.metrics(of: call.entity.name))
        },
    ]

    static let platformSubsystem: [Service] = [
        Service("GetThingworxVersion", nil, "The platform's version", "", "STRING") { _, _ in .value(.string("9.5.0-edge")) },
        Service("GetThingCount", nil, "How many Things there are", "", "INTEGER") { platform, _ in
            .value(.integer(Int32(clamping: platform.model.things.count)))
        },
        Service("GetEntityCount", nil, "How many entities of each kind there are", "", "INFOTABLE:EntityCount") { platform, _ in
            .table(
                Shapes.table(
                    "EntityCount",
                    EntityKind.allCases.map { [.string($0.rawValue), .integer(Int32(clamping: platform.model.names($0).count))] }))
        },
        Service("SetAllowMethodSwitch", nil, "Whether a GET with method=POST is a POST", "allowMethodSwitch BOOLEAN!") { platform, call in
            try platform.demandAdministrator(call)
            platform.settings.allowsMethodSwitch = try call.bool("allowMethodSwitch") ?? false
            platform.keepSettings()
            return .nothing
        },
        Service("SetFilterContentType", nil, "Whether POST, PUT and DELETE need a content type", "filterContentType BOOLEAN!") {
            platform, call in
            try platform.demandAdministrator(call)
            platform.settings.filtersContentType = try call.bool("filterContentType") ?? true
            platform.keepSettings()
            return .nothing
        },
        Service("ExportModel", nil, "All entities, or some, as JSON without keys and passwords", "collections JSON, nameMask", "JSON") {
            try $0.exportModel($1)
        },
        Service("ImportModel", nil, "Entities from such JSON: each is made, or changed", "model JSON!", "JSON") { try $0.importModel($1) },
        Service("Backup", nil, "A copy of the database while it runs, beside it or at a path", "path", "STRING") { try $0.backUp($1) },
    ]

    static let communicationSubsystem: [Service] = [
        Service("QueryEndpointSessions", nil, "Connections of edges", sessions, "INFOTABLE:EndpointSession") {
            .table(try $0.endpointSessions($1).table)
        },
        Service("CloseEndpointSessions", nil, "Closes connections of edges", sessions + ", endpointId GUID", "NUMBER") { platform, call in
            try platform.demandAdministrator(call)
            let parameters = platform.sessionParameters.filter { call.value($0) != nil }
            guard !parameters.isEmpty else {
                throw ServiceFailure(.badRequest, "CloseEndpointSessions: at least one condition has to be given")
            }
            let ids = try platform.endpointSessions(call).ids
            for id in ids { platform.edges[id]?.connection.close(.init(.goingAway, "closed by \(call.principal.user)")) }
            return .value(.number(Double(ids.count)))
        },
        Service("GetBoundThingsForEndpoint", nil, "Things that a connection has bound", "endpointId GUID!", "INFOTABLE:EntityList") {
            platform, call in
            guard let id = UInt32(try call.required("endpointId")), platform.edges[id] != nil else {
                throw ServiceFailure(.notFound, "there is no such endpoint")
            }
            let names = platform.bindings.things(of: id).filter { platform.model.allows(.read, on: $0, for: call.principal) }.sorted()
            return .table(Shapes.list(names.map { ($0, platform.model[thing: $0]?.description ?? "") }))
        },
    ]

    private static let sessions =
        "maxItems NUMBER=500, userName, appKeyName, authenticationType, hasBoundThings BOOLEAN, "
        + "hasMultipleConnections BOOLEAN, startedAfter DATETIME, startedBefore DATETIME, lastUsedAfter DATETIME, "
        + "lastUsedBefore DATETIME"

    static let userManagementSubsystem: [Service] = [
        Service("GetPlatformSessionTimeout", nil, "Minutes that a session lasts without use", "", "NUMBER") { _, _ in
            .value(.number(Double(Credentials.sessionMinutes)))
        },
        Service("GetUserCount", nil, "How many users there are", "", "INTEGER") { platform, _ in
            .value(.integer(Int32(clamping: platform.model.users.count)))
        },
    ]

    static let remoteThingServices: [Service] = [
        Service("GetPropertySubscriptions", .read, "What its edge is to push", "options JSON", "INFOTABLE:EdgeThingPropertyNotification") {
            platform, call in
            .table(platform.model[thing: call.entity.name].map { platform.subscriptions(of: $0) } ?? Infotable(DataShape([])))
        },
        Service("GetEventSubscriptions", .read, "Events that its edge is to fire", "", "INFOTABLE:EdgeThingEventNotification") {
            platform, call in
            let names = platform.model[thing: call.entity.name]?.effective.events.values.compactMap(\.remoteName).sorted() ?? []
            return .table(Shapes.table("EdgeThingEventNotification", names.map { [.string($0)] }))
        },
        Service("ProcessRemoteEvents", .fire, "Events that its edge fires", "values INFOTABLE!") { platform, call in
            guard let thing = platform.model[thing: call.entity.name], let table = try call.table("values") else {
                throw ServiceFailure(.badRequest, "ProcessRemoteEvents: expected \"values\": an infotable")
            }
            for row in 0..<table.rowCount {
                guard let name = table[row, "eventName"]?.stringValue ?? table[row, "name"]?.stringValue else { continue }
                let data: Infotable? = if case .infotable(let data)? = table[row, "eventData"]?.unwrapped { data } else { nil }
                let content = data.flatMap { try? EncodedInfotable($0) }
                let response = platform.fire(Request(.post, thing.name, .event, name, content: content), on: thing)
                guard response.status.isSuccess else { throw ServiceFailure(response.status, response.reason ?? "") }
            }
            return .nothing
        },
        Service("IsConnected", .read, "Whether an edge has bound it", "", "BOOLEAN") {
            .value(.boolean($0.model[thing: $1.entity.name]?.isConnected ?? false))
        },
        Service("GetRemoteMetadata", .view, "What the edge says that it has", "", "JSON") { platform, call in
            guard let thing = platform.model[thing: call.entity.name] else { return .nothing }
            return .later(
                platform.forward(Request(.post, thing.name, .service, "GetMetadata"), to: thing).map { response in
                    guard response.status.isSuccess else { return response }
                    guard let json = Platform.metadata(in: response) else {
                        return Response(.badGateway, reason: "the edge's metadata are no JSON")
                    }
                    return .result(.text(.json, json.description))
                })
        },
        Service(
            "BindRemoteMetadata", .update, "Defines and binds properties of the edge that the Thing does not have yet",
            "propertyNames JSON", "INFOTABLE:BulkProcessingReport"
        ) {
            try $0.bindRemoteMetadata($1)
        },
        Service("GetReportingStrategy", .read, "How it is told whether it reports", "", "STRING") { _, _ in
            .value(.string("AlwaysOnReporting"))
        },
        Service(
            "GetQueuedTasks", .read, "What waits for the edge: nothing, requests to an edge are not queued", "",
            "INFOTABLE:MessageStoreList"
        ) { _, _ in
            .table(Shapes.table("MessageStoreList"))
        },
    ]
}

extension Platform {
    func keepSettings() {
        keep(EntityWrite(collection: EntityWrite.settings, name: "PlatformSubsystem", document: settings.document.description))
    }

    func metrics(of subsystem: String) -> Infotable {
        let figures: [(String, String, Double)] =
            switch subsystem {
            case "WSCommunicationsSubsystem":
                [
                    ("connections", "Connections of edges", Double(edges.count)),
                    ("boundThings", "Things that are bound", Double(model.things.values.count { $0.isConnected })),
                    ("unboundNames", "Names that wait for a Thing", Double(bindings.waitingNames.count)),
                ]
            case "FileTransferSubsystem":
                [
                    ("active", "Transfers under way", Double(transfers.runningCount)),
                    ("queued", "Transfers that wait", Double(transfers.queued.count)),
                    ("completed", "Files that arrived since the start", Double(transfers.completed)),
                    ("failed", "Transfers that ended otherwise", Double(transfers.failed)),
                    ("bytes", "Bytes that arrived since the start", Double(transfers.bytes)),
                ]
            case "TunnelSubsystem":
                [
                    ("active", "Tunnels that are open", Double(tunnels.count)),
                    ("opened", "Tunnels since the start", Double(tunnelsOpened)),
                    ("bytes", "Bytes that went through tunnels which have ended", Double(tunnelBytes)),
                ]
            case "UserManagementSubsystem":
                [("users", "Users", Double(model.users.count)), ("sessions", "Sessions", Double(credentials.sessionCount))]
            default:
                [
                    ("things", "Things", Double(model.things.count)),
                    ("waitingBytes", "Bytes that wait for the disk", Double(commits.batch.size)),
                    ("uptime", "Seconds since the start", Double(Platform.now() - started) / 1000),
                ]
            }
        return Shapes.table("PerformanceMetrics", figures.map { [.string($0.0), .string($0.1), .number($0.2)] })
    }

    // MARK: Connections

    var sessionParameters: [String] {
        [
            "endpointId", "userName", "appKeyName", "authenticationType", "hasBoundThings", "hasMultipleConnections", "startedAfter",
            "startedBefore", "lastUsedAfter",
            "lastUsedBefore",
        ]
    }

    func endpointSessions(_ call: ServiceCall) throws -> (table: Infotable, ids: [UInt32]) {
        let wantsID = try call.string("endpointId")
        let (user, key, type) = (try call.string("userName"), try call.string("appKeyName"), try call.string("authenticationType"))
        let bound = try call.bool("hasBoundThings")
        let several = try call.bool("hasMultipleConnections")
        let started = try call.span("startedAfter", "startedBefore")
        let used = try call.span("lastUsedAfter", "lastUsedBefore")
        let found = edges.sorted { $0.key < $1.key }.filter { id, edge in
            let things = bindings.things(of: id)
            return (wantsID ?? "\(id)") == "\(id)" && (user ?? edge.principal.user) == edge.principal.user
                && (key ?? edge.keyName) == edge.keyName
                && (type ?? "AUTH_THINGWORX_APPKEY") == "AUTH_THINGWORX_APPKEY" && (bound ?? !things.isEmpty) == !things.isEmpty
                && several != true
                && started.contains(edge.since) && used.contains(edge.lastUsed)
                && call.maySeeWhat(isOf: edge.principal.user)
        }.prefix(try call.count("maxItems", default: 500))
        let table = Shapes.table(
            "EndpointSession",
            found.map { id, edge in
                [
                    .text(.guid, "\(id)"), .datetime(edge.since), .datetime(edge.lastUsed), .integer(1),
                    .integer(Int32(clamping: bindings.things(of: id).count)),
                    .string(edge.keyName), .string("AUTH_THINGWORX_APPKEY"), .string(edge.principal.user),
                ]
            })
        return (table, found.map(\.key))
    }

    // MARK: Metadata of edges

    func bindRemoteMetadata(_ call: ServiceCall) throws -> ServiceResult {
        guard let thing = model[thing: call.entity.name] else { return .nothing }
        let wanted = try call.names("propertyNames").map { Set($0) }
        return .later(
            forward(Request(.post, thing.name, .service, "GetMetadata"), to: thing).map { response in
                guard response.status.isSuccess else { return response }
                guard let json = Platform.metadata(in: response) else {
                    return Response(.badGateway, reason: "the edge's metadata are no JSON")
                }
                return self.assumeIsolated { $0.bind(Platform.definitions(in: json).filter { wanted?.contains($0.0) ?? true }, call) }
            })
    }

    private func bind(_ definitions: [(String, PropertyDefinition)], _ call: ServiceCall) -> Response {
        var report: [[Value]] = []
        do {
            try changeDefinitions(call) { own, effective in
                for (name, definition) in definitions {
                    let isThere = effective.properties[name] != nil
                    let isNameFine =
                        (1...InputLimits.standard.nameBytes).contains(name.utf8.count) && own.properties.count < Platform.mostDefinitions
                    if !isThere, isNameFine { own.properties[name] = definition }
                    report.append([
                        .string(name), .boolean(!isThere && isNameFine),
                        .string(isThere ? "it is defined already" : isNameFine ? "" : "no room for it"),
                    ])
                }
            }
        } catch { return Response(.notFound, reason: "\(error)") }
        return .success(Shapes.table("BulkProcessingReport", report))
    }
}
