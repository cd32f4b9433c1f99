import CFaultControl
import EdgeREST
import Formats
import Foundation
import HTTPTransport
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import TestKit

/// One run: values are sent to a gateway while a seed decides what goes wrong; at the end all that was acknowledged has to have arrived
/// at the platform, once and in order.
struct ChaosRun {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    struct Outcome {
        var acknowledged = 0
        var stored = 0
        var unknown = 0
        var faults: [String] = []
    }

    /// What became of the values of one Thing, by their number.
    private struct Sent {
        var acknowledged: [Int] = []
        var stored = 0
        var unknown: Set<Int> = []
        var next = 1
    }

    private let seed: UInt64
    private var random: SeededGenerator
    private let site: ChaosSite
    private let sent = NIOLockedValueBox<[String: Sent]>([:])
    private let isSending = NIOLockedValueBox(true)
    private var outcome = Outcome()

    static func run(seed: UInt64, faults: Int) async throws -> Outcome {
        var random = SeededGenerator(seed: seed)
        let stores = [
            "", ", \"sync\": \"message\"", ", \"encrypt\": false", ", \"blocking\": true", ", \"merge_size\": 400", ", \"parallel\": 1",
            ", \"share\": 100",
        ]
        let site = try await ChaosSite(store: stores[Int(random.next() % UInt64(stores.count))])
        var run = ChaosRun(seed: seed, random: random, site: site)
        do {
            try await run.go(faults)
        } catch {
            try? await run.keepTraces()
            await site.stop()
            throw Failure(description: "seed \(seed) (\(run.outcome.faults.joined(separator: ", "))): \(error)")
        }
        await site.stop()
        return run.outcome
    }

    private init(seed: UInt64, random: SeededGenerator, site: ChaosSite) {
        self.seed = seed
        self.random = random
        self.site = site
    }

    private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    private mutating func go(_ faults: Int) async throws {
        let before = ChaosSite.usage(of: site.gateway)
        let (port, sent, isSending) = (site.gatewayPort, sent, isSending)
        let senders = ChaosSite.things.map { thing in Task { await ChaosRun.send(to: thing, port: port, sent, isSending) } }
        for _ in 0..<faults {
            try await Task.sleep(for: .milliseconds(10 + below(150)))
            try await fault()
        }
        isSending.withLockedValue { $0 = false }
        for sender in senders { await sender.value }
        try await settle()
        try check()
        let after = ChaosSite.usage(of: site.gateway)
        guard after.files <= before.files + 12 else {
            throw Failure(description: "the gateway had \(before.files) open files, and has \(after.files)")
        }
        guard after.resident <= before.resident + 64 << 20 else {
            throw Failure(description: "the gateway had \(before.resident) bytes, and has \(after.resident)")
        }
    }

    // MARK: Load

    /// A device that sends one value after the other, each once: what it is not told of may have arrived or not.
    private static func send(
        to thing: String, port: Int, _ sent: NIOLockedValueBox<[String: Sent]>, _ isSending: NIOLockedValueBox<Bool>
    )
        async
    {
        var configuration = HTTPClient.Configuration()
        configuration.maximumBodySize = 1 << 20
        guard
            let client = try? RestClient(
                url: "http://127.0.0.1:\(port)", key: nil, tls: configuration, on: MultiThreadedEventLoopGroup.singleton.next())
        else { return }
        while isSending.withLockedValue({ $0 }) {
            let value = sent.withLockedValue { sent -> Int in
                defer { sent[thing, default: Sent()].next += 1 }
                return sent[thing]?.next ?? 1
            }
            let status = try? await put(value, to: thing, by: client)
            sent.withLockedValue { sent in
                switch status {
                case 200?, 202?:
                    sent[thing]!.acknowledged.append(value)
                    if status == 202 { sent[thing]!.stored += 1 }
                // 503 from a gateway that could not write and could not take it back either, no answer at all: nobody knows.
                default: sent[thing]!.unknown.insert(value)
                }
            }
            if status == nil || status == 503 { try? await Task.sleep(for: .milliseconds(20)) }
            try? await Task.sleep(for: .milliseconds(2))
        }
    }

    private static func put(_ value: Int, to thing: String, by client: RestClient) async throws -> Int {
        guard value % 3 != 0 else {
            let rows: JSONValue = [["name": "n", "value": .int(value), "time": .int(1_700_000_000_000 + value), "quality": "GOOD"]]
            let fields: JSONValue = [
                "name": ["name": "name", "baseType": "STRING"], "value": ["name": "value", "baseType": "INTEGER"],
                "time": ["name": "time", "baseType": "DATETIME"], "quality": ["name": "quality", "baseType": "STRING"],
            ]
            let body: JSONValue = ["values": ["dataShape": ["fieldDefinitions": fields], "rows": rows]]
            return try await client.send(.POST, RestClient.thing(thing, "Services", "UpdateSubscribedPropertyValues"), body: body).status
        }
        return try await client.send(.PUT, RestClient.thing(thing, "Properties", "n"), body: ["n": .int(value)]).status
    }

