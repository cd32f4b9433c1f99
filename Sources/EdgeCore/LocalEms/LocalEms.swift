import AlwaysOn
import NIOCore
import Secrets

/// What the gateway answers itself (ems.md §6.6): the Thing `LocalEms` and the gateway entries of `auto_bind`.
extension Gateway {
    private static let name = "LocalEms"

    /// nil when the request is for somebody else.
    func handleLocalEms(_ request: Request) -> Response? {
        guard request.entityType == .thing, request.entityName == Gateway.name || registry.isGatewayAlias(request.entityName) else { return nil }
        switch (request.characteristic, request.method, request.name) {
        case (.property, .get, "isConnected"), (.property, .get, ""), (.property, .get, "*"):
            return .success(Infotable("isConnected", .boolean(isConnected)))
        case (.property, .get, let name): return Response(.notFound, reason: "LocalEms has no property \"\(name)\"; it has isConnected")
        case (.property, _, _): return Response(.methodNotAllowed, reason: "the properties of LocalEms can only be read")
        case (.service, .post, let name): return invoke(name, ServiceInput(request.content))
        case (.service, _, _): return Response(.methodNotAllowed, reason: "a service is invoked with POST")
        case (.event, _, _): return Response(.notFound, reason: "LocalEms has no events")
        }
    }

    private func invoke(_ service: String, _ input: ServiceInput) -> Response {
        do {
            switch service {
            case "AddEdgeThing":
                try register(try input.edgeThing())
                return Response(.success)
            case "RemoveEdgeThing":
                let name = try input.required("name")
                guard try remove(name) else { return Response(.notFound, reason: "\"\(name)\" is not registered") }
                return Response(.success)
            case "HasEdgeThing": return .result(.boolean(registry.contains(try input.required("name"))))
            case "GetEdgeThings":
                var table = Infotable(DataShape([.init("name", .string)]))
                for name in registry.names { table.append([.string(name)]) }
                return .success(table)
            default: return Response(.notFound, reason: "LocalEms has no service \"\(service)\"")
            }
        } catch let error as ServiceInput.Failure {
            return Response(.badRequest, reason: "\(service): \(error.text)")
        } catch {
            logger.error("\(service): \(error)")
            return Response(.internalError, reason: "\(service): \(error)")
        }
    }
}

/// The parameters of a service: the first row.
struct ServiceInput {
    struct Failure: Error { let text: String }

    private let table: Infotable?

    init(_ content: EncodedInfotable?) { table = content?.decoded() }

    func value(_ name: String) -> Value? {
        guard let value = table?.first(name), value != .nothing else { return nil }
        return value
    }

    func string(_ name: String) -> String? { value(name)?.stringValue }

    func required(_ name: String) throws(Failure) -> String {
        guard let text = string(name), !text.isEmpty else { throw Failure(text: "expected a string \"\(name)\"") }
        return text
    }

    private func integer(_ name: String, default fallback: Int, in range: ClosedRange<Int>) throws(Failure) -> Int {
        guard let value = value(name) else { return fallback }
        guard let number = value.doubleValue.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw Failure(text: "\"\(name)\": expected a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// The registration call of a device host (ems.md §5.2).
    func edgeThing() throws(Failure) -> EdgeThing {
        var thing = EdgeThing(name: try required("name"))
        guard thing.name.utf8.count <= 1024, thing.name != "*" else { throw Failure(text: "\"name\": not the name of a Thing") }
        thing.host = string("host") ?? thing.host
        thing.port = try integer("port", default: thing.port, in: 1...65535)
        thing.path = string("path") ?? thing.path
        let scheme = (string("proto") ?? string("protocol") ?? "http").lowercased()
        guard scheme == "http" || scheme == "https" else { throw Failure(text: "\"proto\": expected http or https") }
        thing.isTLS = scheme == "https"
        thing.timeout = .milliseconds(Int64(try integer("timeout", default: 30_000, in: 1...86_400_000)))
        let keepAlive = try integer("keepalive", default: 60_000, in: -1...86_400_000)
        thing.keepAlive = keepAlive > 0 ? .milliseconds(Int64(keepAlive)) : nil
        thing.user = string("user")
        thing.password = string("password").map { Secret($0) }
        thing.persist = value("persist")?.boolValue ?? false
        return thing
    }
}
