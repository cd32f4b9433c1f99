import Glibc
import NIOCore

/// A file that is read block by block. Read from its beginning to its end, its checksums are there without reading it again.
///
/// Used by one thread at a time.
final class ReadStream: @unchecked Sendable {
    private let file: Descriptor
    private let what: String
    private let withMD5: Bool
    private var sums: RunningChecksums

    init(_ file: Descriptor, withMD5: Bool = true, _ what: String) {
        self.withMD5 = withMD5
        sums = RunningChecksums(withMD5: withMD5)
        self.file = file
        self.what = what
        file.willBeReadThrough()
    }

    func read(at offset: Int, count: Int) throws(TransferFailure) -> FileAnswer {
        let bytes = try file.read(at: offset, count: count, what)
        if offset == sums.count { sums.take(bytes) }
        let size = Int(try file.status(what).st_size)
        return .block(bytes, isLast: offset + Int(bytes.readableBytes) >= size)
    }

    func checksums() throws(TransferFailure) -> FileChecksums {
        guard sums.count == Int(try file.status(what).st_size) else { return try RunningChecksums.of(file, withMD5: withMD5, what) }
        return sums.values
    }
}
