import Foundation
import FuzzTargets
import TestKit
import Testing

/// A short run of every fuzz target over mutations of its corpus; `make fuzz` runs them for long, guided by coverage.
@Suite(.serialized) struct FuzzTests {
    /// On a thread of its own: those that all tests share are for what gives way.
    @Test(arguments: FuzzTarget.allCases)
    func shortRun(target: FuzzTarget) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            DispatchQueue.global().async { done.resume(with: Result { try run(target) }) }
        }
    }

    private func run(_ target: FuzzTarget) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let directory = root.appendingPathComponent("FuzzTests/Corpus/\(target.rawValue)")
        let corpus = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }.map { [UInt8](try Data(contentsOf: $0)) }.filter { !$0.isEmpty }
        try #require(!corpus.isEmpty)
        for input in corpus { target.run(input) }
        var generator = SeededGenerator(seed: 7)
        // Whole paths go through every converter several times: some dozens of them take a second without optimisation.
        let rounds =
            switch target {
            case .table: 20
            case .json, .device, .platform, .local, .lua, .scripts: 50
            case .infotable, .session: 150
            default: 500
            }
        for round in 0..<rounds { target.run(mutation(of: corpus, round, target, &generator)) }
    }

    private func mutation(of corpus: [[UInt8]], _ round: Int, _ target: FuzzTarget, _ generator: inout SeededGenerator) -> [UInt8] {
        if round % 2 == 0, let input = corpus.randomElement(using: &generator),
            let mutated = StructuredMutation.mutate(input, as: target.form, most: 4096, using: &generator)
        {
            return mutated
        }
        return mutation(of: corpus, &generator)
    }

    private func mutation(of corpus: [[UInt8]], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = corpus.randomElement(using: &generator)!
        for _ in 0..<Int.random(in: 1...5, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            case 1 where place < bytes.count: bytes.remove(at: place)
            case 2 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
            case 3: bytes.removeSubrange(place...)
            default:
                let other = corpus.randomElement(using: &generator)!
                let start = Int.random(in: 0..<other.count, using: &generator)
                bytes.insert(contentsOf: other[start...].prefix(Int.random(in: 1...64, using: &generator)), at: place)
            }
        }
        return bytes
    }
}
