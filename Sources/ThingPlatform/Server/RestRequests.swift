import AlwaysOn
import EdgeREST
import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1
import ThingModel
import TunnelTransport

/// Working on REST requests whose sender is known and may send them.
enum RestRequests {
    static func answer(
        _ http: HTTPRequest, _ admitted: AdmittedRequest, _ principal: Principal, _ platform: isolated Platform
    )
        -> EventLoopFuture<HTTPResponse>
    {
        let loop = platform.loop
        switch admitted.route {
        case .health, .asset, .signIn, .upload: return loop.makeSucceededFuture(HTTPResponse(.notFound))
        case .operations(let page, _): return platform.operations.response(page, on: loop)
        case .signOut: return loop.makeSucceededFuture(SessionRequests.signOut(http, platform))
        case .session: return loop.makeSucceededFuture(PlatformAnswer.json(SessionRequests.who(principal)))
        case .openAPI: return loop.makeSucceededFuture(PlatformAnswer.json(OpenAPI.document))
        case .feed: return loop.makeSucceededFuture(feed(http, admitted, principal, platform))
        case .file(let repository, let path, let isShown):
            return FileDownload.answer(repository, path, isShown: isShown, http, principal, platform)
        case .list(let kind): return table(platform.rootEntityList(kind, platform.visibleNames(kind, for: principal)), http, loop)
        case .putInto(let kind):
            return put(http, platform) { json in
                guard let name = json["name"]?.string else { return nil }
                return EntityRef(kind, name)
            } principal: {
                principal
            }
        case .entity(let entity, let method):
            switch method {
            case .PUT:
                return put(http, platform) { _ in
                    entity
                } principal: {
                    principal
                }
            case .DELETE: return delete(entity, http, principal, platform)
            default: return loop.makeSucceededFuture(PlatformAnswer.json(platform.description(of: entity)))
            }
        case .values(let entity, let name): return values(entity, name ?? "", http, principal, platform)
        case .definitions(let entity, let characteristic, let name): return definitions(entity, characteristic, name, http, platform)
        case .metadata(let entity): return loop.makeSucceededFuture(PlatformAnswer.json(platform.metadata(of: entity)))
        case .fieldDefinitions(let entity):
            return table(Platform.table(ofFields: platform.model.dataShapes[entity.name]?.fields ?? []), http, loop)
        case .request(let request): return perform(request, http, principal, key: admitted.key, platform)
        case .tunnelEnd(let end):
            let expected = RestFailure(.badRequest, "this is the WebSocket of a tunnel: expected an upgrade")
            let refusal = end.refusal(for: principal, carriesMany: TunnelUpgrade.carriesMany(http.headers), platform)
            return loop.makeSucceededFuture(.answer(refusal ?? expected, for: http))
        }
    }

    private static func table(_ table: Infotable, _ http: HTTPRequest, _ loop: any EventLoop) -> EventLoopFuture<HTTPResponse> {
        loop.makeSucceededFuture(PlatformAnswer.response(.success(table), for: http))
    }

    // MARK: Requests of the core

    private static func perform(
        _ request: Request, _ http: HTTPRequest, _ principal: Principal, key: String?, _ platform: isolated Platform
    ) -> EventLoopFuture<HTTPResponse> {
        let loop = platform.loop
        let address = http.remoteAddress?.ipAddress ?? ""
        let words = http.method == .GET ? parameters(http) : []
        return LongWork.run(size: http.body.readableBytes, on: loop) { () throws -> Request in
            var request = request
            guard request.method != .get, http.method != .GET else {
                if !words.isEmpty, request.content == nil { request.content = try encoded(words) }
                return request
            }
            request.content = try content(http.body) ?? request.content
            guard request.method != .put || request.content != nil else {
                throw RestFailure(.badRequest, "expected a JSON object with the new value as body")
            }
            return request
        }.flatMap { request in platform.assumeIsolated { $0.perform(request, as: principal, address: address, key: key) } }
            .map { PlatformAnswer.response($0, for: http) }
            .flatMapErrorThrowing { error in .answer(try RestFailure.of(error), for: http) }
    }

