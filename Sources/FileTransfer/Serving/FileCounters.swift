/// What has happened since the start.
package struct FileCounters: Sendable, Equatable {
    package var started = 0
    package var completed = 0
    package var failed = 0
    /// Paths that would have left their directory.
    package var refusals = 0
    package var bytesIn: Int = 0
    package var bytesOut: Int = 0

    package init() {}
}
