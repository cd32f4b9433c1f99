import AlwaysOn
import Benchmark
import CAllocations
import Foundation
import NIOCore

/// One measurement: what is done once, and how many bytes it reads or writes.
struct Measurement {
    let name: String
    let bytes: Int
    let body: () -> Void
}

/// Keeps the optimiser from leaving out what nobody uses.
@inline(never) func use<T>(_ value: T) { withExtendedLifetime(value) {} }

func must<T>(_ body: () throws -> T) -> T {
    do { return try body() } catch { fatalError("a sample that cannot be measured: \(error)") }
}

let samples: [(String, Message)] = [
    ("property GET", Samples.propertyGet), ("update of 100 properties", Samples.update), ("infotable 1000 x 10", Samples.tableMessage),
    ("blob of 64 KiB", Samples.blobMessage),
]
var measurements: [Measurement] = []
for (name, message) in samples {
    let bytes = message.encoded()
    measurements.append(Measurement(name: "decode \(name)", bytes: bytes.readableBytes) { use(must { try Message(decoding: bytes) }) })
    measurements.append(Measurement(name: "encode \(name)", bytes: bytes.readableBytes) { use(message.encoded()) })
}
let encoded = must { try EncodedInfotable(Samples.table) }
let json = encoded.json()
let data = Data(json.readableBytesView)
let tree = must { try JSONSerialization.jsonObject(with: data) }
measurements += [
    Measurement(name: "cells of infotable 1000 x 10", bytes: encoded.bytes.readableBytes) { use(encoded.decoded()) },
    Measurement(name: "cells into infotable 1000 x 10", bytes: encoded.bytes.readableBytes) {
        use(must { try EncodedInfotable(Samples.table) })
    },
    Measurement(name: "wire to JSON 1000 x 10", bytes: json.readableBytes) { use(encoded.json()) },
    Measurement(name: "JSON to wire 1000 x 10", bytes: json.readableBytes) { use(must { try EncodedInfotable(json: json) }) },
    Measurement(name: "JSONSerialization writes", bytes: json.readableBytes) {
        use(must { try JSONSerialization.data(withJSONObject: tree) })
    },
    Measurement(name: "JSONSerialization reads", bytes: json.readableBytes) { use(must { try JSONSerialization.jsonObject(with: data) }) },
]

let suite = BenchmarkSuite(name: "codec", settings: MinTime(seconds: 1), WarmupIterations(20)) { suite in
    for measurement in measurements { suite.benchmark(measurement.name) { measurement.body() } }
}
// `codec NAME` measures what matches the expression alone.
let filter = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "."
var runner = BenchmarkRunner(suites: [suite], settings: [Format(.none), Quiet(true), Filter(filter)])
try runner.run()

func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

print("| what | bytes | µs | MB/s | allocations |\n| --- | ---: | ---: | ---: | ---: |")
var times: [String: Double] = [:]
for result in runner.results {
    guard let measurement = measurements.first(where: { $0.name == result.benchmarkName }) else { continue }
    let before = allocation_count()
    for _ in 0..<10 { measurement.body() }
    let allocations = Double(allocation_count() - before) / 10
    let nanoseconds = median(result.measurements)
    times[measurement.name] = nanoseconds
    let microseconds = String(format: "%.2f", nanoseconds / 1000)
    let rate = String(format: "%.0f", Double(measurement.bytes) * 1000 / nanoseconds)
    print("| \(measurement.name) | \(measurement.bytes) | \(microseconds) | \(rate) | \(String(format: "%.1f", allocations)) |")
}
if filter == "." {
    let writing = times["JSONSerialization writes"]! / times["wire to JSON 1000 x 10"]!
    let reading = times["JSONSerialization reads"]! / times["JSON to wire 1000 x 10"]!
    print(
        String(
            format:
                "\nAgainst Foundation's JSONSerialization on the same content: wire to JSON %.1f times, JSON to wire %.1f times as fast.",
            writing, reading))
}
