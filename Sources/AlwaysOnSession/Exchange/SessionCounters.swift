/// What a session refused or dropped: nothing goes missing without a number.
package struct SessionCounters: Sendable, Equatable {
    /// Messages that could not be read.
    package var unreadable = 0
    /// Responses that no request waited for: late ones, as a rule.
    package var unmatchedResponses = 0
    /// Sets of chunks dropped because they stayed incomplete, contradicted themselves or grew too long.
    package var droppedChunkSets = 0
    /// Requests that got no response in time.
    package var timeouts = 0
    /// Requests refused because too many were waiting.
    package var overloads = 0

    package init() {}

    package static func + (left: SessionCounters, right: SessionCounters) -> SessionCounters {
        var sum = left
        sum.unreadable += right.unreadable
        sum.unmatchedResponses += right.unmatchedResponses
        sum.droppedChunkSets += right.droppedChunkSets
        sum.timeouts += right.timeouts
        sum.overloads += right.overloads
        return sum
    }
}
