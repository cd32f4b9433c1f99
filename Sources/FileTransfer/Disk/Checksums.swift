import Crypto
import NIOCore

/// What both ends compare: MD5, as the protocol has it, and SHA-256 where both ends are ours. Lower-case hex.
package struct FileChecksums: Sendable, Equatable {
    package var md5: String
    package var sha256: String?

    package init(md5: String, sha256: String?) {
        self.md5 = md5
        self.sha256 = sha256
    }

    /// Whether all that both know is equal.
    package func agree(with other: FileChecksums) -> Bool {
        guard md5.lowercased() == other.md5.lowercased() else { return false }
        guard let sha256, let others = other.sha256 else { return true }
        return sha256.lowercased() == others.lowercased()
    }
}

/// Checksums of bytes that come one after the other.
struct RunningChecksums {
    private var md5 = Insecure.MD5()
    private var sha256 = SHA256()
    /// Bytes that were taken.
    private(set) var count: Int = 0

    mutating func take(_ bytes: ByteBuffer) {
        bytes.withUnsafeReadableBytes {
            md5.update(bufferPointer: $0)
            sha256.update(bufferPointer: $0)
        }
        count += Int(bytes.readableBytes)
    }

    var values: FileChecksums { FileChecksums(md5: RunningChecksums.hex(md5.finalize()), sha256: RunningChecksums.hex(sha256.finalize())) }

    private static func hex(_ digest: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// Of a whole file.
    static func of(_ file: Descriptor, _ what: String) throws(TransferFailure) -> FileChecksums {
        var sums = RunningChecksums()
        while true {
            let bytes = try file.read(at: sums.count, count: 1 << 18, what)
            guard bytes.readableBytes > 0 else { return sums.values }
            sums.take(bytes)
        }
    }
}
