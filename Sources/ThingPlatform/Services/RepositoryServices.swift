import AlwaysOn
import AlwaysOnFiles
import FileTransfer
import Formats
import NIOCore
import ThingModel

/// Services of file repositories (platform.md §13).
extension ServiceTables {
    private static let files = "INFOTABLE:FileSystemFile"
    private static let directories = "INFOTABLE:FileSystemDirectory"

    static let repositoryServices: [Service] =
        [
            Service("GetFileListing", .invoke, "Files of a folder, with full paths", "path STRING=/, nameMask", files) {
                try $0.listing($1, isFull: true)
            },
            Service(
                "GetFileListingWithLinks", .invoke, "Files of a folder, with links to download them", "path STRING=/, nameMask", "INFOTABLE"
            ) {
                try $0.listingWithLinks($1)
            },
            Service("ListFiles", .invoke, "Files of a folder", "path STRING=/, nameMask", files) { try $0.listing($1, isFull: false) },
            Service("BrowseDirectory", .invoke, "Files and folders of a folder", "path STRING=/, nameMask", files) {
                try $0.listing($1, isFull: false, withFolders: true)
            },
            Service("BrowseFileSystem", .invoke, "Files and folders of a folder", "path STRING=/, nameMask", files) {
                try $0.listing($1, isFull: false, withFolders: true)
            },
            Service("ListDirectories", .invoke, "Folders of a folder", "path STRING=/", directories) { platform, call in
                let path = try call.path(default: "/")
                return platform.files(call, .list(path, mask: "", files: false, directories: true)) {
                    .success(FileTables.directories($0.files))
                }
            },
            Service("GetDirectoryStructure", .invoke, "All folders", "", directories) { platform, call in
                platform.files(call, .structure(.root)) { answer in
                    .success(FileTables.directories([FileInfo(path: .root, isDirectory: true)] + answer.files))
                }
            },
            Service("GetFileInfo", .invoke, "A file", "path!", files) { platform, call in
                platform.files(call, .info(try call.path())) { answer in
                    guard case .info(let info) = answer else { return Response(.internalError) }
                    return .success(FileTables.files([info], isFull: true))
                }
            },
            Service("GetFileChecksum", .invoke, "MD5 of a file, as hex", "path!", "STRING") { platform, call in
                platform.files(call, .checksums(try call.path())) { answer in
                    guard case .checksums(let sums) = answer else { return Response(.internalError) }
                    return .result(.string(sums.md5 ?? ""))
                }
            },
            Service("CreateFolder", .invoke, "Makes a folder", "path!") { platform, call in
                let path = try call.path()
                return platform.change(call, .makeDirectory(path)) { $0.kind == .exists ? "\(path) already exists" : nil }
            },
            Service("DeleteFolder", .invoke, "Deletes a folder with all that is in it", "path!") { platform, call in
                let path = try call.path()
                return platform.change(call, .removeDirectory(path)) { $0.isMissing ? "\(path) does not exist" : nil }
            },
            Service("DeleteFile", .invoke, "Deletes a file", "path!") { platform, call in
                let path = try call.path()
                return platform.change(call, .remove(path, isStrict: true)) { $0.isMissing ? "\(path) does not exist" : nil }
            },
            Service("MoveFile", .invoke, "Moves a file", "sourcePath!, targetPath!, overwrite BOOLEAN=false") { platform, call in
                try platform.moveFile(call, try call.path("sourcePath"), to: try call.path("targetPath"))
            },
            Service("RenameFile", .invoke, "Gives a file another name in its folder", "path!, name!, overwrite BOOLEAN=false") {
                platform, call in
                let path = try call.path()
                let name = try call.required("name")
                guard !name.utf8.contains(UInt8(ascii: "/")) else {
                    throw ServiceFailure(.badRequest, "RenameFile: name: expected one without a slash")
                }
                return try platform.moveFile(call, path, to: try call.path(path.parent, name))
            },
        ] + ["Text", "JSON", "XML"].flatMap(texts) + ["Binary", "Image"].flatMap(binaries) + blocks

