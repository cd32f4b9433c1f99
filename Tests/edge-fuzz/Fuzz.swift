import CFuzzer
import FuzzTargets
import Glibc

/// libFuzzer's entries. The target is the one that `EDGE_FUZZ_TARGET` names.
///
/// Beyond a crash, what counts is an input that costs more than `FuzzTarget.cost` says.
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

/// One time in four by structure, where the target's inputs have one, which takes longer than most runs; else by bytes, as libFuzzer does.
@_cdecl("LLVMFuzzerCustomMutator")
func mutate(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ most: Int, _ seed: CUnsignedInt) -> Int {
    if seed & 3 == 0, let bytes = Fuzz.mutated(Array(UnsafeBufferPointer(start: data, count: size)), most: most, seed: UInt64(seed)) {
        UnsafeMutableRawBufferPointer(start: data, count: most).copyBytes(from: bytes)
        return bytes.count
    }
    return fuzzer_mutate(data, size, most)
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
        for input in [[0], [1], [UInt8](repeating: 0x7B, count: 40)] { target.run(input) }
    }

    static func mutated(_ bytes: [UInt8], most: Int, seed: UInt64) -> [UInt8]? {
        var generator = SplitMix(state: seed)
        return StructuredMutation.mutate(bytes, as: target.form, most: most, using: &generator)
    }

    static func check(_ bytes: [UInt8]) {
        memory_watch_start()
        let start = nanoseconds()
        target.run(bytes)
        let taken = (nanoseconds() - start) / 1_000_000
        let peak = memory_watch_peak()
        let cost = target.cost
        guard taken <= cost.milliseconds else { fatalError("\(taken) ms of processor time for \(bytes.count) bytes") }
        guard peak <= cost.memory(for: bytes.count) else { fatalError("\(peak) bytes of memory for \(bytes.count) bytes") }
    }

    private static func nanoseconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return time.tv_sec * 1_000_000_000 + time.tv_nsec
    }
}

/// Numbers that follow from a seed alone (Steele, Lea, Flood 2014).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
