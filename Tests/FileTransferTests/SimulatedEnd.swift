@testable import FileTransfer
import Crypto
import NIOCore

/// An end of a transfer in memory: ours, or one that behaves as an SDK's does (alwayson.md §8).
struct SimulatedEnd {
    var files: [FilePath: [UInt8]] = [:]
    var modified = 1
    var isOurs = true
    var blockSize = 1000
    var maximumFileSize = 1 << 30
    /// Transfers that were started and not ended.
    var started: Set<String> = []
    /// What was asked of it.
    var asked: [FileOperation] = []
    var mostReadsAtOnce = 0

    func file(_ path: FilePath) throws(TransferFailure) -> [UInt8] {
        guard let file = files[path] else { throw TransferFailure(.notFound, "\(path)") }
        return file
    }

    mutating func perform(_ operation: FileOperation) throws(TransferFailure) -> FileAnswer {
        asked.append(operation)
        switch operation {
        case .transferInfo:
            return .transferInfo(TransferInfo(blockSize: blockSize, maximumFileSize: maximumFileSize, window: isOurs ? 1 << 20 : nil))
        case .start(let start):
            if start.direction == .read { _ = try file(start.path) }
            started.insert(start.transfer)
            return .done
        case .info(let path): return .info(FileInfo(path: path, size: try file(path).count, modified: modified))
        case .checksums(let path):
            let bytes = try file(path)
            let hex = { (digest: any Sequence<UInt8>) in digest.map { String($0, radix: 16) }.joined() }
            return .checksums(FileChecksums(md5: hex(Insecure.MD5.hash(data: bytes)), sha256: isOurs ? hex(SHA256.hash(data: bytes)) : nil))
        case .read(let path, let offset, let count, let id):
            guard let id, started.contains(id) else { throw TransferFailure(.noTransfer, "unknown") }
            let bytes = try file(path)
            guard offset < bytes.count || isOurs else { throw TransferFailure(.noTransfer, "a read at the end") }
            let block = Array(bytes.dropFirst(offset).prefix(count))
            return .block(ByteBuffer(bytes: block), isLast: block.count < count)
        case .create(let path, let bytes, let overwrite):
            if files[path] == nil || overwrite { files[path] = Array(bytes.readableBytesView) }
            return .done
        case .write(let path, let offset, let bytes, let id):
            guard let id, started.contains(id) else { throw TransferFailure(.noTransfer, "unknown") }
            guard !isOurs || offset == files[path, default: []].count else { throw TransferFailure(.outOfOrder, "\(offset)") }
            // An SDK edge writes behind what is there.
            files[path, default: []] += Array(bytes.readableBytesView)
            return .done
        case .remove(let path, _):
            files[path] = nil
            return .done
        case .move(let from, let to, let overwrite):
            guard files[to] == nil || overwrite else { throw TransferFailure(.exists, "\(to)") }
            files[to] = try file(from)
            files[from] = nil
            return .done
        case .complete(let id, _), .cancel(let id, _):
            guard let id, started.remove(id) != nil else { throw TransferFailure(.noTransfer, "unknown") }
            if case .cancel = operation, isOurs { files = files.filter { $0.key.components.first != "__staging__" } }
            return .done
        default: throw TransferFailure(.failed, "not of a transfer")
        }
    }

    /// What a lost connection and the time after it do to its transfers.
    mutating func forget() { started = [] }
}