    /// Query words that are parameters: all that mean nothing else.
    private static func parameters(_ http: HTTPRequest) -> [(String, String)] {
        let known: Set<String> = ["accept", "content-type", "appkey", "x-thingworx-session", "method"]
        guard http.queryValue("method") != nil else { return [] }
        return http.query.filter { !known.contains($0.name.lowercased()) && !$0.name.hasPrefix("_") && !$0.name.isEmpty }.map {
            ($0.name, $0.value)
        }
    }

    private static func encoded(_ words: [(String, String)]) throws -> EncodedInfotable {
        var seen: Set<String> = []
        let unique = words.filter { seen.insert($0.0).inserted }
        var table = Infotable(DataShape(unique.map { .init($0.0, .string) }))
        table.append(unique.map { .string($0.1) })
        do throws(WireError) { return try EncodedInfotable(table) } catch {
            throw RestFailure(.payloadTooLarge, "the query is too long: \(error.message)")
        }
    }

    /// A body, or none: some clients write `null` for it.
    private static func content(_ body: ByteBuffer) throws -> EncodedInfotable? {
        guard body.readableBytes > 0 else { return nil }
        if body.readableBytes < 16, String(buffer: body).filter({ !$0.isWhitespace }) == "null" { return nil }
        do throws(JSONError) { return try EncodedInfotable(json: body) } catch {
            throw error.isLimit
                ? RestFailure(.payloadTooLarge, "the body costs more than is allowed, \(error)")
                : RestFailure(.badRequest, "the body is not the JSON object that was expected, \(error)")
        }
    }

    // MARK: Entities

    private static func put(
        _ http: HTTPRequest, _ platform: isolated Platform, _ entity: @escaping @Sendable (JSONValue) -> EntityRef?,
        principal: @escaping @Sendable () -> Principal
    ) -> EventLoopFuture<HTTPResponse> {
        let body = http.body
        return LongWork.run(size: body.readableBytes, on: platform.loop) { () throws -> (EntityRef, JSONValue) in
            let json: JSONValue
            do { json = try JSONValue(parsing: body) } catch {
                throw RestFailure(.badRequest, "the body is not the JSON object that was expected, \(error)")
            }
            guard let entity = entity(json) else { throw RestFailure(.badRequest, "expected an object with a \"name\"") }
            return (entity, json)
        }.flatMap { entity, json in
            platform.assumeIsolated { $0.put(json, as: entity, for: principal()) }
        }.map { PlatformAnswer.response($0, for: http) }.flatMapErrorThrowing { error in .answer(try RestFailure.of(error), for: http) }
    }

    private static func delete(
        _ entity: EntityRef, _ http: HTTPRequest, _ principal: Principal, _ platform: isolated Platform
    )
        -> EventLoopFuture<HTTPResponse>
    {
        do {
            try platform.delete(entity, for: principal)
            return platform.afterCommit(Response(.success)).map { PlatformAnswer.response($0, for: http) }
        } catch let failure as ServiceFailure {
            return platform.loop.makeSucceededFuture(PlatformAnswer.response(Response(failure.status, reason: failure.text), for: http))
        } catch {
            return platform.loop.makeSucceededFuture(PlatformAnswer.error(.internalServerError, "\(error)", for: http))
        }
    }

    // MARK: Values and definitions

    private static func values(
        _ entity: EntityRef, _ name: String, _ http: HTTPRequest, _ principal: Principal, _ platform: isolated Platform
    ) -> EventLoopFuture<HTTPResponse> {
        guard let thing = platform.model[thing: entity.name], entity.kind == .thing else {
            return platform.loop.makeSucceededFuture(PlatformAnswer.error(.notFound, "\(entity.name) is no Thing", for: http))
        }
        let only: Set<String>? = name.isEmpty || name == "*" ? nil : [name]
        let found = platform.valuesVTQ(of: thing, for: principal, only: only)
        guard only == nil || !found.shape.fields.isEmpty else {
            return platform.loop.makeSucceededFuture(PlatformAnswer.error(.notFound, "\(thing.name) has no property \(name)", for: http))
        }
        return table(found, http, platform.loop)
    }

