import AlwaysOn
import EdgeREST
import Formats
import HTTPTransport
import LogSupport
import NIOCore
import NIOHTTP1
import Secrets
import ThingModel

/// What was found out of a request from its head.
struct AdmittedRequest: Sendable {
    var route: PlatformRoute
    /// nil: nobody has signed in, or the password is still to be looked at.
    var principal: Principal?
    var key: String?
    /// Whoever asks for a session gets a cookie.
    var wantsSession = false
    var password: (user: String, Secret)?
}

/// Judging a request by its head: which route it takes, who sends it, whether that user may (platform.md §2, §3).
enum PlatformAdmission {
    static func admit(_ http: HTTPRequest, _ platform: isolated Platform) -> HTTPServer.Verdict {
        do throws(RestFailure) {
            let method = try effectiveMethod(of: http, platform)
            let route = try PlatformRoute(http, method: method)
            if let refusal = contentTypeRefusal(http, method, platform) { return .refused(.answer(refusal, for: http)) }
            var admitted = AdmittedRequest(route: route)
            if route.isOpen {
                // Whoever has not signed in has little to say.
                guard length(of: http) <= 4096 else { throw RestFailure(.payloadTooLarge, "expected a body of at most 4096 bytes") }
                return .admitted(admitted)
            }
            if !PlatformAnswer.takesJSON(http), takesAnswer(route) {
                throw RestFailure(.notAcceptable, "answers are JSON: XML, HTML and CSV are not offered")
            }
            try identify(http, &admitted, platform)
            if case .upload = route { return try upload(http, admitted, platform) }
            if let principal = admitted.principal, let refusal = refusal(of: route, for: principal, platform) {
                return .refused(PlatformAnswer.response(refusal, for: http))
            }
            return .admitted(admitted)
        } catch {
            return .refused(.answer(error, for: http))
        }
    }

    /// A form's body goes on its way as it comes; who sends it may still have to show who he is.
    private static func upload(
        _ http: HTTPRequest, _ admitted: AdmittedRequest, _ platform: isolated Platform
    ) throws(RestFailure) -> HTTPServer.Verdict {
        guard let reader = http.headers.first(name: "Content-Type").flatMap({ MultipartReader(contentType: $0) }) else {
            throw RestFailure(.unsupportedMediaType, "expected Content-Type: multipart/form-data with a boundary")
        }
        let principal: EventLoopFuture<Principal>
        if let known = admitted.principal {
            principal = platform.loop.makeSucceededFuture(known)
        } else if let (user, password) = admitted.password {
            principal = platform.signIn(user, password, from: http.remoteAddress).flatMapThrowing { found in
                guard let found else { throw RestFailure(.unauthorized, "authentication failed") }
                return found
            }
        } else {
            throw RestFailure(.unauthorized, "authentication failed")
        }
        return .streamed(FileUpload(reader, http, by: principal, platform))
    }

    /// A GET may stand for another method where that is allowed, and no page of others sent it.
    private static func effectiveMethod(of http: HTTPRequest, _ platform: isolated Platform) throws(RestFailure) -> HTTPMethod {
        guard http.method == .GET, let word = http.queryValue("method")?.uppercased(), word != "GET" else { return http.method }
        guard ["POST", "PUT", "DELETE"].contains(word) else {
            throw RestFailure(.badRequest, "method=\(word): expected GET, POST, PUT or DELETE")
        }
        guard platform.settings.allowsMethodSwitch else {
            throw RestFailure(.methodNotAllowed, "a GET that stands for \(word) is switched off (allow_method_switch)")
        }
        guard !SiteRules.isSentByPage(http.headers) else {
            throw RestFailure(.forbidden, "a web page may not have a GET stand for \(word)")
        }
        return HTTPMethod(rawValue: word)
    }

