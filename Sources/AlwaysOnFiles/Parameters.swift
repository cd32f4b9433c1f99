import AlwaysOn
import FileTransfer
import Formats
import NIOCore

/// The parameters of a file service. Types are taken as they come where they can be read: platforms and programs differ in them.
struct Parameters {
    let service: FileService
    let table: Infotable

    private func value(_ name: String) -> Value? { table.parameter(name) }

    func text(_ name: String) -> String? { value(name)?.stringValue }

    func bool(_ name: String) -> Bool { value(name)?.boolValue ?? false }

    func path(_ name: String = "path", default standard: String? = nil) throws(TransferFailure) -> FilePath {
        guard let text = text(name) ?? standard else {
            throw TransferFailure(.badPath, "\(service.rawValue): expected \"\(name)\", a path")
        }
        return try FilePath(text)
    }

    func number(_ name: String) throws(TransferFailure) -> Int {
        guard let number = value(name)?.doubleValue, number >= 0, number <= 9e15, let whole = Int(exactly: number) else {
            throw TransferFailure(.badPath, "\(service.rawValue): expected \"\(name)\", a whole number from 0 on")
        }
        return whole
    }

    func data() throws(TransferFailure) -> ByteBuffer {
        switch value("data") {
        case .blob(let bytes)?, .image(let bytes)?: return bytes
        case .text(_, let text)?:
            guard let bytes = Base64.decode(text) else {
                throw TransferFailure(.badPath, "\(service.rawValue): expected \"data\" in Base64")
            }
            return ByteBuffer(bytes: bytes)
        case nil: return ByteBuffer()
        default: throw TransferFailure(.badPath, "\(service.rawValue): expected \"data\", a BLOB")
        }
    }

    func start() throws(TransferFailure) -> TransferStart {
        guard let id = text("tid"), !id.isEmpty else {
            throw TransferFailure(.noTransfer, "\(service.rawValue): expected \"tid\", the transfer's id")
        }
        guard let direction = text("mode").flatMap({ TransferStart.Direction(rawValue: $0.lowercased()) }) else {
            throw TransferFailure(.badPath, "\(service.rawValue): expected \"mode\", read or write")
        }
        let size = value("size") == nil ? nil : try number("size")
        return TransferStart(
            transfer: id, path: try path(), direction: direction, size: size, isResumable: bool("resumable"),
            withMD5: text("checksum") != "sha256")
    }

    /// The job that a transfer is ended with: its id, else what it writes to.
    func job() throws(TransferFailure) -> (id: String?, target: FilePath?) {
        var row = table
        if case .infotable(let job)? = value("job") { row = job }
        let text = { (name: String) in row.first(name)?.unwrapped.stringValue }
        let id = text("transferId") ?? text("tid")
        guard let target = text("targetPath") ?? text("path") else {
            guard let id else { throw TransferFailure(.noTransfer, "\(service.rawValue): expected \"job\" with transferId or targetPath") }
            return (id, nil)
        }
        let path = try FilePath(target)
        guard let file = text("targetFile"), !file.isEmpty, path.name.map({ !$0.utf8.elementsEqual(file.utf8) }) ?? true else {
            return (id, path)
        }
        return (id, try path.appending(file))
    }
}
