import AlwaysOn
import AlwaysOnFiles
import FileTransfer
import HTTPTransport
import NIOCore

/// What strangers send about files.
enum FilePaths {
    /// A form, cut into pieces of the size that its first byte says.
    static func form(_ bytes: [UInt8]) {
        guard let first = bytes.first, var reader = MultipartReader(contentType: "multipart/form-data; boundary=x") else { return }
        var rest = bytes.dropFirst()
        var total = 0
        while !rest.isEmpty {
            let piece = rest.prefix(Int(first) + 1)
            rest = rest.dropFirst(piece.count)
            guard let events = try? reader.take(ByteBuffer(bytes: piece)) else { return }
            for case .bytes(let bytes) in events { total += bytes.readableBytes }
        }
        precondition(total <= bytes.count, "more came out than went in")
        try? reader.finish()
    }

    /// Parameters of a service, which the first byte names.
    static func service(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let service = FileService.allCases[Int(first) % FileService.allCases.count]
        guard let content = try? EncodedInfotable(validating: ByteBuffer(bytes: bytes.dropFirst())) else { return }
        let table = content.decoded()
        if let operation = try? service.operation(table) {
            // What was understood can be asked of another.
            _ = try? FileRequests.request(operation, to: "T")
        }
        _ = try? FileRequests.answer(Response(.success, content: content), to: .read(.root, offset: 0, count: 1, transfer: nil))
        _ = try? FileRequests.answer(Response(.success, content: content), to: .info(.root))
        _ = try? FileRequests.answer(Response(.success, content: content), to: .transferInfo)
    }
}
