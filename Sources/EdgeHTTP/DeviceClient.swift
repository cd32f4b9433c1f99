package import AlwaysOn
package import EdgeCore
import EdgeREST
import Formats
package import HTTPTransport
package import NIOCore
import NIOHTTP1
package import NetworkSupport

/// Carries the platform's requests to device hosts by HTTP (ems.md §6.5).
package struct DeviceClient: DeviceCaller {
    private let client: HTTPClient

    package init(client: HTTPClient) { self.client = client }

    package func use(_ tls: TLSClient) { client.use(tls) }

    package func probe(_ host: DeviceHost, timeout: TimeAmount) -> EventLoopFuture<Void> {
        client.probe(HTTPOrigin(isTLS: host.isTLS, host: host.host, port: host.port), timeout: timeout)
    }

    package func call(_ request: Request, of thing: EdgeThing) -> EventLoopFuture<Response> {
        let method: HTTPMethod =
            switch request.method {
            case .get: .GET
            case .put: .PUT
            case .post: .POST
            case .delete: .DELETE
            }
        var headers: HTTPHeaders = ["Accept": "application/json"]
        if request.method != .get { headers.add(name: "Content-Type", value: "application/json") }
        if let user = thing.user {
            let (name, value) = BasicAuthentication.header(user: user, password: thing.password?.reveal() ?? "")
            headers.add(name: name, value: value)
        }
        let call = HTTPCall(
            method, HTTPOrigin(isTLS: thing.isTLS, host: thing.host, port: thing.port),
            RestPath.target(of: request, prefix: thing.path, name: thing.name), headers: headers, timeout: thing.timeout)
        let name = request.characteristic == .property ? request.name : "result"
        let isMetadata = request.characteristic == .service && request.name == "GetMetadata"
        return execute(call, request)
            .flatMap { answer in
                LongWork.run(size: answer.body.readableBytes, on: client.loop) {
                    DeviceClient.response(answer, wrapping: name, isMetadata: isMetadata)
                }
            }
            .flatMapErrorThrowing { DeviceClient.response($0) }
    }

    /// Sends the call with the request's content, which is converted on another thread where it is long.
    private func execute(_ call: HTTPCall, _ request: Request) -> EventLoopFuture<HTTPResponse> {
        var call = call
        guard request.method != .get else { return client.execute(call) }
        guard let content = request.content, LongWork.isLong(content.bytes.readableBytes) else {
            call.body = request.content?.firstRowJSON() ?? ByteBuffer(string: "{}")
            return client.execute(call)
        }
        return LongWork.run(size: content.bytes.readableBytes, on: client.loop) { content.firstRowJSON() }.flatMap { [call] body in
            var call = call
            call.body = body
            return client.execute(call)
        }
    }

    /// The answer of a device host, read leniently: an infotable, a bare object as one row, any other JSON value or
    /// text as the value asked for.
    /// - Parameter isMetadata: whether a bare object is that value itself, as GetMetadata of a Lua host gives it (alwayson.md §6).
    package static func response(_ answer: HTTPResponse, wrapping name: String, isMetadata: Bool = false) -> Response {
        guard (200..<300).contains(answer.status.code) else {
            return Response(Status(httpStatus: Int(answer.status.code)), reason: reason(answer))
        }
        var body = answer.body
        while let byte = body.getInteger(at: body.readerIndex, as: UInt8.self), [0x20, 0x0A, 0x0D, 0x09].contains(byte) {
            body.moveReaderIndex(forwardBy: 1)
        }
        guard body.readableBytes > 0, answer.status != .noContent else { return Response(.success) }
        let isText = answer.headers.first(name: "Content-Type")?.hasPrefix("text/") == true
        do {
            if isMetadata, let object = try? JSONValue(parsing: body).object, object["rows"] == nil {
                return Response(.success, content: try EncodedInfotable(jsonValue: body, as: name))
            }
            if !isText, body.getInteger(at: body.readerIndex, as: UInt8.self) == UInt8(ascii: "{") {
                return Response(.success, content: try EncodedInfotable(json: body))
            }
            if isText { return .success(Infotable(name, .string(String(buffer: body)))) }
            return Response(.success, content: try EncodedInfotable(jsonValue: body, as: name))
        } catch {
            return Response(.badGateway, reason: "the device's answer is neither an infotable nor JSON: \(error)")
        }
    }

    /// Bytes of an error's body that are looked through for its text.
    private static let longestReason = 65_536

    private static func reason(_ answer: HTTPResponse) -> String {
        if answer.body.readableBytes <= longestReason, let text = (try? JSONValue(parsing: answer.body))?["error"]?.string { return text }
        let text = String(buffer: answer.body.getSlice(at: answer.body.readerIndex, length: min(answer.body.readableBytes, 1000))!)
        return text.isEmpty ? "the device answered \(answer.status.code)" : text
    }

    private static func response(_ error: any Error) -> Response {
        switch error as? HTTPCallFailure {
        case .timeout: Response(.gatewayTimeout, reason: "\(error)")
        case .tooLarge: Response(.badGateway, reason: "\(error)")
        default: Response(.serviceUnavailable, reason: "\(error)")
        }
    }
}
