import NIOCore
package import Secrets

/// A durable queue in a directory: files that are only written at their end, each removed when nothing in it is wanted any more.
///
/// What `append` has taken outlasts a power cut. What `remove` has taken outlasts the process; after a power cut it may be there again.
/// Damage costs what is damaged. Every call does its work at once, on the caller's thread.
package final class SegmentLog {
    /// A place between two messages, from which reading goes on.
    package struct Cursor: Sendable, Equatable {
        var segment: UInt64 = 0
        var generation = 0
        var offset = 0

        package init() {}
    }

    let files: any StoreFiles
    let clock: any StoreClock
    let ring: KeyRing?
    package var limits: StoreLimits
    let random: () -> [UInt8]
    /// Another process owns the store: nothing is changed.
    let isReading: Bool
    var segments: [Segment] = []
    var active: ActiveSegment?
    var nextSequence: UInt64 = 1
    var nextNumber: UInt64 = 1
    /// The file that was read last.
    var reading: (number: UInt64, generation: Int, file: any StoreFile)?
    /// Files that removals are written to, of the segments that were last asked for.
    var removalFiles: [UInt64: any StoreFile] = [:]
    var sealers: [UInt64: RecordSealer] = [:]
    /// Messages that are there, by key.
    package internal(set) var counts: [String: Int] = [:]
    package internal(set) var messages = 0
    package internal(set) var bytes = 0
    /// Messages by key that went by other ways than `remove`, since it was last asked.
    var gone: [String: Int] = [:]
    var reports: [StoreReport] = []
    package internal(set) var expired = 0
    package internal(set) var dropped = 0

    /// The segment that is being written.
    struct ActiveSegment {
        let file: any StoreFile
        var isDirty = false
    }

    /// Opens what is in the directory: in proportion to the number of files, not of messages.
    ///
    /// - Parameter ring: seals what is stored; nil leaves it clear. Sealed messages open with it in either case.
    /// - Parameter isSealing: whether new messages are sealed.
    /// - Parameter isReading: nothing is changed, as another process owns the directory.
    /// - Parameter random: 16 bytes, other ones each time.
    /// - Throws: `StoreFailure` where the directory cannot be listed. Whatever is wrong with files in it does not keep it from opening.
    package init(
        files: any StoreFiles, clock: any StoreClock = SystemClock.shared, ring: KeyRing?, isSealing: Bool = true, limits: StoreLimits,
        isReading: Bool = false,
        random: @escaping () -> [UInt8] = {
            var generator = SystemRandomNumberGenerator(); return (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }
    ) throws(StoreFailure) {
        self.files = files
        self.clock = clock
        self.ring = ring
        self.isSealing = isSealing && ring != nil
        self.limits = limits
        self.random = random
        self.isReading = isReading
        try load()
    }

    package var isSealing: Bool

    /// What there is to say since it was last asked.
    package func takeReports() -> [StoreReport] {
        defer { reports = [] }
        return reports
    }

    func note(_ report: StoreReport) { reports.append(report) }

    /// How many messages of each key expired, were dropped or damaged since it was last asked.
    package func takeGone() -> [String: Int] {
        defer { gone = [:] }
        return gone
    }

    package var fileCount: Int { segments.count }

    func sealer(of header: SegmentHeader) -> RecordSealer? {
        if let sealer = sealers[header.number] { return sealer }
        guard let ring else { return nil }
        if sealers.count > 8 { sealers = [:] }
        let sealer = RecordSealer(ring, salt: header.salt)
        sealers[header.number] = sealer
        return sealer
    }
}
