import AlwaysOn
import AlwaysOnFiles
import FileTransfer
import Formats
import LogSupport
import NIOCore
import ThingModel

/// Files of repositories and of remote Things: where they are, and who may have them.
extension Platform {
    static let fileTemplates = ["RemoteThingWithFileTransfer", "RemoteThingWithTunnelsAndFileTransfer", "EMSGateway", "SDKGateway"]

    func isRepository(_ thing: Thing) -> Bool { model.template(thing.template, isA: "FileRepository") }

    /// Whether files can be copied to and from it.
    func hasFiles(_ thing: Thing) -> Bool {
        isRepository(thing) || Platform.fileTemplates.contains { model.template(thing.template, isA: $0) }
    }

    /// Where the files of repositories lie; nil: in a directory that is gone with the program.
    package func useFiles(in directory: String?) {
        repositories = FileRepositories(root: directory)
        guard directory != nil else { return }
        // What an earlier run has left unfinished is gone on with, or removed.
        for thing in model.things.values where isRepository(thing) {
            _ = files(of: thing.name)
        }
        pumpTransfers()
    }

    /// The files of a repository. The future fails where its directory cannot be made.
    func files(of repository: String) -> EventLoopFuture<FileStore> {
        let store = repositories.store(of: repository, on: loop) { [logger] event in
            guard case .refused(let text) = event else { return }
            logger.log(level: .audit, "\(repository): a file was refused: \(text)")
        }
        store.whenFailure { [logger] error in
            logger.error("the files of \(repository) cannot be used: \(error)")
            self.assumeIsolated { $0.repositories.forget(repository) }
        }
        return store
    }

    /// Asks for files wherever they are. The future fails with a `TransferFailure`.
    func ask(_ operation: FileOperation, of name: String, job: Infotable? = nil) -> EventLoopFuture<FileAnswer> {
        guard let thing = model[thing: name] else { return loop.makeFailedFuture(TransferFailure(.notFound, "there is no Thing \(name)")) }
        guard !isRepository(thing) else { return files(of: name).flatMap { $0.perform(operation) } }
        do throws(TransferFailure) {
            let request = try FileRequests.request(operation, to: name, job: job)
            return forward(request, to: thing, timeout: Platform.patience(with: operation)).flatMapThrowing {
                try FileRequests.answer($0, to: operation)
            }
        } catch {
            return loop.makeFailedFuture(error)
        }
    }

    /// Milliseconds that an edge may take; 0: as any request. Reading a long file, or writing it to the disk, takes longer.
    private static func patience(with operation: FileOperation) -> Int64 {
        switch operation {
        case .checksums: 600_000
        case .move: 300_000
        default: 0
        }
    }

    /// - Returns: nil where it is allowed: by the right to move files, or by that to call the services which do.
    func fileRefusal(on thing: String, writes: Bool, for principal: Principal) -> Response? {
        let entity = EntityRef(.thing, thing)
        let service = writes ? "WriteToBinaryFile" : "ReadFromBinaryFile"
        if model.allows(.transfer, on: entity, resource: nil, for: principal) { return nil }
        return refusal(of: .invoke, on: entity, resource: service, for: principal)
    }
}

extension ServiceFailure {
    init(_ failure: TransferFailure) { self.init(FileService.status(failure.kind), failure.description) }
}

extension Response {
    init(_ error: any Error) {
        switch error {
        case let failure as TransferFailure: self = FileService.response(failure)
        case let failure as ServiceFailure: self = Response(failure.status, reason: failure.text)
        default: self = Response(.internalError, reason: "\(error)")
        }
    }
}
