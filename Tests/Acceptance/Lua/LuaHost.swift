import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOCore
import NIOHTTP1
import NIOPosix
import TestKit
import Testing

/// A script resource as a process, with the files of one test.
struct LuaHost: Sendable {
    static let rates = "scanRateResolution = 20, scanRate = 60, taskRate = 50"

    let chain: Chain
    let program: Program
    let port: Int
    private let client: HTTPClient

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: String

        var json: JSONValue { (try? JSONValue(parsing: body)) ?? .null }
        /// The value of a property or a service's result.
        func value(_ name: String = "result") -> JSONValue { json["rows"]?[0]?[name] ?? .null }
    }

    /// Runs a script resource while `body` does, and expects it to end in order.
    ///
    /// - Parameters:
    ///   - things: templates by the names of their Things, each with entries of its own (`register = false` where none).
    ///   - scripts: plain scripts by name.
    ///   - files: further files below `etc/custom`.
    static func run(
        things: [String: String] = [:], settings: [String: String] = [:], scripts: [String: String] = [:], files: [String: String] = [:],
        config: String = "",
        gateway: Int = 1, _ body: (LuaHost) async throws -> Void
    ) async throws {
        let chain = try Chain()
        var entries = config
        for (name, text) in things {
            try chain.directory.write(
                "etc/custom/templates/t\(name.lowercased()).lua",
                text.contains("thingworx.template.extend")
                    ? text : "module(\"templates.t\(name.lowercased())\", thingworx.template.extend)\n\(text)")
            entries +=
                "\nscripts.\(name) = { file = 'thing.lua', template = 't\(name.lowercased())', \(settings[name] ?? "register = false, \(rates)") }"
        }
        for (name, text) in scripts {
            try chain.directory.write("etc/custom/scripts/\(name.lowercased()).lua", text)
            entries += "\nscripts.\(name) = { file = '\(name.lowercased()).lua'\(settings[name].map { ", \($0)" } ?? "") }"
        }
        for (path, text) in files { try chain.directory.write("etc/custom/\(path)", text) }
        try chain.writeScripts(gateway: gateway, entries)
        let program = try chain.startScripts()
        let client = try HTTPClient(on: MultiThreadedEventLoopGroup.singleton.next())
        let host = LuaHost(chain: chain, program: program, port: try await program.port(), client: client)
        for name in things.keys { try await host.isRunning(name) }
        try await body(host)
        #expect(await program.end() == 0, "\(program.output)")
    }

    private func isRunning(_ name: String) async throws {
        while true {
            let status = try await get("/scripts/\(name)?status").json["status"]?.string
            if status == "Running" || status == "Error" { return }
        }
    }

    /// Runs a plain script with checks by `assert`; one that fails is told with its line.
    /// - Parameter covering: modules each of whose functions it has to call.
    static func holds(
        _ script: String, covering modules: [String] = [], things: [String: String] = [:], settings: [String: String] = [:],
        scripts: [String: String] = [:], files: [String: String] = [:], config: String = "", gateway: Int = 1
    ) async throws {
        var scripts = scripts
        var files = files
        let cover = Bundle.module.path(forResource: "cover", ofType: "lua", inDirectory: "Fixtures/library")!
        files["lua/cover.lua"] = try String(contentsOfFile: cover, encoding: .utf8)
        let watch =
            modules.isEmpty ? "" : "local cover = require('cover') " + modules.map { "cover.watch('\($0)')" }.joined(separator: " ") + "\n"
        scripts["Check"] =
            watch + script + (modules.isEmpty ? "" : "\ncover.finish()")
            + "\nnative.log('force', 'check', 'all is well')\nwhile p_data.run do tw_utils.psleep(50) end"
        try await run(things: things, settings: settings, scripts: scripts, files: files, config: config, gateway: gateway) { host in
            let line = try await host.program.line(what: "the end") {
                $0.contains("all is well") || ($0.contains("[ERROR]") && $0.contains("check.lua:"))
            }
            #expect(line.contains("all is well"), "\(line)")
        }
    }

    // MARK: Requests

    func send(_ method: HTTPMethod, _ path: String, _ body: String? = nil, type: String? = "application/json") async throws -> Answer {
        var headers: HTTPHeaders = [:]
        if let type, body != nil || method != .GET { headers.add(name: "Content-Type", value: type) }
        let call = HTTPCall(
            method, HTTPOrigin(isTLS: false, host: "127.0.0.1", port: port), path, headers: headers,
            body: body.map { ByteBuffer(string: $0) }, timeout: .seconds(60))
        let response = try await client.loop.flatSubmit { client.execute(call) }.get()
        return Answer(status: Int(response.status.code), headers: response.headers, body: String(buffer: response.body))
    }

    func get(_ path: String) async throws -> Answer { try await send(.GET, path) }
    func put(_ property: String, of thing: String, _ body: String) async throws -> Answer {
        try await send(.PUT, "/scripts/\(thing)/Properties/\(property)", body)
    }
    func call(_ service: String, of thing: String, _ body: String = "{}") async throws -> Answer {
        try await send(.POST, "/scripts/\(thing)/Services/\(service)", body)
    }
    func read(_ property: String, of thing: String) async throws -> Answer { try await get("/scripts/\(thing)/Properties/\(property)") }

    /// Asks again until the answer is as wanted.
    func read(_ property: String, of thing: String, until isWanted: (Answer) -> Bool) async throws -> Answer {
        while true {
            let answer = try await read(property, of: thing)
            if isWanted(answer) { return answer }
        }
    }
}
