import ArgumentParser
import EdgeREST
import Formats
import Glibc
import HTTPTransport
import Logging
import NIOCore
import NIOPosix
import ProgramSupport

/// Measures what a gateway takes: registers many Things of one device host and waits until all are bound.
struct LoadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load", abstract: "Register many Things through a gateway and measure how long binding takes.",
        discussion: "The platform must know the Things <prefix>0, <prefix>1, …; --model prints a model that does.")

    @OptionGroup var connection: Connection
    @Option(help: "The gateway.")
    var gateway = "http://127.0.0.1:8000"
    @Option(help: "How many Things.")
    var count = 1000
    @Option(help: "What their names begin with.")
    var prefix = "Load"
    @Flag(help: "Print a platform's model with these Things and exit.")
    var model = false
    @Option(help: "The platform's port in the printed model.")
    var port = 8080
    @Option(help: "The application key in the printed model.")
    var key = "load-test"
    @Option(help: "The log level in the printed model.")
    var logLevel = "WARN"

    func run() async throws {
        if model { return Console.line(printedModel()) }
        let platform = try connection.client()
        let gateway = try RestClient(url: self.gateway, key: nil, on: MultiThreadedEventLoopGroup.singleton.next())
        var configuration = HTTPServer.Configuration()
        configuration.maximumClients = 10_000
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let device = try await HTTPServer.start(configuration, on: loop, logger: Logger(label: "device") { _ in SwiftLogNoOpLogHandler() })
        { _ in
            loop.makeSucceededFuture(.json(ByteBuffer(string: "{}")))
        }
        let clock = ContinuousClock()
        let start = clock.now
        try await register(at: gateway, port: device.port)
        let registered = clock.now - start
        while try await boundCount(platform) < count { try await Task.sleep(for: .milliseconds(10)) }
        Console.line(
            "{\"things\":\(count),\"registeredMilliseconds\":\(registered.milliseconds),\"boundMilliseconds\":\((clock.now - start).milliseconds)}"
        )
        await device.stop()
    }

    private func register(at gateway: RestClient, port: Int) async throws {
        // As many calls at once as a gateway serves clients by default.
        let workers = 12
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<workers {
                group.addTask {
                    for index in stride(from: worker, to: count, by: workers) {
                        let body: JSONValue = [
                            "name": .string("\(prefix)\(index)"), "host": "127.0.0.1", "port": .int(port), "path": "/", "keepalive": 60000,
                        ]
                        _ = try await gateway.call(.POST, "/Thingworx/Things/LocalEms/Services/AddEdgeThing", body: body)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func boundCount(_ platform: RestClient) async throws -> Int {
        let rows = try await platform.call(.GET, "/Thingworx/Things")["rows"]?.array ?? []
        return rows.count { $0["isConnected"] == true && $0["name"]?.string?.hasPrefix(prefix) == true }
    }

    private func printedModel() -> String {
        let things = (0..<count).map { index -> JSONValue in ["name": .string("\(prefix)\(index)"), "discover": false] }
        let model: JSONValue = [
            "server": ["port": .int(port), "log_level": .string(logLevel)],
            "users": [["name": "load", "groups": ["Administrators"]]],
            "application_keys": [["name": "load", "key": .string(key), "user": "load"]],
            "things": .array(things),
        ]
        return model.description
    }
}

extension Duration {
    fileprivate var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
