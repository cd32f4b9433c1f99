import AlwaysOn
import EdgeREST
import FileTransfer
import HTTPTransport
import LogSupport
import NIOCore
import NIOHTTP1
import ThingModel

/// Files that a form brings (platform.md §13): each goes into its repository as it comes, and into its place when it is whole.
///
/// Confined to the platform's loop.
final class FileUpload: HTTPBodySink, @unchecked Sendable {
    private struct Current {
        let store: FileStore
        let id: String
        let target: FilePath
        let part: FilePath
        var size = 0
    }

    private static let longestField = 4096
    private static let mostFiles = 1000

    private let platform: Platform
    private let http: HTTPRequest
    private var reader: MultipartReader
    /// Who sends it: a password takes its time.
    private var principal: EventLoopFuture<Principal>
    /// All that was done so far, one after the other.
    private var work: EventLoopFuture<Void>
    private var fields: [String: String] = [:]
    private var field: (name: String, bytes: ByteBuffer)?
    private var current: Current?
    private var uploaded: [FilePath] = []

    init(_ reader: MultipartReader, _ http: HTTPRequest, by principal: EventLoopFuture<Principal>, _ platform: Platform) {
        (self.reader, self.http, self.principal, self.platform) = (reader, http, principal, platform)
        work = principal.map { _ in }
    }

    func take(_ piece: ByteBuffer) -> EventLoopFuture<Void> {
        do throws(MultipartReader.Failure) {
            for event in try reader.take(piece) { work = work.flatMap { [self] in took(event) } }
        } catch {
            work = work.flatMapThrowing { throw RestFailure(.badRequest, error.description) }
        }
        work = refusing(work)
        return work
    }

    func finish() -> EventLoopFuture<HTTPResponse> {
        refusing(
            work.flatMapThrowing { [self] in
                do { try reader.finish() } catch { throw RestFailure(.badRequest, "\(error)") }
                guard !uploaded.isEmpty else { throw RestFailure(.badRequest, "expected a file in upload-files") }
                return HTTPResponse(.ok)
            }.flatMapErrorThrowing { [self] error in
                abandon()
                throw error
            })
    }

    func abandon() {
        _ = work.always { [self] _ in
            guard let current else { return }
            self.current = nil
            _ = current.store.perform(.cancel(transfer: current.id, target: nil))
        }
    }

    private func refusing<Value>(_ future: EventLoopFuture<Value>) -> EventLoopFuture<Value> {
        future.flatMapErrorThrowing { [http] error in
            switch error {
            case is HTTPRefusal: throw error
            case let failure as RestFailure: throw HTTPRefusal(.answer(failure, for: http))
            default: throw HTTPRefusal(PlatformAnswer.response(Response(error), for: http))
            }
        }
    }

    // MARK: Parts

    private func took(_ event: MultipartReader.Event) -> EventLoopFuture<Void> {
        let done = platform.loop.makeSucceededVoidFuture()
        switch event {
        case .part(let name, let fileName):
            guard let fileName, FileUpload.field(name) == "upload-files" else {
                field = (FileUpload.field(name), ByteBuffer())
                return done
            }
            // What a form sends where no file was chosen.
            return fileName.isEmpty ? done : begin(fileName)
        case .bytes(let bytes):
            if let current { return write(bytes, current) }
            field?.bytes.writeImmutableBuffer(bytes)
            guard field?.bytes.readableBytes ?? 0 <= FileUpload.longestField else {
                return platform.loop.makeFailedFuture(
                    RestFailure(
                        .payloadTooLarge, "the field \(field?.name.prefix(64) ?? "") is longer than \(FileUpload.longestField) bytes"))
            }
            return done
        case .partEnd:
            if let current { return end(current) }
            // Others are nobody's: they are not kept.
            if let field, FileUpload.names.contains(field.name) { fields[field.name] = String(buffer: field.bytes) }
            field = nil
            return done
        }
    }

    /// Some clients put a number of their own behind every name.
    private static func field(_ name: String) -> String {
        names.first { name == $0 || name.hasPrefix($0 + "-") } ?? String(name.prefix(64))
    }

    private static let names = ["upload-repository", "upload-path", "upload-files", "upload-submit"]

    private func begin(_ fileName: String) -> EventLoopFuture<Void> {
        principal.flatMap { [self] principal in
            platform.assumeIsolated { platform in
                do {
                    let target = try place(fileName, principal, platform)
                    let id = Platform.makeTransferID()
                    let part = FileLayout.stagingPath(thing: "", target: target.path)
                    return platform.files(of: target.repository).flatMap { store in
                        store.perform(.start(TransferStart(transfer: id, path: target.path, direction: .write))).map { _ in
                            self.current = Current(store: store, id: id, target: target.path, part: part)
                        }
                    }
                } catch {
                    return platform.loop.makeFailedFuture(error)
                }
            }
        }
    }

    private func place(_ fileName: String, _ principal: Principal, _ platform: isolated Platform) throws -> TransferJob.Place {
        guard let repository = fields["upload-repository"], !repository.isEmpty else {
            throw RestFailure(.badRequest, "expected the fields upload-repository and upload-path before upload-files")
        }
        guard uploaded.count < FileUpload.mostFiles else { throw RestFailure(.payloadTooLarge, "more than \(FileUpload.mostFiles) files") }
        try platform.demandFiles(of: repository, writes: true, for: principal)
        // Some browsers send the whole path of the file at the client.
        let name = fileName.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map(String.init) ?? ""
        let directory = fields["upload-path"] ?? "/"
        return TransferJob.Place(repository: repository, path: try FilePath(directory.isEmpty ? "/" : directory).appending(name))
    }

    private func write(_ bytes: ByteBuffer, _ current: Current) -> EventLoopFuture<Void> {
        self.current?.size += bytes.readableBytes
        return current.store.perform(.write(current.part, offset: current.size, bytes, transfer: current.id)).map { _ in }
    }

    private func end(_ current: Current) -> EventLoopFuture<Void> {
        current.store.perform(.move(current.part, to: current.target, overwrite: true)).flatMap { _ in
            current.store.perform(.complete(transfer: current.id, target: nil))
        }.map { [self] _ in
            self.current = nil
            uploaded.append(current.target)
            platform.assumeIsolated {
                $0.audit(
                    "Uploaded", fields["upload-repository"] ?? "", ["path": .string("\(current.target)"), "bytes": .int(current.size)])
            }
        }
    }
}

extension Platform {
    /// - Throws: `ServiceFailure`, where there is no such repository, or the user may not.
    func demandFiles(of repository: String, writes: Bool, for principal: Principal) throws {
        guard let thing = model[thing: repository], isRepository(thing) else {
            throw ServiceFailure(.notFound, "there is no repository \(repository.prefix(200))")
        }
        if let refusal = fileRefusal(on: repository, writes: writes, for: principal) {
            throw ServiceFailure(refusal.status, refusal.reason ?? "")
        }
    }
}