    /// What a web page of others can send unasked has none of these content types.
    private static func contentTypeRefusal(_ http: HTTPRequest, _ method: HTTPMethod, _ platform: isolated Platform) -> RestFailure? {
        guard platform.settings.filtersContentType, http.method != .GET, http.method != .HEAD, http.method != .OPTIONS else { return nil }
        let given = (http.queryValue("Content-Type") ?? http.headers.first(name: "Content-Type") ?? "").lowercased()
        let type = given.prefix { $0 != ";" && $0 != " " }
        switch type {
        case "application/json", "application/xml", "text/xml": return nil
        case "multipart/form-data" where http.headers.first(name: "X-XSRF-TOKEN") == "TWX-XSRF-TOKEN-VALUE": return nil
        case "multipart/form-data":
            return RestFailure(.forbidden, "multipart/form-data needs the header X-XSRF-TOKEN: TWX-XSRF-TOKEN-VALUE")
        default:
            let found = type.isEmpty ? "none" : String(type.prefix(64))
            return RestFailure(
                .forbidden,
                "\(http.method) needs Content-Type: application/json, application/xml or text/xml, even without a body; found \(found)")
        }
    }

    private static func length(of http: HTTPRequest) -> Int {
        if http.headers.contains(name: "Transfer-Encoding") { return .max }
        return http.headers.first(name: "Content-Length").flatMap { Int($0) } ?? 0
    }

    /// Whether something is to be formatted.
    private static func takesAnswer(_ route: PlatformRoute) -> Bool {
        switch route {
        case .request(let request):
            guard request.method == .post else { return request.method == .get }
            let kind = EntityKind(request.entityType)
            let known = kind.flatMap { ServiceTables.service(request.name, on: EntityRef($0, request.entityName), in: PlatformModel.empty) }
            return known.map { $0.definition.result.baseType != .nothing } ?? (request.characteristic == .service)
        case .entity(_, let method): return method == .GET
        case .feed: return false
        case .putInto, .signOut, .upload, .file, .tunnelEnd: return false
        default: return true
        }
    }

    // MARK: Who it is

    /// - Throws: `RestFailure` with 401 where nobody is told by the request, or wrongly.
    private static func identify(_ http: HTTPRequest, _ admitted: inout AdmittedRequest, _ platform: isolated Platform) throws(RestFailure)
    {
        let session = http.headers.first(name: "x-thingworx-session") ?? http.queryValue("x-thingworx-session")
        admitted.wantsSession = session?.lowercased() == "true"
        if let key = http.headers.first(name: "appKey") ?? http.queryValue("appKey") {
            guard http.headers.contains(name: "appKey") || platform.settings.keyInQuery else {
                platform.refusals.note(
                    "request from \(http.remoteAddress?.ipAddress ?? "?") refused: the application key stands in the query (key_in_query)")
                throw RestFailure(.unauthorized, "an application key belongs into the header appKey")
            }
            let mayTry = platform.mayTry(from: http.remoteAddress)
            switch platform.signIn(key: Secret(key), from: http.remoteAddress) {
            case .accepted(let principal, let name): (admitted.principal, admitted.key) = (principal, name)
            case .refused(let cause):
                platform.refusals.note("request from \(http.remoteAddress?.ipAddress ?? "?") refused: \(cause)")
                platform.audit(
                    "SignInRefused", "", ["address": .string(http.remoteAddress?.ipAddress ?? "?"), "reason": .string(cause)],
                    isFrequent: true)
                guard mayTry else { throw RestFailure(.tooManyRequests, "too many wrong keys and passwords: wait a second") }
                throw RestFailure(.unauthorized, "authentication failed")
            }
            return
        }
        if let credentials = BasicAuthentication.credentials(in: http.headers) {
            guard let colon = credentials.firstIndex(of: UInt8(ascii: ":")),
                let user = String(validating: credentials[..<colon], as: UTF8.self),
                let password = String(validating: credentials[(colon + 1)...], as: UTF8.self)
            else { throw RestFailure(.unauthorized, "expected user:password in Base64") }
            if platform.credentials.isVerified(user, Secret(password), now: platform.loop.now), let known = platform.model.users[user],
                known.isEnabled, !known.isLocked
            {
                admitted.principal = platform.model.principal(user)
                return
            }
            guard platform.mayTry(from: http.remoteAddress) else {
                throw RestFailure(.tooManyRequests, "too many wrong keys and passwords: wait a second")
            }
            if case .upload = admitted.route {
            } else if length(of: http) > 1 << 20 {
                throw RestFailure(.payloadTooLarge, "expected at most 1 MiB with a password that was not looked at yet")
            }
            admitted.password = (user, Secret(password))
            return
        }
        if let token = sessionToken(http.headers) {
            guard let found = platform.signIn(session: token) else { throw RestFailure(.unauthorized, "the session has ended") }
            (admitted.principal, admitted.key) = (found.principal, found.key)
            return
        }
        throw RestFailure(.unauthorized, "expected an application key in the header appKey, a user with a password, or a session")
    }

