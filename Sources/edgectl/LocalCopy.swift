import EdgeREST
import Formats
import Glibc
import HTTPTransport
import NIOCore
import NIOHTTP1
import ProgramSupport
import Secrets

/// Copies between this machine and a repository, block by block: what an earlier try has brought is not brought again.
struct LocalCopy {
    let client: RestClient
    private static let blockSize = 1 << 20

    init(client: RestClient) { self.client = client }

    // MARK: Up

    func upload(_ path: String, to target: (repository: String, path: String)) async throws {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileFailure("read", path) }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { throw FileFailure("read", path, code: EISDIR) }
        let size = Int(status.st_size)
        let (directory, name) = FilePlace.split(target.path)
        // The part of another state of the file is another part.
        let part = "\(directory)/.\(name).\(String(size, radix: 36))-\(String(Int(status.st_mtim.tv_sec), radix: 36)).part"
        var offset = try await self.size(of: part, in: target.repository) ?? 0
        if offset > size { offset = 0 }
        var line = ProgressLine(name)
        repeat {
            line.show(offset, of: size)
            let block = try LocalCopy.read(file, at: offset, count: min(LocalCopy.blockSize, size - offset), path)
            var parameters: JSONObject = ["path": .string(part), "data": .string(Base64.encode(block))]
            if offset == 0 { parameters["overwrite"] = true } else { parameters["offset"] = .int(offset) }
            try await client.serve("Things", target.repository, offset == 0 ? "CreateBinaryFile" : "WriteToBinaryFile", parameters)
            offset += block.count
        } while offset < size
        try await client.serve(
            "Things", target.repository, "MoveFile", ["sourcePath": .string(part), "targetPath": .string(target.path), "overwrite": true])
        line.end(size)
    }

    private func size(of path: String, in repository: String) async throws -> Int? {
        let (status, json) = try await client.send(
            .POST, RestClient.thing(repository, "Services", "GetFileInfo"), body: ["path": .string(path)])
        return status == 200 ? json["rows"]?[0]?["size"]?.int : nil
    }

    private static func read(_ file: Int32, at offset: Int, count: Int, _ path: String) throws -> [UInt8] {
        var block = [UInt8](repeating: 0, count: count)
        var got = 0
        while got < count {
            let now = block.withUnsafeMutableBytes { pread(file, $0.baseAddress?.advanced(by: got), count - got, offset + got) }
            if now < 0, errno == EINTR { continue }
            guard now > 0 else { throw FileFailure("read", path, code: now < 0 ? errno : ENODATA) }
            got += now
        }
        return block
    }

    // MARK: Down

    func download(_ source: (repository: String, path: String), to path: String) async throws {
        let link =
            "/Thingworx/FileRepositories/\(PercentEncoding.encode(source.repository))"
            + source.path.split(separator: "/").map { "/" + PercentEncoding.encode(String($0)) }.joined()
        var line = ProgressLine(FilePlace.split(source.path).name)
        var (file, part, tag, offset, size) = (Int32(-1), "", "", 0, 1)
        defer { if file >= 0 { close(file) } }
        // The first answer tells which state of the file it is of.
        while file < 0 || offset < size {
            var headers: HTTPHeaders = ["Range": "bytes=\(offset)-\(offset + LocalCopy.blockSize - 1)"]
            if !tag.isEmpty { headers.add(name: "If-Range", value: tag) }
            let answer = try await client.fetch(link, headers: headers)
            guard let state = try LocalCopy.state(answer, source.path), tag.isEmpty || tag == state.tag else {
                throw RestError("\(source.path) has changed while it was read")
            }
            size = state.size
            guard file >= 0 else {
                tag = state.tag
                part = "\(path).\(tag.filter { $0 != "\"" }).part"
                file = open(part, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
                guard file >= 0 else { throw FileFailure("write", part) }
                let there = Int(lseek(file, 0, SEEK_END))
                if there > 0, there <= size {
                    offset = there
                    continue
                }
                // An empty file's answer says that there is no such range.
                guard size > 0 else { continue }
                try LocalCopy.write(answer.body, to: file, at: 0, part)
                offset = answer.body.readableBytes
                line.show(offset, of: size)
                continue
            }
            try LocalCopy.write(answer.body, to: file, at: offset, part)
            offset += answer.body.readableBytes
            line.show(offset, of: size)
        }
        guard fsync(file) == 0, rename(part, path) == 0 else { throw FileFailure("write", path) }
        line.end(size)
    }

    /// - Returns: the file's tag and size; nil where the answer is not the part that was asked for.
    private static func state(_ answer: HTTPResponse, _ path: String) throws -> (tag: String, size: Int)? {
        switch answer.status {
        case .ok, .partialContent: break
        // An empty file has no range.
        case .rangeNotSatisfiable where answer.headers.first(name: "Content-Range") == "bytes */0": return ("\"0\"", 0)
        default:
            let text = String(buffer: answer.body)
            throw RestError("\(path): \(answer.status.code) \((try? JSONValue(parsing: text))?["message"]?.string ?? text.trimmingBlanks)")
        }
        guard let tag = answer.headers.first(name: "ETag"), let range = answer.headers.first(name: "Content-Range"),
            let slash = range.lastIndex(of: "/"),
            let size = Int(range[range.index(after: slash)...])
        else { return nil }
        return (tag, size)
    }

    private static func write(_ bytes: ByteBuffer, to file: Int32, at offset: Int, _ path: String) throws {
        var rest = bytes
        var place = offset
        while rest.readableBytes > 0 {
            let written = rest.withUnsafeReadableBytes { pwrite(file, $0.baseAddress, $0.count, place) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw FileFailure("write", path) }
            rest.moveReaderIndex(forwardBy: written)
            place += written
        }
    }
}
