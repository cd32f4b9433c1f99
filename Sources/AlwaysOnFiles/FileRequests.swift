package import AlwaysOn
package import FileTransfer
import NIOCore

/// The other direction: what is asked of an edge, and what it answered. Base types are exact, as SDK edges do not look at them.
package enum FileRequests {
    /// - Parameter job: the row that a transfer is ended with; made of its id and target where there is none.
    /// - Throws: `TransferFailure` of kind `tooLarge`, where it is more than a message may hold.
    package static func request(_ operation: FileOperation, to thing: String, job: Infotable? = nil) throws(TransferFailure) -> Request {
        let (service, parameters) = parameters(of: operation, job)
        var request = Request(.post, thing, .service, service.rawValue)
        guard !parameters.isEmpty else { return request }
        do throws(WireError) { request.content = try EncodedInfotable(Infotable(row: parameters)) } catch {
            throw TransferFailure(.tooLarge, error.message)
        }
        return request
    }

    private static func parameters(of operation: FileOperation, _ job: Infotable?) -> (FileService, [(String, Value)]) {
        func path(_ path: FilePath) -> Value { .string("\(path)") }
        switch operation {
        case .transferInfo: return (.transferInfo, [])
        case .list(let place, let mask, let files, let directories):
            guard files else { return (.directories, [("path", path(place))]) }
            return (directories ? .browse : .files, [("path", path(place)), ("nameMask", .string(mask))])
        case .structure: return (.structure, [])
        case .info(let place): return (.info, [("path", path(place))])
        case .checksums(let place): return (.checksum, [("path", path(place))])
        case .makeDirectory(let place): return (.createDirectory, [("path", path(place))])
        case .removeDirectory(let place): return (.deleteDirectory, [("path", path(place))])
        case .remove(let place, _): return (.delete, [("path", path(place))])
        case .move(let from, let to, let overwrite):
            return (.move, [("sourcePath", path(from)), ("targetPath", path(to)), ("overwrite", .boolean(overwrite))])
        case .start(let start):
            var all: [(String, Value)] = [
                ("path", path(start.path)), ("mode", .string(start.direction.rawValue)), ("tid", .string(start.transfer)),
            ]
            if let size = start.size { all.append(("size", .number(Double(size)))) }
            if !start.withMD5 { all.append(("checksum", .string("sha256"))) }
            if start.isResumable { all.append(("resumable", .boolean(true))) }
            return (.start, all)
        case .create(let place, let data, let overwrite):
            return (.create, [("path", path(place)), ("data", .blob(data)), ("overwrite", .boolean(overwrite))])
        case .read(let place, let offset, let count, let id):
            return (
                .read,
                [
                    ("path", path(place)), ("offset", .number(Double(offset))), ("count", .integer(Int32(clamping: count))),
                    ("tid", .string(id ?? "")),
                ]
            )
        case .write(let place, let offset, let data, let id):
            return (
                .write, [("path", path(place)), ("offset", .number(Double(offset))), ("data", .blob(data)), ("tid", .string(id ?? ""))]
            )
        // Edges know no such service: a repository alone is asked for it.
        case .append(let place, let data): return (.write, [("path", path(place)), ("data", .blob(data))])
        case .complete(let id, let target): return (.complete, [("job", .infotable(job ?? Self.job(id, target)))])
        case .cancel(let id, let target): return (.cancel, [("job", .infotable(job ?? Self.job(id, target)))])
        }
    }

    private static func job(_ id: String?, _ target: FilePath?) -> Infotable {
        Infotable(row: ["transferId": .string(id ?? ""), "targetPath": .string(target.map { "\($0)" } ?? "")])
    }

    /// - Throws: `TransferFailure`, as the edge's status and text have it.
    package static func answer(_ response: Response, to operation: FileOperation) throws(TransferFailure) -> FileAnswer {
        guard response.status.isSuccess else { throw failure(response, operation) }
        let table = response.content?.decoded() ?? Infotable(DataShape([]))
        func cell(_ name: String) -> Value? { table.first(name)?.unwrapped }
        switch operation {
        case .transferInfo:
            guard let block = cell("blockSize")?.doubleValue, block >= 1, block <= 1e9 else { throw nonsense("a blockSize", operation) }
            let window = cell("window")?.doubleValue.flatMap { $0 >= 1 && $0 <= 1e9 ? Int($0) : nil }
            let longest = cell("maxFileSize")?.doubleValue.flatMap { $0 >= 0 && $0 < 9e15 ? Int($0) : nil } ?? Int(Int32.max)
            return .transferInfo(
                TransferInfo(
                    blockSize: Int(block), maximumFileSize: longest, stagingDirectory: cell("stagingDir")?.stringValue ?? "", window: window
                ))
        case .info(let path):
            guard let size = cell("size")?.doubleValue, size >= 0, size < 9e15 else { throw nonsense("a size", operation) }
            let modified: Int64 = if case .datetime(let time)? = cell("lastModifiedDate") { time } else { 0 }
            let type = cell("fileType")?.stringValue ?? "F"
            return .info(
                FileInfo(
                    path: path, isDirectory: type.hasPrefix("D"), isReadOnly: type.hasSuffix("+RO"), size: Int(size),
                    modified: Int(modified)))
        case .checksums:
            guard let md5 = cell("result")?.stringValue else { throw nonsense("a checksum", operation) }
            return .checksums(FileChecksums(md5: md5.isEmpty ? nil : md5, sha256: cell("sha256")?.stringValue))
        case .read:
            guard case .blob(let bytes)? = cell("data") else { throw nonsense("data", operation) }
            return .block(bytes, isLast: cell("eof")?.boolValue ?? false)
        default: return .done
        }
    }

    private static func nonsense(_ what: String, _ operation: FileOperation) -> TransferFailure {
        TransferFailure(.failed, "\(parameters(of: operation, nil).0.rawValue): expected \(what) in the edge's answer")
    }

    private static func failure(_ response: Response, _ operation: FileOperation) -> TransferFailure {
        let text = response.reasonText ?? "\(parameters(of: operation, nil).0.rawValue): the edge answered \(response.status)"
        let kind: TransferFailure.Kind
        switch response.status {
        case .serviceUnavailable, .gatewayTimeout, .badGateway: kind = .interrupted
        case .badRequest: kind = .badPath
        case .unauthorized, .forbidden: kind = .forbidden
        case .notFound: kind = .notFound
        case .preconditionFailed: if case .start = operation { kind = .busy } else { kind = .exists }
        case .entityTooLarge: kind = .tooLarge
        case .internalError:
            switch operation {
            // An SDK edge has nothing else to say where it has forgotten a transfer.
            case .read, .write, .create: kind = .noTransfer
            default: kind = .failed
            }
        default: kind = .failed
        }
        return TransferFailure(kind, text)
    }
}
