import AlwaysOn
import EdgeREST
import FileTransfer
import Formats
import HTTPTransport
import NIOCore
import NIOHTTP1
import ThingModel

/// Files of repositories by HTTP, whole or a range of them (platform.md §13).
enum FileDownload {
    private static let blockSize = 1 << 18

    static func answer(
        _ repository: String, _ path: FilePath, isShown: Bool, _ http: HTTPRequest, _ principal: Principal, _ platform: isolated Platform
    )
        -> EventLoopFuture<HTTPResponse>
    {
        do { try platform.demandFiles(of: repository, writes: false, for: principal) } catch {
            return platform.loop.makeSucceededFuture(PlatformAnswer.response(Response(error), for: http))
        }
        let id = Platform.makeTransferID()
        let loop = platform.loop
        return platform.files(of: repository).flatMap { store in
            store.perform(.info(path)).flatMapThrowing { answer -> FileInfo in
                guard case .info(let info) = answer, !info.isDirectory else { throw TransferFailure(.notFound, "\(path): is no file") }
                return info
            }.flatMap { info in
                store.perform(.start(TransferStart(transfer: id, path: path, direction: .read))).map { _ in
                    response(info, isShown: isShown, http, store, id, loop)
                }
            }
        }.recover { PlatformAnswer.response(Response($0), for: http) }
    }

    private static func response(
        _ info: FileInfo, isShown: Bool, _ http: HTTPRequest, _ store: FileStore, _ id: String, _ loop: any EventLoop
    ) -> HTTPResponse {
        let end = { @Sendable in loop.execute { _ = store.perform(.complete(transfer: id, target: nil)) } }
        let tag = "\"\(String(info.size, radix: 16))-\(String(info.modified, radix: 16))\""
        var headers: HTTPHeaders = [
            "Content-Type": type(of: info.name), "Accept-Ranges": "bytes", "ETag": tag, "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-cache",
            // Whoever may upload a page does not get to run it as one of the platform's.
            "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'",
        ]
        if !isShown { headers.add(name: "Content-Disposition", value: "attachment; filename*=UTF-8''\(PercentEncoding.encode(info.name))") }
        let whole = ByteRange(first: 0, count: info.size)
        var range = whole
        var status = HTTPResponseStatus.ok
        let isSame = http.headers.first(name: "If-Range").map { $0 == tag } ?? true
        if isSame, let wanted = http.headers.first(name: "Range") {
            switch ByteRange.parse(wanted, size: info.size) {
            case .all: break
            case .none:
                end()
                var answer = PlatformAnswer.error(
                    HTTPResponseStatus(statusCode: 416), "\(wanted.prefix(100)): the file has \(info.size) bytes", for: http)
                answer.headers.add(name: "Content-Range", value: "bytes */\(info.size)")
                return answer
            case .one(let found):
                (range, status) = (found, .partialContent)
                headers.add(name: "Content-Range", value: "bytes \(found.first)-\(found.first + found.count - 1)/\(info.size)")
            }
        }
        var answer = HTTPResponse(status, headers: headers)
        let reader = RangeReader(store, info.path, id, range)
        answer.feed = HTTPFeed(length: range.count, next: { reader.next(on: loop) }, end: end)
        return answer
    }

    /// Whatever else it is, it is bytes.
    private static func type(of name: String) -> String {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")) else { return "application/octet-stream" }
        return types[name[name.index(after: dot)...].lowercased()] ?? "application/octet-stream"
    }

    private static let types = [
        "txt": "text/plain;charset=UTF-8", "log": "text/plain;charset=UTF-8", "csv": "text/csv;charset=UTF-8",
        "json": "application/json;charset=UTF-8",
        "xml": "text/xml;charset=UTF-8", "html": "text/html;charset=UTF-8", "pdf": "application/pdf", "png": "image/png",
        "jpg": "image/jpeg", "jpeg": "image/jpeg",
        "gif": "image/gif", "svg": "image/svg+xml", "zip": "application/zip", "gz": "application/gzip", "lua": "text/plain;charset=UTF-8",
    ]

    /// Blocks of a range, one after the other. Used on the platform's loop.
    private final class RangeReader: @unchecked Sendable {
        private let store: FileStore
        private let path: FilePath
        private let id: String
        private var range: ByteRange

        init(_ store: FileStore, _ path: FilePath, _ id: String, _ range: ByteRange) {
            (self.store, self.path, self.id, self.range) = (store, path, id, range)
        }

        func next(on loop: any EventLoop) -> EventLoopFuture<ByteBuffer?> {
            guard range.count > 0 else { return loop.makeSucceededFuture(nil) }
            let count = min(range.count, FileDownload.blockSize)
            let offset = range.first
            range = ByteRange(first: offset + count, count: range.count - count)
            return store.perform(.read(path, offset: offset, count: count, transfer: id)).flatMapThrowing { [path] answer in
                guard case .block(let bytes, _) = answer, bytes.readableBytes == count else {
                    throw TransferFailure(.changed, "\(path): has changed while it was read")
                }
                return bytes
            }
        }
    }
}

/// Bytes of a file that a `Range` names (RFC 9110 §14).
struct ByteRange: Sendable, Equatable {
    var first: Int
    var count: Int

    enum Wanted: Equatable {
        /// There is no range that is known here: the whole is answered.
        case all
        case one(ByteRange)
        /// None of it is in the file.
        case none
    }

    static func parse(_ text: String, size: Int) -> Wanted {
        guard text.lowercased().hasPrefix("bytes=") else { return .all }
        let parts = text.dropFirst(6).split(separator: ",").map { $0.filter { $0 != " " } }
        // Several ranges would be an answer of another form, which is not offered.
        guard parts.count == 1, let dash = parts[0].firstIndex(of: "-") else { return parts.count > 1 ? .all : .none }
        let (from, to) = (parts[0][..<dash], parts[0][parts[0].index(after: dash)...])
        let isNumber = { (text: Substring) in text.allSatisfy { ("0"..."9").contains($0) } }
        guard isNumber(from), isNumber(to), !(from.isEmpty && to.isEmpty) else { return .none }
        if from.isEmpty {
            let last = min(Int(to) ?? .max, size)
            return last > 0 ? .one(ByteRange(first: size - last, count: last)) : .none
        }
        guard let first = Int(from), first < size else { return .none }
        let last = min(to.isEmpty ? size - 1 : Int(to) ?? size - 1, size - 1)
        return last >= first ? .one(ByteRange(first: first, count: last - first + 1)) : .none
    }
}
