package import NIOCore

/// What may be asked of a Thing's files, or a repository's (alwayson.md §8, platform.md §13).
package enum FileOperation: Sendable, Equatable {
    case transferInfo
    /// Files, directories or both in a directory, whose names fit a mask.
    case list(FilePath, mask: String, files: Bool, directories: Bool)
    /// All directories below one.
    case structure(FilePath)
    case info(FilePath)
    case checksums(FilePath)
    case makeDirectory(FilePath)
    case removeDirectory(FilePath)
    /// - Parameter isStrict: whether it has to be there.
    case remove(FilePath, isStrict: Bool)
    case move(FilePath, to: FilePath, overwrite: Bool)
    case start(TransferStart)
    /// A whole file, or the first block of one that is being put together.
    case create(FilePath, ByteBuffer, overwrite: Bool)
    case read(FilePath, offset: Int, count: Int, transfer: String?)
    case write(FilePath, offset: Int, ByteBuffer, transfer: String?)
    case append(FilePath, ByteBuffer)
    /// By the transfer's id, else by its target.
    case complete(transfer: String?, target: FilePath?)
    case cancel(transfer: String?, target: FilePath?)
}

package struct TransferStart: Sendable, Equatable {
    package enum Direction: String, Sendable {
        case read
        case write
    }

    package var transfer: String
    package var path: FilePath
    package var direction: Direction
    /// Bytes that will come, where the other end says so: room for them is looked for.
    package var size: Int?
    /// Whether the other end goes on with the same transfer after it was interrupted: the part is kept for it.
    package var isResumable: Bool
    /// Whether MD5 is wanted of this end. Between ends of ours one of both is enough, as SHA-256 tells that their bytes are the same.
    package var withMD5: Bool

    package init(transfer: String, path: FilePath, direction: Direction, size: Int? = nil, isResumable: Bool = false, withMD5: Bool = true)
    {
        self.withMD5 = withMD5
        self.transfer = transfer
        self.path = path
        self.direction = direction
        self.size = size
        self.isResumable = isResumable
    }
}

package enum FileAnswer: Sendable, Equatable {
    case done
    case transferInfo(TransferInfo)
    case files([FileInfo])
    case info(FileInfo)
    case checksums(FileChecksums)
    case block(ByteBuffer, isLast: Bool)
}

/// What one end of transfers takes.
package struct TransferInfo: Sendable, Equatable {
    /// Bytes of a block.
    package var blockSize: Int
    /// Bytes of the longest file.
    package var maximumFileSize: Int
    package var stagingDirectory: String
    /// Bytes of blocks that may be on their way at once, where the end is one of ours; nil: one block, as others know it.
    package var window: Int?

    package init(blockSize: Int, maximumFileSize: Int, stagingDirectory: String = FileLayout.stagingName, window: Int? = nil) {
        self.blockSize = blockSize
        self.maximumFileSize = maximumFileSize
        self.stagingDirectory = stagingDirectory
        self.window = window
    }
}
