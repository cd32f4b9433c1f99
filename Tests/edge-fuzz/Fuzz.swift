import CFuzzer
import FuzzTargets
import Glibc

/// libFuzzer's entries. The target is the one that `EDGE_FUZZ_TARGET` names.
///
/// Beyond a crash, what counts is an input that takes over 100 ms, or over ten times its size and 1 MiB of memory.
@_cdecl("LLVMFuzzerInitialize")
func initialize(_ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutableRawPointer) -> CInt {
    Fuzz.choose()
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
func testOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
    Fuzz.check(Array(UnsafeBufferPointer(start: data, count: size)))
    return 0
}

enum Fuzz {
    nonisolated(unsafe) private static var target = FuzzTarget.message

    static func choose() {
        let name = getenv("EDGE_FUZZ_TARGET").map { String(cString: $0) } ?? ""
        guard let chosen = FuzzTarget(rawValue: name) else {
            print("EDGE_FUZZ_TARGET is \"\(name)\", expected one of \(FuzzTarget.allCases.map(\.rawValue).joined(separator: ", "))")
            exit(2)
        }
        target = chosen
        // What is made once is no input's doing.
        target.run([0])
    }

    static func check(_ bytes: [UInt8]) {
        memory_watch_start()
        let start = nanoseconds()
        target.run(bytes)
        let taken = (nanoseconds() - start) / 1_000_000
        let peak = memory_watch_peak()
        guard taken <= 100 else { fatalError("\(taken) ms of processor time for \(bytes.count) bytes") }
        guard peak <= 10 * bytes.count + 1 << 20 else { fatalError("\(peak) bytes of memory for \(bytes.count) bytes") }
    }

    private static func nanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}
