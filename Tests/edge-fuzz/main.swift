import CFuzzer
import FuzzTargets
import Glibc

// edge-fuzz TARGET [libFuzzer's arguments]
//
// Beyond a crash, what counts is an input that takes over 100 ms, or over ten times its size and 1 MiB of memory.

guard CommandLine.argc > 1, let chosen = FuzzTarget(rawValue: CommandLine.arguments[1]) else {
    fputs("expected one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))\n", stderr)
    exit(2)
}

nonisolated(unsafe) let target = chosen

func nanoseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

var count = CommandLine.argc - 1
var arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = CommandLine.unsafeArgv + 1
exit(LLVMFuzzerRunDriver(&count, &arguments) { data, size in
    let bytes = Array(UnsafeBufferPointer(start: data, count: size))
    memory_watch_start()
    let start = nanoseconds()
    target.run(bytes)
    let taken = (nanoseconds() - start) / 1_000_000
    let peak = memory_watch_peak()
    guard taken <= 100 else { fatalError("\(taken) ms of processor time for \(size) bytes") }
    guard peak <= 10 * size + 1 << 20 else { fatalError("\(peak) bytes of memory for \(size) bytes") }
    return 0
})
