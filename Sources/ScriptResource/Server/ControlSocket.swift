import Formats
import Glibc
import LogSupport
import Logging
import NIOCore
import NIOPosix

/// A socket in the file system by which `edgectl lua repl` evaluates code in scripts. Its file's permissions are its guard:
/// whoever may open it, which is the program's own user alone, may do what scripts may do.
///
/// Each line is an object `{"script": name, "code": text}`, answered by a line `{"outcome": "ok"|"error"|"incomplete", "text": …}`.
final class ControlSocket: Sendable {
    private let channel: any Channel
    private let path: String

    static func path(besides configuration: String) -> String { "\(configuration).socket" }

    private init(channel: any Channel, path: String) {
        self.channel = channel
        self.path = path
    }

    /// - Throws: what keeps the socket from being made.
    static func open(_ environment: ScriptEnvironment, logger: Logger) async throws -> ControlSocket {
        let path = path(besides: environment.configuration.path)
        // Whoever is here holds the name; one that was left behind answers nobody.
        let mask = umask(0o177)
        defer { umask(mask) }
        let channel = try await ServerBootstrap(group: environment.loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ControlHandler(environment: environment, logger: logger))
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        return ControlSocket(channel: channel, path: path)
    }

    func close() async {
        try? await channel.close()
        unlink(path)
    }
}

private final class ControlHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let environment: ScriptEnvironment
    private let logger: Logger
    private var received = ByteBuffer()
    private static let longestLine = 1 << 20

    init(environment: ScriptEnvironment, logger: Logger) {
        self.environment = environment
        self.logger = logger
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var part = unwrapInboundIn(data)
        received.writeBuffer(&part)
        while let end = received.readableBytesView.firstIndex(of: UInt8(ascii: "\n")) {
            let line = received.readSlice(length: end - received.readerIndex)!
            received.moveReaderIndex(forwardBy: 1)
            answer(line, context)
        }
        if received.readableBytes > ControlHandler.longestLine { context.close(promise: nil) }
        received.discardReadBytes()
    }

    private func answer(_ line: ByteBuffer, _ context: ChannelHandlerContext) {
        let reply = NIOLoopBound(context, eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let send = { @Sendable (outcome: String, text: String) in
            loop.execute {
                var bytes = ByteBuffer()
                bytes.writeJSON(.object(["outcome": .string(outcome), "text": .string(text)]))
                bytes.writeStaticString("\n")
                reply.value.writeAndFlush(NIOAny(bytes), promise: nil)
            }
        }
        guard let request = try? JSONValue(parsing: line), let name = request["script"]?.string, let code = request["code"]?.string else {
            return send("error", "expected {\"script\": name, \"code\": text}")
        }
        guard let script = environment.thing(name) ?? environment.script(name) else {
            let known = environment.scriptStates.keys.sorted().joined(separator: ", ")
            return send("error", "there is no script or Thing \(name) here\(known.isEmpty ? "" : "; there are \(known)")")
        }
        logger.log(level: .audit, "evaluated \(code.count) characters in \(script.name)")
        script.evaluate(code, completion: send)
    }
}
