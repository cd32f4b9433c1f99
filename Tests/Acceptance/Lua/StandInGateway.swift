import Formats
import HTTPTransport
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOPosix

/// A gateway as a script resource sees it, which keeps what is pushed to it and can refuse it.
final class StandInGateway: Sendable {
    struct Push: Sendable {
        let thing: String
        /// Names, values and times, in their order.
        let rows: [(name: String, value: JSONValue, time: Int)]
    }

    /// A request to the gateway.
    struct Call: Sendable {
        let method: String
        let path: String
        let body: JSONValue
        let type: String
    }

    private struct State {
        var calls: [Call] = []
        var callWaiters: [(condition: @Sendable ([Call]) -> Bool, continuation: CheckedContinuation<[Call], Never>)] = []
        var pushes: [Push] = []
        var refusals = 0
        var refused = 0
        var subscriptions: JSONValue?
        var waiters: [(condition: @Sendable ([Push]) -> Bool, continuation: CheckedContinuation<[Push], Never>)] = []
    }

    private let state = NIOLockedValueBox(State())
    private let server: NIOLockedValueBox<HTTPServer?> = NIOLockedValueBox(nil)

    var port: Int { server.withLockedValue { $0!.port } }

    init() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await HTTPServer.start(HTTPServer.Configuration(), on: loop, logger: .init(label: "gateway")) {
            [weak self] request in
            loop.makeSucceededFuture(self?.answer(request) ?? .error(.serviceUnavailable, "gone"))
        }
        self.server.withLockedValue { $0 = server }
    }

    func stop() async { await server.withLockedValue { $0 }?.stop() }

    /// The platform is away for the next pushes.
    func refuse(next count: Int) { state.withLockedValue { $0.refusals = count } }
    var refused: Int { state.withLockedValue { $0.refused } }

    /// What GetPropertySubscriptions answers; 404 until it is set.
    func subscribe(_ rows: JSONValue) { state.withLockedValue { $0.subscriptions = ["rows": rows] } }

    /// All requests so far, as soon as they are as wanted.
    func calls(_ condition: @escaping @Sendable ([Call]) -> Bool = { _ in true }) async -> [Call] {
        await withCheckedContinuation { continuation in
            let found = state.withLockedValue { state -> [Call]? in
                if condition(state.calls) { return state.calls }
                state.callWaiters.append((condition, continuation))
                return nil
            }
            if let found { continuation.resume(returning: found) }
        }
    }

    private func note(_ request: HTTPRequest) {
        let call = Call(
            method: request.method.rawValue, path: "/" + request.path.joined(separator: "/"),
            body: (try? JSONValue(parsing: request.body)) ?? .string(String(buffer: request.body)),
            type: request.headers.first(name: "Content-Type") ?? "")
        let ready = state.withLockedValue { state in
            state.calls.append(call)
            let ready = state.callWaiters.filter { $0.condition(state.calls) }
            state.callWaiters.removeAll { $0.condition(state.calls) }
            return ready.map { ($0.continuation, state.calls) }
        }
        for (continuation, calls) in ready { continuation.resume(returning: calls) }
    }

    /// All pushes so far, as soon as they are as wanted.
    func pushes(_ condition: @escaping @Sendable ([Push]) -> Bool) async -> [Push] {
        await withCheckedContinuation { continuation in
            let found = state.withLockedValue { state -> [Push]? in
                if condition(state.pushes) { return state.pushes }
                state.waiters.append((condition, continuation))
                return nil
            }
            if let found { continuation.resume(returning: found) }
        }
    }

    private func answer(_ request: HTTPRequest) -> HTTPResponse {
        note(request)
        switch request.path.last {
        case "AddEdgeThing", "RemoveEdgeThing": return .json(ByteBuffer(string: "{}"))
        case "HasEdgeThing": return .json(ByteBuffer(string: #"{"rows":[{"result":true}]}"#))
        case "isConnected": return .json(ByteBuffer(string: #"{"rows":[{"isConnected":true}]}"#))
        case "GetPropertySubscriptions":
            guard let subscriptions = state.withLockedValue({ $0.subscriptions }) else { return .error(.notFound, "none") }
            return .json(ByteBuffer(string: subscriptions.description))
        case "UpdateSubscribedPropertyValues":
            let isRefused = state.withLockedValue { state in
                guard state.refusals > 0 else { return false }
                state.refusals -= 1
                state.refused += 1
                return true
            }
            if isRefused { return .error(.serviceUnavailable, "the platform is away") }
            keep(request)
            return .json(ByteBuffer(string: "{}"))
        case "echo":
            var response = HTTPResponse(.ok, body: request.body)
            response.headers.add(name: "Content-Type", value: request.headers.first(name: "Content-Type") ?? "text/plain")
            return response
        default:
            return request.path.contains("Properties") || request.path.contains("Services") || request.path.contains("Events")
                ? .json(ByteBuffer(string: "{}")) : .error(.notFound, "not here")
        }
    }

    private func keep(_ request: HTTPRequest) {
        guard let body = try? JSONValue(parsing: request.body), let rows = body["values"]?["rows"]?.array else { return }
        let push = Push(
            thing: request.path[2], rows: rows.map { ($0["name"]?.string ?? "", $0["value"]?["value"] ?? .null, $0["time"]?.int ?? 0) })
        let ready = state.withLockedValue { state in
            state.pushes.append(push)
            let ready = state.waiters.filter { $0.condition(state.pushes) }
            state.waiters.removeAll { $0.condition(state.pushes) }
            return ready.map { ($0.continuation, state.pushes) }
        }
        for (continuation, pushes) in ready { continuation.resume(returning: pushes) }
    }
}

extension [StandInGateway.Push] {
    /// All values of one property, in the order in which they came.
    func values(of name: String) -> [JSONValue] { flatMap(\.rows).filter { $0.name == name }.map(\.value) }
}