    /// Whole files as text.
    private static func texts(_ kind: String) -> [Service] {
        [
            Service("Save\(kind)", .invoke, "Writes a file, or over it", "path!, content \(kind == "Text" ? "STRING" : kind)") {
                platform, call in
                let text = try call.string("content") ?? ""
                return platform.change(call, .create(try call.path(), ByteBuffer(string: text), overwrite: true))
            },
            Service("Load\(kind)", .invoke, "What a file holds", "path!", kind == "Text" ? "STRING" : kind) { platform, call in
                let path = try call.path()
                return try platform.whole(call) { bytes in
                    guard let text = String(validating: bytes.readableBytesView, as: UTF8.self) else {
                        return Response(.badRequest, reason: "\(path) is no text in UTF-8")
                    }
                    switch kind {
                    case "JSON":
                        guard (try? JSONValue(parsing: text)) != nil else { return Response(.badRequest, reason: "\(path) is no JSON") }
                        return .result(.text(.json, text))
                    case "XML": return .result(.text(.xml, text))
                    default: return .result(.string(text))
                    }
                }
            },
        ]
    }

    /// Whole files in Base64.
    private static func binaries(_ kind: String) -> [Service] {
        [
            Service("Save\(kind)", .invoke, "Writes a file, or over it", "path!, content \(kind == "Binary" ? "BLOB" : "IMAGE")") {
                platform, call in
                platform.change(call, .create(try call.path(), try call.bytes("content"), overwrite: true))
            },
            Service("Load\(kind)", .invoke, "What a file holds", "path!", kind == "Binary" ? "BLOB" : "IMAGE") { platform, call in
                try platform.whole(call) { .result(kind == "Binary" ? .blob($0) : .image($0)) }
            },
        ]
    }

    /// Parts of files.
    private static let blocks: [Service] = [
        Service("CreateTextFile", .invoke, "Writes a new file", "path!, data, overwrite BOOLEAN=false") { platform, call in
            try platform.createFile(call, ByteBuffer(string: try call.string("data") ?? ""))
        },
        Service("AppendToTextFile", .invoke, "Writes behind what a file holds", "path!, data") { platform, call in
            platform.change(call, .append(try call.path(), ByteBuffer(string: try call.string("data") ?? "")))
        },
        Service("WriteToTextFile", .invoke, "Writes over a part of a file", "path!, data, offset NUMBER=0") { platform, call in
            let bytes = ByteBuffer(string: try call.string("data") ?? "")
            return platform.change(call, .write(try call.path(), offset: try call.offset(), bytes, transfer: nil))
        },
        Service("CreateBinaryFile", .invoke, "Writes a new file", "path!, data BLOB, overwrite BOOLEAN=false") { platform, call in
            try platform.createFile(call, try call.bytes("data"))
        },
        Service("WriteToBinaryFile", .invoke, "Writes over a part of a file", "path!, data BLOB, offset NUMBER=0") { platform, call in
            platform.change(call, .write(try call.path(), offset: try call.offset(), try call.bytes("data"), transfer: nil))
        },
        Service("ReadFromBinaryFile", .invoke, "A part of a file", "path!, offset NUMBER=0, count INTEGER=65536", "INFOTABLE") {
            platform, call in
            let count = min(try call.count("count", default: 65_536), Platform.longestLoaded)
            return platform.files(call, .read(try call.path(), offset: try call.offset(), count: count, transfer: nil)) {
                FileService.read.response($0)
            }
        },
    ]
}

extension FileAnswer {
    fileprivate var files: [FileInfo] { if case .files(let files) = self { files } else { [] } }
}

extension TransferFailure {
    fileprivate var isMissing: Bool { kind == .notFound || kind == .wrongKind }
}

extension ServiceCall {
    func path(_ name: String = "path", default standard: String? = nil) throws -> FilePath {
        let text = try string(name) ?? standard ?? required(name)
        do throws(TransferFailure) { return try FilePath(text) } catch { throw ServiceFailure(error) }
    }

    fileprivate func path(_ parent: FilePath, _ name: String) throws -> FilePath {
        do throws(TransferFailure) { return try parent.appending(name) } catch { throw ServiceFailure(error) }
    }

