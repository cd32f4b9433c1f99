import AlwaysOn
import AlwaysOnTransport
import Formats
import Foundation
import HTTPTransport
import Logging
import NIOCore
import NIOEmbedded
import NIOHTTP1
import Secrets
import TestKit
import ThingModel
import ThingPlatform

/// The platform from its socket on: HTTP and an AlwaysOn connection side by side, as one program of operations. What it writes
/// to an edge has to be readable, and after all of it a plain request is answered.
struct PlatformPath {
    private let loop = EmbeddedEventLoop()
    private let platform: Platform
    private let edge: EmbeddedChannel
    private let browser: EmbeddedChannel
    private let alwaysOn: AlwaysOnUpgrader
    private static let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }

    /// Read once: what is under test comes after it.
    private static let model: PlatformModel = {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("edge-fuzz-\(getpid()).json").path
        let text = """
            {"users": [{"name": "u", "groups": ["Edge"]}], "application_keys": [{"name": "k", "key": "k", "user": "u"}],
             "permissions": [{"group": "Edge", "things": ["T*", "G*"], "allow": ["bind", "read", "write", "invoke", "fire", "design"]}],
             "things": [{"name": "T", "identifier": "id", "discover": true}]}
            """
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            defer { unlink(path) }
            return try ModelFile(path: path).read().model
        } catch {
            fatalError("\(error)")
        }
    }()

    static func run(_ bytes: [UInt8]) {
        guard let path = try? PlatformPath() else { fatalError("the platform does not start") }
        path.run(bytes)
    }

    private init() throws {
        let loop = self.loop
        platform = try Platform(
            store: ForgetfulStore(), seed: PlatformPath.model, logger: PlatformPath.logger, on: loop, executor: InlineExecutor.shared)
        alwaysOn = AlwaysOnUpgrader()
        func channel() throws -> EmbeddedChannel {
            let channel = EmbeddedChannel(loop: loop)
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
            return channel
        }
        edge = try channel()
        browser = try channel()
        try PlatformServer.serve(edge, alwaysOn: alwaysOn, platform: platform, logger: PlatformPath.logger)
        try PlatformServer.serve(browser, alwaysOn: alwaysOn, platform: platform, logger: PlatformPath.logger)
    }

    private func run(_ bytes: [UInt8]) {
        defer {
            _ = try? edge.finish(acceptAlreadyClosed: true)
            _ = try? browser.finish(acceptAlreadyClosed: true)
            loop.run()
        }
        var input = ByteBuffer(bytes: bytes)
        guard let mode = input.readInteger(as: UInt8.self) else { return }
        if mode & 1 == 0 { connect() }
        for _ in 0..<200 {
            guard let operation = input.readInteger(as: UInt8.self) else { break }
            step(operation, &input)
            loop.run()
            readEdge()
            while (try? browser.readOutbound(as: ByteBuffer.self)) != nil {}
        }
        isAlive()
    }

    private func connect() {
        write(
            edge,
            ByteBuffer(
                string:
                    "GET /Thingworx/WS HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ))
        loop.run()
        write(
            edge,
            frame(
                2,
                Message(header: Header(code: Code.auth, requestID: 1, sessionID: Header.noSession), body: .auth(Auth(applicationKey: "k")))
                    .encoded()))
        loop.run()
        // The answer to the upgrade is no frame.
        while let bytes = try? edge.readOutbound(as: ByteBuffer.self) { if bytes.readableBytesView.starts(with: "HTTP".utf8) { continue } }
    }

    private func step(_ operation: UInt8, _ input: inout ByteBuffer) {
        switch operation & 7 {
        case 0, 1: write(edge, frame(2, bytes(&input)))
        case 2: write(edge, frame(operation >> 4, bytes(&input), fin: operation & 8 != 0))
        case 3: write(edge, bytes(&input))
        case 4: write(browser, bytes(&input))
        case 5: rest(["PUT", "POST"][Int(operation >> 3 & 1)], &input)
        case 6: loop.advanceTime(by: .milliseconds(Int64(input.readInteger(as: UInt16.self) ?? 0)))
        default: edge.isWritable = operation & 8 != 0
        }
    }

    private func bytes(_ input: inout ByteBuffer) -> ByteBuffer {
        let length = Int(input.readInteger(as: UInt16.self) ?? 0)
        return input.readSlice(length: min(length, input.readableBytes)) ?? ByteBuffer()
    }

    private static let targets = [
        "Things/T/Properties/p", "Things/T/Properties/*", "Things/T/Services/UpdateSubscribedPropertyValues",
        "Resources/EntityServices/Services/CreateThing",
        "Resources/EntityServices/Services/DeleteThing", "Things/T/Services/GetPropertyValues", "Things/T/Services/Other",
        "Things/T/Events/E",
    ]

    private func rest(_ method: String, _ input: inout ByteBuffer) {
        let target = PlatformPath.targets[Int(input.readInteger(as: UInt8.self) ?? 0) % PlatformPath.targets.count]
        var body = bytes(&input)
        var head = ByteBuffer(
            string:
                "\(method) /Thingworx/\(target) HTTP/1.1\r\nHost: localhost\r\nappKey: k\r\nContent-Length: \(body.readableBytes)\r\n\r\n")
        head.writeBuffer(&body)
        write(browser, head)
    }

    /// The platform answers a client who did nothing of it.
    private func isAlive() {
        guard
            let channel = try? { () throws -> EmbeddedChannel in
                let channel = EmbeddedChannel(loop: loop)
                channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 2), promise: nil)
                try PlatformServer.serve(channel, alwaysOn: alwaysOn, platform: platform, logger: PlatformPath.logger)
                return channel
            }()
        else { fatalError("no further client can connect") }
        defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
        write(channel, ByteBuffer(string: "GET /Thingworx/Things HTTP/1.1\r\nHost: localhost\r\nappKey: k\r\n\r\n"))
        loop.run()
        guard let answer = try? channel.readOutbound(as: ByteBuffer.self), answer.readableBytesView.starts(with: "HTTP/1.1 200".utf8) else {
            fatalError("a plain request is not answered any more")
        }
    }

    private func write(_ channel: EmbeddedChannel, _ bytes: ByteBuffer) {
        if channel.isActive { _ = try? channel.writeInbound(bytes) }
    }

    private func frame(_ opcode: UInt8, _ payload: ByteBuffer, fin: Bool = true) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger((fin ? 0x80 : 0) | opcode & 15)
        if payload.readableBytes < 126 {
            frame.writeInteger(0x80 | UInt8(payload.readableBytes))
        } else {
            frame.writeInteger(0x80 | 126 as UInt8)
            frame.writeInteger(UInt16(clamping: payload.readableBytes))
        }
        frame.writeInteger(0 as UInt32)
        frame.writeImmutableBuffer(payload)
        return frame
    }

    /// Every message to the edge is one that an edge can read.
    private func readEdge() {
        var bytes = ByteBuffer()
        while var part = try? edge.readOutbound(as: ByteBuffer.self) { bytes.writeBuffer(&part) }
        if bytes.readableBytesView.starts(with: "HTTP".utf8) { return }
        while let head = bytes.readInteger(as: UInt8.self), let second = bytes.readInteger(as: UInt8.self) {
            var length = Int(second & 0x7F)
            if length == 126 { length = Int(bytes.readInteger(as: UInt16.self) ?? 0) }
            if length == 127 { length = Int(bytes.readInteger(as: UInt64.self) ?? 0) }
            guard let payload = bytes.readSlice(length: length) else { return }
            guard head & 0x8F == 0x82 else { continue }
            do { _ = try Packet(decoding: payload) } catch { fatalError("the platform writes what an edge cannot read: \(error)") }
        }
    }
}