    /// Who asks for a WebSocket: by the key that he shows, else by a session.
    static func caller(
        showing key: String?, _ headers: HTTPHeaders, from address: SocketAddress?, _ platform: isolated Platform
    )
        -> (principal: Principal, key: String?)?
    {
        guard let key else { return sessionToken(headers).flatMap { platform.signIn(session: $0) } }
        guard case .accepted(let principal, let name) = platform.signIn(key: Secret(key), from: address) else { return nil }
        return (principal, name)
    }

    static func sessionToken(_ headers: HTTPHeaders) -> Secret? {
        for cookie in headers[canonicalForm: "Cookie"].flatMap({ $0.split(separator: ";") }) {
            let pair = cookie.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
            if pair.count == 2, pair[0] == "JSESSIONID" { return Secret(String(pair[1])) }
        }
        return nil
    }

    // MARK: Whether it may

    static func refusal(of route: PlatformRoute, for principal: Principal, _ platform: isolated Platform) -> Response? {
        switch route {
        case .request(let request): return platform.refusal(of: request, for: principal)
        // They tell names and numbers of what others have.
        case .operations:
            return principal.isAdministrator ? nil : Response(.forbidden, reason: "metrics and health are told to administrators")
        case .entity(let entity, let method):
            let isNew = !platform.exists(entity)
            guard method == .PUT || !isNew else { return Response(.notFound, reason: entity.notFoundText) }
            let right: Right = method == .PUT ? (isNew ? .create : .update) : method == .DELETE ? .delete : .view
            if right == .view, platform.maySee(entity, principal) { return nil }
            return platform.refusal(of: right, on: entity, for: principal)
        case .values(let entity, _):
            guard platform.exists(entity) else { return Response(.notFound, reason: entity.notFoundText) }
            return platform.refusal(of: .read, on: entity, for: principal)
        case .definitions(let entity, _, _), .metadata(let entity), .fieldDefinitions(let entity):
            guard platform.exists(entity) else { return Response(.notFound, reason: entity.notFoundText) }
            if platform.maySee(entity, principal) || entity.kind == .resource || entity.kind == .subsystem { return nil }
            return platform.refusal(of: .view, on: entity, for: principal)
        default: return nil
        }
    }
}

extension HTTPResponse {
    static func answer(_ failure: RestFailure, for http: HTTPRequest) -> HTTPResponse {
        var response = PlatformAnswer.error(failure.status, failure.text, for: http)
        // A client that showed a key does not want to be asked for a password, and a page asks for it itself.
        let isPage = http.headers.first(name: "Sec-Fetch-Mode").map { $0.lowercased() != "navigate" } ?? false
        if failure.status == .unauthorized, !http.headers.contains(name: "appKey"), http.queryValue("appKey") == nil, !isPage {
            response.headers.add(name: "WWW-Authenticate", value: "Basic realm=\"Thingworx\", charset=\"UTF-8\"")
        }
        if failure.status == .tooManyRequests { response.headers.add(name: "Retry-After", value: "1") }
        return response
    }
}
