package import AlwaysOn
package import HTTPTransport
import Formats
import NIOConcurrencyHelpers
package import NIOCore
package import NIOHTTP1

/// A REST request that names something that is not there, or in a way that does not go: the answer to it.
package struct RestFailure: Error, Sendable {
    package let status: HTTPResponseStatus
    package let text: String

    package init(_ status: HTTPResponseStatus, _ text: String) {
        self.status = status
        self.text = text
    }

    /// - Throws: the error, where it is none of these.
    package static func of(_ error: any Error) throws -> RestFailure {
        guard let failure = error as? RestFailure else { throw error }
        return failure
    }
}

/// `/Thingworx/<Collection>/<entity>/<Properties|Services|Events>[/<name>]` ↔ a request of the core (ems.md §6.2).
package enum RestPath {
    /// - Throws: `RestFailure`.
    package static func request(from http: HTTPRequest) throws(RestFailure) -> Request {
        var request = try head(of: http)
        if request.method != .get, http.body.readableBytes > 0 { request.content = try content(http.body) }
        if request.method == .put, request.content == nil {
            throw RestFailure(.badRequest, "expected a JSON object with the new value as body")
        }
        return request
    }

    /// The same, on another thread where the body is long. Fails with `RestFailure`.
    package static func request(from http: HTTPRequest, on loop: any EventLoop) -> EventLoopFuture<Request> {
        LongWork.run(size: http.body.readableBytes, on: loop) { try request(from: http) }
    }

    /// The request as far as its head tells: without content.
    /// - Throws: `RestFailure`.
    package static func head(of http: HTTPRequest) throws(RestFailure) -> Request {
        let path = http.path
        guard path.count >= 4, path[0] == "Thingworx" || path[0].lowercased() == "thingworx", let entity = EntityType(collection: path[1])
        else {
            throw RestFailure(.notFound, "expected /Thingworx/<collection>/<entity>/<Properties|Services|Events>/<name>")
        }
        guard path.count <= 5 else { throw RestFailure(.notFound, "more than a characteristic's name after \"\(path[3])\"") }
        let name = path.count == 5 ? path[4] : ""
        guard path[2].utf8.count <= 1024, name.utf8.count <= 1024 else { throw RestFailure(.badRequest, "a name longer than 1024 bytes") }
        if path.count == 4 {
            switch path[3].lowercased() {
            case "thingname": return Request(.get, entityType: entity, path[2], .property, "name")
            case "metadata": return Request(.post, entityType: entity, path[2], .service, "GetMetadata")
            default: break
            }
        }
        guard let characteristic = Characteristic(collection: path[3]) else {
            throw RestFailure(.notFound, "\"\(path[3])\" is none of Properties, Services and Events")
        }
        return Request(try method(of: http, characteristic, name), entityType: entity, path[2], characteristic, name)
    }

    private static func method(of http: HTTPRequest, _ characteristic: Characteristic, _ name: String) throws(RestFailure) -> Method {
        // A browser can only GET: `?method=POST` invokes a service that takes no parameters.
        let isTunnelled = http.method == .GET && http.queryValue("method")?.uppercased() == "POST"
        switch (characteristic, isTunnelled ? .POST : http.method) {
        case (.property, .GET): return .get
        case (.property, .PUT): return .put
        case (.property, .DELETE): return .delete
        case (.service, .POST), (.event, .POST):
            guard !name.isEmpty else { throw RestFailure(.notFound, "expected a name after \(characteristic.collection)/") }
            return .post
        default: throw RestFailure(.methodNotAllowed, "\(http.method) does not go with \(characteristic.collection)")
        }
    }

    private static func content(_ body: ByteBuffer) throws(RestFailure) -> EncodedInfotable {
        do throws(JSONError) { return try EncodedInfotable(json: body) } catch {
            throw error.isLimit
                ? RestFailure(.payloadTooLarge, "the body costs more than is allowed, \(error)")
                : RestFailure(.badRequest, "the body is not the JSON that was expected, \(error)")
        }
    }

    /// The path of a request below a device host's prefix, with one slash at each joint (ems.md §6.5).
    package static func target(of request: Request, prefix: String, name: String) -> String {
        var path = prefix
        while path.hasSuffix("/") { path.removeLast() }
        if !path.hasPrefix("/"), !path.isEmpty { path = "/" + path }
        path += "/\(request.entityType.collection ?? "Things")/\(PercentEncoding.encode(name))/\(request.characteristic.collection)"
        if !request.name.isEmpty { path += "/\(PercentEncoding.encode(request.name))" }
        return path
    }
}

/// A response of the core as an HTTP response.
extension HTTPResponse {
    package init(_ failure: RestFailure) { self = .error(failure.status, failure.text) }

    package init(_ response: Response, order: EncodedInfotable.Order) {
        guard response.status.isSuccess else {
            let status = HTTPResponseStatus(statusCode: response.status.httpStatus)
            self = .error(status, response.reasonText ?? response.status.description)
            return
        }
        guard let content = response.content else {
            self = .json(ByteBuffer(string: "{}"), status: response.origin == .stored ? .accepted : .ok)
            return
        }
        self.init(content, order: order)
    }

    /// A table; a long one is made into JSON while it is sent.
    package init(_ content: EncodedInfotable, order: EncodedInfotable.Order) {
        guard content.bytes.readableBytes > HTTPResponse.streamedFrom else {
            self = .json(content.json(order: order))
            return
        }
        let pieces = NIOLockedValueBox(content.jsonPieces(order: order))
        self = .json(ByteBuffer())
        restSize = content.bytes.readableBytes
        rest = { pieces.withLockedValue { $0.next() } }
    }

    /// Wire bytes of an infotable above which its JSON is made while it is sent.
    private static let streamedFrom = 262_144
}
