import Foundation
import TestKit
import Testing

/// Whole programs, with everything going wrong that a seed thinks of. More by `make chaos RUNS=… SEED=…`.
@Suite struct ChaosTests {
    @Test func whatWasAcknowledgedArrivesOnceAndInOrder() async throws {
        let environment = ProcessInfo.processInfo.environment
        let runs = environment["CHAOS_RUNS"].flatMap { UInt64($0) } ?? 4
        let first = environment["CHAOS_SEED"].flatMap { UInt64($0) } ?? 1
        let atOnce = environment["CHAOS_PARALLEL"].flatMap { Int($0) } ?? 2
        var total = ChaosRun.Outcome()
        var failures: [String] = []
        try await withThrowingTaskGroup(of: Result<ChaosRun.Outcome, any Error>.self) { group in
            var seeds = (first..<first + runs).makeIterator()
            func begin() {
                guard let seed = seeds.next() else { return }
                group.addTask { do { return .success(try await ChaosRun.run(seed: seed, faults: 8)) } catch { return .failure(error) } }
            }
            for _ in 0..<atOnce { begin() }
            for try await result in group {
                switch result {
                case .success(let outcome):
                    total.acknowledged += outcome.acknowledged
                    total.stored += outcome.stored
                    total.unknown += outcome.unknown
                    total.faults += outcome.faults
                case .failure(let error):
                    failures.append("\(error)")
                    print("chaos: \(error)")
                }
                begin()
            }
        }
        print(
            "chaos: \(runs) runs, \(total.faults.count) faults, \(total.acknowledged) values acknowledged, \(total.stored) of them stored first, \(total.unknown) unknown; \(failures.count) runs failed"
        )
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
        #expect(total.stored > 0)
    }
}
