import Foundation
import Testing

/// Whole programs under attack: each attack has bounds on memory and on the time of a plain request meanwhile.
///
/// One after the other: what one of them costs is not to be another's.
@Suite(.serialized) enum Hostile {
    /// Longest that a plain request may take. What this is about froze optimised programs for ten seconds and more; these are
    /// built without optimisation, on a machine on which other tests run.
    static let patience = Duration.seconds(10)

    /// Runs what blocks on a thread of its own: those that all tests share are few.
    static func onThread<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Result, any Error>) in
            Thread { done.resume(with: Swift.Result { try work() }) }.start()
        }
    }
}
