import FileTransfer
import Formats
import Glibc
import HTTPTransport
import Logging
import LuaRuntime
import NIOCore
import NIOHTTP1

/// What Lua code gets from Swift: the table `native`. Scripts use the modules in `thingworx/lua` built on it.
extension Script {
    static let natives = NativeTable([
        "log": { call in
            let logger = script(of: call).logger
            let area = call[1].string ?? ""
            let prefix = area.isEmpty || area == logger.label ? "" : "\(area) "
            logger.log(level: level(call[0].string ?? ""), "\(prefix)\(call[2].string ?? "")")
            return .values([])
        },
        "now": { _ in .values([.number(Double(now()))]) },
        "sleep": { call in
            let amount = duration(call[0]) ?? .zero
            return script(of: call).perform(.sleep(amount), of: call) {
                var time = timespec(tv_sec: Int(amount.nanoseconds / 1_000_000_000), tv_nsec: Int(amount.nanoseconds % 1_000_000_000))
                var rest = timespec()
                while nanosleep(&time, &rest) != 0, errno == EINTR { time = rest }
                return []
            }
        },
        "http": { call in
            let script = script(of: call)
            let request = try script.httpCall(call[0].table ?? LuaTable())
            return script.perform(.http(request), of: call) { script.environment.performBlocking(request) }
        },
        "call_script": { call in
            var request = CallbackRequest(
                method: (call[1].string ?? "GET").uppercased(), path: (call[2].string ?? "").split(separator: "/").map(String.init))
            request.headers = call[3].table == nil ? request.headers : call[3]
            request.query = call[4].table == nil ? request.query : call[4]
            request.data = call[5]
            let script = script(of: call)
            let name = call[0].string ?? ""
            return script.perform(.callScript(name: name, request), of: call) { Script.values(of: script.callBlocking(name, request)) }
        },
        "adapt": { call in .values([call[0].bytes.flatMap { LuaDialect.adapted($0) }.map { .string($0) } ?? call[0]]) },
        "registered": { call in
            if let path = call[0].string { _ = script(of: call).callbackPaths.withLockedValue { $0.insert(path) } }
            return .values([])
        },
        "finding": { call in
            if let text = call[0].string { script(of: call).findings.withLockedValue { $0.append(text) } }
            return .values([])
        },
        "script_list": { call in
            var states = script(of: call).environment.scriptStates.mapValues { LuaValue.text($0.description) }
            states["Thingworx"] = states["Thingworx"] ?? .text(Status.running.description)
            return .values([.table(LuaTable(fields: states))])
        },
        "file": { call in .values(try FileNatives.perform(call)) },
        "aes": { call in .values(try CipherNatives.aes(call)) },
        "add_script": { call in .values(ScriptManagement.add(call, to: script(of: call).environment)) },
        "remove_script": { call in .values(ScriptManagement.remove(call, from: script(of: call))) },
        "script_result": { call in .values(call[0].string.map { script(of: call).environment.result(of: $0) } ?? []) },
        "script_info": { call in
            let environment = script(of: call).environment
            guard let script = call[0].string.flatMap({ environment.script($0) }) else { return .values([.nil, .nil]) }
            return .values([.text(script.file), environment.settings(of: script.name)])
        },
        "set_script_properties": { call in
            guard let name = call[0].string, let properties = call[1].table else { return .values([.number(400)]) }
            return .values([.number(script(of: call).environment.setProperties(properties, of: name) ? 0 : 404)])
        },
        "persist": { call in
            let script = script(of: call)
            do {
                try script.environment.persistentData.keep(call[0].table ?? LuaTable(), of: script.name)
                return .values([.boolean(true)])
            } catch {
                return .values([.boolean(false), .text("\(error)")])
            }
        },
        "keep_push": { call in
            let (name, text, identity) = (call[0].string ?? "", call[1].bytes ?? [], call[2].string ?? "")
            return script(of: call).withPushes(of: call) { $0.keep(text, identity, of: name) }
        },
        "kept_push": { call in
            let name = call[0].string ?? ""
            return script(of: call).withPushes(of: call) { $0.oldest(of: name) }
        },
        "drop_push": { call in
            let name = call[0].string ?? ""
            return script(of: call).withPushes(of: call) { $0.dropOldest(of: name) }
        },
        "serve_files": { call in
            let directories = (call[0].table?.fields ?? [:]).compactMap { name, path in
                path.string.map { FileLayout.VirtualDirectory(name: name, path: $0) }
            }
            let script = script(of: call)
            let why = script.environment.files.serve(
                directories.sorted { $0.name < $1.name }, staging: call[1].string ?? "", of: script.name, logger: script.logger,
                on: script.environment.loop)
            return .values([why.map { .text($0) } ?? .nil])
        },
        "new_epoch": { _ in .values([.text(MessageEpoch.text())]) },
        "loaded": { call in
            if let path = call[0].string { script(of: call).noteFile(path) }
            return .values([])
        },
        "running": { call in
            script(of: call).assumeIsolated { $0.setRunning() }
            return .values([])
        },
        "scan": { call in
            let begins = call[0].boolean == true
            script(of: call).assumeIsolated { $0.scan(begins: begins) }
            return .values([])
        },
        "lock": { call in
            let canSuspend = call.canSuspend
            return script(of: call).assumeIsolated { $0.fibers?.lock(canSuspend: canSuspend) ?? true } ? .values([]) : .suspend
        },
        "unlock": { call in
            script(of: call).assumeIsolated { $0.fibers?.unlock() }
            return .values([])
        },
        "base64_encode": { call in .values([.text(Base64.encode(call[0].bytes ?? []))]) },
        "base64_decode": { call in .values([call[0].string.flatMap { Base64.decode($0) }.map { .string($0) } ?? .nil]) },
    ])