    fileprivate func offset() throws -> Int {
        let offset = try number("offset") ?? 0
        guard offset >= 0, offset < 9e15, let whole = Int(exactly: offset) else {
            throw ServiceFailure(.badRequest, "\(service): offset: expected a whole number from 0 on")
        }
        return whole
    }

    /// Base64, or bytes as they are.
    fileprivate func bytes(_ name: String) throws -> ByteBuffer {
        switch value(name) {
        case .blob(let bytes)?, .image(let bytes)?: return bytes
        case let value?:
            guard let text = value.stringValue, let bytes = Base64.decode(text) else {
                throw ServiceFailure(.badRequest, "\(service): \(name): expected Base64")
            }
            return ByteBuffer(bytes: bytes)
        case nil: return ByteBuffer()
        }
    }
}

extension Platform {
    /// Bytes of a file that one answer may hold.
    static let longestLoaded = 4 << 20

    fileprivate func files(
        _ call: ServiceCall, _ operation: FileOperation, _ response: @escaping @Sendable (FileAnswer) throws -> Response
    )
        -> ServiceResult
    {
        .later(files(of: call.entity.name).flatMap { $0.perform(operation) }.flatMapThrowing(response).recover { Response($0) })
    }

    /// - Parameter text: what clients of the original know a failure by; nil: as it is.
    fileprivate func change(
        _ call: ServiceCall, _ operation: FileOperation, _ text: @escaping @Sendable (TransferFailure) -> String? = { _ in nil }
    ) -> ServiceResult {
        .later(
            files(of: call.entity.name).flatMap { $0.perform(operation) }.map { _ in Response(.success) }.recover { error in
                guard let failure = error as? TransferFailure, let text = text(failure) else { return Response(error) }
                return Response(.internalError, reason: text)
            })
    }

    fileprivate func createFile(_ call: ServiceCall, _ bytes: ByteBuffer) throws -> ServiceResult {
        change(call, .create(try call.path(), bytes, overwrite: try call.bool("overwrite") ?? false))
    }

    fileprivate func moveFile(_ call: ServiceCall, _ path: FilePath, to target: FilePath) throws -> ServiceResult {
        let overwrite = try call.bool("overwrite") ?? false
        return .later(
            files(of: call.entity.name).flatMap { $0.perform(.move(path, to: target, overwrite: overwrite)) }.map { _ in Response(.success)
            }.recover { error in
                guard let failure = error as? TransferFailure, failure.kind == .exists else { return Response(error) }
                return Response(.notAcceptable, reason: "\(target) already exists")
            })
    }

    fileprivate func whole(_ call: ServiceCall, _ response: @escaping @Sendable (ByteBuffer) -> Response) throws -> ServiceResult {
        let path = try call.path()
        return files(call, .read(path, offset: 0, count: Platform.longestLoaded, transfer: nil)) { answer in
            guard case .block(let bytes, true) = answer else {
                throw TransferFailure(.tooLarge, "\(path): more than \(Platform.longestLoaded) bytes: download it")
            }
            return response(bytes)
        }
    }

    fileprivate func listing(_ call: ServiceCall, isFull: Bool, withFolders: Bool = false) throws -> ServiceResult {
        let path = try call.path(default: "/")
        return files(call, .list(path, mask: try call.string("nameMask") ?? "", files: true, directories: withFolders)) {
            .success(FileTables.files($0.files, isFull: isFull))
        }
    }

    fileprivate func listingWithLinks(_ call: ServiceCall) throws -> ServiceResult {
        let path = try call.path(default: "/")
        let repository = call.entity.name
        return files(call, .list(path, mask: try call.string("nameMask") ?? "", files: true, directories: false)) { answer in
            let plain = FileTables.files(answer.files, isFull: true)
            var table = Infotable(DataShape(plain.shape.fields + [.init("downloadLink", .hyperlink)]))
            for (index, file) in answer.files.enumerated() {
                table.append(plain[row: index] + [.text(.hyperlink, FileLinks.download(file.path, of: repository))])
            }
            return .success(table)
        }
    }
}
