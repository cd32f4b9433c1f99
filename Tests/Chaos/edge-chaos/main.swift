import ChaosModel
import Glibc

// The store on a model disk: edge-chaos RUNS [SEED]. Each run is so many crashes of one store; a failing one is named by its seed.
let arguments = CommandLine.arguments
let runs = arguments.count > 1 ? UInt64(arguments[1]) ?? 1000 : 1000
let first = arguments.count > 2 ? UInt64(arguments[2]) ?? 1 : 1
let crashesOfOne = 20
var crashes = 0, acknowledged = 0, redelivered = 0, failures = 0
var start = timespec()
clock_gettime(CLOCK_MONOTONIC, &start)
for seed in first..<first + runs {
    do {
        let outcome = try StoreTrial.run(seed: seed, crashes: crashesOfOne, ring: nil)
        crashes += outcome.crashes
        acknowledged += outcome.acknowledged
        redelivered += outcome.redelivered
    } catch {
        failures += 1
        print("\(error)")
    }
}
var end = timespec()
clock_gettime(CLOCK_MONOTONIC, &end)
let seconds = Double(end.tv_sec - start.tv_sec) + Double(end.tv_nsec - start.tv_nsec) / 1e9
print(
    "\(crashes) crash points in \(Int(seconds)) s (\(Int(Double(crashes) / seconds))/s), \(acknowledged) messages acknowledged, \(failures) runs failed;"
)
print("\(redelivered) removed messages were there again after a power cut, which the platform drops by their ids")
exit(failures == 0 ? 0 : 1)
