package import FileTransfer
package import AlwaysOn

/// The services of a Thing's files on the wire (alwayson.md §8), and how each is read and answered.
package enum FileService: String, Sendable, CaseIterable {
    case transferInfo = "GetTransferInfo"
    case browse = "BrowseDirectory"
    /// Platforms call it `BrowseDirectory` where they ask an edge.
    case browseSystem = "BrowseFileSystem"
    case files = "ListFiles"
    case listing = "GetFileListing"
    case directories = "ListDirectories"
    case structure = "GetDirectoryStructure"
    case info = "GetFileInfo"
    case checksum = "GetFileChecksum"
    case delete = "DeleteFile"
    case move = "MoveFile"
    case rename = "RenameFile"
    case createDirectory = "CreateDirectory"
    case makeDirectory = "MakeDirectory"
    case deleteDirectory = "DeleteDirectory"
    case start = "StartFileTransfer"
    case create = "CreateBinaryFile"
    case read = "ReadFromBinaryFile"
    case write = "WriteToBinaryFile"
    case cancel = "CancelFileTransfer"
    case complete = "CompleteFileTransfer"

    /// nil where a request is for something else.
    package init?(_ request: Request) {
        guard request.characteristic == .service, request.method == .post, let service = FileService(rawValue: request.name) else {
            return nil
        }
        self = service
    }

    /// - Throws: `TransferFailure` that says which parameter is missing or wrong.
    package func operation(_ parameters: Infotable) throws(TransferFailure) -> FileOperation {
        let given = Parameters(service: self, table: parameters)
        switch self {
        case .transferInfo: return .transferInfo
        case .browse, .browseSystem:
            return .list(try given.path(default: "/"), mask: given.text("nameMask") ?? "", files: true, directories: true)
        case .files, .listing:
            return .list(try given.path(default: "/"), mask: given.text("nameMask") ?? "", files: true, directories: false)
        case .directories: return .list(try given.path(default: "/"), mask: "", files: false, directories: true)
        case .structure: return .structure(try given.path(default: "/"))
        case .info: return .info(try given.path())
        case .checksum: return .checksums(try given.path())
        case .delete: return .remove(try given.path(), isStrict: false)
        case .move: return .move(try given.path("sourcePath"), to: try given.path("targetPath"), overwrite: given.bool("overwrite"))
        case .rename:
            let path = try given.path()
            let name = given.text("name") ?? ""
            guard !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else {
                throw TransferFailure(.badPath, "\(rawValue): expected \"name\", a file's new name without a slash")
            }
            return .move(path, to: try path.parent.appending(name), overwrite: given.bool("overwrite"))
        case .createDirectory, .makeDirectory: return .makeDirectory(try given.path())
        case .deleteDirectory: return .removeDirectory(try given.path())
        case .start: return .start(try given.start())
        case .create: return .create(try given.path(), try given.data(), overwrite: given.bool("overwrite"))
        case .read:
            return .read(
                try given.path(), offset: try given.number("offset"), count: try given.number("count"), transfer: given.text("tid"))
        case .write: return .write(try given.path(), offset: try given.number("offset"), try given.data(), transfer: given.text("tid"))
        case .cancel, .complete:
            let (id, target) = try given.job()
            return self == .cancel ? .cancel(transfer: id, target: target) : .complete(transfer: id, target: target)
        }
    }

    /// An answer as the service gives it.
    package func response(_ answer: FileAnswer) -> Response {
        switch answer {
        case .done: return Response(.success)
        case .transferInfo(let info):
            var row: [(String, Value)] = [
                ("blockSize", .integer(Int32(clamping: info.blockSize))), ("maxFileSize", .number(Double(info.maximumFileSize))),
                ("stagingDir", .string(info.stagingDirectory)),
            ]
            if let window = info.window { row.append(("window", .integer(Int32(clamping: window)))) }
            return .success(Infotable(row: row))
        case .files(let files):
            return .success(
                self == .directories || self == .structure
                    ? FileTables.directories(files) : FileTables.files(files, isFull: self == .listing))
        case .info(let info): return .success(FileTables.files([info], isFull: true))
        case .checksums(let sums):
            return .success(Infotable(row: [("result", .string(sums.md5 ?? ""))] + (sums.sha256.map { [("sha256", .string($0))] } ?? [])))
        case .block(let bytes, let isLast):
            return .success(
                Infotable(row: ["count": .integer(Int32(clamping: bytes.readableBytes)), "data": .blob(bytes), "eof": .boolean(isLast)]))
        }
    }

    package static func response(_ failure: TransferFailure) -> Response { Response(status(failure.kind), reason: failure.description) }

    /// The one table of what a failure is on the wire.
    package static func status(_ kind: TransferFailure.Kind) -> Status {
        switch kind {
        case .badPath, .wrongKind: .badRequest
        case .forbidden: .forbidden
        case .notFound: .notFound
        case .exists, .busy, .changed, .mismatch: .preconditionFailed
        case .tooLarge, .noSpace: .entityTooLarge
        case .interrupted, .tooMany: .serviceUnavailable
        case .noTransfer, .outOfOrder, .cancelled, .failed: .internalError
        }
    }
}

/// Rows of files and directories (platform.md §6).
package enum FileTables {
    private static let key = [DataShape.Aspect("isPrimaryKey", .boolean(true))]

    package static let fileShape = DataShape([
        .init("name", .string, aspects: key), .init("path", .string), .init("size", .number), .init("fileType", .string),
        .init("lastModifiedDate", .datetime),
    ])
    package static let directoryShape = DataShape([
        .init("name", .string, aspects: key), .init("path", .string), .init("parentPath", .string),
    ])

    /// - Parameter isFull: whether `path` ends with the name.
    package static func files(_ files: [FileInfo], isFull: Bool) -> Infotable {
        var table = Infotable(fileShape)
        for file in files {
            table.append([
                .string(file.name), .string("\(isFull ? file.path : file.path.parent)"), .number(Double(file.size)),
                .string((file.isDirectory ? "D" : "F") + (file.isReadOnly ? "+RO" : "")), .datetime(Int64(file.modified)),
            ])
        }
        return table
    }

    package static func directories(_ directories: [FileInfo]) -> Infotable {
        var table = Infotable(directoryShape)
        for directory in directories {
            table.append([.string(directory.name), .string("\(directory.path)"), .string("\(directory.path.parent)")])
        }
        return table
    }
}
