import Formats
import HTTPTransport
import LuaRuntime
import NIOCore
import NIOHTTP1
import Secrets

/// Calls of scripts by HTTP: to the gateway, and to whoever else they speak to.
extension ScriptEnvironment {
    /// A call to the gateway, with its credentials.
    func gatewayCall(_ method: HTTPMethod, _ path: String, headers: HTTPHeaders, body: ByteBuffer?, timeout: TimeAmount) -> HTTPCall {
        let gateway = configuration.gateway
        var headers = headers
        if gateway.authenticate, let user = gateway.user {
            let (name, value) = BasicAuthentication.header(user: user, password: gateway.password?.reveal() ?? "")
            headers.replaceOrAdd(name: name, value: value)
        }
        return HTTPCall(
            method, HTTPOrigin(isTLS: gateway.tls, host: gateway.host, port: gateway.port), path, headers: headers, body: body,
            timeout: timeout)
    }

    /// response, code, headers; where there is none: nil, 503 or 504, nil, why.
    func perform(_ call: HTTPCall, completion: @escaping @Sendable ([LuaValue]) -> Void) {
        loop.flatSubmit { self.execute(call) }.whenComplete { result in
            switch result {
            case .success(let response): completion(ScriptEnvironment.values(of: response))
            case .failure(let error): completion(ScriptEnvironment.values(of: error))
            }
        }
    }

    /// The same while the calling thread waits: for code that cannot be suspended.
    func performBlocking(_ call: HTTPCall) -> [LuaValue] {
        do {
            return ScriptEnvironment.values(of: try loop.flatSubmit { self.execute(call) }.wait())
        } catch {
            return ScriptEnvironment.values(of: error)
        }
    }

    private func execute(_ call: HTTPCall) -> EventLoopFuture<HTTPResponse> {
        let gateway = configuration.gateway
        let isOfGateway = call.origin.port == gateway.port && call.origin.host == gateway.host
        return isOfGateway ? figures.follow(client.execute(call)) : client.execute(call)
    }

    private static func values(of response: HTTPResponse) -> [LuaValue] {
        var headers: [String: LuaValue] = [:]
        for header in response.headers { headers[header.name] = .text(header.value) }
        return [
            .string(Array(response.body.readableBytesView)), .number(Double(response.status.code)), .table(LuaTable(fields: headers)), .nil,
        ]
    }

    private static func values(of error: any Error) -> [LuaValue] {
        let code: Double = if case HTTPCallFailure.timeout = error { 504 } else { 503 }
        return [.nil, .number(code), .nil, .text("\(error)")]
    }
}