    // MARK: Faults

    private mutating func fault() async throws {
        // Some faults follow one another quickly: what begins in one meets the next.
        let pause = Duration.milliseconds(below(4) == 0 ? 1 + below(30) : 20 + below(400))
        var control = fault_control()
        switch below(14) {
        case 0, 1:
            note("kill the gateway")
            await site.endGateway(SIGKILL)
            try await Task.sleep(for: pause)
            try await site.restartGateway()
        case 2:
            note("stop the gateway")
            await site.endGateway(SIGTERM)
            try await site.restartGateway()
        case 3, 4:
            note("kill the platform")
            await site.endPlatform(SIGKILL)
            try await Task.sleep(for: pause)
            try await site.restartPlatform()
        case 5:
            note("restart the platform")
            await site.endPlatform(SIGTERM)
            try await site.restartPlatform()
        case 6:
            note("halt the platform")
            try await site.platform.halt()
            try await Task.sleep(for: pause * 3)
            site.platform.signal(SIGCONT)
        case 7:
            note("halt the gateway")
            try await site.gateway.halt()
            try await Task.sleep(for: pause)
            site.gateway.signal(SIGCONT)
        case 8:
            note("cut the line")
            site.proxy.cut()
        case 9:
            note("silence the line")
            site.proxy.set(.silent)
            try await Task.sleep(for: pause * 3)
            site.proxy.set(.none)
        case 10:
            note("slow the line down")
            site.proxy.set(.slow(.milliseconds(Int64(5 + below(100)))))
            try await Task.sleep(for: pause * 2)
            site.proxy.set(.none)
        case 11:
            note("close the line")
            site.proxy.set(.closed)
            site.proxy.cut()
            // The disk fails while the store is needed.
            control.code = UInt32(below(2) == 0 ? ENOSPC : EIO)
            control.write_failures = UInt32(1 + below(5))
            control.short_writes = UInt32(below(4))
            control.sync_failures = UInt32(below(4))
            note("errors of the disk")
            site.faults.set(control)
            try await Task.sleep(for: pause * 2)
            site.faults.set(fault_control())
            site.proxy.set(.none)
        case 12:
            note("set the clock")
            control.clock_offset_ms = Int64([-86_400_000, 3_600_000, 31_536_000_000][below(3)])
            site.faults.set(control)
            try await Task.sleep(for: pause)
            site.faults.set(fault_control())
        default:
            note("another key")
            try await site.restartPlatform(key: "another-key-for-a-while-5d")
            try await Task.sleep(for: pause)
            try await site.restartPlatform()
        }
    }

    private mutating func note(_ fault: String) { outcome.faults.append(fault) }

    // MARK: The end

    /// Everything runs and nothing is left to be delivered.
    private func settle() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if let store = try? await site.status()["store"], store["messages"]?.int == 0 {
                guard store["refused"]?.int == 0, store["dropped"]?.int == 0, store["expired"]?.int == 0, store["damaged"]?.int == 0 else {
                    throw Failure(description: "not all of it was delivered: \(store)")
                }
                return
            }
            try await Task.sleep(for: .milliseconds(30))
        }
        throw Failure(description: "the store does not get empty: \((try? await site.status()) ?? .null)")
    }

    private mutating func check() throws {
        let arrived = try site.journal()
        for (thing, sent) in sent.withLockedValue({ $0 }) {
            let values = arrived[thing] ?? []
            let known = Set(values)
            if let twice = Dictionary(grouping: values, by: { $0 }).first(where: { $0.value.count > 1 }) {
                throw Failure(description: "\(thing): \(twice.key) arrived \(twice.value.count) times")
            }
            let lost = sent.acknowledged.filter { !known.contains($0) }
            guard lost.isEmpty else {
                throw Failure(description: "\(thing): \(lost) of \(sent.next - 1) were acknowledged and did not arrive")
            }
            guard known.allSatisfy({ sent.unknown.contains($0) || $0 < sent.next }) else {
                throw Failure(description: "\(thing): more arrived than was sent")
            }
            if let index = values.indices.dropLast().first(where: { values[$0] > values[$0 + 1] }) {
                throw Failure(description: "\(thing): out of order at \(values[max(0, index - 3)..<min(values.count, index + 5)])")
            }
            outcome.acknowledged += sent.acknowledged.count
            outcome.stored += sent.stored
            outcome.unknown += sent.unknown.count
        }
    }

    private func keepTraces() async throws {
        guard let path = ProcessInfo.processInfo.environment["CHAOS_TRACES"] else { return }
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        try site.gateway.output.write(toFile: "\(path)/\(seed)-gateway.log", atomically: true, encoding: .utf8)
        try site.platform.output.write(toFile: "\(path)/\(seed)-platform.log", atomically: true, encoding: .utf8)
        try site.directory.read("journal.jsonl").write(toFile: "\(path)/\(seed)-journal.jsonl", atomically: true, encoding: .utf8)
    }
}