    private static func script(of call: LuaState.Call) -> Script { unsafeDowncast(call.owner, to: Script.self) }

    /// Asks the store of pushes; nothing where there is none.
    private nonisolated func withPushes(of call: LuaState.Call, _ work: (PushStore) -> EventLoopFuture<[LuaValue]>) -> LuaState.Outcome {
        guard let pushes = environment.pushes else { return .values([]) }
        let result = work(pushes)
        return perform(.disk(result), of: call) { (try? result.wait()) ?? [] }
    }

    /// Suspends the coroutine for an operation, or, where it cannot be suspended, does it while the thread waits.
    private nonisolated func perform(_ operation: Operation, of call: LuaState.Call, blocking: () -> [LuaValue]) -> LuaState.Outcome {
        guard call.canSuspend else { return .values(blocking()) }
        assumeIsolated { $0.fibers?.suspend(operation) }
        return .suspend
    }

    /// A number of milliseconds, a day at most; nil for what is none, or less than nothing.
    static func duration(_ value: LuaValue) -> TimeAmount? {
        guard let milliseconds = value.number, milliseconds >= 0 else { return nil }
        return .nanoseconds(Int64(min(milliseconds, 86_400_000) * 1_000_000))
    }

    static func now() -> Int64 { WallClock.milliseconds() }

    private static func level(_ name: String) -> Logger.Level {
        switch name {
        case "trace": .trace
        case "debug": .debug
        case "warn": .warning
        case "error": .error
        case "audit", "force": .critical
        default: .info
        }
    }

    /// `{ gateway, method, tls, host, port, path, headers, body }`
    private nonisolated func httpCall(_ table: LuaTable) throws -> HTTPCall {
        let method = HTTPMethod(rawValue: (table["method"].string ?? "GET").uppercased())
        guard let path = table["path"].string, path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw LuaError("expected a path that begins with / and holds no blanks")
        }
        var headers = HTTPHeaders()
        for (name, value) in table["headers"].table?.fields ?? [:] {
            let text = Script.text(value) ?? ""
            guard !text.utf8.contains(where: { $0 < 0x20 && $0 != 9 }), !name.isEmpty,
                name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x3A })
            else {
                throw LuaError("the header \(name) cannot be sent")
            }
            headers.replaceOrAdd(name: name, value: text)
        }
        var body: ByteBuffer?
        if let bytes = table["body"].bytes, method == .POST || method == .PUT {
            body = ByteBuffer(bytes: bytes)
            if !headers.contains(name: "Content-Type") {
                headers.add(name: "Content-Type", value: table["contentType"].string ?? "application/json")
            }
        }
        if table["gateway"].boolean == true {
            return environment.gatewayCall(method, path, headers: headers, body: body, timeout: requestTimeout)
        }
        guard let host = table["host"].string, let port = table["port"].number.flatMap({ Int(exactly: $0) }), (1...65535).contains(port)
        else {
            throw LuaError("expected a host and a port from 1 to 65535")
        }
        return HTTPCall(
            method, HTTPOrigin(isTLS: table["tls"].boolean == true, host: host, port: port), path, headers: headers, body: body,
            timeout: requestTimeout)
    }
}
