package import Formats
package import NIOCore

/// The bounds of one session, the same for both ends. The defaults are the original's (alwayson.md §1).
package struct SessionLimits: Sendable {
    /// Longest message, in bytes, that is accepted or put together from chunks.
    package var maximumMessageSize = 1_048_576
    /// What the content of a message may cost.
    package var input = InputLimits.standard
    /// Longer messages are sent in chunks of this many bytes: 512 to 65,535.
    package var chunkSize = 8192
    /// Whether the connection compresses messages.
    package var isCompressed = false
    /// Bytes of a chunk that stay unused: 4 where messages are compressed, for a receiver whose buffer is as long as the
    /// chunk and that puts back what compression took away (alwayson.md §2).
    package var chunkReserve: Int { isCompressed ? 4 : 0 }
    /// Requests that may wait for their response at once; more are refused with 5.03.
    package var maximumRequestsInFlight = 500
    /// Requests of the peer that are worked on at once; more are answered 5.03.
    package var maximumRequestsInProcess = 2000
    /// An incomplete set of chunks is dropped after this time.
    package var staleChunksAfter: TimeAmount = .seconds(50)
    /// Incomplete sets of chunks that are kept at once.
    package var maximumChunkSets = 64
    /// Bytes that the incomplete sets of this session take at most.
    package var maximumIncomplete: Int { 8 * maximumMessageSize }
    /// What the incomplete sets and the long requests that are worked on take together, shared by all sessions.
    package var incomplete = ByteBudget(most: 64 << 20)
    /// Unreadable messages in a row after which the connection is closed with status 1007.
    package var maximumStrikes = 3

    package init() {}
}
