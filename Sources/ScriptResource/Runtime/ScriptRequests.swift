import Formats
import LuaRuntime
import NIOCore

/// Requests that a script answers: for callbacks that it registered, and for the properties and services of a Thing.
extension Script {
    typealias Completion = @Sendable (Answer) -> Void

    /// A request for a callback that the script registered. The completion is called on any thread.
    nonisolated func callback(_ request: CallbackRequest, completion: @escaping Completion) {
        let arguments: [LuaValue] = [
            .text(request.method), .table(LuaTable(list: request.path.map { .text($0) })), request.headers, request.query,
            .string(request.body), request.data,
        ]
        enter { script in
            script.run(function: "dispatch", arguments, completion: completion)
        }
    }

    /// A header's value, which scripts may give as a number or truth value too.
    static func text(_ value: LuaValue) -> String? {
        value.string ?? value.number.map { JSONValue.double($0).description } ?? value.boolean.map { $0 ? "true" : "false" }
    }

    /// A request for the Thing: of its properties or services. The completion is called on any thread.
    nonisolated func thingRequest(
        method: String, kind: String, name: String, headers: LuaValue, query: LuaValue, body: [UInt8], completion: @escaping Completion
    ) {
        enter { script in
            script.run(function: "thing", [.text(method), .text(kind), .text(name), headers, query, .string(body)], completion: completion)
        }
    }

    /// Evaluates code in the script: whether it could be ("ok", "error", "incomplete"), and what there is to show.
    nonisolated func evaluate(_ code: String, completion: @escaping @Sendable (_ outcome: String, _ text: String) -> Void) {
        enter { script in
            guard let fibers = script.fibers, let function = script.nativeFunction("evaluate") else {
                return completion("error", "the script is not running (\(script.status))")
            }
            fibers.run(function, [.text(code)]) { result in
                switch result {
                case .success(let values): completion(values.first?.string ?? "error", values.count > 1 ? values[1].string ?? "" : "")
                case .failure(let error): completion("error", error.message)
                }
            }
        }
    }

    private static func failure(_ status: Int, _ text: String) -> Answer {
        Answer(status: status, headers: ["Content-Type": "text/plain"], body: Array(text.utf8))
    }

    /// What a script calls a status; what is none is an error of the script's.
    private static func status(_ value: LuaValue?) -> Int {
        guard let status = value?.number.flatMap({ Int(exactly: $0) }), (200...599).contains(status) else { return 500 }
        return status
    }

    /// status, headers, body: what the Lua side returns for a request.
    private static func answer(of values: [LuaValue]) -> Answer {
        var headers: [String: String] = [:]
        for (name, value) in values.dropFirst().first?.table?.fields ?? [:] { headers[name] = text(value) }
        return Answer(status: status(values.first), headers: headers, body: values.count > 2 ? values[2].bytes ?? [] : [])
    }

    private func run(function name: String, _ arguments: [LuaValue], completion: @escaping Completion) {
        guard let fibers, let function = nativeFunction(name) else {
            return completion(Script.failure(503, "the script is not running (\(status))"))
        }
        fibers.run(function, arguments) { [logger, figures] result in
            switch result {
            case .success(let values): completion(Script.answer(of: values))
            case .failure(let error):
                logger.error("\(error.message)")
                figures.change { $0.errors += 1 }
                completion(Script.failure(500, error.message))
            }
        }
    }
}