    private static func definitions(
        _ entity: EntityRef, _ characteristic: Characteristic, _ name: String?, _ http: HTTPRequest, _ platform: isolated Platform
    ) -> EventLoopFuture<HTTPResponse> {
        let isWanted = { (found: String) in name == nil || name == found }
        let found =
            switch characteristic {
            case .property: platform.propertyDefinitions(of: entity) { found, _ in isWanted(found) }
            case .service: platform.serviceDefinitions(of: entity) { found, _ in isWanted(found) }
            case .event: platform.eventDefinitions(of: entity, isWanted)
            }
        if let name, found.rowCount == 0 {
            return platform.loop.makeSucceededFuture(
                PlatformAnswer.error(.notFound, "\(entity.name) has no \(characteristic) \(name)", for: http))
        }
        return table(found, http, platform.loop)
    }

    // MARK: Feeds

    /// Server-sent events: a line of JSON each.
    private static func feed(
        _ http: HTTPRequest, _ admitted: AdmittedRequest, _ principal: Principal, _ platform: isolated Platform
    )
        -> HTTPResponse
    {
        do throws(RestFailure) {
            let interest = try FeedRequest.interest({ http.queryValue($0) }, principal, key: admitted.key, platform)
            guard let (number, feed) = platform.addFeed(interest) else {
                throw RestFailure(.serviceUnavailable, "\(FeedTable.most) feeds are open already")
            }
            var response = HTTPResponse(
                .ok, headers: ["Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"])
            response.feed = HTTPFeed(
                next: { feed.next().map { $0.map(FeedRequest.serverSentEvents) } },
                end: { platform.assumeIsolated { $0.removeFeed(number) } })
            return response
        } catch {
            return .answer(error, for: http)
        }
    }
}

/// What a feed's query says.
enum FeedRequest {
    static func interest(
        _ word: (String) -> String?, _ principal: Principal, key: String?, _ platform: isolated Platform
    )
        throws(RestFailure) -> FeedInterest
    {
        var kinds: Set<FeedInterest.Kind> = []
        for item in (word("kinds") ?? "values,events").split(separator: ",") {
            guard let kind = FeedInterest.Kind(rawValue: String(item)) else {
                throw RestFailure(
                    .badRequest, "kinds: expected some of \(FeedInterest.Kind.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            kinds.insert(kind)
        }
        if kinds.contains(.messages), !principal.isAdministrator {
            throw RestFailure(.forbidden, "messages are for members of \(Principal.administrators)")
        }
        var interest = platform.interest(principal, key: key, kinds: kinds)
        if let thing = word("thing"), !thing.isEmpty {
            guard platform.model[thing: thing] != nil else { throw RestFailure(.notFound, EntityRef(.thing, thing).notFoundText) }
            guard platform.model.allows(.read, on: thing, for: principal) else {
                throw RestFailure(.forbidden, "\(principal.user) may not read \(thing)")
            }
            interest.thing = thing
        }
        interest.connection = word("connection").flatMap { UInt32($0) }
        if let text = word("interval") {
            guard let milliseconds = Int64(text), (0...60_000).contains(milliseconds) else {
                throw RestFailure(.badRequest, "interval: expected 0 to 60000 ms")
            }
            interest.interval = .milliseconds(milliseconds)
        }
        return interest
    }

    static func serverSentEvents(_ lines: ByteBuffer) -> ByteBuffer {
        guard lines.readableBytes > 0 else { return ByteBuffer(string: ":\n\n") }
        var out = ByteBuffer()
        for line in lines.readableBytesView.split(separator: UInt8(ascii: "\n")) {
            out.writeStaticString("data: ")
            out.writeBytes(line)
            out.writeStaticString("\n\n")
        }
        return out
    }
}
