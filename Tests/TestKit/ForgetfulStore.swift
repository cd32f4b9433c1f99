import NIOConcurrencyHelpers
package import NIOCore
package import ThingModel

/// A store for tests of the platform without a database: it remembers what it was given, and fails when it is told to.
package final class ForgetfulStore: ModelStore {
    private struct State {
        var batches: [StoreBatch] = []
        var failures = 0
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    package struct Refusal: Error {
        package init() {}
    }

    package var batches: [StoreBatch] { state.withLockedValue { $0.batches } }

    /// The next commits that are to fail.
    package func fail(next count: Int) { state.withLockedValue { $0.failures = count } }

    package func load() -> StoredModel { StoredModel() }

    package func commit(_ batch: StoreBatch, on loop: any EventLoop) -> EventLoopFuture<Void> {
        let isFine = state.withLockedValue { state in
            guard state.failures == 0 else {
                state.failures -= 1
                return false
            }
            // What a fuzzer gives would else be kept for ever.
            if state.batches.count < 1000 { state.batches.append(batch) }
            return true
        }
        return isFine ? loop.makeSucceededVoidFuture() : loop.makeFailedFuture(Refusal())
    }

    package func history(_ query: HistoryQuery, on loop: any EventLoop) -> EventLoopFuture<[TimedValue]> { loop.makeSucceededFuture([]) }

    package func chart(
        _ property: PropertyRef, span: ClosedRange<Int64>, most: Int, on loop: any EventLoop
    ) -> EventLoopFuture<
        [ChartPoint]
    > {
        loop.makeSucceededFuture([])
    }

    package func purge(thing: String, property: String?, span: ClosedRange<Int64>, on loop: any EventLoop) -> EventLoopFuture<Void> {
        loop.makeSucceededVoidFuture()
    }

    package func events(source: String?, most: Int, on loop: any EventLoop) -> EventLoopFuture<[EventRecord]> {
        loop.makeSucceededFuture([])
    }

    package func backup(to path: String, on loop: any EventLoop) -> EventLoopFuture<Void> { loop.makeSucceededVoidFuture() }

    package func close() {}
}
