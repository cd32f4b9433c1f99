import AlwaysOn
import Crypto
import Formats
import NIOConcurrencyHelpers
import NIOCore

/// The files of an edge as SDK clients have them (alwayson.md §8): blocks go behind what is there whatever their offset, `eof` comes with a
/// short block alone, a read at the end is an error, a cell is read without a look at its type.
final class SDKFiles: Sendable {
    struct State {
        var files: [String: [UInt8]] = [:]
        var transfers: [String: String] = [:]
        var asked: [String] = []
        /// Cells of another type than such a client takes them for.
        var wrongTypes: [String] = []
        var blocks = 0
        /// Called with the number of each block.
        var onBlock: (@Sendable (Int) -> Void)?
    }

    let state = NIOLockedValueBox(State())
    let blockSize: Int

    init(blockSize: Int = 1000) { self.blockSize = blockSize }

    subscript(path: String) -> [UInt8]? {
        get { state.withLockedValue { $0.files[path] } }
        set { state.withLockedValue { $0.files[path] = newValue } }
    }

    /// What a lost connection makes it forget after a while.
    func forget() { state.withLockedValue { $0.transfers = [:] } }

    private static let types: [String: [String: BaseType]] = [
        "GetFileInfo": ["path": .string], "GetFileChecksum": ["path": .string], "DeleteFile": ["path": .string],
        "StartFileTransfer": ["path": .string, "mode": .string, "tid": .string],
        "ReadFromBinaryFile": ["path": .string, "offset": .number, "count": .integer, "tid": .string],
        "WriteToBinaryFile": ["path": .string, "offset": .number, "data": .blob, "tid": .string],
        "CreateBinaryFile": ["path": .string, "data": .blob, "overwrite": .boolean],
        "MoveFile": ["sourcePath": .string, "targetPath": .string, "overwrite": .boolean],
        "CompleteFileTransfer": ["job": .infotable], "CancelFileTransfer": ["job": .infotable],
    ]

    /// nil for what has nothing to do with files.
    func answer(_ request: Request) -> Response? {
        let parameters = request.content?.decoded() ?? Infotable(DataShape([]))
        let (response, told) = state.withLockedValue { state -> (Response?, (@Sendable () -> Void)?) in
            state.asked.append(request.name)
            for (name, type) in SDKFiles.types[request.name] ?? [:] where parameters.first(name)?.baseType != type {
                state.wrongTypes.append("\(request.name).\(name): \(parameters.first(name)?.baseType.name ?? "none")")
            }
            let before = state.blocks
            let response = answer(request.name, parameters, &state)
            guard state.blocks > before, let onBlock = state.onBlock else { return (response, nil) }
            let number = state.blocks
            return (response, { onBlock(number) })
        }
        told?()
        return response
    }

    private func answer(_ service: String, _ parameters: Infotable, _ state: inout State) -> Response? {
        func text(_ name: String) -> String { parameters.first(name)?.stringValue ?? "" }
        func file(_ path: String) -> [UInt8]? { state.files[path] }
        switch service {
        case "GetTransferInfo":
            return .success(
                Infotable(row: [
                    "blockSize": .integer(Int32(blockSize)), "maxFileSize": .number(8e9), "stagingDir": .string("/tmp/staging"),
                ]))
        case "StartFileTransfer":
            guard !text("tid").isEmpty else { return Response(.internalError, reason: "no tid") }
            guard text("mode") == "write" || file(text("path")) != nil else {
                return Response(.preconditionFailed, reason: "cannot open \(text("path"))")
            }
            guard !state.transfers.values.contains(text("path")) else { return Response(.preconditionFailed, reason: "in transfer") }
            state.transfers[text("tid")] = text("path")
            return Response(.success)
        case "GetFileInfo":
            guard let bytes = file(text("path")) else { return Response(.notFound) }
            return .success(
                Infotable(row: [
                    "name": .string(String(text("path").split(separator: "/").last ?? "")), "path": .string(text("path")),
                    "size": .number(Double(bytes.count)),
                    "fileType": .string("F"), "lastModifiedDate": .datetime(1_700_000_000_000),
                ]))
        case "GetFileChecksum":
            guard let bytes = file(text("path")) else { return Response(.notFound) }
            return .result(.string(FileChain.md5(bytes)))
        case "ReadFromBinaryFile":
            guard state.transfers[text("tid")] != nil, let bytes = file(text("path")) else { return Response(.internalError) }
            let (offset, count) = (Int(parameters.first("offset")?.doubleValue ?? -1), Int(parameters.first("count")?.doubleValue ?? 0))
            guard offset < bytes.count else { return Response(.internalError, reason: "nothing to read") }
            state.blocks += 1
            let block = bytes.dropFirst(offset).prefix(count)
            var table = Infotable(DataShape([.init("count", .integer), .init("data", .blob), .init("eof", .boolean)]))
            table.append([.number(Double(block.count)), .blob(ByteBuffer(bytes: block)), .boolean(block.count < count)])
            return .success(table)
        case "CreateBinaryFile", "WriteToBinaryFile":
            guard case .blob(let data)? = parameters.first("data") else { return Response(.internalError) }
            if service == "WriteToBinaryFile", state.transfers[text("tid")] == nil { return Response(.internalError) }
            state.blocks += 1
            if service == "CreateBinaryFile" {
                if file(text("path")) == nil || parameters.first("overwrite")?.boolValue == true {
                    state.files[text("path")] = Array(data.readableBytesView)
                }
            } else {
                state.files[text("path"), default: []] += Array(data.readableBytesView)
            }
            return Response(.success)
        case "MoveFile":
            guard let bytes = state.files.removeValue(forKey: text("sourcePath")) else { return Response(.notFound) }
            state.files[text("targetPath")] = bytes
            return Response(.success)
        case "DeleteFile":
            state.files[text("path")] = nil
            return Response(.success)
        case "CompleteFileTransfer", "CancelFileTransfer":
            guard case .infotable(let job)? = parameters.first("job"), let id = job.first("transferId")?.stringValue,
                state.transfers.removeValue(forKey: id) != nil
            else { return Response(.internalError) }
            return Response(.success)
        case "CreateDirectory", "MakeDirectory", "GetFileListing", "RenameFile": return Response(.badRequest)
        default: return nil
        }
    }
}
