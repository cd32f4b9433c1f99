import AlwaysOnTransport
import ArgumentParser
import EdgeREST
import Formats
import HTTPTransport
import NIOCore
import NIOPosix
import NetworkSupport
import ProgramSupport
import TunnelTransport
import Tunnels

struct TunnelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tunnel", abstract: "Reach what a Thing's edge reaches: a port here leads there.",
        discussion: """
            A target is the name of a tunnel of the Thing, or host:port as its edge sees them. With --stdio standard input and output are \
            the connection, as ssh wants it: ssh -o ProxyCommand="edgectl tunnel --stdio Thing localhost:22" user@Thing. A lost tunnel is \
            opened anew for the next connection.
            """)
    @OptionGroup var connection: Connection
    @Option(
        name: [.customShort("L"), .customLong("listen")],
        help: "Listen on this port, or address:port; a free one of this machine where it is absent.")
    var listen = "0"
    @Flag(help: "Carry standard input and output instead of listening.") var stdio = false
    @Flag(help: "Say nothing of connections.") var quiet = false
    @Argument var thing: String
    @Argument(help: "A tunnel's name, or host:port.") var target: String

    func run() async throws {
        let loop = Connection.loop
        let signals = Signals.stream([SIGINT, SIGTERM])
        guard let key = try connection.key() else {
            throw ValidationError("a tunnel needs an application key: --key-file or $THINGWORX_APP_KEY")
        }
        guard let (origin, _) = HTTPOrigin.parse(connection.url) else {
            throw ValidationError("\(connection.url): expected http(s)://host:port")
        }
        var endpoint = PlatformEndpoint(host: origin.host, port: origin.port)
        endpoint.tls = origin.isTLS ? try TLSClient(connection.trust) : nil
        endpoint.userAgent = "edgectl/\(Product.version)"
        let reporter = TunnelReporter(isQuiet: quiet)
        let client = TunnelClient(
            try connection.client(), endpoint: endpoint, key: key, parameters: try parameters(), on: loop
        ) { reporter.note($0) }
        if stdio { return try await carryStandardIO(client, reporter, signals) }
        let listener = try await listen(client, reporter, on: loop)
        _ = await signals.first { _ in true }
        try? await listener.close()
        try await loop.flatSubmit { client.end() }.get()
        reporter.sum()
    }

    private func parameters() throws -> JSONObject {
        var parameters: JSONObject = ["thing": .string(thing)]
        if target.contains(":") {
            let place = try TunnelTarget(target)
            parameters["host"] = .string(place.host)
            parameters["port"] = .int(place.port)
        } else {
            parameters["tunnel"] = .string(target)
        }
        return parameters
    }

    // MARK: Listening

    private func listen(_ client: TunnelClient, _ reporter: TunnelReporter, on loop: any EventLoop) async throws -> any Channel {
        let place: (host: String, port: Int)
        if let port = Int(listen), (0...65535).contains(port) {
            place = ("127.0.0.1", port)
        } else if let target = try? TunnelTarget(listen) {
            place = (target.host, target.port)
        } else {
            throw ValidationError("\(listen): expected a port, or address:port")
        }
        let bootstrap = LocalConnection.prepare(ServerBootstrap(group: loop)).childChannelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let local = LocalConnection(channel)
                try channel.pipeline.syncOperations.addHandlers([local, AcceptedConnection(local, client, reporter)])
            }
        }
        let listener: any Channel
        do {
            listener = try await bootstrap.bind(host: place.host, port: place.port).get()
        } catch {
            throw RestError("cannot listen on \(place.host):\(place.port): \(NetworkErrorText.describe(error))")
        }
        let port = listener.localAddress?.port ?? place.port
        Console.line("listening on \(place.host):\(port) for \(target) of \(thing)")
        return listener
    }

    // MARK: Standard input and output

    private func carryStandardIO(_ client: TunnelClient, _ reporter: TunnelReporter, _ signals: AsyncStream<Int32>) async throws {
        reporter.isQuiet = true
        let ends = reporter.ends
        let own = try StandardIO(on: client.loop)
        let bootstrap = LocalConnection.prepare(NIOPipeBootstrap(group: client.loop)).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(LocalConnection(channel)) }
        }
        try await bootstrap.takingOwnershipOfDescriptors(input: own.input, output: own.output).flatMap { channel in
            do { return client.carry(try channel.pipeline.syncOperations.handler(type: LocalConnection.self)) } catch {
                return channel.eventLoop.makeFailedFuture(error)
            }
        }.get()
        let reason = await withTaskGroup(of: String?.self) { group in
            group.addTask {
                for await end in ends { return end.reason }
                return nil
            }
            group.addTask {
                for await _ in signals { return "interrupted" }
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        try await client.loop.flatSubmit { client.end() }.get()
        if reason == nil { try? await own.flushed.get() }
        if let reason { throw RestError(reason) }
    }
}

/// A connection that was just accepted: carried as soon as it is a whole one.
private final class AcceptedConnection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let local: LocalConnection
    private let client: TunnelClient
    private let reporter: TunnelReporter

    init(_ local: LocalConnection, _ client: TunnelClient, _ reporter: TunnelReporter) {
        (self.local, self.client, self.reporter) = (local, client, reporter)
    }

    func channelActive(context: ChannelHandlerContext) {
        client.carry(local).whenFailure { [reporter] error in reporter.say("no tunnel for a connection: \(error)") }
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}

/// Lines about what happens, for whoever watches.
final class TunnelReporter: @unchecked Sendable {
    struct End: Sendable { let reason: String? }

    /// Ends of connections, as they come.
    let ends: AsyncStream<End>
    private let ended: AsyncStream<End>.Continuation
    var isQuiet: Bool
    /// Of the loop's own.
    private var sent = 0
    private var received = 0
    private var count = 0

    init(isQuiet: Bool) {
        self.isQuiet = isQuiet
        (ends, ended) = AsyncStream.makeStream()
    }

    func note(_ event: TunnelClient.Event) {
        switch event {
        case .opened(let tunnel): say("tunnel \(tunnel) is open")
        case .lost(let reason): say("the tunnel is over: \(reason); the next connection opens another")
        case .connected(let number):
            count += 1
            say("connection \(number) is open")
        case .closed(let number, let out, let back, let reason):
            sent += out
            received += back
            say("connection \(number) is over: \(TunnelReporter.bytes(out, back))\(reason.map { ": \($0)" } ?? "")")
            ended.yield(End(reason: reason))
        }
    }

    func sum() { say("\(count) connections, \(TunnelReporter.bytes(sent, received))") }

    func say(_ text: String) { if !isQuiet { Console.error(text) } }

    private static func bytes(_ sent: Int, _ received: Int) -> String {
        "\(ProgressLine.bytes(Double(sent))) there, \(ProgressLine.bytes(Double(received))) back"
    }
}
