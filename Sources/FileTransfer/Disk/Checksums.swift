import Crypto
import Formats
import NIOCore

/// What both ends compare: MD5, as the protocol has it, and SHA-256 where both ends are ours. Lower-case hex.
package struct FileChecksums: Sendable, Equatable {
    /// nil where the other end has it, and SHA-256 tells that both have the same bytes.
    package var md5: String?
    package var sha256: String?

    package init(md5: String?, sha256: String?) {
        self.md5 = md5
        self.sha256 = sha256
    }

    /// Whether all that both know is equal.
    package func agree(with other: FileChecksums) -> Bool {
        let pairs = [(md5, other.md5), (sha256, other.sha256)].compactMap { one, other in one.flatMap { one in other.map { (one, $0) } } }
        return !pairs.isEmpty && pairs.allSatisfy { $0.lowercased() == $1.lowercased() }
    }
}

/// Checksums of bytes that come one after the other.
struct RunningChecksums {
    /// It takes three times as long as the other.
    private var md5: Insecure.MD5?
    private var sha256 = SHA256()
    /// Bytes that were taken.
    private(set) var count: Int = 0

    init(withMD5: Bool) { md5 = withMD5 ? Insecure.MD5() : nil }

    mutating func take(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes {
            md5?.update(bufferPointer: $0)
            sha256.update(bufferPointer: $0)
        }
        count += bytes.readableBytes
    }

    var values: FileChecksums {
        FileChecksums(md5: md5.map { Hex.encode($0.finalize()) }, sha256: Hex.encode(sha256.finalize()))
    }

    /// Of a whole file.
    static func of(_ file: Descriptor, withMD5: Bool = true, _ what: String) throws(TransferFailure) -> FileChecksums {
        var sums = RunningChecksums(withMD5: withMD5)
        while true {
            let bytes = try file.read(at: sums.count, count: 1 << 18, what)
            guard bytes.readableBytes > 0 else { return sums.values }
            sums.take(bytes)
        }
    }
}
