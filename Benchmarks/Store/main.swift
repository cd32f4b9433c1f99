import AlwaysOn
import EdgeCore
import Glibc
import MessageStore
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Secrets

// The store by itself: see Benchmarks/store.
//
//   store-bench append DIRECTORY SECONDS batch|message|interval sealed|clear PRODUCERS
//   store-bench fill DIRECTORY MESSAGES THINGS BYTES
//   store-bench open DIRECTORY
let arguments = Array(CommandLine.arguments.dropFirst())

func seconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func resident() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_maxrss) / 1024
}

/// A push of one value, as a device sends it, with `size` bytes of text.
func push(_ thing: String, _ number: Int, size: Int) throws -> ByteBuffer {
    var values = Infotable(
        DataShape([.init("name", .string), .init("value", .variant), .init("time", .datetime), .init("quality", .string)]))
    let value: Value = size > 0 ? .string(String(repeating: "x", count: size)) : .number(Double(number))
    values.append([.string("n"), value, .datetime(1_700_000_000_000 + Int64(number)), .string("GOOD")])
    return StoredRequest.encoded(
        Request(
            .post, thing, .service, StoredRequest.pushService, headers: [MessageIdentity(epoch: 1, number: UInt64(number)).field],
            content: try EncodedInfotable(Infotable("values", .infotable(values)))))
}

func limits(_ size: Int) -> StoreLimits {
    var limits = StoreLimits()
    limits.maximumSize = size
    return limits
}

func append(_ directory: String, _ time: Double, _ sync: MessageStore.Sync, isSealed: Bool, producers: Int) throws {
    let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
    let ring = isSealed ? try KeyFile(besides: "\(directory)/x", credentialsDirectory: nil).loadOrCreate() : nil
    let log = try SegmentLog(files: DiskFiles("\(directory)/store"), ring: ring, limits: limits(64 << 30))
    let store = MessageStore(log, sync: sync, on: loop)
    let payload = try push("T", 1, size: 100)
    let begun = seconds()
    let done = try loop.submit { () -> [EventLoopFuture<Int>] in
        (0..<producers).map { producer in
            let promise = loop.makePromise(of: Int.self)
            @Sendable func next(_ count: Int) {
                guard seconds() - begun < time else { return promise.succeed(count) }
                store.append(NewMessage(key: "T\(producer)", label: 1, payload: payload, time: SystemClock.shared.now)).whenComplete {
                    result in
                    if case .failure(let error) = result { promise.fail(error) } else { next(count + 1) }
                }
            }
            next(0)
            return promise.futureResult
        }
    }.wait()
    let total = try done.reduce(0) { try $0 + $1.wait() }
    print(
        "\(Int(Double(total) / (seconds() - begun))) appends/s of \(payload.readableBytes) bytes, \(producers) producers, \(Int(resident())) MiB at most"
    )
    try loop.flatSubmit { store.close() }.wait()
}

func fill(_ directory: String, _ count: Int, things: Int, size: Int) throws {
    let log = try SegmentLog(files: DiskFiles(directory), ring: nil, isSealing: false, limits: limits(64 << 30))
    var number = 0
    while number < count {
        var batch: [NewMessage] = []
        for _ in 0..<min(10_000, count - number) {
            let thing = "T\(number % things)"
            batch.append(
                NewMessage(key: thing, label: 1, payload: try push(thing, number / things + 1, size: size), time: SystemClock.shared.now))
            number += 1
        }
        for result in log.append(batch, sync: false) { _ = try result.get() }
    }
    try log.sync()
    log.close()
    print("\(log.messages) messages, \(log.bytes >> 20) MiB in \(log.fileCount) files")
}

func open(_ directory: String) throws {
    let before = resident()
    let begun = seconds()
    let log = try SegmentLog(files: DiskFiles(directory), ring: nil, isSealing: false, limits: limits(64 << 30))
    let time = seconds() - begun
    let found = log.read(from: .init(), bytes: 1, isWanted: { _, _ in true })
    print(
        "opened \(log.messages) messages, \(log.bytes >> 20) MiB in \(Int(time * 1000)) ms, \(Int(resident() - before)) MiB more resident; first of \(found.messages.first?.key ?? "none")"
    )
}

switch arguments.first {
case "append":
    let syncs: [String: MessageStore.Sync] = ["batch": .batch, "message": .message, "interval": .interval(.seconds(1))]
    try append(arguments[1], Double(arguments[2])!, syncs[arguments[3]]!, isSealed: arguments[4] == "sealed", producers: Int(arguments[5])!)
case "fill": try fill(arguments[1], Int(arguments[2])!, things: Int(arguments[3])!, size: Int(arguments[4])!)
case "open": try open(arguments[1])
default: print("expected append, fill or open")
}
