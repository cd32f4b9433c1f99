import AlwaysOn
import EdgeREST
import FileTransfer
import HTTPTransport
import NIOHTTP1
import ThingModel

/// What a REST request asks for, as its head tells (platform.md §2). Fixed words are matched without regard to case, names exactly.
enum PlatformRoute: Sendable {
    case health
    /// For those who watch over the program. `isOpen`: nobody has to sign in for it.
    case operations(OperationsPages.Page, isOpen: Bool)
    /// A file of the console.
    case asset(String)
    case signIn
    case signOut
    case session
    case openAPI
    case feed
    /// All entities of a kind.
    case list(EntityKind)
    case putInto(EntityKind)
    case entity(EntityRef, HTTPMethod)
    case values(EntityRef, timed: String?)
    case definitions(EntityRef, Characteristic, name: String?)
    case metadata(EntityRef)
    case fieldDefinitions(EntityRef)
    case request(Request)
    /// An end of a tunnel that is no WebSocket, or may not be opened.
    case tunnelEnd(TunnelEnd)
    /// Files that a form brings.
    case upload
    /// A file of a repository. `isShown`: to be shown, and not to be saved.
    case file(String, FilePath, isShown: Bool)

    /// Whether nobody has to sign in.
    var isOpen: Bool {
        switch self {
        case .health, .asset, .signIn, .operations(_, isOpen: true): true
        default: false
        }
    }

    /// - Parameter method: what the request counts as.
    /// - Throws: `RestFailure`, with what was expected.
    init(_ http: HTTPRequest, method: HTTPMethod) throws(RestFailure) {
        let path = http.path
        if let page = OperationsPages.page(for: http) {
            self = .operations(page, isOpen: OperationsPages.isOpen(page, to: http))
            return
        }
        guard !http.hasEmptySegment else { throw RestFailure(.notFound, "a doubled slash in the path is an empty name") }
        guard let first = path.first, first.lowercased() == "thingworx" else {
            guard method == .GET || method == .HEAD else { throw RestFailure(.notFound, "expected /Thingworx/…") }
            self = .asset(path.joined(separator: "/"))
            return
        }
        guard path.allSatisfy({ $0.utf8.count <= 1024 }) else { throw RestFailure(.badRequest, "a name longer than 1024 bytes") }
        guard path.count > 1 else {
            self = .asset("")
            return
        }
        if path.count == 2, let route = try PlatformRoute.single(path[1], method) {
            self = route
            return
        }
        if let end = TunnelEnd(path: path) {
            self = .tunnelEnd(end)
            return
        }
        if let route = try PlatformRoute.file(http, method) {
            self = route
            return
        }
        guard let kind = EntityKind(collection: path[1]) else { throw PlatformRoute.notOffered(path[1]) }
        switch path.count {
        case 2:
            switch method {
            case .GET, .HEAD: self = .list(kind)
            case .PUT: self = .putInto(kind)
            default: throw RestFailure(.methodNotAllowed, "\(method) does not go with a collection")
            }
        case 3:
            guard [.GET, .HEAD, .PUT, .DELETE].contains(method) else {
                throw RestFailure(.methodNotAllowed, "\(method) does not go with an entity")
            }
            self = .entity(EntityRef(kind, path[2]), method)
        case 4, 5: self = try PlatformRoute.characteristic(EntityRef(kind, path[2]), path[3], path.count == 5 ? path[4] : nil, method)
        default: throw RestFailure(.notFound, "more than a characteristic's name after \"\(path[3])\"")
        }
    }

    /// Ways to files of repositories (platform.md §13).
    private static func file(_ http: HTTPRequest, _ method: HTTPMethod) throws(RestFailure) -> PlatformRoute? {
        let path = http.path
        let isShown = http.queryValue("directRender")?.lowercased() == "true"
        let reads = method == .GET || method == .HEAD
        switch path[1].lowercased() {
        case "filerepositoryuploader" where path.count == 2:
            guard method == .POST else { throw RestFailure(.methodNotAllowed, "\(method) does not go with an upload") }
            return .upload
        case "filerepositorydownloader" where path.count == 2:
            guard reads else { throw RestFailure(.methodNotAllowed, "\(method) does not go with a download") }
            guard let repository = http.queryValue("download-repository"), let text = http.queryValue("download-path") else {
                throw RestFailure(.badRequest, "expected download-repository and download-path in the query")
            }
            return .file(repository, try filePath(text), isShown: isShown)
        case "filerepositories":
            guard reads else { throw RestFailure(.methodNotAllowed, "\(method) does not go with a file") }
            guard path.count > 3 else { throw RestFailure(.notFound, "expected FileRepositories/<repository>/<path>") }
            // A slash that was written %2F in a name is one in the path.
            return .file(path[2], try filePath(path[3...].joined(separator: "/")), isShown: isShown)
        case "things"
        where reads && path.count > 3 && !characteristics.contains(path[3].lowercased())
            && (path.count > 4 || path[3].utf8.contains(UInt8(ascii: "."))):
            return .file(path[2], try filePath(path[3...].joined(separator: "/")), isShown: isShown)
        default: return nil
        }
    }

