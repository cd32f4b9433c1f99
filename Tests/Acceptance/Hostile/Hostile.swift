import Foundation
import Testing

/// Whole programs under attack: each attack has bounds on memory and on the time of a plain request meanwhile.
///
/// One after the other: what one of them costs is not to be another's.
@Suite(.serialized) enum Hostile {
    /// Longest that a plain request may take meanwhile: a second, of optimised programs (`make hostile`). What this is about
    /// froze those for ten and more; others are some ten times slower, on a machine on which other tests run.
    static let patience = ProcessInfo.processInfo.environment["EDGE_BIN"] == nil ? Duration.seconds(10) : .seconds(1)

    /// Runs what blocks on a thread of its own: those that all tests share are few.
    static func onThread<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Result, any Error>) in
            Thread { done.resume(with: Swift.Result { try work() }) }.start()
        }
    }
}
