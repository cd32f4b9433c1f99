import AlwaysOn
import Foundation
import Formats
import NIOConcurrencyHelpers
import TestKit

/// An edge as an SDK client is one: it binds names, pushes, answers what it is asked, and remembers it.
final class StandInEdge: Sendable {
    private struct State {
        var asked: [String] = []
        var values: [String: Value] = [:]
        var answers: [UInt32: CheckedContinuation<Response?, Never>] = [:]
        var lastID: UInt32 = 10
        var waiters: [(text: String, continuation: CheckedContinuation<Void, Never>)] = []
        var hasEnded = false
        var endWaiters: [CheckedContinuation<Void, Never>] = []
        var isSilent = false
    }

    private let peer: HostilePeer
    private let state = NIOLockedValueBox(State())
    let metadata: String
    /// Asked before anything else; what it gives nil for is answered as ever.
    private let special: @Sendable (Request) -> Response?

    init(
        port: Int, key: String = Chain.edgeKey, values: [String: Value] = [:],
        special: @escaping @Sendable (Request) -> Response? = { _ in nil }
    ) throws {
        self.special = special
        peer = try HostilePeer.edge(port: port, key: key)
        // Its test may be kept waiting by others.
        peer.setReadTimeout(0)
        state.withLockedValue { $0.values = values }
        var properties = JSONObject()
        for (name, value) in values {
            properties[name] = [
                "name": .string(name), "description": "", "baseType": .string(value.baseType.name), "aspects": ["pushType": "ALWAYS"],
            ]
        }
        metadata =
            JSONValue.object([
                "name": "edge", "description": "", "propertyDefinitions": .object(properties),
                "serviceDefinitions": [
                    "Add": ["name": "Add", "Inputs": ["fieldDefinitions": [:]], "Outputs": ["name": "result", "baseType": "NUMBER"]]
                ], "eventDefinitions": [:],
            ]).description
        Thread { [self] in run() }.start()
    }

    // MARK: Doing

    func bind(_ names: String...) {
        peer.send(Message(header: Header(code: Code.bind, requestID: 5, sessionID: 7), body: .bind(Bind(names: names))))
    }

    /// - Returns: nil where the connection ended before.
    func request(_ request: Request) async -> Response? {
        await withCheckedContinuation { continuation in
            let id = state.withLockedValue { state -> UInt32? in
                guard !state.hasEnded else { return nil }
                state.lastID += 1
                state.answers[state.lastID] = continuation
                return state.lastID
            }
            guard let id else { return continuation.resume(returning: nil) }
            peer.send(Message(header: Header(code: request.method.rawValue, requestID: id, sessionID: 7), body: .request(request)))
        }
    }

    func invoke(_ thing: String, _ service: String, _ parameters: Infotable? = nil) async throws -> Response? {
        await request(Request(.post, thing, .service, service, content: try parameters.map { try EncodedInfotable($0) }))
    }

    @discardableResult
    func push(_ thing: String, _ values: [(name: String, value: Value, time: Int64)]) async throws -> Response? {
        var table = Infotable(
            DataShape([.init("name", .string), .init("value", .variant), .init("time", .datetime), .init("quality", .string)]))
        for value in values { table.append([.string(value.name), .variant(value.value), .datetime(value.time), .string("GOOD")]) }
        return try await invoke(thing, "UpdateSubscribedPropertyValues", Infotable("values", .infotable(table)))
    }

    func set(_ name: String, _ value: Value) { state.withLockedValue { $0.values[name] = value } }

    /// From now on nothing is answered.
    func fallSilent() { state.withLockedValue { $0.isSilent = true } }

    // MARK: What it was asked

    var asked: [String] { state.withLockedValue { $0.asked } }

    /// Returns once it has been asked this, such as `POST NotifyPropertyUpdate`, so many times.
    func wasAsked(_ text: String, times: Int = 1) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLockedValue { state in
                // One that has gone is not asked any more.
                if state.hasEnded || state.asked.count(where: { $0 == text }) >= times { return true }
                state.waiters.append((String(repeating: "\(text)\n", count: times), continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    /// Its connection is gone.
    func hangUp() { peer.hangUp() }

    func ended() async {
        await withCheckedContinuation { continuation in
            let hasEnded = state.withLockedValue { state in
                if !state.hasEnded { state.endWaiters.append(continuation) }
                return state.hasEnded
            }
            if hasEnded { continuation.resume() }
        }
    }

    // MARK: Answering

    private func run() {
        while let message = peer.message() {
            switch message.body {
            case .response(let response):
                state.withLockedValue { $0.answers.removeValue(forKey: message.header.requestID) }?.resume(returning: response)
            case .request(let request): answer(request, message.header)
            default: break
            }
        }
        let (answers, waiters, ends) = state.withLockedValue { state in
            state.hasEnded = true
            defer { (state.answers, state.waiters, state.endWaiters) = ([:], [], []) }
            return (Array(state.answers.values), state.waiters.map(\.continuation), state.endWaiters)
        }
        for answer in answers { answer.resume(returning: nil) }
        for waiter in waiters + ends { waiter.resume() }
    }

    private func answer(_ request: Request, _ header: Header) {
        let text = "\(request.method == .get ? "GET" : request.method == .put ? "PUT" : "POST") \(request.name)"
        let (done, isSilent) = state.withLockedValue { state in
            state.asked.append(text)
            let done = state.waiters.filter { waiter in
                let wanted = waiter.text.split(separator: "\n")
                return state.asked.count { $0 == wanted[0] } >= wanted.count
            }
            state.waiters.removeAll { waiter in done.contains { $0.text == waiter.text } }
            return (done, state.isSilent)
        }
        for waiter in done { waiter.continuation.resume() }
        guard !isSilent else { return }
        let response = response(to: request)
        peer.send(Message(header: header.response(response.status), body: .response(response)))
    }

    private func response(to request: Request) -> Response {
        if let response = special(request) { return response }
        switch (request.method, request.name) {
        case (.post, "NotifyPropertyUpdate"): return Response(.success)
        case (.post, "GetMetadata"): return .result(.text(.json, metadata))
        case (.post, "Add"):
            let content = request.content?.decoded()
            return .result(.number((content?.first("a")?.doubleValue ?? 0) + (content?.first("b")?.doubleValue ?? 0)))
        case (.get, let name):
            guard let value = state.withLockedValue({ $0.values[name] }) else { return Response(.notFound) }
            return .success(Infotable(name, value))
        case (.put, let name):
            guard let value = request.content?.decoded().first(name) else { return Response(.badRequest) }
            set(name, value)
            return Response(.success)
        default: return Response(.notFound, reason: "the edge has no \(request.name)")
        }
    }
}
