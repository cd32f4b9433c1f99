// The platform's store by itself, and ten thousand edges at a platform: see Benchmarks/platform.
import AlwaysOn
import AlwaysOnTransport
import EdgeREST
import Formats
import Glibc
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import PlatformStore
import ThingModel

let arguments = CommandLine.arguments
let loop = MultiThreadedEventLoopGroup.singleton.next()

func number(_ index: Int, _ standard: Int) -> Int { index < arguments.count ? Int(arguments[index]) ?? standard : standard }
func seconds(since start: ContinuousClock.Instant) -> Double {
    let duration = ContinuousClock.now - start
    return Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

/// Batches of so many values, one value of each series in turn, as fast as they are committed.
func history(_ path: String, total: Int, batch size: Int, series: Int) async throws {
    let database = try PlatformDatabase(path: path)
    let properties = (0..<series).map { PropertyRef(thing: "Load\($0)", property: "value") }
    let start = ContinuousClock.now
    var written = 0
    var time: Int64 = 1_800_000_000_000
    var waiting: [EventLoopFuture<Void>] = []
    while written < total {
        var batch = StoreBatch()
        batch.history.reserveCapacity(size)
        for _ in 0..<size {
            batch.history.append((properties[written % series], TimedValue(value: .number(Double(written % 1000) / 7), time: time)))
            written += 1
            if written % series == 0 { time += 1000 }
        }
        waiting.append(database.commit(batch, on: loop))
        if waiting.count >= 2 { try await waiting.removeFirst().get() }
    }
    for future in waiting { try await future.get() }
    print(Int(Double(written) / seconds(since: start)))
    database.close()
}

/// Charts of one property with many values.
func chart(_ path: String) async throws {
    let database = try PlatformDatabase(path: path)
    let property = PropertyRef(thing: "Load0", property: "value")
    for span in [Int64.min...Int64.max, 1_800_000_000_000...1_801_000_000_000] {
        var times: [Double] = []
        var count = 0
        for _ in 0..<5 {
            let start = ContinuousClock.now
            count = try await database.chart(property, span: span, most: 1000, on: loop).get().reduce(0) { $0 + $1.count }
            times.append(seconds(since: start) * 1000)
        }
        print("\(count) values: \(times.sorted()[2].rounded()) ms")
    }
    database.close()
}

/// Edges with a Thing each that push a value a second; reads through them meanwhile.
final class Edges: Sendable {
    struct Counts {
        var online = 0
        var bound = 0
        var accepted = 0
        var refused = 0
        var latencies: [Double] = []
    }

    let counts = NIOLockedValueBox(Counts())
    let connections = NIOLockedValueBox<[(Int, EdgeConnection, any EventLoop)]>([])

    func run(port: Int, count: Int, seconds: Int, compression: Bool) async throws {
        var endpoint = PlatformEndpoint(host: "127.0.0.1", port: port)
        endpoint.compression = compression
        for start in stride(from: 0, to: count, by: 200) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in start..<min(start + 200, count) { group.addTask { [endpoint] in try await self.connect(index, endpoint) } }
                try await group.waitForAll()
            }
        }
        while counts.withLockedValue({ $0.bound }) < count { try await Task.sleep(for: .milliseconds(50)) }
        print("bound", count)
        let rest = try RestClient(url: "http://127.0.0.1:\(port)", key: "load-test", on: loop)
        // Beside the load from its first second on.
        async let reads: Void = read(rest, count: count, seconds: seconds)
        let all = connections.withLockedValue { $0 }
        for (index, connection, loop) in all {
            loop.scheduleRepeatedTask(initialDelay: .milliseconds(Int64(index * 1000 / count)), delay: .seconds(1)) { [self] _ in
                push(index, connection)
            }
        }
        try await Task.sleep(for: .seconds(2))
        let before = counts.withLockedValue { $0.accepted }
        let start = ContinuousClock.now
        try await Task.sleep(for: .seconds(seconds))
        let duration = ContinuousClock.now - start
        let after = counts.withLockedValue { ($0.accepted, $0.refused) }
        try await reads
        let latencies = counts.withLockedValue { $0.latencies.sorted() }
        print(
            "accepted",
            Int(Double(after.0 - before) / (Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18)),
            "values/s, refused", after.1)
        print(
            "read through an edge: median", latencies[latencies.count / 2], "ms, p99", latencies[latencies.count * 99 / 100], "ms of",
            latencies.count)
    }

    private func connect(_ index: Int, _ endpoint: PlatformEndpoint) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let connection = try await EdgeConnector.connect(to: endpoint, applicationKey: "load-test", session: .init(), on: loop) {
            [self] connection, event in
            switch event {
            case .online:
                counts.withLockedValue { $0.online += 1 }
                connection.bind(Bind(names: ["Load\(index)"]))
            case .bindAnswered: counts.withLockedValue { $0.bound += 1 }
            case .request(let header, let request):
                let answer = request.method == .get ? Response.success(Infotable(request.name, .number(Double(index)))) : Response(.success)
                connection.respond(answer, to: header)
            default: break
            }
        }.get()
        connections.withLockedValue { $0.append((index, connection, loop)) }
    }

    private func push(_ index: Int, _ connection: EdgeConnection) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var table = Infotable(
            DataShape([.init("name", .string), .init("value", .variant), .init("time", .datetime), .init("quality", .string)]))
        table.append([
            .string("value"), .variant(.number(Double(now.tv_nsec % 1000))), .datetime(Int64(now.tv_sec) * 1000), .string("GOOD"),
        ])
        guard let content = try? EncodedInfotable(Infotable("values", .infotable(table))) else { return }
        connection.request(
            Request(.post, "Load\(index)", .service, "UpdateSubscribedPropertyValues", content: content), timeout: .seconds(30)
        ).whenSuccess { [self] response in
            counts.withLockedValue { if response.status.isSuccess { $0.accepted += 1 } else { $0.refused += 1 } }
        }
    }

    private func read(_ rest: RestClient, count: Int, seconds: Int) async throws {
        try await Task.sleep(for: .seconds(2))
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let start = ContinuousClock.now
            _ = try await rest.call(.GET, "/Thingworx/Things/Load\(Int.random(in: 0..<count))/Properties/live")
            let duration = ContinuousClock.now - start
            counts.withLockedValue {
                $0.latencies.append(
                    Double(duration.components.attoseconds / 1_000_000_000_000) / 1000 + Double(duration.components.seconds) * 1000)
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}

switch arguments.dropFirst().first {
case "history": try await history(arguments[2], total: number(3, 4_000_000), batch: number(4, 1000), series: number(5, 10_000))
case "chart": try await chart(arguments[2])
case "edges":
    try await Edges().run(
        port: number(2, 8080), count: number(3, 10_000), seconds: number(4, 20), compression: arguments.last == "compressed")
default: print("usage: platform-bench history FILE [values] [batch] [series] | chart FILE | edges PORT [count] [seconds] [compressed]")
}
exit(0)
