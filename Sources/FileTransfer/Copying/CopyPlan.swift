/// What is to be copied.
package struct CopyPlan: Sendable, Equatable {
    package var transfer: String
    package var source: FilePath
    package var target: FilePath
    /// The Thing or repository that the target belongs to, as the part's name has it.
    package var targetThing: String
    /// The source as it was when an earlier attempt began; nil: there was none, nothing is gone on with.
    package var known: SourceIdentity?
    /// The most that may be on its way at once.
    package var window = 8 << 20
    /// Which end computes MD5, where one of both does.
    package var endWithMD5 = CopyMachine.Side.source

    package init(transfer: String, source: FilePath, target: FilePath, targetThing: String, known: SourceIdentity? = nil) {
        self.transfer = transfer
        self.source = source
        self.target = target
        self.targetThing = targetThing
        self.known = known
    }

    var part: FilePath { FileLayout.stagingPath(thing: targetThing, target: target) }
}

/// What tells one state of a file from another.
package struct SourceIdentity: Sendable, Equatable {
    package var size: Int
    /// Milliseconds since 1970 UTC.
    package var modified: Int

    package init(size: Int, modified: Int) {
        self.size = size
        self.modified = modified
    }
}

package struct CopyProgress: Sendable, Equatable {
    package var source: SourceIdentity?
    package var blockSize = 0
    package var maximumFileSize = 0
    /// Where this attempt began.
    package var startPosition = 0
    /// Bytes that the target has.
    package var transferred = 0
    package var sourceChecksums: FileChecksums?
    package var targetChecksums: FileChecksums?

    package init() {}
}
