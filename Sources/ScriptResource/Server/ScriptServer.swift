import Formats
package import HTTPTransport
import Logging
import LuaRuntime
import NetworkSupport
import NIOConcurrencyHelpers
package import NIOCore
import NIOHTTP1
import Secrets

/// The HTTP interface of a script resource (lsr.md §7).
package final class ScriptServer: Sendable {
    private let http: HTTPServer
    private let authentication: NIOLockedValueBox<BasicAuthentication?>

    package var port: Int { http.port }
    package func stop() async { await http.stop() }

    private init(http: HTTPServer, authentication: NIOLockedValueBox<BasicAuthentication?>) {
        self.http = http
        self.authentication = authentication
    }

    /// - Throws: `ListenFailure`.
    static func start(_ environment: ScriptEnvironment, version: String, logger: Logger) async throws -> ScriptServer {
        let settings = environment.configuration.server
        let authentication = NIOLockedValueBox(authentication(settings))
        let meter = RequestMeter()
        var configuration = try configuration(settings)
        configuration.meter = meter
        let pages = OperationsPages(
            program: "luaScriptResource", version: version, health: { environment.health }, readiness: { environment.readiness },
            metrics: {
                guard environment.configuration.metrics else { return nil }
                return environment.loop.makeSucceededFuture(environment.metrics(served: meter.figures, version: version))
            })
        let http = try await HTTPServer.start(
            configuration, on: environment.loop, logger: logger,
            admission: { http in
                if let page = OperationsPages.page(for: http), OperationsPages.isOpen(page, to: http) { return .admitted(nil) }
                guard var refusal = authentication.withLockedValue({ $0 })?.refusal(of: http.headers) else { return .admitted(nil) }
                refusal.body.clear()
                return .refused(refusal)
            },
            responder: { http in
                OperationsPages.page(for: http).map { pages.response($0, on: environment.loop) } ?? respond(to: http, environment)
            })
        return ScriptServer(http: http, authentication: authentication)
    }

    private static func configuration(_ settings: ScriptConfiguration.Server) throws -> HTTPServer.Configuration {
        var configuration = HTTPServer.Configuration()
        configuration.host = settings.host
        configuration.port = settings.port
        configuration.maximumClients = settings.maximumClients
        configuration.readTimeout = settings.requestTimeout
        configuration.maximumBodySize = settings.maximumBodySize
        // A body becomes Lua values of several times its size.
        configuration.bodies = ByteBudget(most: settings.maximumBodySize * 3 / 2)
        configuration.identity = try identity(settings)
        configuration.allowedHosts = settings.allowedHosts
        configuration.allowedOrigins = settings.allowedOrigins
        return configuration
    }

    /// Takes over limits, credentials and certificate; address, port and whether there is TLS stay as they are.
    /// - Throws: `ListenFailure`; everything is as it was then.
    func apply(_ settings: ScriptConfiguration.Server) throws {
        try http.update(ScriptServer.configuration(settings))
        authentication.withLockedValue { $0 = ScriptServer.authentication(settings) }
    }

    private static func identity(_ settings: ScriptConfiguration.Server) throws -> Identity? {
        guard settings.tls else { return nil }
        if let chain = settings.certificateChain, let key = settings.privateKey {
            return try Identity(chain: chain, key: key, passphrase: settings.passphrase?.reveal())
        }
        guard settings.makesCertificate else {
            throw ListenFailure(
                "script_resource_ssl is on and there is no certificate: set script_resource_certificate_chain and script_resource_private_key, script_resource_use_default_certificate to true for one that the program makes for itself, or script_resource_ssl to false"
            )
        }
        return try madeIdentity(settings)
    }

    /// The certificate that the program made for itself, made anew a month before its end.
    private static func madeIdentity(_ settings: ScriptConfiguration.Server) throws -> Identity {
        let (chain, key) = (settings.madeCertificate, settings.madeKey)
        if let identity = try? Identity(chain: chain, key: key, passphrase: nil), identity.daysLeft > 30 { return identity }
        let made = try SelfSigned.make(name: settings.host, days: 3650)
        try AtomicFile.replace(key, with: Array(made.key.utf8))
        try AtomicFile.replace(chain, with: Array(made.certificate.utf8))
        return try Identity(chain: chain, key: key, passphrase: nil)
    }

    private static func authentication(_ settings: ScriptConfiguration.Server) -> BasicAuthentication? {
        guard settings.authenticate else { return nil }
        return BasicAuthentication(user: settings.user ?? ":", password: settings.password?.reveal() ?? "", realm: "luaScriptResource")
    }

    /// Answers a request by the table of lua-library.md §10.
    package static func respond(to http: HTTPRequest, _ environment: ScriptEnvironment) -> EventLoopFuture<HTTPResponse> {
        var path = http.path[...]
        guard path.popFirst()?.lowercased() == "scripts" else { return done(.text(.notFound, "expected /scripts/…"), environment) }
        guard let first = path.popFirst() else { return done(ScriptPages.list(environment.scriptStates, for: http), environment) }
        if first.lowercased() == "thingworx", environment.script(first) == nil { return throughThingworx(http, path, environment) }
        guard let script = environment.script(first) ?? environment.thing(first) else {
            return done(.text(.notFound, "there is no script \(first)"), environment)
        }
        if http.queryValue("status") != nil, http.method == .GET {
            return done(
                .json(ByteBuffer(string: ScriptPages.entry(script.name, environment.scriptStates[script.name] ?? .loading).description)),
                environment)
        }
        // A script's own callback of such a name goes first.
        if http.method == .POST, path.count == 1, let verb = path.first, ["start", "stop", "restart"].contains(verb),
            !script.callbackPaths.withLockedValue({ $0.contains(verb) })
        {
            return control(script, verb, environment)
        }
        if script.thingName != nil, let kind = path.first, ["Properties", "Services"].contains(kind),
            !script.callbackPaths.withLockedValue({ $0.contains(kind) })
        {
            return thingRequest(http, script, kind, path.dropFirst(), environment)
        }
        var request = Script.CallbackRequest(method: http.method.rawValue, path: Array(path))
        request.headers = headers(http)
        request.query = query(http)
        request.body = Array(http.body.readableBytesView)
        return within(environment) { answer in script.callback(request) { answer.succeed(response($0)) } }
    }

    private static func done(_ response: HTTPResponse, _ environment: ScriptEnvironment) -> EventLoopFuture<HTTPResponse> {
        environment.loop.makeSucceededFuture(response)
    }

    /// The answer of a script, or an error in its place when it takes too long: a script that never returns must not hold
    /// its callers for ever.
    private static func within(
        _ environment: ScriptEnvironment, _ start: (EventLoopPromise<HTTPResponse>) -> Void
    ) -> EventLoopFuture<HTTPResponse> {
        let answer = environment.loop.makePromise(of: HTTPResponse.self)
        let limit = environment.answerTimeout
        let timeout = environment.loop.scheduleTask(in: limit) {
            answer.succeed(.text(.gatewayTimeout, "the script did not answer within \(limit.nanoseconds / 1_000_000) ms"))
        }
        start(answer)
        answer.futureResult.whenComplete { _ in timeout.cancel() }
        return answer.futureResult
    }

    /// `/scripts/Thingworx/[<type>/]<Thing or *identifier>[/<Properties|Services>[/<name>]]`
    private static func throughThingworx(
        _ http: HTTPRequest, _ path: ArraySlice<String>, _ environment: ScriptEnvironment
    ) -> EventLoopFuture<HTTPResponse> {
        var path = path
        if path == ["registerIdentifier"] {
            return done(http.method == .POST ? .text(.ok, "") : .text(.methodNotAllowed, "expected POST"), environment)
        }
        if path.isEmpty { return done(.text(.ok, "Things are at /scripts/Thingworx/Things/<Thing>"), environment) }
        // The gateway names the collection; a Thing of that name is reached all the same.
        if path.first == "Things", path.count == 1, environment.thing("Things") == nil {
            return done(things(http, environment), environment)
        }
        if path.count > 1, environment.thing(path[path.startIndex + 1]) != nil { path.removeFirst() }
        guard let name = path.popFirst(), let script = environment.thing(name) else {
            return done(.text(.notFound, "there is no Thing \(path.isEmpty ? http.path.last ?? "" : path.last!)"), environment)
        }
        guard let kind = path.popFirst() else {
            guard isJSON(http) else { return done(.text(.badRequest, "expected the content type application/json"), environment) }
            return within(environment) { answer in
                script.thingRequest(
                    method: "POST", kind: "Services", name: "GetMetadata", headers: headers(http), query: query(http), body: []
                ) {
                    answer.succeed(response($0))
                }
            }
        }
        return thingRequest(http, script, kind, path, environment)
    }

    private static func isJSON(_ http: HTTPRequest) -> Bool {
        http.headers.first(name: "Content-Type")?.lowercased().contains("application/json") == true
    }

    private static func things(_ http: HTTPRequest, _ environment: ScriptEnvironment) -> HTTPResponse {
        guard http.method == .GET else { return .text(.methodNotAllowed, "expected GET") }
        return .json(ByteBuffer(string: environment.thingNames.description))
    }

    /// A request for a Thing's properties or services.
    private static func thingRequest(
        _ http: HTTPRequest, _ script: Script, _ kind: String, _ path: ArraySlice<String>, _ environment: ScriptEnvironment
    ) -> EventLoopFuture<HTTPResponse> {
        if kind == "Services", path.count == 1,
            let answer = environment.files.answer(http, script.name, path.first ?? "", on: environment.loop)
        {
            return answer
        }
        if http.method == .GET, kind == "Properties", path.count == 1, let body = script.propertyAtHand(path.first!) {
            return done(.json(body), environment)
        }
        return within(environment) { answer in
            script.thingRequest(
                method: http.method.rawValue, kind: kind, name: path.joined(separator: "/"), headers: headers(http), query: query(http),
                body: Array(http.body.readableBytesView)
            ) { answer.succeed(response($0)) }
        }
    }

    /// `POST /scripts/<script>/start`, `stop`, `restart`
    private static func control(_ script: Script, _ verb: String, _ environment: ScriptEnvironment) -> EventLoopFuture<HTTPResponse> {
        within(environment) { answer in
            Task {
                switch (verb, environment.scriptStates[script.name]) {
                case ("start", .running?), ("start", .loading?): return answer.succeed(.text(.conflict, "\(script.name) runs already"))
                case ("stop", _): await script.stop()
                default: await script.restart()
                }
                answer.succeed(.json(ByteBuffer(string: ScriptPages.entry(script.name, await script.status).description)))
            }
        }
    }

    private static func headers(_ http: HTTPRequest) -> LuaValue {
        var fields: [String: LuaValue] = [:]
        // Credentials are checked here and are none of a script's business.
        for header in http.headers where header.name.lowercased() != "authorization" { fields[header.name] = .text(header.value) }
        return .table(LuaTable(fields: fields))
    }

    private static func query(_ http: HTTPRequest) -> LuaValue {
        .table(LuaTable(fields: Dictionary(http.query.map { ($0.name, .text($0.value)) }, uniquingKeysWith: { $1 })))
    }

    private static func response(_ answer: Script.Answer) -> HTTPResponse {
        var headers = HTTPHeaders()
        // A script may put into them what a stranger sent: nothing that ends a line gets out.
        for (name, value) in answer.headers where name.lowercased() != "content-length" && isToken(name) && isLine(value) {
            headers.add(name: name, value: value)
        }
        if !headers.contains(name: "Content-Type"), !answer.body.isEmpty {
            let isJSON = answer.body.first == UInt8(ascii: "{") || answer.body.first == UInt8(ascii: "[")
            headers.add(name: "Content-Type", value: isJSON ? "application/json" : "text/plain")
        }
        return HTTPResponse(HTTPResponseStatus(statusCode: answer.status), headers: headers, body: ByteBuffer(bytes: answer.body))
    }

    private static func isLine(_ text: String) -> Bool { text.utf8.allSatisfy { ($0 >= 0x20 && $0 != 0x7F) || $0 == 0x09 } }
    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains($0) }
    }
}

extension HTTPResponse {
    /// A text for people: errors of scripts and Things are the text itself (lua-library.md §10).
    fileprivate static func text(_ status: HTTPResponseStatus, _ text: String) -> HTTPResponse {
        HTTPResponse(status, headers: ["Content-Type": "text/plain; charset=utf-8"], body: ByteBuffer(string: text))
    }
}