    private static let characteristics: Set<String> = [
        "properties", "services", "events", "propertiesvtq", "propertydefinitions", "servicedefinitions", "eventdefinitions",
        "fielddefinitions", "thingname",
        "metadata", "configurationtables",
    ]

    private static func filePath(_ text: String) throws(RestFailure) -> FilePath {
        do throws(TransferFailure) { return try FilePath(text) } catch { throw RestFailure(.badRequest, error.description) }
    }

    private static func single(_ word: String, _ method: HTTPMethod) throws(RestFailure) -> PlatformRoute? {
        switch (word.lowercased(), method) {
        case ("health", .GET), ("health", .HEAD): return .health
        case ("openapi.json", .GET), ("openapi.json", .HEAD): return .openAPI
        case ("feed", .GET): return .feed
        case ("sessions", .POST): return .signIn
        case ("sessions", .DELETE): return .signOut
        case ("sessions", .GET): return .session
        case ("health", _), ("openapi.json", _), ("feed", _), ("sessions", _):
            throw RestFailure(.methodNotAllowed, "\(method) does not go with \(word)")
        default: return nil
        }
    }

    private static func characteristic(
        _ entity: EntityRef, _ word: String, _ name: String?, _ method: HTTPMethod
    ) throws(RestFailure)
        -> PlatformRoute
    {
        let reads = method == .GET || method == .HEAD
        let readOnly = { (route: PlatformRoute) throws(RestFailure) -> PlatformRoute in
            guard reads else { throw RestFailure(.methodNotAllowed, "\(method) does not go with \(word)") }
            return route
        }
        switch word.lowercased() {
        case "properties":
            let kind: Method
            switch method {
            case .GET, .HEAD: kind = .get
            case .PUT: kind = .put
            case .DELETE: kind = .delete
            default: throw RestFailure(.methodNotAllowed, "\(method) does not go with Properties")
            }
            guard kind != .delete || name != nil && name != "*" else {
                throw RestFailure(.methodNotAllowed, "DELETE goes with one property")
            }
            return .request(Request(kind, entityType: entity.kind.entityType, entity.name, .property, name ?? ""))
        case "services", "events":
            let characteristic: Characteristic = word.lowercased() == "services" ? .service : .event
            if name == nil, reads { return .definitions(entity, characteristic, name: nil) }
            guard let name else { throw RestFailure(.notFound, "expected a name after \(word)/") }
            guard method == .POST else {
                throw RestFailure(.methodNotAllowed, "\(method) does not go with \(word): they are called by POST")
            }
            return .request(Request(.post, entityType: entity.kind.entityType, entity.name, characteristic, name))
        case "propertiesvtq": return try readOnly(.values(entity, timed: name ?? ""))
        case "propertydefinitions": return try readOnly(.definitions(entity, .property, name: name))
        case "servicedefinitions": return try readOnly(.definitions(entity, .service, name: name))
        case "eventdefinitions": return try readOnly(.definitions(entity, .event, name: name))
        case "fielddefinitions": return try readOnly(.fieldDefinitions(entity))
        case "thingname": return try readOnly(.request(Request(.get, entityType: entity.kind.entityType, entity.name, .property, "name")))
        case "metadata": return try readOnly(.metadata(entity))
        case "configurationtables":
            guard let name else {
                return try readOnly(
                    .request(Request(.post, entityType: entity.kind.entityType, entity.name, .service, "GetConfigurationTables")))
            }
            return try readOnly(.values(entity, timed: nil).configuration(name))
        default: throw RestFailure(.notFound, "\"\(word)\" is none of Properties, Services, Events and their definitions")
        }
    }

    /// The one table of an entity's configuration.
    private func configuration(_ name: String) -> PlatformRoute {
        guard case .values(let entity, _) = self, let content = try? EncodedInfotable(Infotable("tableName", .string(name))) else {
            return self
        }
        return .request(
            Request(.post, entityType: entity.kind.entityType, entity.name, .service, "GetConfigurationTable", content: content))
    }

    private static func notOffered(_ word: String) -> RestFailure {
        RestFailure(.notFound, "the platform offers no \(word): it has \(EntityKind.allCases.map(\.rawValue).joined(separator: ", "))")
    }
}
