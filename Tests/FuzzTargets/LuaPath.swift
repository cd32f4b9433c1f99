import Foundation
import HTTPTransport
import Logging
import LuaRuntime
import NIOCore
import NIOHTTP1
import NIOPosix
import ScriptResource

/// The Lua host: JSON into Lua values and back, and requests to a Thing that runs.
enum LuaPath {
    // MARK: JSON

    private final class Owner {}

    private struct JSON {
        let state: LuaState
        let owner = Owner()

        init() throws {
            state = try LuaState()
            state.register("native", NativeTable([:]), owner: owner, config: .nil)
            _ = try run(
                """
                native.json_setup(function() end, {}, {}, function(o) return o end)
                function again(text)
                  local value = native.json_decode(text)
                  local written = native.json_encode(value)
                  return written, native.json_encode(native.json_decode(written))
                end
                """)
            state.limit(instructions: 0, bytes: 33_554_432)
        }

        func run(_ code: String) throws -> [LuaValue] { try state.call(state.load(Array(code.utf8), name: "@fuzz.lua")) }
    }

    /// What is read is written, and that is read as the same number of bytes: the order of members is nobody's promise.
    static func json(_ bytes: [UInt8]) {
        // Names that are no UTF-8 become one and the same.
        guard String(validating: bytes, as: UTF8.self) != nil else { return }
        do {
            let json = try JSON()
            json.state.setGlobal("text", .string(bytes))
            guard let results = try? json.run("return again(text)") else { return }
            guard results.count == 2, results[0].bytes?.count == results[1].bytes?.count else {
                fatalError("JSON changes on its way through Lua")
            }
        } catch {
            fatalError("\(error)")
        }
    }

    // MARK: Source

    /// Whatever is adapted keeps its lines, and what is taken out are backslashes alone.
    static func source(_ bytes: [UInt8]) {
        guard let adapted = LuaDialect.adapted(bytes) else { return }
        func lines(_ text: [UInt8]) -> Int { text.count { $0 == 0x0A } }
        guard lines(adapted) == lines(bytes) else { fatalError("lines are lost or made") }
        var rest = adapted[...]
        for byte in bytes where byte != UInt8(ascii: "\\") {
            guard let place = rest.firstIndex(of: byte) else { fatalError("a byte is lost") }
            rest = rest[(place + 1)...]
        }
    }

    // MARK: Requests

    /// A script resource with a Thing of properties of all kinds and services, made once.
    private static let environment: ScriptEnvironment = {
        do {
            let etc = FileManager.default.temporaryDirectory.appendingPathComponent("edge-fuzz-\(getpid())").path
            try FileManager.default.createDirectory(atPath: "\(etc)/custom/templates", withIntermediateDirectories: true)
            let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
                "../../Sources/ScriptResource/thingworx"
            ).standardized.path
            try FileManager.default.createSymbolicLink(atPath: "\(etc)/thingworx", withDestinationPath: sources)
            try template.write(toFile: "\(etc)/custom/templates/fuzz.lua", atomically: true, encoding: .utf8)
            try configuration.write(toFile: "\(etc)/config.lua", atomically: true, encoding: .utf8)
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let configuration = try ScriptConfiguration.read("\(etc)/config.lua")
            let started = loop.makePromise(of: ScriptResource.self)
            started.completeWithTask {
                try await ScriptResource.start(configuration, version: "", on: loop) { _ in
                    Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }
                }
            }
            let environment = try started.futureResult.wait().environment
            while send("GET /scripts/Thingworx/F/Properties/number HTTP/1.1", [:], [], environment)?.status != .ok { usleep(1000) }
            return environment
        } catch {
            fatalError("\(error)")
        }
    }()

    private static let configuration = """
        scripts.rap_ssl = false; scripts.rap_server_authenticate = false; scripts.rap_port = 1
        scripts.script_resource_ssl = false; scripts.script_resource_authenticate = false; scripts.script_resource_port = 0
        scripts.F = { file = "thing.lua", template = "fuzz", register = false, maxMemory = 67108864 }
        """

    private static let template = """
        module("templates.fuzz", thingworx.template.extend)
        properties.number = { baseType = "NUMBER", value = 1 }
        properties.text = { baseType = "STRING", value = "" }
        dataShapes.Row({ name = "n", baseType = "NUMBER" }, { name = "s", baseType = "STRING", aspects = { defaultValue = "d" } })
        properties.table = { baseType = "INFOTABLE", dataShape = "Row" }
        properties.place = { baseType = "LOCATION" }
        properties.json = { baseType = "JSON" }
        properties.blob = { baseType = "BLOB" }
        serviceDefinitions.Echo(input { name = "a", baseType = "STRING" }, input { name = "t", baseType = "INFOTABLE", aspects = { dataShape = "Row" } }, output { baseType = "JSON" }, description { "" })
        services.Echo = function(me, headers, query, data) return 200, data end
        """

    private static let targets = [
        "Properties/number", "Properties/text", "Properties/table", "Properties/place", "Properties/json", "Properties/blob",
        "Properties/*", "Services/Echo",
        "Services/GetMetadata", "Services/GetPropertyValues", "Services/UpdateSubscribedPropertyValues", "Properties", "Services/None",
        "Events/E",
    ]

    /// The first byte chooses method and target, or that the first line of the rest is the target.
    static func request(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let method = ["GET", "PUT", "POST", "DELETE"][Int(first & 3)]
        let choice = Int(first >> 2)
        if choice < targets.count {
            send(
                "\(method) /scripts/Thingworx/F/\(targets[choice]) HTTP/1.1", ["Content-Type": "application/json"],
                Array(bytes.dropFirst()), environment)
        } else {
            let line = bytes.dropFirst().prefix { $0 != 0x0A }
            send("\(method) \(String(decoding: line, as: UTF8.self)) HTTP/1.1", [:], Array(bytes.dropFirst(line.count + 2)), environment)
        }
        guard let answer = send("GET /scripts/Thingworx/F/Properties/number HTTP/1.1", [:], [], environment), answer.status == .ok else {
            fatalError("the Thing does not answer any more")
        }
    }

    @discardableResult
    private static func send(_ line: String, _ headers: HTTPHeaders, _ body: [UInt8], _ environment: ScriptEnvironment) -> HTTPResponse? {
        let words = line.split(separator: " ", maxSplits: 1)
        let uri = String(words[1].prefix(max(words[1].count - 9, 0)))
        let head = HTTPRequestHead(version: .http1_1, method: .init(rawValue: String(words[0])), uri: uri, headers: headers)
        guard let request = HTTPRequest(head: head, body: ByteBuffer(bytes: body), remoteAddress: nil) else { return nil }
        // Starting and stopping scripts is what these are for, and ends what is under test.
        if request.path.count == 3, request.method == .POST { return nil }
        return try? environment.loop.flatSubmit { ScriptServer.respond(to: request, environment) }.wait()
    }
}
